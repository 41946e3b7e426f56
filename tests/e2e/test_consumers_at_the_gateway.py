"""Ten consumers at the emulated gateway: no event twice within a lease, each acknowledged in the end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random

import pytest

from tests.promises.test_consumers import numbers, work
from tests.support.api_client import ApiClient
from tests.support.consumers import Consumer, Record
from tests.support.forms import by_form
from tests.support.promises import Reported
from tests.support.rehearsal import Rehearsal
from tests.support.witness import over_http

pytestmark = [pytest.mark.promise(13, 14), pytest.mark.timeout(1200)]

CONSUMERS = 10


class FirstBatch(Random):
    """Chooses the first batch to be dropped, and no other."""

    _is_first = True

    def random(self) -> float:
        is_first, self._is_first = self._is_first, False
        return 0.0 if is_first else 1.0


@pytest.fixture(scope="module")
def clients(rehearsal: Rehearsal) -> Iterator[list[ApiClient]]:
    url: str = rehearsal.deploy("prod", "--no-smoke")[-1]["outputs"]["ApiUrl"]
    key = rehearsal.key("prod")
    with ExitStack() as stack:
        yield [stack.enter_context(ApiClient(url, key=key)) for _ in range(CONSUMERS)]


@pytest.mark.parametrize("lease_seconds", [600, 8])
def test_consumers_at_the_gateway_get_each_event_once_within_a_lease(
    clients: list[ApiClient], lease_seconds: int, reported: Reported
) -> None:
    """With the short lease, some consumers drop their first batch."""
    number = by_form(quick=100, full=100, long=1000)
    record = Record()
    ways = [Consumer(over_http(client), record, lease_seconds) for client in clients]
    wanted = {event_id for payloads in numbers(number) for event_id in ways[0].ingest(payloads)}
    drops = [FirstBatch() if lease_seconds < 600 and one < 3 else None for one in range(CONSUMERS)]
    with ThreadPoolExecutor(CONSUMERS) as pool:
        for one in [pool.submit(work, way, wanted, drop) for way, drop in zip(ways, drops, strict=True)]:
            one.result()
    assert wanted <= record.acknowledged.keys()
    assert (record.duplicates > 0) == (lease_seconds < 600)
    record.check_leases()
    late = record.latest_return.total_seconds()
    reported(
        f"{CONSUMERS} consumers at the gateway, {number} events, leases of {lease_seconds} s: "
        f"{record.duplicates} came again, at most {late:.2f} s after their lease"
    )
