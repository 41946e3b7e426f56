"""The statements that read several events: pages, counts and stats.

Each walks one index in the order of the ids, which is the order of creation. The index holds every column
that a filter compares, so only the events of the answer are read from the table.
"""

import sqlite3
from typing import Any, TypeGuard

from triggers_api.core import ids
from triggers_api.core.events import HORIZON_MS, PENDING
from triggers_api.core.paging import Count, DeadStats, EventQuery, Filter, PendingStats
from triggers_api.core.times import is_time
from triggers_api.store.sqlite.event_rows import COLUMNS

_IS_HIDDEN = "hidden_until > ? AND hidden_until <= ?"


def select_events(connection: sqlite3.Connection, query: EventQuery) -> sqlite3.Cursor:
    """Select the events that match, in the order of the query. Its limit is left to the reader."""
    matching, values = _matching(query)
    order = "DESC" if query.newest_first else "ASC"
    return connection.execute(f"SELECT {COLUMNS} FROM {matching} ORDER BY event_id {order}", values)  # noqa: S608 - constants


def count(connection: sqlite3.Connection, query: EventQuery) -> Count:
    """Count the events that match, up to the limit of the query."""
    matching, values = _matching(query)
    statement = f"SELECT count(*) FROM (SELECT 1 FROM {matching} LIMIT ?)"  # noqa: S608 - constants
    (found,) = connection.execute(statement, (*values, query.limit + 1)).fetchone()
    return Count(min(found, query.limit), capped=found > query.limit)


def pending_stats(connection: sqlite3.Connection, query: EventQuery) -> PendingStats:
    """Describe the pending events that match, all of them."""
    matching, values = _matching(query)
    statement = (
        f"SELECT count(*), count(CASE WHEN {_IS_HIDDEN} THEN 1 END), min(event_id),"  # noqa: S608 - constants
        f" min(CASE WHEN requeued_at IS NULL THEN event_id END), min(requeued_at) FROM {matching}"
    )
    number, leased, oldest, oldest_not_requeued, first_requeued_at = connection.execute(
        statement, (*_hidden_range(query), *values)
    ).fetchone()
    waiting_since = [_created_at(oldest_not_requeued), first_requeued_at]
    return PendingStats(
        number,
        capped=False,
        leased=leased,
        oldest_created_at=_created_at(oldest),
        oldest_since=min(filter(_is_time, waiting_since), default=None),
    )


def dead_stats(connection: sqlite3.Connection, query: EventQuery) -> DeadStats:
    """Describe the dead events that match, all of them."""
    matching, values = _matching(query)
    statement = f"SELECT count(*), min(event_id) FROM {matching}"  # noqa: S608 - constants
    number, oldest = connection.execute(statement, values).fetchone()
    return DeadStats(number, capped=False, oldest_created_at=_created_at(oldest))


def _matching(query: EventQuery) -> tuple[str, list[Any]]:
    """Return the table with the index to walk and the condition, and the values of the condition."""
    wanted = query.filter
    after, before = _id_range(query)
    comparisons = (
        ("status = ?", wanted.status),
        ("source = ?", wanted.source),
        ("event_id > ?", after),
        ("event_id < ?", before),
        ("acknowledged_at >= ?", wanted.acknowledged_since),
        ("acknowledged_at < ?", wanted.acknowledged_until),
        ("expires_at > ?", None if query.with_expired else query.now),
    )
    conditions = [condition for condition, value in comparisons if value is not None]
    values: list[Any] = [value for _, value in comparisons if value is not None]
    if wanted.event_types:
        conditions.append(f"event_type IN ({', '.join('?' * len(wanted.event_types))})")
        values += wanted.event_types
    if query.only_available and wanted.status == PENDING:
        conditions.append(f"NOT ({_IS_HIDDEN})")
        values += _hidden_range(query)
    return f"events INDEXED BY {_index_for(wanted)} WHERE {' AND '.join(conditions)}", values


def _index_for(wanted: Filter) -> str:
    if wanted.source is not None:
        return "events_by_source"
    return "events_by_type" if len(wanted.event_types) == 1 else "events_by_status"


def _id_range(query: EventQuery) -> tuple[str | None, str | None]:
    """Return the ends of the range of ids, both excluded. Of several ends, SQLite would seek by any one."""
    wanted = query.filter
    after = [] if wanted.since is None else [ids.boundary(wanted.since)]
    before = [] if wanted.until is None else [ids.boundary(wanted.until)]
    if query.after is not None:
        (before if query.newest_first else after).append(query.after.event_id)
    return max(after, default=None), min(before, default=None)


def _hidden_range(query: EventQuery) -> tuple[int, int]:
    """Return the values of `_IS_HIDDEN`."""
    return query.now_ms, query.now_ms + HORIZON_MS


def _created_at(event_id: Any) -> str | None:
    """Return the time that an id holds, None if there is no id, or it is damaged."""
    is_id = isinstance(event_id, str) and ids.parse_event_id(event_id)
    return ids.created_at(event_id) if is_id else None


def _is_time(value: Any) -> TypeGuard[str]:
    """Return whether a value is a time, not None and not damaged."""
    return isinstance(value, str) and is_time(value)
