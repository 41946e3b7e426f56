"""A page of the inbox over a short backlog and over a long one: what is pending must not slow down a poll.

Times are wall times, for most of the work on DynamoDB Local is done in its own process. A page is asked of
the inbox itself, without HTTP, whose cost would only hide the store's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.backlogs import fill_dynamodb, fill_sqlite
from tests.bench.bench import Bench, make_tables
from tests.bench.samples import Row, Sample, Tick, interleaved, part
from tests.support.rehearsal import REGION
from triggers_api.core import cursors
from triggers_api.core.access import Principal
from triggers_api.core.inbox import Inbox
from triggers_api.core.paging import EventQuery, Filter, Position
from triggers_api.core.ports import EventStore
from triggers_api.core.retention import Retention
from triggers_api.core.times import system_clock
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore

LIMIT = 50
SHORT = 1_000

_PRINCIPAL = Principal("bench", "digest of the bench")
_WARM_UP = 5
_TRIES = 3  # a page that a stalled machine delays by seconds ends early, as it should

Make = Callable[[Bench, int, Tick], tuple[EventStore, Position]]


@dataclass(frozen=True, slots=True)
class _Backlog:
    inbox: Inbox
    middle: str
    """The cursor that continues after the first half."""


def sqlite_pages(bench: Bench, tick: Tick) -> list[Row]:
    """Return the time of a page on SQLite, with 1,000 and with 1,000,000 events pending."""
    return _pages(bench, "SQLite", _on_sqlite, bench.rounds(1_000_000, 20_000), tick)


def dynamodb_pages(bench: Bench, tick: Tick) -> list[Row]:
    """Return the time of a page on DynamoDB Local, with 1,000 and with 100,000 events pending."""
    return _pages(bench, "DynamoDB Local", _on_dynamodb, bench.rounds(100_000, 5_000), tick)


def _pages(bench: Bench, where: str, make: Make, long: int, tick: Tick) -> list[Row]:
    backlogs = {
        "short": _backlog(*make(bench, SHORT, part(tick, 0, 3))),
        "long": _backlog(*make(bench, long, part(tick, 0, 3))),
    }
    rows = []
    for number, (key, name) in enumerate([("", "first"), (", middle", "middle")], start=1):
        measures = {
            size: _timed(one.inbox, one.middle if name == "middle" else None)
            for size, one in backlogs.items()
        }
        found = interleaved(bench.rounds(201, 21), measures, part(tick, number, 3))
        rows.append(
            Row(
                f"inbox page, {where}{key}",
                f"{name} page of {LIMIT}, {where}, {long:,} pending, beside {SHORT:,}",
                "ms",
                Sample.of(found["long"], scale=1e3),
                Sample.of(found["short"], scale=1e3),
            )
        )
    return rows


def _backlog(store: EventStore, middle: Position) -> _Backlog:
    inbox = Inbox(store, clock=system_clock, retention=Retention(days=7), max_deliveries=10)
    return _Backlog(inbox, cursors.encode(middle, EventQuery(Filter(), LIMIT, now_ms=0)))


def _timed(inbox: Inbox, cursor: str | None) -> Callable[[], float]:
    """Return what measures one page, in seconds."""

    def measure() -> float:
        for _ in range(_TRIES):
            began = time.perf_counter()
            page = inbox.page(_PRINCIPAL, Filter(), limit=LIMIT, cursor=cursor)
            taken = time.perf_counter() - began
            if len(page.events) == LIMIT:
                return taken
        raise RuntimeError(f"a page of {len(page.events)} events instead of {LIMIT}")

    for _ in range(_WARM_UP):
        measure()
    return measure


def _on_sqlite(bench: Bench, number: int, tick: Tick) -> tuple[EventStore, Position]:
    database = Database(bench.folder / f"backlog-{number}")
    database.open()
    return SqliteEventStore(database), fill_sqlite(database, number, tick)


def _on_dynamodb(bench: Bench, number: int, tick: Tick) -> tuple[EventStore, Position]:
    table = make_tables(bench.dynamodb_url, f"backlog-{number}")["events"]
    store = DynamoEventStore(DynamoDB(region=REGION, endpoint_url=bench.dynamodb_url), table)
    return store, fill_dynamodb(bench.dynamodb_url, table, number, tick)
