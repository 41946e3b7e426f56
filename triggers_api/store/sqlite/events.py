"""Events on SQLite: `EventStore` for one machine.

DynamoDB removes expired items in the background. Here each ingest removes a few expired events and
idempotency claims, so that the file does not grow without end.

This machine's clock may be wrong, and time must not destroy what was not read:

- Nothing is removed until the clock has been steady for an hour, while requests came. Until then expired
  events are only hidden. If the clock is right again, they are back.
- If the clock is set ahead while the service runs, no event and no claim expires because of it. What was
  valid just before expires later, by as much as the clock was set.
- An event that was stored before the clock was ever set does not expire (`Inbox`).
"""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields, replace
from functools import partial
from operator import attrgetter

from triggers_api.core import deadline, turns
from triggers_api.core.events import Event, event_not_found, load_event
from triggers_api.core.idempotency import IDEMPOTENCY_SECONDS, IdempotencyClaim, is_repeat
from triggers_api.core.ids import MAX_SECONDS_AHEAD
from triggers_api.core.paging import Page, PageBuilder, PendingQuery
from triggers_api.core.ports import NewEvent
from triggers_api.core.times import (
    STEP_SECONDS,
    Clock,
    ClockWatch,
    format_time,
    monotonic_clock,
    seconds,
    system_clock,
)
from triggers_api.errors import (
    ConflictError,
    CorruptRecordError,
    IdempotencyKeyReusedError,
    StoreUnavailableError,
    TriggersError,
)
from triggers_api.store.calls import logger
from triggers_api.store.sqlite.database import Database

_FIELDS = [field.name for field in fields(Event)]
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO events ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608 - constants
_row_of = attrgetter(*_FIELDS)
_REMOVED_PER_INGEST = 8
_POSTPONED_PER_WRITE = 10_000
_EVENT_BEFORE = "created_at <= :latest_event"
_CLAIM_BEFORE = "expires_at <= :latest_claim"


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
        self._clock = clock
        self._watch = ClockWatch(monotonic)
        self._watch_lock = threading.Lock()

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        """Insert the events and their claims in one transaction, with a savepoint for each entry."""
        started = self._clock()
        try:
            is_steady = self._watch_clock()
            with self._database.write("add") as connection:
                outcomes = [self._add_entry(connection, entry, now) for entry in entries]
                latest = self._clock()
                if (step := seconds(latest - started)) > STEP_SECONDS:  # the clock was set just now
                    _postpone_expiries(connection, now + step, step)
                if is_steady:
                    _remove_expired(connection, min(now, seconds(latest)))
        except StoreUnavailableError as error:
            return [error] * len(entries)  # none may be reported as stored
        return outcomes

    def get(self, event_id: str, now: int) -> Event | None:
        """Read one row."""
        query = f"SELECT {_COLUMNS} FROM events WHERE event_id = ? AND expires_at > ?"  # noqa: S608 - constants
        now = self._time_for_read(now)
        with self._database.read("get") as connection:
            row = connection.execute(query, (event_id, now)).fetchone()
        return row and load_event(partial(Event, *row))

    def pending(self, query: PendingQuery) -> Page:
        """Walk one index, which holds only pending events, in order."""
        page = PageBuilder(query.limit)
        statement, values = _pending_statement(replace(query, now=self._time_for_read(query.now)))
        with (
            self._database.read("pending") as connection,
            closing(connection.execute(statement, values)) as rows,
        ):
            for row in rows:
                deadline.remaining()
                turns.give_way()
                try:
                    event = load_event(partial(Event, *row))
                except CorruptRecordError as error:
                    logger.exception("event left out", extra={"fields": {"reason": error.message}})
                    continue
                if not page.add(event):
                    return page.full_page()
        return page.page_up_to(None)

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:  # noqa: ARG002 - no answer is lost between here and the file
        """Update the row if it is pending. The same transaction finds out why it was not."""
        of_source, values = _source_condition(source)
        self._watch_clock()
        with self._database.write("acknowledge") as connection:
            updated = connection.execute(
                "UPDATE events SET acknowledged_at = ?"  # noqa: S608 - constants
                f" WHERE event_id = ? AND acknowledged_at IS NULL AND expires_at > ?{of_source}",
                (at, event_id, now, *values),
            ).rowcount
            exists = (
                updated
                or connection.execute(
                    f"SELECT 1 FROM events WHERE event_id = ? AND expires_at > ?{of_source}",  # noqa: S608 - constants
                    (event_id, now, *values),
                ).fetchone()
            )
        if not exists:
            raise event_not_found()
        if not updated:
            raise ConflictError("This event is already acknowledged.")

    def delete(self, event_id: str, *, source: str | None) -> None:
        """Delete the row."""
        of_source, values = _source_condition(source)
        with self._database.write("delete") as connection:
            connection.execute(
                f"DELETE FROM events WHERE event_id = ?{of_source}",  # noqa: S608 - constants
                (event_id, *values),
            )

    def _add_entry(self, connection: sqlite3.Connection, entry: NewEvent, now: int) -> str | TriggersError:
        connection.execute("SAVEPOINT entry")
        try:
            return _add_or_replay(connection, entry, now)
        except IdempotencyKeyReusedError as error:
            return error
        except sqlite3.Error as error:
            if not connection.in_transaction:
                raise  # a full disk or a passed deadline has rolled back all entries
            connection.execute("ROLLBACK TO entry")
            return self._database.failure("add", error)
        finally:
            if connection.in_transaction:
                connection.execute("RELEASE entry")

    def _watch_clock(self) -> bool:
        """Return whether the clock has been steady for an hour. If it was set, log that once."""
        with self._watch_lock:
            now = seconds(self._clock())  # read inside the lock, or two threads would see a step back
            step = self._watch.step(now)
            more = step > 0
            while more:
                with self._database.write("postpone expiries") as connection:
                    more = _postpone_expiries(connection, now, step)
            if step:
                logger.warning("clock was set", extra={"fields": {"seconds": step}})
            return self._watch.accept(now)

    def _time_for_read(self, now: int) -> int:
        """Watch the clock, and return the time that decides what has expired.

        It is the time before a step if expiries cannot be postponed: a read needs no writable disk.
        """
        try:
            self._watch_clock()
        except StoreUnavailableError:
            with self._watch_lock:
                return now - self._watch.step(seconds(self._clock()))
        return now


