"""What operators do with events: restore, requeue, purge, delete.

Each function runs in a write transaction.
"""

import sqlite3
from dataclasses import replace

from triggers_api.core.events import PENDING, Event
from triggers_api.store.sqlite.event_rows import find_event, insert_event, update_event


def restore(connection: sqlite3.Connection, event: Event) -> bool:
    """Insert an event with its state, unless its id exists. Return whether it was inserted."""
    if connection.execute("SELECT 1 FROM events WHERE event_id = ?", (event.event_id,)).fetchone():
        return False
    insert_event(connection, event)
    return True


def requeue(connection: sqlite3.Connection, seen: Event, *, at: str, expires_at: int) -> bool:
    """Make an acknowledged or dead event pending, as if never delivered, unless it has changed since.

    Raises:
        CorruptRecordError: The event is damaged.
    """
    event = find_event(connection, seen.event_id)
    if event is None or seen.status == PENDING:
        return False
    if (event.acknowledged_at, event.died_at) != (seen.acknowledged_at, seen.died_at):
        return event.requeued_at == at
    requeued = replace(
        event,
        expires_at=expires_at,
        acknowledged_at=None,
        died_at=None,
        reason=None,
        deliveries=0,
        hidden_until=0,
        lease=None,
        requeued_at=at,
    )
    update_event(connection, requeued)
    return True


def purge(connection: sqlite3.Connection, seen: Event) -> bool:
    """Delete an event unless its status has changed since. Return whether it is gone."""
    connection.execute("DELETE FROM events WHERE event_id = ? AND status = ?", (seen.event_id, seen.status))
    left = connection.execute("SELECT 1 FROM events WHERE event_id = ?", (seen.event_id,)).fetchone()
    return left is None


def delete(connection: sqlite3.Connection, event_id: str, *, source: str | None) -> None:
    """Delete an event, even a damaged one, unless it has another source."""
    connection.execute(
        "DELETE FROM events WHERE event_id = :id AND (:source IS NULL OR source = :source)",
        {"id": event_id, "source": source},
    )
