"""Pages of the inbox: which events a page shows, where it starts, and when it is full."""

import json
import time
from dataclasses import dataclass
from typing import NamedTuple

from triggers_api.core.events import Event

MAX_PAGE_BYTES = 5_500_000
"""The events of a page, as Lambda encodes them. AWS limits the whole response to 6 MB."""

MAX_PAGE_SECONDS = 3.0
"""How long reading the events of a page may take, beyond its first event."""


class Position(NamedTuple):
    """A place in the inbox: just after this event."""

    created_at: str
    event_id: str


@dataclass(frozen=True, slots=True)
class PendingQuery:
    """Which pending events a page shows. `now` is in seconds: events that expired by then are hidden."""

    limit: int
    now: int
    after: Position | None = None
    source: str | None = None
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Events, oldest first. `next` is the position of the following page, None at the end of the inbox."""

    events: tuple[Event, ...]
    next: Position | None


class PageBuilder:
    """Collects events until the page is full by number, by bytes, or by the time that a page may take.

    The bytes are those of the proxy response as Lambda writes it. Its body is a JSON string, below Python
    3.12 in ASCII, so an accented letter of two bytes takes six. One event always fits. The time is bounded
    because some events are expensive to read: many small pages are served then, one large page never would
    be.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._started = time.monotonic()
        self._events: list[Event] = []

    @property
    def free_places(self) -> int:
        """How many more events the page takes."""
        return self._limit - len(self._events)

    def add(self, event: Event) -> bool:
        """Add an event and return True. If the page is full, add nothing and return False."""
        size = len(json.dumps(event.to_json()))
        if self._events and (
            len(self._events) >= self._limit
            or self._bytes + size > MAX_PAGE_BYTES
            or time.monotonic() - self._started > MAX_PAGE_SECONDS
        ):
            return False
        self._events.append(event)
        self._bytes += size
        return True

    def full_page(self) -> Page:
        """Return the page that ends after the event added last, with more events to come."""
        last = self._events[-1]
        return Page(tuple(self._events), Position(last.created_at, last.event_id))

    def page_up_to(self, last_read: Position | None) -> Page:
        """Return the page that ends after the record read last. None: the inbox ends there."""
        return Page(tuple(self._events), last_read)