def insert_event(connection: sqlite3.Connection, event: Event) -> None:
    """Insert one row."""
    connection.execute(_INSERT, _row_of(event))


def _add_or_replay(connection: sqlite3.Connection, entry: NewEvent, now: int) -> str:
    """Insert the event and its claim, or return the event id of the earlier request that made the claim."""
    event, claim = entry.event, entry.claim
    earlier = None if claim is None else _find_claim(connection, claim.name, now)
    if claim is None or earlier is None:
        insert_event(connection, event)
        if claim is not None:
            _insert_claim(connection, claim)
        return event.event_id
    fingerprint, event_id = earlier
    if not is_repeat(event, claim, stored_fingerprint=fingerprint):
        raise IdempotencyKeyReusedError("This idempotency key was used before, for another request.")
    return str(event_id)


def _find_claim(connection: sqlite3.Connection, name: str, now: int) -> tuple[str, str] | None:
    row: tuple[str, str] | None = connection.execute(
        "SELECT fingerprint, event_id FROM idempotency WHERE name = ? AND expires_at > ?", (name, now)
    ).fetchone()
    return row


def _insert_claim(connection: sqlite3.Connection, claim: IdempotencyClaim) -> None:
    connection.execute(  # replaces an expired claim
        "INSERT OR REPLACE INTO idempotency (name, fingerprint, event_id, expires_at) VALUES (?, ?, ?, ?)",
        (claim.name, claim.fingerprint, claim.event_id, claim.expires_at),
    )


def _remove_expired(connection: sqlite3.Connection, now: int) -> None:
    for table in ("events", "idempotency"):
        connection.execute(
            f"DELETE FROM {table} WHERE rowid IN"  # noqa: S608 - constants
            f" (SELECT rowid FROM {table} WHERE expires_at <= ? LIMIT {_REMOVED_PER_INGEST})",
            (now,),
        )


def _postpone_expiries(connection: sqlite3.Connection, now: int, step: int) -> bool:
    """Postpone what expires only because the clock was set ahead. A repeat changes nothing.

    Older rows that had expired before are left alone: the clock before the step may have been far behind.

    Returns:
        Whether more rows may be left.
    """
    before = now - step
    values = {
        "step": step,
        "before": before,
        "now": now,
        "latest_event": format_time((before + MAX_SECONDS_AHEAD) * 1_000_000),
        "latest_claim": before + MAX_SECONDS_AHEAD + IDEMPOTENCY_SECONDS,
    }
    statements = (_postpone("events", _EVENT_BEFORE), _postpone("idempotency", _CLAIM_BEFORE))
    return _POSTPONED_PER_WRITE in [connection.execute(one, values).rowcount for one in statements]


def _postpone(table: str, was_stored_before: str) -> str:
    return (
        f"UPDATE {table} SET expires_at = expires_at + :step WHERE rowid IN"  # noqa: S608 - constants
        f" (SELECT rowid FROM {table} WHERE expires_at > :before AND expires_at <= :now"
        f" AND {was_stored_before} LIMIT {_POSTPONED_PER_WRITE})"
    )


def _source_condition(source: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if source is None else (" AND source = ?", (source,))


def _pending_statement(query: PendingQuery) -> tuple[str, list[str | int]]:
    """Return the statement that walks the one index that is in order for this filter."""
    index = "events_pending"
    # The plus keeps SQLite from walking the index of expiries instead, and sorting.
    conditions = ["acknowledged_at IS NULL", "+expires_at > ?"]
    parameters: list[str | int] = [query.now]
    if query.event_type is not None:
        index = "events_pending_by_type"
        conditions.append("event_type = ?")
        parameters.append(query.event_type)
    if query.source is not None:
        index = "events_pending_by_source"
        conditions.append("source = ?")
        parameters.append(query.source)
    if query.after is not None:
        conditions.append("event_id > ?")
        parameters.append(query.after.event_id)
    condition = " AND ".join(conditions)
    statement = f"SELECT {_COLUMNS} FROM events INDEXED BY {index} WHERE {condition} ORDER BY event_id"  # noqa: S608 - constants
    return statement, parameters
