"""Events on SQLite: `EventStore` for one machine.

What DynamoDB does in the background is done here at each ingest, a few rows at a time: expired events and
idempotency records are removed, so that the file does not grow for ever.
"""

import sqlite3
from contextlib import closing
from functools import partial

from triggers_api.core import deadline
from triggers_api.core.events import (
    Event,
    IdempotencyClaim,
    Page,
    PageBuilder,
    PendingQuery,
    checked,
    not_found,
)
from triggers_api.errors import ConflictError, CorruptRecordError, IdempotencyKeyReusedError
from triggers_api.store.calls import logger
from triggers_api.store.sqlite.database import Database

_COLUMNS = "event_id, created_at, source, event_type, payload, metadata, expires_at, acknowledged_at"
_SWEPT_PER_INGEST = 8


class SqliteEventStore:
    """See `EventStore` for the contract."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, event: Event, claim: IdempotencyClaim | None, *, now: int) -> str:
        """Insert the event and its claim in one transaction."""
        with self._database.write("add") as connection:
            earlier = None if claim is None else _earlier(connection, claim, now)
            if earlier is None:
                _insert(connection, event, claim)
            _sweep(connection, now)
        if claim is None or earlier is None:
            return event.event_id
        fingerprint, event_id = earlier
        if fingerprint != claim.fingerprint:
            raise IdempotencyKeyReusedError("This idempotency key was used before, for another request.")
        return str(event_id)

    def get(self, event_id: str, now: int) -> Event | None:
        """Read one row."""
        query = f"SELECT {_COLUMNS} FROM events WHERE event_id = ? AND expires_at > ?"  # noqa: S608 - constants
        with self._database.read("get") as connection:
            row = connection.execute(query, (event_id, now)).fetchone()
        return row and checked(partial(Event, *row))

    def pending(self, query: PendingQuery) -> Page:
        """Walk one index, which holds pending events only, in order."""
        page = PageBuilder(query.limit)
        statement, values = _pending_statement(query)
        with (
            self._database.read("pending") as connection,
            closing(connection.execute(statement, values)) as rows,
        ):
            for row in rows:
                deadline.remaining()
                try:
                    event = checked(partial(Event, *row))
                except CorruptRecordError as error:
                    logger.exception("event left out", extra={"fields": {"reason": error.message}})
                    continue
                if not page.takes(event):
                    return page.full()
        return page.stopped(None)

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:  # noqa: ARG002 - no answer is lost between here and the file
        """Update the row where it is pending; the same transaction tells why it could not be."""
        mine, values = _of(source)
        with self._database.write("acknowledge") as connection:
            updated = connection.execute(
                "UPDATE events SET acknowledged_at = ?"  # noqa: S608 - constants
                f" WHERE event_id = ? AND acknowledged_at IS NULL AND expires_at > ?{mine}",
                (at, event_id, now, *values),
            ).rowcount
            exists = (
                updated
                or connection.execute(
                    f"SELECT 1 FROM events WHERE event_id = ? AND expires_at > ?{mine}",  # noqa: S608 - constants
                    (event_id, now, *values),
                ).fetchone()
            )
        if not exists:
            raise not_found()
        if not updated:
            raise ConflictError("This event is acknowledged already.")

    def delete(self, event_id: str, *, source: str | None) -> None:
        """Delete the row."""
        mine, values = _of(source)
        with self._database.write("delete") as connection:
            connection.execute(
                f"DELETE FROM events WHERE event_id = ?{mine}",  # noqa: S608 - constants
                (event_id, *values),
            )


def _earlier(connection: sqlite3.Connection, claim: IdempotencyClaim, now: int) -> tuple[str, str] | None:
    row: tuple[str, str] | None = connection.execute(
        "SELECT fingerprint, event_id FROM idempotency WHERE name = ? AND expires_at > ?", (claim.name, now)
    ).fetchone()
    return row


def _insert(connection: sqlite3.Connection, event: Event, claim: IdempotencyClaim | None) -> None:
    connection.execute(
        f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            event.event_id,
            event.created_at,
            event.source,
            event.event_type,
            event.payload,
            event.metadata,
            event.expires_at,
            event.acknowledged_at,
        ),
    )
    if claim is not None:
        connection.execute(
            "INSERT OR REPLACE INTO idempotency (name, fingerprint, event_id, expires_at)"
            " VALUES (?, ?, ?, ?)",
            (claim.name, claim.fingerprint, claim.event_id, claim.expires_at),
        )


def _sweep(connection: sqlite3.Connection, now: int) -> None:
    for table in ("events", "idempotency"):
        connection.execute(
            f"DELETE FROM {table} WHERE rowid IN"  # noqa: S608 - constants
            f" (SELECT rowid FROM {table} WHERE expires_at <= ? LIMIT {_SWEPT_PER_INGEST})",
            (now,),
        )


def _of(source: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if source is None else (" AND source = ?", (source,))


def _pending_statement(query: PendingQuery) -> tuple[str, list[str | int]]:
    """Return the statement for the one index that is in order for this filter."""
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
    where = " AND ".join(conditions)
    statement = f"SELECT {_COLUMNS} FROM events INDEXED BY {index} WHERE {where} ORDER BY event_id"  # noqa: S608 - constants
    return statement, parameters
