"""The inbox: the rules of ingest, list, acknowledge and delete, the same over every store.

A key that is bound to a source sees and touches that source's events only; for it, another's event does not
exist.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from triggers_api.core import cursors, ids
from triggers_api.core.events import Event, EventStore, IdempotencyClaim, PendingQuery, not_found
from triggers_api.core.keys import KeyRecord
from triggers_api.core.strict_json import dump, dump_canonical
from triggers_api.core.times import Clock, format_time, seconds
from triggers_api.errors import ForbiddenError

IDEMPOTENCY_SECONDS = 24 * 3600
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Submission:
    """What a producer sends, validated."""

    source: str
    event_type: str
    payload: dict[str, Any] = field(repr=False)
    metadata: dict[str, Any] = field(repr=False)
    idempotency_key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an ingest; `replayed` where it is the first answer given again."""

    event_id: str
    created_at: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Events, oldest first, and the cursor of the next page, None at the end."""

    events: tuple[Event, ...]
    next_cursor: str | None


class Inbox:
    """What may be done with events, by a key, over a store."""

    def __init__(self, store: EventStore, *, ids: ids.EventIds, clock: Clock, event_ttl_days: int) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._ttl = event_ttl_days * _DAY

    def ingest(self, key: KeyRecord, submission: Submission) -> Receipt:
        """Keep an event; it is durable when this returns."""
        if key.source is not None and submission.source != key.source:
            raise ForbiddenError("This key is bound to another source than the event's.")
        event_id = self._ids.new()
        created_at = _created_at(event_id)
        now = seconds(self._clock())
        event = Event(
            event_id=event_id,
            created_at=created_at,
            source=submission.source,
            event_type=submission.event_type,
            payload=dump(submission.payload),
            metadata=dump(submission.metadata),
            expires_at=now + self._ttl,
        )
        stored_id = self._store.add(event, _claim(key, submission, event_id, now), now=now)
        if stored_id != event_id:
            return Receipt(stored_id, _created_at(stored_id), replayed=True)
        return Receipt(event_id, created_at, replayed=False)

    def get(self, key: KeyRecord, event_id: str) -> Event:
        """Return an event; `NotFoundError` where there is none for this key."""
        event = self._store.get(event_id, seconds(self._clock()))
        if event is None or key.source not in (None, event.source):
            raise not_found()
        return event

    def page(
        self, key: KeyRecord, *, limit: int, cursor: str | None, source: str | None, event_type: str | None
    ) -> InboxPage:
        """Return a page of pending events that match the filters; `limit` counts matching events."""
        if key.source is not None and source not in (None, key.source):
            raise ForbiddenError("This key is bound to another source than the filter's.")
        source = source if key.source is None else key.source
        after = None if cursor is None else cursors.decode(cursor, source=source, event_type=event_type)
        now = seconds(self._clock())
        page = self._store.pending(PendingQuery(limit, now, after, source, event_type))
        following = page.next and cursors.encode(page.next, source=source, event_type=event_type)
        return InboxPage(page.events, following)

    def acknowledge(self, key: KeyRecord, event_id: str) -> str:
        """Acknowledge a pending event; return when. `ConflictError` for the second time."""
        microseconds = self._clock()
        at = format_time(microseconds)
        nonce = secrets.token_hex(8)
        self._store.acknowledge(event_id, at=at, nonce=nonce, now=seconds(microseconds), source=key.source)
        return at

    def delete(self, key: KeyRecord, event_id: str) -> None:
        """Delete an event; what is not there, or not this key's, stays as it is, and that is no error."""
        self._store.delete(event_id, source=key.source)


def _created_at(event_id: str) -> str:
    created_at = ids.created_at(event_id)
    assert created_at is not None  # noqa: S101 - the id is ours: see EventIds
    return created_at


def _claim(key: KeyRecord, submission: Submission, event_id: str, now: int) -> IdempotencyClaim | None:
    if submission.idempotency_key is None:
        return None
    metadata = {name: value for name, value in submission.metadata.items() if name != "idempotency_key"}
    request = dump_canonical([submission.source, submission.event_type, submission.payload, metadata])
    return IdempotencyClaim(
        name=_sha256(f"{key.digest}\n{submission.idempotency_key}"),
        fingerprint=_sha256(request),
        event_id=event_id,
        expires_at=now + IDEMPOTENCY_SECONDS,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
