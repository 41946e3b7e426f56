"""Consumers at work side by side: no event twice within a lease, and each acknowledged in the end.

The long form has the numbers of the requirements: ten consumers and 10,000 events.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest

from tests.api.conftest import door_of
from tests.api.driver import Api
from tests.conftest import Stores
from tests.promises.services import way_to
from tests.support.clock import RealClock
from tests.support.consumers import Consumer, Record
from tests.support.forms import by_form
from tests.support.promises import Reported, Tried

pytestmark = [pytest.mark.promise(13, 14, 15), pytest.mark.forms, pytest.mark.timeout(1800)]

PAYLOAD = {"text": "x" * 300}
"""An event of 436 bytes."""


def numbers(number: int) -> Iterator[list[dict[str, object]]]:
    """Yield the payloads of so many events, in batches."""
    for start in range(0, number, 100):
        yield [{**PAYLOAD, "number": one} for one in range(start, min(number, start + 100))]


def work(consumer: Consumer, wanted: set[str], drops: Random | None) -> None:
    """Receive and acknowledge until every event is acknowledged. Some batches are dropped."""
    end = time.monotonic() + 1200
    while time.monotonic() < end:
        found, _ = consumer.receive(10)
        if drops and drops.random() < 0.1:
            continue
        if found:
            assert consumer.acknowledge(found) == []
        elif wanted <= consumer.record.acknowledged.keys():
            return
        else:
            time.sleep(0.02)
    raise AssertionError("not every event was acknowledged")


def side_by_side(stores: Stores, *, number: int, consumers: int, lease_seconds: int, drops: bool) -> Record:
    api, record = Api(stores, RealClock(), door=door_of(stores), max_deliveries=0), Record()
    ways = [Consumer(way_to(api), record, lease_seconds) for _ in range(consumers)]
    wanted = {event_id for payloads in numbers(number) for event_id in ways[0].ingest(payloads)}
    with ThreadPoolExecutor(consumers) as pool:
        running = [
            pool.submit(work, consumer, wanted, Random(seed) if drops else None)
            for seed, consumer in enumerate(ways)
        ]
        for one in running:
            one.result()
    assert record.acknowledged.keys() == record.deliveries.keys() == wanted
    record.check_leases()
    assert ways[0].receive(10) == ([], False)
    return record


def test_consumers_side_by_side_get_each_event_once(stores: Stores, tried: Tried, reported: Reported) -> None:
    number, consumers = by_form(quick=(60, 4), full=(400, 10), long=(10_000, 10))
    record = side_by_side(stores, number=number, consumers=consumers, lease_seconds=600, drops=False)
    assert record.duplicates == 0
    reported(f"{consumers} consumers, {number:,} events on {door_of(stores)}: none twice")
    tried(number)


def test_events_of_a_dropped_batch_come_again_when_their_lease_ends(
    stores: Stores, tried: Tried, reported: Reported
) -> None:
    number, consumers, lease = by_form(quick=(60, 4, 1), full=(400, 10, 2), long=(10_000, 10, 4))
    record = side_by_side(stores, number=number, consumers=consumers, lease_seconds=lease, drops=True)
    late = record.latest_return
    reported(
        f"{consumers} consumers, {number:,} events on {door_of(stores)}: {record.duplicates} dropped, "
        f"back at most {late.total_seconds():.2f} s after their lease"
    )
    assert late < timedelta(seconds=by_form(quick=5, full=5, long=1)), "a busy machine may take a moment"
    tried(number)
