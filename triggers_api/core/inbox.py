"""The rules of ingest, list, acknowledge and delete, the same over every store."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from triggers_api.core import cursors, ids
from triggers_api.core.access import Principal
from triggers_api.core.events import Event, event_not_found
from triggers_api.core.idempotency import make_claim
from triggers_api.core.paging import PendingQuery
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.core.strict_json import dump
from triggers_api.core.times import EARLIEST_SECONDS, Clock, format_time, seconds
from triggers_api.errors import TriggersError

_DAY = 24 * 3600
_NEVER = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class Submission:
    """A validated event as a producer sent it. `payload` is the JSON text of an object."""

    source: str
    event_type: str
    payload: str = field(repr=False)
    metadata: dict[str, Any] = field(repr=False)
    idempotency_key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an ingest; `replayed` if it repeats the answer to an earlier request."""

    event_id: str
    created_at: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Events, oldest first, and the cursor of the next page; None on the last page."""

    events: tuple[Event, ...]
    next_cursor: str | None


class Inbox:
    """The operations of a principal on the events of a store."""

    def __init__(self, store: EventStore, *, ids: ids.EventIds, clock: Clock, event_ttl_days: int) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._ttl = event_ttl_days * _DAY

    def ingest(self, principal: Principal, submission: Submission) -> Receipt:
        """Store an event. It is durable when this returns.

        Raises:
            ForbiddenError: The key is bound to another source.
            IdempotencyKeyReusedError: The idempotency key was used for another request.
            StoreUnavailableError: The outcome is unknown; a repeat with the idempotency key settles it.
        """
        principal.require_source(submission.source)
        event_id = self._ids.new()
        created_at = _created_at(event_id)
        now = seconds(self._clock())
        event = Event(
            event_id=event_id,
            created_at=created_at,
            source=submission.source,
            event_type=submission.event_type,
            payload=submission.payload,
            metadata=dump(submission.metadata),
            expires_at=self._expiry(now),
            acknowledged_at=None,
        )
        claim = None
        if submission.idempotency_key is not None:
            claim = make_claim(
                event,
                key_digest=principal.key_digest,
                idempotency_key=submission.idempotency_key,
                now=now,
            )
        (outcome,) = self._store.add([NewEvent(event, claim)], now=now)
        if isinstance(outcome, TriggersError):
            try:
                raise outcome
            finally:
                del outcome  # its traceback refers to this frame: a cycle would keep the request in memory
        if outcome != event_id:
            return Receipt(outcome, _created_at(outcome), replayed=True)
        return Receipt(event_id, created_at, replayed=False)

    def get(self, principal: Principal, event_id: str) -> Event:
        """Return an event.

        Raises:
            NotFoundError: There is no such event for this principal.
        """
        event = self._store.get(event_id, seconds(self._clock()))
        if event is None or not principal.owns(event.source):
            raise event_not_found()
        return event

    def page(
        self,
        principal: Principal,
        *,
        limit: int,
        cursor: str | None,
        source: str | None,
        event_type: str | None,
    ) -> InboxPage:
        """Return a page of pending events that match the filters; `limit` counts matching events.

        Raises:
            ForbiddenError: The key is bound to another source than the filter's.
            ValidationError: The cursor is malformed, or belongs to other filters.
        """
        source = principal.narrow(source)
        after = None if cursor is None else cursors.decode(cursor, source=source, event_type=event_type)
        now = seconds(self._clock())
        page = self._store.pending(PendingQuery(limit, now, after, source, event_type))
        next_cursor = page.next and cursors.encode(page.next, source=source, event_type=event_type)
        return InboxPage(page.events, next_cursor)

    def acknowledge(self, principal: Principal, event_id: str) -> str:
        """Acknowledge a pending event and return the time of the acknowledgement.

        Raises:
            NotFoundError: There is no such event for this principal.
            ConflictError: The event is already acknowledged.
        """
        microseconds = self._clock()
        at = format_time(microseconds)
        nonce = secrets.token_hex(8)
        self._store.acknowledge(
            event_id, at=at, nonce=nonce, now=seconds(microseconds), source=principal.source
        )
        return at

    def delete(self, principal: Principal, event_id: str) -> None:
        """Delete an event. An event that does not exist for this principal is no error and stays as it is."""
        self._store.delete(event_id, source=principal.source)

    def _expiry(self, now: int) -> int:
        """Return when a new event expires.

        If the clock was never set, an expiry by that clock would be in the past as soon as the clock is
        set. Such an event is kept until it is deleted.
        """
        return now + self._ttl if now >= EARLIEST_SECONDS else _NEVER


def _created_at(event_id: str) -> str:
    created_at = ids.created_at(event_id)
    assert created_at is not None  # noqa: S101 - the id is ours: see EventIds
    return created_at
