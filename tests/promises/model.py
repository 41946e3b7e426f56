"""The service's promises in plain Python: every answer of the service is compared with this model.

There is no network, no database and no cache here, only some dicts and a clock in microseconds. A call
returns a refusal (a status and a code) or the content of its answer. Read it as the short form of the
contract.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from triggers_api.core.times import format_time

SECOND = 1_000_000
BELIEF = 30 * SECOND
REFUSAL = SECOND
"""How long a warm process may use its cached record of a key."""

EVENT_SECONDS, RECORD_SECONDS = 7 * 86_400, 86_400
"""How long an event is kept, and how long an idempotency key."""

Refusal = tuple[int, str]
INVALID = (400, "VALIDATION_ERROR")
FORBIDDEN = (403, "FORBIDDEN")
NOT_FOUND = (404, "NOT_FOUND")
CONFLICT = (409, "CONFLICT")
REUSED = (422, "IDEMPOTENCY_KEY_REUSED")


@dataclass(frozen=True)
class Sent:
    """A producer's request."""

    source: str
    event_type: str
    payload: dict[str, Any]
    metadata: dict[str, Any]

    @property
    def text(self) -> str:
        """The same for requests of equal values. The correlation id does not count."""
        priority = self.metadata.get("priority", "normal")
        text = json.dumps([self.source, self.event_type, self.payload, priority], sort_keys=True)
        return repr(json.loads(text, parse_int=Fraction, parse_float=Fraction))


@dataclass
class Event:
    """An event that was answered with 201."""

    event_id: str
    created_at: str
    sent: Sent
    metadata: dict[str, Any]
    expires: int
    acknowledged_at: str | None = None
    deleted: bool = False

    @property
    def shown(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id,
            "created_at": self.created_at,
            "source": self.sent.source,
            "event_type": self.sent.event_type,
            "payload": self.sent.payload,
            "metadata": self.metadata,
            "status": "acknowledged" if self.acknowledged_at else "pending",
            **({"acknowledged_at": self.acknowledged_at} if self.acknowledged_at else {}),
        }


@dataclass(frozen=True)
class State:
    """The part of a key record that decides whether the key is valid."""

    is_active: bool
    expires_at: int | None = None

    def admits(self, now: int) -> bool:
        return self.is_active and (self.expires_at is None or now < self.expires_at)


@dataclass(eq=False)
class Key:
    """An API key, created or not yet. `beliefs`: earlier states, and until when a process may use each."""

    text: str = field(repr=False)
    source: str | None = None
    state: State | None = None
    beliefs: list[tuple[int, State]] = field(default_factory=list)
    revoked_at: str | None = None
    refused: bool = False

    @property
    def ends(self) -> int | None:
        return self.state.expires_at if self.state else None

    def sees(self, source: str) -> bool:
        return self.source in (None, source)


class Model:
    """The service with sequential calls; `records` are those of idempotency keys."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.keys: list[Key] = []
        self.events: dict[str, Event] = {}
        self.records: dict[tuple[Key, str], tuple[int, str, Event]] = {}

    @property
    def second(self) -> int:
        """Events and idempotency records end on a whole second, as DynamoDB counts."""
        return self.clock() // SECOND

    # Keys: created, revoked and rotated at once for the operator, and within 30 s for the clients.

    def may_be_let_in(self, key: Key) -> set[bool]:
        """Return the correct results: both while a cached record may be used; False once it was rejected."""
        if key.state is None or key.refused:
            return {False}
        known = [key.state, *(state for until, state in key.beliefs if self.clock() < until)]
        return {state.admits(self.clock()) for state in known}

    def refuse(self, key: Key) -> None:
        """A process may refuse the key for another second. One that is not valid now never is again."""
        key.refused = key.state is not None and not key.state.admits(self.clock())
        key.beliefs.append((self.clock() + REFUSAL, State(False)))

    def make(self, key: Key, *, source: str | None, lifetime: int | None) -> None:
        key.source = source
        key.state = State(True, self.clock() + lifetime * SECOND if lifetime else None)
        self.keys.append(key)

    def revoke(self, key: Key) -> None:
        key.revoked_at = key.revoked_at or format_time(self.clock())
        self._change(key, is_active=False, expires_at=key.ends)

    def why_not_rotate(self, key: Key, *, overlap: int, lifetime: int | None) -> str | None:
        """Return a part of the command's message if the key cannot be rotated."""
        if key.state is None:
            return "no such key"
        if not key.state.admits(self.clock()):
            return "cannot be rotated"
        if key.ends and key.ends <= self.clock() + overlap * SECOND:
            return "before the overlap ends"
        return "its replacement needs an expiry" if key.ends and not lifetime else None

    def rotate(self, old: Key, new: Key, *, overlap: int, lifetime: int | None) -> None:
        self.make(new, source=old.source, lifetime=lifetime)
        self._change(old, is_active=True, expires_at=self.clock() + overlap * SECOND)

    def _change(self, key: Key, *, is_active: bool, expires_at: int | None) -> None:
        assert key.state is not None
        key.beliefs.append((self.clock() + BELIEF, key.state))
        key.state = State(is_active, expires_at)

    # Events: pending from the 201 on, acknowledged once, gone when deleted or after seven days.

    def ingest(self, key: Key, sent: Sent, name: str | None) -> Refusal | Event | None:
        """Return the existing event for a repeated request, or None if a new event must be created."""
        if not key.sees(sent.source):
            return FORBIDDEN
        until, text, event = self.records.get((key, name or ""), (0, "", None))
        if until <= self.second:
            return None
        return event if text == sent.text else REUSED

    def keep(self, key: Key, sent: Sent, name: str | None, event: Event) -> None:
        self.events[event.event_id] = event
        if name is not None:
            self.records[key, name] = (self.second + RECORD_SECONDS, sent.text, event)

    def find(self, key: Key, event_id: str) -> Event | None:
        event = self.events.get(event_id)
        if event is None or event.deleted or event.expires <= self.second:
            return None
        return event if key.sees(event.sent.source) else None

    def get(self, key: Key, event_id: str) -> Refusal | dict[str, Any]:
        return event.shown if (event := self.find(key, event_id)) else NOT_FOUND

    def acknowledge(self, key: Key, event_id: str) -> Refusal | dict[str, Any]:
        event = self.find(key, event_id)
        if event is None:
            return NOT_FOUND
        if event.acknowledged_at:
            return CONFLICT
        event.acknowledged_at = format_time(self.clock())
        return {"event_id": event_id, "status": "acknowledged", "acknowledged_at": event.acknowledged_at}

    def delete(self, key: Key, event_id: str) -> dict[str, Any]:
        if event := self.find(key, event_id):
            event.deleted = True
        return {"event_id": event_id}

    def pending(
        self, key: Key, *, source: str | None = None, event_type: str | None = None, after: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yield the events that the inbox shows for this key, oldest first."""
        for event_id in sorted(self.events):
            event = self.find(key, event_id)
            if event is None or event.acknowledged_at or event_id <= after:
                continue
            if source in (None, event.sent.source) and event_type in (None, event.sent.event_type):
                yield event.shown
