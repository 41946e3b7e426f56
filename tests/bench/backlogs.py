"""Backlogs of any length, written straight into a store in its own form: no request is made for them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from tests.bench.bench import client
from tests.support.sample_events import event
from triggers_api.core.events import Event
from triggers_api.core.paging import Position
from triggers_api.core.times import seconds, system_clock
from triggers_api.store.dynamodb.items import event_item
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.event_rows import insert_event

T = TypeVar("T")

_PAYLOAD = '{"order_id":"ord_20240117_4711","paid":true,"amount":129.95,"currency":"EUR"}'
_DAY = 24 * 3600
_ROWS_PER_TRANSACTION = 20_000
_ITEMS_PER_WRITE = 25  # DynamoDB's limit
_WRITERS = 4


def fill_sqlite(database: Database, number: int, tick: Callable[[float], None]) -> Position:
    """Fill a file; return the place in the middle of its inbox."""
    events = list(pending_events(number))
    for done, some in enumerate(chunks(iter(events), _ROWS_PER_TRANSACTION), start=1):
        with database.write("fill") as connection:
            for one in some:
                insert_event(connection, one)
        tick(min(1.0, done * _ROWS_PER_TRANSACTION / number))
    return middle_of(events)


def fill_dynamodb(url: str, table: str, number: int, tick: Callable[[float], None]) -> Position:
    """Fill a table; return the place in the middle of its inbox."""
    dynamodb = client(url)
    events = list(pending_events(number))

    def write(some: list[Event]) -> None:
        puts = [{"PutRequest": {"Item": event_item(one)}} for one in some]
        left = dynamodb.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]
        assert not left, "DynamoDB Local does not throttle"

    with ThreadPoolExecutor(_WRITERS) as pool:
        for done, _ in enumerate(pool.map(write, chunks(iter(events), _ITEMS_PER_WRITE)), start=1):
            tick(min(1.0, done * _ITEMS_PER_WRITE / number))
    dynamodb.close()
    return middle_of(events)


def pending_events(number: int) -> Iterator[Event]:
    """Make events as an ingest does, one microsecond apart at least."""
    expires_at = seconds(system_clock()) + 7 * _DAY
    for _ in range(number):
        yield event(payload=_PAYLOAD, expires_at=expires_at)


def middle_of(events: list[Event]) -> Position:
    """Return the place after the first half."""
    last = events[len(events) // 2 - 1]
    return Position(last.created_at, last.event_id)


def chunks(things: Iterator[T], size: int) -> Iterator[list[T]]:
    """Give all things, some at a time."""
    while some := list(islice(things, size)):
        yield some
