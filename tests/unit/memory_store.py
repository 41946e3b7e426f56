"""An `EventStore` in memory, for tests of the rules that hold over any store."""

from collections.abc import Sequence
from dataclasses import replace

from triggers_api.core.events import Event, event_not_found
from triggers_api.core.idempotency import IdempotencyClaim, is_repeat
from triggers_api.core.paging import Page, PageBuilder, PendingQuery
from triggers_api.core.ports import NewEvent
from triggers_api.errors import ConflictError, IdempotencyKeyReusedError, TriggersError


class MemoryEventStore:
    """Keeps events in a dictionary, and records every claim and query."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.claims: list[IdempotencyClaim | None] = []
        self.queries: list[PendingQuery] = []

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        return [self._add_entry(entry.event, entry.claim, now) for entry in entries]

    def _add_entry(self, event: Event, claim: IdempotencyClaim | None, now: int) -> str | TriggersError:
        earlier = next((c for c in self.claims if c and claim and c.name == claim.name), None)
        self.claims.append(claim)
        if earlier and claim and earlier.expires_at > now:
            if not is_repeat(event, claim, stored_fingerprint=earlier.fingerprint):
                return IdempotencyKeyReusedError("used before")
            return earlier.event_id
        self.events[event.event_id] = event
        return event.event_id

    def get(self, event_id: str, now: int) -> Event | None:
        event = self.events.get(event_id)
        return event if event and event.expires_at > now else None

    def pending(self, query: PendingQuery) -> Page:
        self.queries.append(query)
        page = PageBuilder(query.limit)
        for event in sorted(self.events.values(), key=lambda e: e.event_id):
            if (
                event.acknowledged_at is None
                and event.expires_at > query.now
                and (query.after is None or event.event_id > query.after.event_id)
                and query.source in (None, event.source)
                and query.event_type in (None, event.event_type)
                and not page.add(event)
            ):
                return page.full_page()
        return page.page_up_to(None)

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:
        assert nonce
        event = self.get(event_id, now)
        if event is None or source not in (None, event.source):
            raise event_not_found()
        if event.acknowledged_at is not None:
            raise ConflictError("acknowledged before")
        self.events[event_id] = replace(event, acknowledged_at=at)

    def delete(self, event_id: str, *, source: str | None) -> None:
        event = self.events.get(event_id)
        if event and source in (None, event.source):
            del self.events[event_id]
