"""An `EventStore` in memory, the simplest that keeps the contract.

The contract tests run on it too. So a test of the core sees what both real stores do, and a contract test
that this store fails asks for more than the protocol says.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event, event_not_found
from triggers_api.core.idempotency import IdempotencyClaim, check_repeat
from triggers_api.core.leases import Held, Receive, Received, Release, too_many_deliveries
from triggers_api.core.paging import (
    Count,
    DeadStats,
    EventQuery,
    Filter,
    Page,
    PageBuilder,
    PendingStats,
    Position,
)
from triggers_api.core.ports import NewEvent
from triggers_api.errors import ConflictError, IdempotencyKeyReusedError, LeaseLostError, TriggersError

Outcome = TypeVar("Outcome")


class MemoryEventStore:
    """Keeps events in a dictionary, and records every idempotency claim and query. For one thread."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.claims: list[IdempotencyClaim | None] = []
        self.queries: list[EventQuery] = []

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        return [self._add_entry(entry.event, entry.idempotency, now) for entry in entries]

    def _add_entry(self, event: Event, claim: IdempotencyClaim | None, now: int) -> str | TriggersError:
        made = [one for one in self.claims if one and claim and one.name == claim.name]
        earlier = next((one for one in made if one.expires_at > now), None)
        if earlier and claim:
            try:
                check_repeat(event, claim, stored_fingerprint=earlier.fingerprint, first_id=earlier.event_id)
            except IdempotencyKeyReusedError as error:
                return error
            return earlier.event_id
        self.claims.append(claim)
        self.events[event.event_id] = event
        return event.event_id

    def restore(self, events: Sequence[Event]) -> list[bool | TriggersError]:
        missing: list[bool | TriggersError] = [event.event_id not in self.events for event in events]
        for event in events:
            self.events.setdefault(event.event_id, event)
        return missing

    def get(self, event_id: str, now: int) -> Event | None:
        event = self.events.get(event_id)
        return event if event and event.expires_at > now else None

    def get_several(self, event_ids: Sequence[str], now: int) -> list[Event | TriggersError | None]:
        return [self.get(event_id, now) for event_id in event_ids]

    def page(self, query: EventQuery) -> Page:
        self.queries.append(query)
        page = PageBuilder(query.limit, query.now_ms)
        for event in self._matching(query):
            if not page.add(event):
                return page.full_page()
        return page.page_up_to(None)

    def count(self, query: EventQuery) -> Count:
        return Count(len(list(self._matching(query))), capped=False)

    def pending_stats(self, query: EventQuery) -> PendingStats:
        found = list(self._matching(query))
        return PendingStats(
            len(found),
            capped=False,
            leased=sum(event.is_hidden(query.now_ms) for event in found),
            oldest_created_at=found[0].created_at if found else None,
            oldest_since=min((event.requeued_at or event.created_at for event in found), default=None),
        )

    def dead_stats(self, query: EventQuery) -> DeadStats:
        found = list(self._matching(query))
        return DeadStats(len(found), capped=False, oldest_created_at=found[0].created_at if found else None)

    def receive(self, receive: Receive) -> Received:
        event_types = () if receive.event_type is None else (receive.event_type,)
        wanted = Filter(source=receive.source, event_types=event_types)
        claimed, died = PageBuilder(receive.limit, receive.now_ms), list[Event]()
        for event in self._matching(EventQuery(wanted, receive.limit, receive.now_ms, only_available=True)):
            if receive.death.is_due(event):
                reason = too_many_deliveries(event.deliveries)
                death = receive.death
                died.append(replace(event, died_at=death.died_at, reason=reason, expires_at=death.expires_at))
                continue
            leased = replace(
                event, deliveries=event.deliveries + 1, hidden_until=receive.until_ms, lease=receive.token
            )
            if not claimed.add(leased):
                break
        events = claimed.page_up_to(None).events
        for event in (*events, *died):
            self.events[event.event_id] = event
        left = self._matching(EventQuery(wanted, receive.limit, receive.now_ms, only_available=True))
        return Received(events, tuple(died), more=any(True for _ in left))

    def acknowledge(
        self, events: Sequence[Held], *, at: str, nonce: str, now: int, source: str | None
    ) -> list[str | TriggersError]:
        assert nonce

        def acknowledge(event: Event, lease: str | None) -> str | TriggersError:
            if event.acknowledged_at is None:
                self._keep(event, acknowledged_at=at, died_at=None, reason=None)
                return at
            return ConflictError("acknowledged before") if lease is None else event.acknowledged_at

        return [self._held(one, now, source, acknowledge) for one in events]

    def extend(
        self, events: Sequence[Held], *, until_ms: int, now_ms: int, source: str | None
    ) -> list[TriggersError | None]:
        def extend(event: Event, _lease: str | None) -> TriggersError | None:
            if event.status != PENDING:
                return ConflictError("not pending")
            self._keep(event, hidden_until=until_ms)
            return None

        return [self._held(one, now_ms // 1000, source, extend) for one in events]

    def release(
        self, events: Sequence[Held], release: Release, *, source: str | None
    ) -> list[Event | TriggersError]:
        def give_back(event: Event, _lease: str | None) -> Event | TriggersError:
            if event.status == ACKNOWLEDGED:
                return ConflictError("acknowledged")
            if event.status == DEAD:
                return event
            if not release.kills(event):
                return self._keep(event, hidden_until=release.until_ms)
            by_count = None if release.dead else too_many_deliveries(event.deliveries)
            reason = by_count if release.reason is None else release.reason
            death = release.death
            return self._keep(event, died_at=death.died_at, reason=reason, expires_at=death.expires_at)

        return [self._held(one, release.now_ms // 1000, source, give_back) for one in events]

    def requeue(self, events: Sequence[Event], *, at: str, expires_at: int) -> list[bool | TriggersError]:
        return [self._requeue(event, at, expires_at) for event in events]

    def _requeue(self, seen: Event, at: str, expires_at: int) -> bool:
        event = self.events.get(seen.event_id)
        if event is None or seen.status == PENDING:
            return False
        if event.requeued_at == at:
            return True
        if (event.acknowledged_at, event.died_at) != (seen.acknowledged_at, seen.died_at):
            return False
        self._keep(
            event,
            acknowledged_at=None,
            died_at=None,
            reason=None,
            deliveries=0,
            hidden_until=0,
            lease=None,
            requeued_at=at,
            expires_at=expires_at,
        )
        return True

    def delete(self, event_ids: Sequence[str], *, source: str | None) -> list[TriggersError | None]:
        for event_id in event_ids:
            event = self.events.get(event_id)
            if event and source in (None, event.source):
                del self.events[event_id]
        return [None] * len(event_ids)

    def purge(self, events: Sequence[Event]) -> list[bool | TriggersError]:
        for seen in events:
            event = self.events.get(seen.event_id)
            if event and event.status == seen.status:
                del self.events[seen.event_id]
        return [seen.event_id not in self.events for seen in events]

    def _held(
        self,
        held: Held,
        now: int,
        source: str | None,
        change: Callable[[Event, str | None], Outcome],
    ) -> Outcome | TriggersError:
        """Change an event that exists for the caller, under the lease that the caller names."""
        event = self.get(held.event_id, now)
        if event is None or source not in (None, event.source):
            return event_not_found()
        if held.lease is not None and held.lease != event.lease:
            return LeaseLostError("another lease")
        return change(event, held.lease)

    def _keep(self, event: Event, **changes: str | int | None) -> Event:
        changed = replace(event, **changes)  # type: ignore[arg-type]  # fields of an event, by name
        self.events[event.event_id] = changed
        return changed

    def _matching(self, query: EventQuery) -> Iterator[Event]:
        """Yield the events of a query in its order."""
        for event_id in sorted(self.events, reverse=query.newest_first):
            event = self.events[event_id]
            if _matches(event, query) and (query.after is None or _is_after(event_id, query.after, query)):
                yield event


def _is_after(event_id: str, position: Position, query: EventQuery) -> bool:
    return event_id < position.event_id if query.newest_first else event_id > position.event_id


def _matches(event: Event, query: EventQuery) -> bool:
    wanted = query.filter
    return (
        event.status == wanted.status
        and wanted.source in (None, event.source)
        and (not wanted.event_types or event.event_type in wanted.event_types)
        and _lies_in(event.created_at, wanted.since, wanted.until)
        and _lies_in(event.acknowledged_at or "", wanted.acknowledged_since, wanted.acknowledged_until)
        and (query.with_expired or event.expires_at > query.now)
        and not (query.only_available and event.is_hidden(query.now_ms))
    )


def _lies_in(at: str, since: str | None, until: str | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)
