"""New events and the claims of their idempotency keys."""

import sqlite3
from typing import Any

from triggers_api.core.idempotency import IdempotencyClaim, check_repeat
from triggers_api.core.ports import NewEvent
from triggers_api.store.sqlite.event_rows import insert_event


def add_or_replay(connection: sqlite3.Connection, entry: NewEvent, *, now: int) -> str:
    """Insert an event and its claim, or return the event id of the earlier request that made the claim.

    Raises:
        IdempotencyKeyReusedError: Another request made the claim.
    """
    event, claim = entry.event, entry.idempotency
    earlier = None if claim is None else _find_claim(connection, claim.name, now)
    if claim is None or earlier is None:
        insert_event(connection, event)
        if claim is not None:
            _insert_claim(connection, claim)
        return event.event_id
    fingerprint, event_id = map(str, earlier)  # a damaged one may be of any type
    check_repeat(event, claim, stored_fingerprint=fingerprint, first_id=event_id)
    return event_id


def _find_claim(connection: sqlite3.Connection, name: str, now: int) -> tuple[Any, Any] | None:
    row: tuple[Any, Any] | None = connection.execute(
        "SELECT fingerprint, event_id FROM idempotency WHERE name = ? AND expires_at > ?", (name, now)
    ).fetchone()
    return row


def _insert_claim(connection: sqlite3.Connection, claim: IdempotencyClaim) -> None:
    connection.execute(  # replaces an expired claim
        "INSERT OR REPLACE INTO idempotency (name, fingerprint, event_id, expires_at) VALUES (?, ?, ?, ?)",
        (claim.name, claim.fingerprint, claim.event_id, claim.expires_at),
    )
