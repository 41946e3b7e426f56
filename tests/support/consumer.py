"""A consumer and a manager over a store itself, by a clock that a test moves."""

from dataclasses import dataclass, field
from itertools import count

from tests.support.clock import FakeClock
from tests.support.sample_events import NOW
from triggers_api.core.events import Event
from triggers_api.core.leases import Death, Held, Receive, Received, Release
from triggers_api.core.ports import EventStore
from triggers_api.core.times import format_time
from triggers_api.errors import value_of

MAX_CALLS = 200
"""Far more than any walk of a test takes."""

DAY = 86_400
KEPT_DAYS = 7

_numbers = count(1)


@dataclass
class Consumer:
    """Calls a store as the core does. Its time starts at `NOW` and passes as the clock's does."""

    store: EventStore
    clock: FakeClock
    max_deliveries: int = 10
    source: str | None = None
    _started: int = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock.now

    @property
    def now_ms(self) -> int:
        return NOW * 1000 + (self.clock.now - self._started) // 1000

    @property
    def now(self) -> int:
        return self.now_ms // 1000

    @property
    def at(self) -> str:
        return format_time(self.now_ms * 1000)

    @property
    def kept_until(self) -> int:
        """When an event expires whose retention starts now."""
        return self.now + KEPT_DAYS * DAY

    @property
    def death(self) -> Death:
        return Death(self.max_deliveries, self.at, self.kept_until)

    def receive(
        self,
        limit: int = 10,
        *,
        lease_seconds: int = 30,
        token: str | None = None,
        source: str | None = None,
        event_type: str | None = None,
    ) -> Received:
        receive = Receive(
            limit=limit,
            token=token or f"token {next(_numbers)}",
            now_ms=self.now_ms,
            until_ms=self.now_ms + lease_seconds * 1000,
            source=source or self.source,
            event_type=event_type,
            death=self.death,
        )
        received = self.store.receive(receive)
        assert len(received.events) <= limit
        assert {event.lease for event in received.events} <= {receive.token}
        return received

    def lease(self, event: Event, *, seconds: int = 30) -> str:
        """Receive until the event is there, and return the token of its lease."""
        for _ in range(MAX_CALLS):
            received = self.receive(lease_seconds=seconds, event_type=event.event_type)
            for found in received.events:
                if found.event_id == event.event_id:
                    assert found.lease is not None
                    return found.lease
            if not received.more:
                break
        raise AssertionError("the event is not available")

    def receive_all(self, limit: int = 10, *, lease_seconds: int = 30) -> tuple[list[Event], list[Event]]:
        """Receive until no more is promised. Return what was claimed, and what died."""
        claimed, died = list[Event](), list[Event]()
        for _ in range(MAX_CALLS):
            received = self.receive(limit, lease_seconds=lease_seconds)
            claimed += received.events
            died += received.died
            if not received.more:
                return claimed, died
        raise AssertionError("each receive promises more")

    def ack(self, event: Event, lease: str | None = None) -> str:
        """Acknowledge one event. Return the time of its acknowledgement, or raise the outcome's error."""
        (outcome,) = self.store.acknowledge(
            [Held(event.event_id, lease)],
            at=self.at,
            nonce=f"call {next(_numbers)}",
            now=self.now,
            source=self.source,
        )
        return value_of(outcome)

    def extend(self, event: Event, lease: str | None, *, seconds: int = 30) -> None:
        """Extend one lease, or raise the outcome's error."""
        (outcome,) = self.store.extend(
            [Held(event.event_id, lease)],
            until_ms=self.now_ms + seconds * 1000,
            now_ms=self.now_ms,
            source=self.source,
        )
        value_of(outcome)

    def release(
        self,
        event: Event,
        lease: str | None,
        *,
        delay_seconds: int = 0,
        dead: bool = False,
        reason: str | None = None,
    ) -> Event:
        """Release one event. Return its new state, or raise the outcome's error."""
        release = self.make_release(delay_seconds=delay_seconds, dead=dead, reason=reason)
        (outcome,) = self.store.release([Held(event.event_id, lease)], release, source=self.source)
        return value_of(outcome)

    def make_release(
        self, *, delay_seconds: int = 0, dead: bool = False, reason: str | None = None
    ) -> Release:
        return Release(
            now_ms=self.now_ms,
            until_ms=self.now_ms + delay_seconds * 1000 if delay_seconds else 0,
            dead=dead,
            reason=reason,
            death=self.death,
        )

    def kill(self, event: Event, reason: str | None = None) -> str:
        """Lease the event and release it as dead. Return the token of the lease."""
        lease = self.lease(event)
        self.release(event, lease, dead=True, reason=reason)
        return lease

    def see(self, event: Event) -> Event:
        """Return an event as it is now; fail if it is gone."""
        found = self.store.get(event.event_id, self.now)
        assert found is not None, "the event is gone"
        return found

    def requeue(self, *events: Event) -> list[bool]:
        """Requeue events as they were seen. Raise the first error."""
        outcomes = self.store.requeue(events, at=self.at, expires_at=self.kept_until)
        return [value_of(outcome) for outcome in outcomes]

    def purge(self, *events: Event) -> list[bool]:
        """Delete events as they were seen. Raise the first error."""
        return [value_of(outcome) for outcome in self.store.purge(events)]
