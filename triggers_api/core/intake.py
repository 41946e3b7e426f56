"""Ingest: how events enter the inbox, one at a time or in a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from triggers_api.core import ids
from triggers_api.core.access import Principal
from triggers_api.core.events import Event
from triggers_api.core.hooks.webhook import Webhook
from triggers_api.core.idempotency import make_claim
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.core.retention import Retention
from triggers_api.core.strict_json import dump
from triggers_api.core.times import Clock, seconds
from triggers_api.errors import ForbiddenError, TriggersError, value_of


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


class Intake:
    """Stores events that a principal sends."""

    def __init__(self, store: EventStore, *, ids: ids.EventIds, clock: Clock, retention: Retention) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._retention = retention

    def ingest(self, principal: Principal, submission: Submission) -> Receipt:
        """Store an event. It is durable when this returns.

        Raises:
            ForbiddenError: The key is bound to another source.
            IdempotencyKeyReusedError: The idempotency key was used for another request.
            StoreUnavailableError: The outcome is unknown; a repeat with the idempotency key settles it.
        """
        (outcome,) = self.ingest_all(principal, [submission])
        return value_of(outcome)

    def ingest_all(
        self, principal: Principal, submissions: Sequence[Submission]
    ) -> list[Receipt | TriggersError]:
        """Store events, each as if it were sent alone. Return a receipt or an error for each, in order."""
        now = seconds(self._clock())
        entries: list[NewEvent | ForbiddenError] = []
        for submission in submissions:
            try:
                principal.require_source(submission.source)
                entries.append(self._new_event(principal, submission, now))
            except ForbiddenError as error:
                entries.append(error)
        outcomes = iter(self._store.add([one for one in entries if isinstance(one, NewEvent)], now=now))
        return [receipt(entry, next(outcomes)) if isinstance(entry, NewEvent) else entry for entry in entries]

    def _new_event(self, principal: Principal, submission: Submission, now: int) -> NewEvent:
        event = pending_event(
            self._ids.new(),
            source=submission.source,
            event_type=submission.event_type,
            payload=submission.payload,
            metadata=dump(submission.metadata),
            expires_at=self._retention.expiry(now),
        )
        if submission.idempotency_key is None:
            return NewEvent(event)
        claim = make_claim(
            event, key_digest=principal.key_digest, idempotency_key=submission.idempotency_key, now=now
        )
        return NewEvent(event, claim)


def pending_event(
    event_id: str,
    *,
    source: str,
    event_type: str,
    payload: str,
    metadata: str,
    expires_at: int,
    webhook: Webhook | None = None,
) -> Event:
    """Return a new event, which is pending. `expires_at`: in seconds since 1970."""
    return Event(
        event_id=event_id,
        created_at=_created_at(event_id),
        source=source,
        event_type=event_type,
        payload=payload,
        metadata=metadata,
        expires_at=expires_at,
        acknowledged_at=None,
        died_at=None,
        reason=None,
        deliveries=0,
        hidden_until=0,
        lease=None,
        requeued_at=None,
        webhook=webhook,
    )


def receipt(entry: NewEvent, outcome: str | TriggersError) -> Receipt | TriggersError:
    """Return the receipt of an entry that a store has added, or its error."""
    if isinstance(outcome, TriggersError):
        return outcome
    if outcome == entry.event.event_id:
        return Receipt(outcome, entry.event.created_at, replayed=False)
    return Receipt(outcome, _created_at(outcome), replayed=True)


def _created_at(event_id: str) -> str:
    created_at = ids.created_at(event_id)
    assert created_at is not None  # noqa: S101 - the id is ours: see EventIds
    return created_at
