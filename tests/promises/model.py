"""The service's promises in plain Python: every answer of the service is compared with this model.

There is no network, no database and no cache here, only some dicts and a clock in microseconds. A call
returns a refusal (a status and a code) or the content of its answer. Read it as the short form of the
contract. `event_model` has the events.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.promises.event_model import ACKNOWLEDGED, DEAD, PENDING, Event, Sent, View
from triggers_api.core.times import format_time

SECOND = 1_000_000
BELIEF = 30 * SECOND
REFUSAL = SECOND
"""How long a warm process may use its cached record of a key."""

EVENT_SECONDS, RECORD_SECONDS = 7 * 86_400, 86_400
"""How long an event is kept, and how long an idempotency key."""

INGEST, CONSUME, MANAGE = "ingest", "consume", "manage"

Refusal = tuple[int, str]
INVALID = (400, "VALIDATION_ERROR")
FORBIDDEN = (403, "FORBIDDEN")
NOT_FOUND = (404, "NOT_FOUND")
CONFLICT = (409, "CONFLICT")
LEASE_LOST = (409, "LEASE_LOST")
REUSED = (422, "IDEMPOTENCY_KEY_REUSED")


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
    scopes: frozenset[str] = frozenset({INGEST, CONSUME})
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

    def __init__(self, clock: Callable[[], int], *, max_deliveries: int) -> None:
        self.clock = clock
        self.max_deliveries = max_deliveries
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

    def make(self, key: Key, *, source: str | None, scopes: frozenset[str], lifetime: int | None) -> None:
        key.source = source
        key.scopes = scopes
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
        self.make(new, source=old.source, scopes=old.scopes, lifetime=lifetime)
        self._change(old, is_active=True, expires_at=self.clock() + overlap * SECOND)

    def _change(self, key: Key, *, is_active: bool, expires_at: int | None) -> None:
        assert key.state is not None
        key.beliefs.append((self.clock() + BELIEF, key.state))
        key.state = State(is_active, expires_at)

    # Events: pending from the 201 on, acknowledged once, gone when deleted or after seven days. A receive
    # hides an event until its lease ends. Only a requeue takes an acknowledged or dead event back.

    @property
    def now(self) -> str:
        return format_time(self.clock())

    def after(self, seconds: int) -> int:
        """Return when a lease of so many seconds ends: leases count in milliseconds."""
        return (self.clock() // 1000 + seconds * 1000) * 1000

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
        return event.shown(self.clock()) if (event := self.find(key, event_id)) else NOT_FOUND

    def acknowledge(self, key: Key, event_id: str, token: str | None = None) -> Refusal | str:
        event = self._held(key, event_id, token)
        if isinstance(event, tuple):
            return event
        if event.acknowledged_at and token is None:
            return CONFLICT
        if not event.acknowledged_at:
            event.change(acknowledged_at=self.now, died_at=None, reason=None)
        assert event.acknowledged_at is not None
        return event.acknowledged_at

    def extend(self, key: Key, event_id: str, token: str, seconds: int) -> Refusal | str:
        event = self._held(key, event_id, token)
        if isinstance(event, tuple):
            return event
        if event.status != PENDING:
            return CONFLICT
        event.hidden_until = self.after(seconds)
        return format_time(event.hidden_until)

    def release(
        self, key: Key, event_id: str, token: str, *, delay: int, dead: bool, reason: str | None
    ) -> Refusal | str:
        event = self._held(key, event_id, token)
        if isinstance(event, tuple):
            return event
        if event.status == ACKNOWLEDGED:
            return CONFLICT
        if event.status == PENDING:
            event.hidden_until = self.after(delay) if delay else 0
            if dead or self.is_worn_out(event):
                self.die(event, reason, by_count=not dead)
        return event.status

    def _held(self, key: Key, event_id: str, token: str | None) -> Refusal | Event:
        event = self.find(key, event_id)
        if event is None:
            return NOT_FOUND
        return LEASE_LOST if token not in {None, event.token} else event

    def is_worn_out(self, event: Event) -> bool:
        return 0 < self.max_deliveries <= event.deliveries

    def die(self, event: Event, reason: str | None, *, by_count: bool) -> None:
        if by_count and reason is None:
            reason = f"delivered {event.deliveries} times without an acknowledgement"
        event.change(died_at=self.now, reason=reason, expires=self.second + EVENT_SECONDS)

    def free(self, key: Key, view: View) -> list[Event]:
        """Return the events that a receive of this view finds, those among them that die included."""
        return [event for event in self.events_of(key, view) if event.is_free(self.clock())]

    def claim(self, event: Event, token: str, seconds: int) -> None:
        hidden_until = self.after(seconds)
        event.change(deliveries=event.deliveries + 1, hidden_until=hidden_until, token=token)

    def delete(self, key: Key, event_id: str) -> None:
        if event := self.find(key, event_id):
            event.deleted = True

    def requeue(self, events: list[Event]) -> int:
        """Take events back that are acknowledged or dead. Return how many."""
        moved = [event for event in events if event.status != PENDING]
        for event in moved:
            event.change(acknowledged_at=None, died_at=None, reason=None)
            event.change(deliveries=0, hidden_until=0, token=None)
            event.change(waits_since=self.now, expires=self.second + EVENT_SECONDS)
        return len(moved)

    def events_of(self, key: Key, view: View) -> list[Event]:
        """Return the events of a view that exist for this key, in its order."""
        wanted = view.within(key.source)
        found = [self.find(key, event_id) for event_id in sorted(self.events, reverse=view.newest)]
        return [event for event in found if event and wanted.matches(event)]

    def listed(self, key: Key, view: View, after: str) -> Iterator[dict[str, Any]]:
        """Yield what the inbox shows of a view after an event, or from the start."""
        for event in self.events_of(key, view):
            is_after = event.event_id < after if view.newest and after else event.event_id > after
            is_left_out = view.available and event.status == PENDING and not event.is_free(self.clock())
            if is_after and not is_left_out:
                yield event.shown(self.clock())

    def stats(self, key: Key, view: View) -> dict[str, Any]:
        pending = self.events_of(key, replace(view, status=PENDING))
        dead = self.events_of(key, replace(view, status=DEAD))
        leased = sum(not event.is_free(self.clock()) for event in pending)
        waits_since = min((event.waits_since or event.created_at for event in pending), default="")
        age = {"oldest_created_at": pending[0].created_at, "since": waits_since} if pending else {}
        oldest = {"oldest_created_at": dead[0].created_at} if dead else {}
        return {
            "pending": {"count": len(pending), "capped": False, "leased": leased, **age},
            "dead": {"count": len(dead), "capped": False, **oldest},
        }
