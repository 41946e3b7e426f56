"""`triggers dev` on a machine whose clock is wrong for a while: no event is lost, and events are in order."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import dev_server, faketime
from tests.support.api_client import ApiClient
from tests.support.dev_server import DevServer
from tests.support.faketime import WrongClock


@pytest.fixture(autouse=True)
def _needs_faketime() -> None:
    if reason := faketime.why_not():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def wrong(tmp_path: Path) -> WrongClock:
    return WrongClock(tmp_path / "clock")


@contextmanager
def service(folder: Path, clock: WrongClock) -> Iterator[tuple[DevServer, ApiClient]]:
    variables = {**clock.variables, "AUTH_MODE": "local"}
    with (
        dev_server.running(*dev_server.on_folder(folder), variables=variables) as server,
        ApiClient(server.url) as client,
    ):
        yield server, client


def ingest(client: ApiClient) -> str:
    answer = client.ingest({})
    assert answer.status == 201, answer
    return str(answer.body["event_id"])


def listed(client: ApiClient) -> list[str]:
    return [event["event_id"] for event in client.inbox()]


def day_of(client: ApiClient, event_id: str) -> str:
    return str(client.get(event_id).body["created_at"][:10])


@pytest.mark.promise(1)
def test_clock_that_is_ahead_for_one_ingest_loses_and_dates_no_other_event(
    tmp_path: Path, wrong: WrongClock
) -> None:
    with service(tmp_path / "data", wrong) as (server, client):
        before = [ingest(client) for _ in range(12)]
        wrong.set("+8d")
        ahead = ingest(client)
        wrong.set("+0")
        after = [ingest(client) for _ in range(12)]
        assert day_of(client, after[0]) == f"{datetime.now(UTC):%Y-%m-%d}"
        assert listed(client) == [*before, *after, ahead]
        assert server.log.read_text().count("clock was set") == 2
    with service(tmp_path / "data", wrong) as (_, client):
        later = ingest(client)
        assert listed(client) == [*before, *after, later, ahead]


@pytest.mark.promise(1)
def test_events_of_a_machine_that_starts_in_1970_are_listed_once_its_clock_is_set(
    tmp_path: Path, wrong: WrongClock
) -> None:
    wrong.set("@1970-01-01 00:00:10")
    with service(tmp_path / "data", wrong) as (_, client):
        first = ingest(client)
        wrong.set("+0")
        second = ingest(client)
        assert listed(client) == [first, second]
    with service(tmp_path / "data", wrong) as (_, client):
        assert listed(client) == [first, second]
