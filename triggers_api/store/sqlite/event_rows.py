"""The rows of events: how a row becomes an event, and the statements that find and change one row."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import partial
from operator import attrgetter
from typing import Any

from triggers_api.core import deadline, turns
from triggers_api.core.events import Event, event_not_found, load_event
from triggers_api.core.hooks.webhook import Webhook, payload_of
from triggers_api.core.ids import parse_event_id
from triggers_api.errors import CorruptRecordError
from triggers_api.store.calls import logger

_FIELDS = [field.name for field in fields(Event)]
_PAYLOAD, _WEBHOOK = _FIELDS.index("payload"), _FIELDS.index("webhook")
_STATE_FIELDS = (
    *("expires_at", "acknowledged_at", "died_at", "reason"),
    *("deliveries", "hidden_until", "lease", "requeued_at"),
)
"""The fields that change after an event was stored."""

COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608 - constants
_FIND = f"SELECT {COLUMNS} FROM events WHERE event_id = ?"  # noqa: S608 - constants
_UPDATE = f"UPDATE events SET {', '.join(f'{name} = ?' for name in _STATE_FIELDS)} WHERE event_id = ?"  # noqa: S608 - constants

_row_of = attrgetter(*_FIELDS)
_state_of = attrgetter(*_STATE_FIELDS, "event_id")


def insert_event(connection: sqlite3.Connection, event: Event) -> None:
    """Insert the row of an event. The payload of a webhook is stored as the body that was sent."""
    row = list(_row_of(event))
    if event.webhook is not None:
        row[_PAYLOAD], row[_WEBHOOK] = event.webhook.body, event.webhook.details
    connection.execute(_INSERT, row)


def update_event(connection: sqlite3.Connection, event: Event) -> None:
    """Store the state of an event. What its producer sent never changes."""
    connection.execute(_UPDATE, _state_of(event))


def find_event(connection: sqlite3.Connection, event_id: str) -> Event | None:
    """Return an event, even if it has expired, None if there is none.

    Raises:
        CorruptRecordError: The row is damaged.
    """
    row = connection.execute(_FIND, (event_id,)).fetchone()
    return None if row is None else _load_row(row)


def find_unexpired_event(
    connection: sqlite3.Connection, event_id: str, *, now: int
) -> Event | CorruptRecordError | None:
    """Return an event, None if there is none or it has expired, or the error of a damaged one."""
    try:
        event = find_event(connection, event_id)
    except CorruptRecordError as error:
        return error.with_traceback(None)  # else a cycle with this frame would keep the row in memory
    return event if event and event.expires_at > now else None


def find_visible_event(
    connection: sqlite3.Connection, event_id: str, *, now: int, source: str | None
) -> Event:
    """Return an event that exists for a caller.

    Raises:
        NotFoundError: There is no such event, it has expired, or it has another source.
        CorruptRecordError: The row is damaged.
    """
    event = find_event(connection, event_id)
    if event is None or event.expires_at <= now or source not in (None, event.source):
        raise event_not_found()
    return event


def readable_events(rows: Iterable[tuple[Any, ...]]) -> Iterator[Event]:
    """Yield the events of rows. A damaged one is logged and left out.

    Raises:
        DeadlineExceededError: The request's time is up.
    """
    for row in rows:
        deadline.check()
        turns.give_way()
        try:
            yield _load_row(row)
        except CorruptRecordError as error:
            fields = {"event_id": _id_in(row), "reason": error.message}
            logger.exception("event left out", extra={"fields": fields})


def _id_in(row: tuple[Any, ...]) -> str | None:
    """Return the id of a damaged row, None if that is damaged too."""
    event_id = row[0]
    return parse_event_id(event_id) if isinstance(event_id, str) else None


def _load_row(row: tuple[Any, ...]) -> Event:
    return load_event(partial(_build_event, row))


def _build_event(row: tuple[Any, ...]) -> Event:
    details = row[_WEBHOOK]
    if details is None:
        return Event(*row)
    fields = dict(zip(_FIELDS, row, strict=True))
    body = fields["payload"]
    if not isinstance(body, bytes):
        raise TypeError("the body of a webhook")
    return Event(**(fields | {"payload": payload_of(body), "webhook": Webhook(details, body)}))
