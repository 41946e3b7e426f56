"""Events on SQLite: `EventStore` for one machine."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import TypeVar

from triggers_api.core.events import Event
from triggers_api.core.leases import Held, Receive, Received, Release
from triggers_api.core.paging import Count, DeadStats, EventQuery, Page, PageBuilder, PendingStats
from triggers_api.core.ports import NewEvent
from triggers_api.core.times import Clock, monotonic_clock, system_clock
from triggers_api.errors import StoreUnavailableError, TriggersError, value_of
from triggers_api.store.sqlite import event_queries, intake, leases, maintenance
from triggers_api.store.sqlite.batches import change_each
from triggers_api.store.sqlite.clock_guard import ClockGuard
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.event_rows import find_unexpired_event, readable_events

Entry = TypeVar("Entry")
Outcome = TypeVar("Outcome")


class SqliteEventStore:
    """See `EventStore` for the contract.

    Args:
        database: The file.
        clock: The wall clock.
        monotonic: A clock that is never set, to notice when the wall clock is.
    """

    def __init__(
        self, database: Database, *, clock: Clock = system_clock, monotonic: Clock = monotonic_clock
    ) -> None:
        self._database = database
        self._guard = ClockGuard(database, clock=clock, monotonic=monotonic)

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        """Insert the events and their claims, and remove a few expired rows."""
        finish = partial(self._guard.finish_ingest, started=self._guard.now(), now=now)
        return self._change("add", entries, partial(intake.add_or_replay, now=now), finish=finish)

    def restore(self, events: Sequence[Event]) -> list[bool | TriggersError]:
        """Insert the rows of events that have none."""
        return self._change("restore", events, maintenance.restore)

    def get(self, event_id: str, now: int) -> Event | None:
        """Read one row."""
        return value_of(self.get_several([event_id], now)[0])

    def get_several(self, event_ids: Sequence[str], now: int) -> list[Event | TriggersError | None]:
        """Read the rows."""
        now = self._guard.time_for_read(now)
        with self._database.read("get") as connection:
            return [find_unexpired_event(connection, event_id, now=now) for event_id in event_ids]

    def page(self, query: EventQuery) -> Page:
        """Walk one index in order until the page is full."""
        page = PageBuilder(query.limit, query.now_ms)
        query = self._guard.query_for_read(query)
        with (
            self._database.read("page") as connection,
            closing(event_queries.select_events(connection, query)) as rows,
        ):
            for event in readable_events(rows):
                if not page.add(event):
                    return page.full_page()
        return page.page_up_to(None)

    def count(self, query: EventQuery) -> Count:
        """Count in one index."""
        query = self._guard.query_for_read(query)
        with self._database.read("count") as connection:
            return event_queries.count(connection, query)

    def pending_stats(self, query: EventQuery) -> PendingStats:
        """Read one index to its end, so the numbers are exact."""
        query = self._guard.query_for_read(query)
        with self._database.read("pending stats") as connection:
            return event_queries.pending_stats(connection, query)

    def dead_stats(self, query: EventQuery) -> DeadStats:
        """Read one index to its end, so the number is exact."""
        query = self._guard.query_for_read(query)
        with self._database.read("dead stats") as connection:
            return event_queries.dead_stats(connection, query)

    def receive(self, receive: Receive) -> Received:
        """Find and claim events in one transaction, so no two receives claim the same event."""
        self._guard.check()
        return self._database.change("receive", partial(leases.receive, receive=receive))

    def acknowledge(
        self,
        events: Sequence[Held],
        *,
        at: str,
        nonce: str,  # noqa: ARG002 - no answer is lost between here and the file
        now: int,
        source: str | None,
    ) -> list[str | TriggersError]:
        """Update the rows."""
        change = partial(leases.acknowledge, at=at, now=now, source=source)
        return self._change("acknowledge", events, change)

    def extend(
        self, events: Sequence[Held], *, until_ms: int, now_ms: int, source: str | None
    ) -> list[TriggersError | None]:
        """Update the rows."""
        now = now_ms // 1000
        change = partial(leases.extend, until_ms=until_ms, now=now, source=source)
        return self._change("extend", events, change)

    def release(
        self, events: Sequence[Held], release: Release, *, source: str | None
    ) -> list[Event | TriggersError]:
        """Update the rows."""
        change = partial(leases.release, release=release, source=source)
        return self._change("release", events, change)

    def requeue(self, events: Sequence[Event], *, at: str, expires_at: int) -> list[bool | TriggersError]:
        """Update the rows."""
        return self._change("requeue", events, partial(maintenance.requeue, at=at, expires_at=expires_at))

    def delete(self, event_ids: Sequence[str], *, source: str | None) -> list[TriggersError | None]:
        """Delete the rows."""
        return self._change("delete", event_ids, partial(maintenance.delete, source=source))

    def purge(self, events: Sequence[Event]) -> list[bool | TriggersError]:
        """Delete the rows."""
        return self._change("purge", events, maintenance.purge)

    def _change(
        self,
        operation: str,
        entries: Sequence[Entry],
        change: Callable[[sqlite3.Connection, Entry], Outcome],
        *,
        finish: Callable[[sqlite3.Connection], None] = lambda _: None,
    ) -> list[Outcome | TriggersError]:
        """Make a change for each entry, all in one transaction. If that fails, none counts as changed."""
        if not entries:
            return []
        failure = partial(self._database.failure, operation)

        def change_all(connection: sqlite3.Connection) -> list[Outcome | TriggersError]:
            outcomes = change_each(connection, entries, change, failure)
            finish(connection)
            return outcomes

        try:
            self._guard.check()
            return self._database.change(operation, change_all)
        except StoreUnavailableError as error:
            return [error] * len(entries)
