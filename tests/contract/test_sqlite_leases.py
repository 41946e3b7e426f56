"""Leases and batches on SQLite only: several processes on one file, one transaction for a batch."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Stores
from tests.contract.test_event_store import ACKNOWLEDGED_AT, add, claim
from tests.support.sample_events import LATER, NOW, event, page_query
from triggers_api.core import deadline
from triggers_api.core.events import Event
from triggers_api.core.leases import Death, Held, Receive
from triggers_api.core.ports import NewEvent
from triggers_api.errors import (
    CorruptRecordError,
    DeadlineExceededError,
    StoreUnavailableError,
    TriggersError,
)
from triggers_api.store.sqlite.database import FILE_NAME, Database
from triggers_api.store.sqlite.events import SqliteEventStore

DIED_AT = "2027-01-15T08:00:00.000000Z"


def make_receive(token: str = "token", *, limit: int = 10, max_deliveries: int = 0) -> Receive:
    return Receive(
        limit=limit,
        token=token,
        now_ms=NOW * 1000,
        until_ms=NOW * 1000 + 30_000,
        source=None,
        event_type=None,
        death=Death(max_deliveries, DIED_AT, LATER),
    )


@pytest.fixture
def store(sqlite_stores: Stores) -> SqliteEventStore:
    assert isinstance(sqlite_stores.events, SqliteEventStore)
    return sqlite_stores.events


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[SqliteEventStore]]:
    """Give stores of one file that share nothing else, as those of several processes."""
    databases = [Database(tmp_path / "data") for _ in range(4)]
    yield [SqliteEventStore(database) for database in databases]
    for database in databases:
        database.close()


def test_processes_that_receive_at_once_share_the_events(processes: list[SqliteEventStore]) -> None:
    added = [event() for _ in range(200)]
    processes[0].add([NewEvent(one) for one in added], now=NOW)

    def consume(number: int) -> list[Event]:
        found: list[Event] = []
        more = True
        while more:
            received = processes[number % len(processes)].receive(make_receive(str(number), limit=7))
            found += received.events
            more = received.more
        return found

    with ThreadPoolExecutor(8) as pool:
        received = [one for events in pool.map(consume, range(8)) for one in events]
    assert sorted(one.event_id for one in received) == [one.event_id for one in added]
    assert {one.deliveries for one in received} == {1}


def test_receive_kills_at_most_four_events_for_each_that_it_may_claim(store: SqliteEventStore) -> None:
    for _ in range(9):
        add(store, deliveries=3)
    last = add(store)
    first = store.receive(make_receive(limit=1, max_deliveries=3))
    second = store.receive(make_receive(limit=2, max_deliveries=3))
    assert [len(first.events), len(first.died), first.more] == [0, 4, True]
    assert [one.event_id for one in second.events] == [last.event_id]
    assert [len(second.died), second.more] == [5, False]


def test_entry_that_sqlite_refuses_fails_alone(store: SqliteEventStore) -> None:
    first, last = event(), event()
    claimed = claim(first)
    again = replace(event(), event_id=first.event_id)
    outcomes = store.add(
        [NewEvent(first), NewEvent(again, claimed), NewEvent(last)],
        now=NOW,
    )
    assert (outcomes[0], outcomes[2]) == (first.event_id, last.event_id)
    assert type(outcomes[1]) is StoreUnavailableError
    assert store.page(page_query()).events == (first, last)
    another = event()
    assert store.add([NewEvent(another, claimed)], now=NOW) == [another.event_id], "the claim was undone"


def test_damaged_event_fails_alone(store: SqliteEventStore, tmp_path: Path) -> None:
    first, damaged, last = (add(store) for _ in range(3))
    store.receive(make_receive())
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute("UPDATE events SET deliveries = 'many' WHERE event_id = ?", (damaged.event_id,))
    connection.close()
    held = [Held(one.event_id, "token") for one in (first, damaged, last)]
    extended = store.extend(held, until_ms=NOW * 1000 + 60_000, now_ms=NOW * 1000, source=None)
    assert [type(one) for one in extended] == [type(None), CorruptRecordError, type(None)]
    acknowledged = store.acknowledge(held, at=ACKNOWLEDGED_AT, nonce="n", now=NOW, source=None)
    assert [acknowledged[0], acknowledged[2]] == [ACKNOWLEDGED_AT] * 2
    assert store.delete([damaged.event_id], source=None) == [None]


@pytest.mark.parametrize(
    "change", ["event_id = ''", "event_id = x'00'", "requeued_at = ''", "requeued_at = x'00'"]
)
def test_stats_are_answered_if_an_event_is_damaged(
    store: SqliteEventStore, tmp_path: Path, change: str
) -> None:
    damaged, oldest = add(store), add(store)
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute(f"UPDATE events SET {change} WHERE event_id = ?", (damaged.event_id,))
    connection.close()
    stats = store.pending_stats(page_query())
    assert (stats.count, stats.oldest_since) == (2, None if change == "event_id = ''" else oldest.created_at)


def test_batch_that_takes_too_long_changes_nothing(
    store: SqliteEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event() for _ in range(5)]
    left = iter([10.0] * 4)  # the lock of the writers, then three entries

    def remaining() -> float:
        try:
            return next(left)
        except StopIteration:
            raise DeadlineExceededError("The request's time is up.") from None

    monkeypatch.setattr(deadline, "remaining", remaining)
    outcomes = store.add([NewEvent(one) for one in events], now=NOW)
    monkeypatch.undo()
    assert len(outcomes) == len(events)
    assert all(isinstance(one, TriggersError) and one.code == "SERVICE_UNAVAILABLE" for one in outcomes)
    assert store.page(page_query()).events == ()
