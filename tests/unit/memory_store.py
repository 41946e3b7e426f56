"""An `EventStore` in memory, for the rules that hold over any store."""

from dataclasses import replace

from triggers_api.core.events import Event, IdempotencyClaim, Page, PageBuilder, PendingQuery, not_found
from triggers_api.errors import ConflictError, IdempotencyKeyReusedError


class MemoryEventStore:
    """Keeps events in a dictionary, and every claim and query that it was asked."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.claims: list[IdempotencyClaim | None] = []
        self.queries: list[PendingQuery] = []

    def add(self, event: Event, claim: IdempotencyClaim | None, *, now: int) -> str:
        earlier = next((c for c in self.claims if c and claim and c.name == claim.name), None)
        self.claims.append(claim)
        if earlier and claim and earlier.expires_at > now:
            if earlier.fingerprint != claim.fingerprint:
                raise IdempotencyKeyReusedError("used before")
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
                and not page.takes(event)
            ):
                return page.full()
        return page.stopped(None)

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:
        assert nonce
        event = self.get(event_id, now)
        if event is None or source not in (None, event.source):
            raise not_found()
        if event.acknowledged_at is not None:
            raise ConflictError("acknowledged before")
        self.events[event_id] = replace(event, acknowledged_at=at)

    def delete(self, event_id: str, *, source: str | None) -> None:
        event = self.events.get(event_id)
        if event and source in (None, event.source):
            del self.events[event_id]
