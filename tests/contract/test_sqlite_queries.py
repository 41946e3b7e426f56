"""How SQLite finds events: it searches one index in the order of the page, and never sorts."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from tests.support.sample_events import NOW
from triggers_api.core.paging import EventQuery, Filter, Position
from triggers_api.store.sqlite import event_queries
from triggers_api.store.sqlite.database import Database

Run = Callable[[sqlite3.Connection, EventQuery], object]

SINCE, UNTIL = "2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"
AFTER = Position("2026-01-01T12:00:00.000000Z", "019b7a3c-0000-7000-8000-000000000000")
INDEXES = {
    (None, ()): "events_by_status (status=?",
    (None, ("a",)): "events_by_type (status=? AND event_type=?",
    (None, ("a", "b")): "events_by_status (status=?",
    ("s", ()): "events_by_source (status=? AND source=?",
    ("s", ("a",)): "events_by_source (status=? AND source=?",
    ("s", ("a", "b")): "events_by_source (status=? AND source=?",
}
"""The index for a source and types, and the columns by which it is searched."""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = Database(tmp_path)
    database.open()
    with closing(sqlite3.connect(database.path)) as connection:
        yield connection
    database.close()


def statement_of(connection: sqlite3.Connection, run: Run, query: EventQuery) -> str:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    run(connection, query)
    connection.set_trace_callback(None)
    (statement,) = statements
    return statement


def queries(source: str | None, event_types: tuple[str, ...]) -> Iterator[tuple[EventQuery, str]]:
    """Yield queries of every kind, and by which ends of the ids each searches its index."""
    for status, since, until, newest_first, after, available in product(
        ("pending", "acknowledged", "dead"),
        (None, SINCE),
        (None, UNTIL),
        (False, True),
        (None, AFTER),
        (False, True),
    ):
        wanted = Filter(status, source, event_types, since, until, SINCE, UNTIL)
        lower = since or (after and not newest_first)
        upper = until or (after and newest_first)
        ends = (" AND event_id>?" if lower else "") + (" AND event_id<?" if upper else "") + ")"
        yield EventQuery(wanted, 10, NOW * 1000, after, newest_first, available, with_expired=available), ends


@pytest.mark.parametrize(
    "run",
    [
        event_queries.select_events,
        event_queries.count,
        event_queries.pending_stats,
        event_queries.dead_stats,
    ],
)
@pytest.mark.parametrize(("source", "event_types"), INDEXES)
def test_query_searches_one_index_in_its_order(
    connection: sqlite3.Connection, run: Run, source: str | None, event_types: tuple[str, ...]
) -> None:
    for query, ends in queries(source, event_types):
        statement = statement_of(connection, run, query)
        plan = [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        of_events = [step for step in plan if " events " in step]
        assert of_events == [f"SEARCH events USING INDEX {INDEXES[source, event_types]}{ends}"]
        assert not [step for step in plan if "TEMP B-TREE" in step], "sorted"


@pytest.mark.parametrize("run", [event_queries.select_events, event_queries.pending_stats])
@pytest.mark.parametrize(("source", "event_types"), INDEXES)
def test_index_has_every_column_that_a_filter_compares(
    connection: sqlite3.Connection, run: Run, source: str | None, event_types: tuple[str, ...]
) -> None:
    """An event that does not match is not read from the table, however large its payload is."""
    wanted = Filter("pending", source, event_types, SINCE, UNTIL, SINCE, UNTIL)
    statement = statement_of(connection, run, EventQuery(wanted, 10, NOW * 1000, AFTER, only_available=True))
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_xinfo(events)")}
    selected = run is event_queries.select_events
    compared = columns & set(re.findall(r"\w+", statement.partition(" WHERE ")[2] if selected else statement))
    assert {"status", "event_id", "expires_at", "hidden_until", "acknowledged_at"} <= compared
    index = INDEXES[source, event_types].split()[0]
    indexed = {name for *_, name in connection.execute(f"PRAGMA index_info({index})")}
    assert compared <= indexed
