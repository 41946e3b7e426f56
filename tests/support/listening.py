"""An inbox and a handler in memory for `triggers listen`, in virtual time."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.sample_events import event as sample_event
from tests.support.sample_events import webhook_event
from tests.support.virtual_time import VirtualTimeLoop
from triggers_api.core.events import Event
from triggers_api.errors import LeaseLostError, NotFoundError, TriggersError
from triggers_api.ops.listen.forwarder import Attempt
from triggers_api.ops.listen.inboxes import EventPage, InboxEvent, Received
from triggers_api.ops.listen.listener import Listener
from triggers_api.ops.listen.options import ListenOptions
from triggers_api.ops.listen.reports import Forwarded, Report, Summary


def inbox_event(**fields: str) -> InboxEvent:
    return _inbox_event(sample_event(**fields))


def inbox_webhook(body: bytes = b"{}", **details: Any) -> InboxEvent:
    """Return an event of a webhook with this body; `details` as `webhook_event` takes them."""
    return _inbox_event(webhook_event(body, details=details))


def _inbox_event(event: Event) -> InboxEvent:
    return InboxEvent(
        event.event_id,
        event.created_at,
        event.source,
        event.event_type,
        event.payload,
        event.metadata,
        deliveries=0,
        webhook=None if event.webhook is None else event.webhook.details,
        body=None if event.webhook is None else event.webhook.body,
    )


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class FakeInbox:
    """Pending events, with leases and delays by the clock of the event loop."""

    events: list[InboxEvent] = field(default_factory=list)
    max_deliveries: int = 10
    page_size: int = 2
    errors: deque[TriggersError | None] = field(default_factory=deque)
    """What the next calls raise, in order; None lets a call succeed."""
    call_seconds: float = 0
    acknowledged: list[str] = field(default_factory=list)
    releases: list[tuple[str, int]] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    receives: list[tuple[float, int, int, str | None]] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    is_closed: bool = False
    _hidden_until: dict[str, float] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def add(self, number: int = 1, **fields: str) -> list[str]:
        added = [inbox_event(**fields) for _ in range(number)]
        self.events += added
        return [event.event_id for event in added]

    def steal(self, event_id: str) -> None:
        """Let another consumer receive an event."""
        self._tokens[event_id] = "another's"

    async def page(self, cursor: str | None, *, limit: int = 100) -> EventPage:
        await self._call()
        self.pages.append(now())
        start = int(cursor or 0)
        end = start + min(limit, self.page_size)
        return EventPage(self.events[start:end], str(end) if end < len(self.events) else None)

    async def receive(self, limit: int, lease_seconds: int, event_type: str | None) -> Received:
        self.receives.append((now(), limit, lease_seconds, event_type))
        await self._call()
        found: list[InboxEvent] = []
        for index, event in enumerate(self.events):
            if event_type in (None, event.event_type) and self._is_available(event) and len(found) < limit:
                token = self._tokens[event.event_id] = f"token {len(self.receives)}"
                self._hidden_until[event.event_id] = now() + lease_seconds
                self.events[index] = replace(event, deliveries=event.deliveries + 1, lease=None)
                found.append(replace(self.events[index], lease=token))
        return Received(found, more=False)

    async def with_body(self, event: InboxEvent) -> InboxEvent:
        if event.webhook is not None:
            self.bodies.append(event.event_id)
            await self._call()
        return event

    async def acknowledge(self, event: InboxEvent) -> None:
        await self._call()
        self._remove(self._held(event))
        self.acknowledged.append(event.event_id)

    async def extend(self, event: InboxEvent, lease_seconds: int) -> None:
        await self._call()
        self._hidden_until[self._held(event).event_id] = now() + lease_seconds
        self.extended.append(event.event_id)

    async def release(self, event: InboxEvent, delay_seconds: int) -> bool:
        await self._call()
        held = self._held(event)
        self.releases.append((event.event_id, delay_seconds))
        self._hidden_until[event.event_id] = now() + delay_seconds
        if held.deliveries < self.max_deliveries:
            return False
        self._remove(held)
        self.dead.append(event.event_id)
        return True

    async def close(self) -> None:
        self.is_closed = True

    async def _call(self) -> None:
        await asyncio.sleep(self.call_seconds)
        if self.errors and (error := self.errors.popleft()):
            raise error

    def _held(self, event: InboxEvent) -> InboxEvent:
        found = next((one for one in self.events if one.event_id == event.event_id), None)
        if found is None:
            raise NotFoundError("There is no event with this id.")
        if self._tokens.get(event.event_id) != event.lease:
            raise LeaseLostError("Another receive has claimed this event.")
        return found

    def _remove(self, event: InboxEvent) -> None:
        self.events.remove(event)

    def _is_available(self, event: InboxEvent) -> bool:
        return self._hidden_until.get(event.event_id, 0) <= now()


@dataclass
class FakeHandler:
    """A handler: `answer` returns the status of an attempt, from the event and the number of its attempts."""

    answer: Callable[[InboxEvent, int], int] = lambda _event, _number: 200
    seconds: float = 0.1
    down: list[tuple[float, float]] = field(default_factory=list)
    """When it refuses connections."""
    attempts: list[tuple[float, str]] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    most_at_once: int = 0
    cancelled: int = 0
    is_closed: bool = False
    _busy: int = 0

    async def send(self, event: InboxEvent) -> Attempt:
        if self._is_down():
            return Attempt(None, "refuses connections", 0, is_unreachable=True)
        self.attempts.append((now(), event.event_id))
        self._busy += 1
        self.most_at_once = max(self.most_at_once, self._busy)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self._busy -= 1
        return Attempt(self.answer(event, self.ids.count(event.event_id)), "", round(self.seconds * 1000))

    async def probe(self) -> str:
        self.probes.append(now())
        return "refuses connections" if self._is_down() else ""

    async def close(self) -> None:
        self.is_closed = True

    @property
    def ids(self) -> list[str]:
        """The event of each attempt."""
        return [event_id for _, event_id in self.attempts]

    def times(self, event_id: str) -> list[float]:
        """When the attempts of an event began, to a tenth of a second."""
        return [round(at, 1) for at, one in self.attempts if one == event_id]

    def _is_down(self) -> bool:
        return any(start <= now() < end for start, end in self.down)


@dataclass
class Bench:
    """A run over both."""

    inbox: FakeInbox
    handler: FakeHandler = field(default_factory=FakeHandler)
    acknowledge: bool = True
    once: bool = False
    concurrency: int = 1
    event_types: tuple[str, ...] = ()
    on_report: Callable[[Report], None] = lambda _: None
    reports: list[Report] = field(default_factory=list)
    slept: float = 0
    """By how many seconds the clock that goes on during sleep is ahead."""

    def run(self, seconds: float | None = None) -> Summary | None:
        """Run to the end, or until Ctrl-C after some seconds. Return None after Ctrl-C."""
        options = ListenOptions(
            "http://127.0.0.1:1/",
            acknowledge=self.acknowledge,
            event_types=self.event_types,
            concurrency=self.concurrency,
            timeout=30,
            once=self.once,
        )
        loop = VirtualTimeLoop()

        def report(one: Report) -> None:
            self.reports.append(one)
            self.on_report(one)

        listener = Listener(
            self.inbox,
            self.handler,
            options,
            report=report,
            clock=lambda: int((loop.time() + self.slept) * 1_000_000),
            loop_factory=lambda: loop,
        )
        if seconds is not None:
            loop.call_later(seconds, listener.stop)
        try:
            return listener.execute()
        except KeyboardInterrupt:
            return None
        finally:
            assert self.inbox.is_closed
            assert self.handler.is_closed

    @property
    def forwarded(self) -> list[Forwarded]:
        return [one for one in self.reports if isinstance(one, Forwarded)]

    @property
    def outcomes(self) -> list[str]:
        return [one.outcome.value for one in self.forwarded]
