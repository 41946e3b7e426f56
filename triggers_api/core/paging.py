"""Pages of the inbox: which events a page shows, where it starts, and when it is full."""

import json
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from triggers_api.core.events import PENDING, Event

MAX_PAGE_BYTES = 5_500_000
"""The events of a page, as Lambda encodes them. AWS limits the whole response to 6 MB."""

MAX_PAGE_SECONDS = 3.0
"""How long reading the events of a page may take, beyond its first event."""

MAX_COUNTED = 1_000_000
"""The limit of a query that counts: far beyond what a store counts within its bound on reads."""


MAX_SHARDS = 16
"""Into how many shards a store may divide the events of one status."""


class Position(NamedTuple):
    """A place in the inbox: just after this event.

    `shards` is how many shards of the store the walk has merged so far, in the order of time and id. 0: it
    has read one, in the order of the store. A store without shards ignores the number.
    """

    created_at: str
    event_id: str
    shards: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are meant. A field that is None, or an empty `event_types`, matches every event.

    Times are texts in UTC; events of `since` match, those of `until` do not.
    """

    status: str = PENDING
    source: str | None = None
    event_types: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    acknowledged_since: str | None = None
    acknowledged_until: str | None = None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A page of the events that match a filter.

    Attributes:
        filter: The events.
        limit: How many events the page shows at most.
        now_ms: The time, in milliseconds since 1970.
        after: The page starts behind this position, in the order of the page.
        newest_first: The order.
        only_available: Leave out events that are leased or delayed.
        with_expired: Show also events that have expired and are not removed yet.
    """

    filter: Filter
    limit: int
    now_ms: int
    after: Position | None = None
    newest_first: bool = False
    only_available: bool = False
    with_expired: bool = False

    @property
    def now(self) -> int:
        """The time in seconds since 1970, as expiries count."""
        return self.now_ms // 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order of the query. `next` is the position of the following page, None at the end."""

    events: tuple[Event, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many events match. `capped`: there may be more, the bound on reads was reached."""

    count: int
    capped: bool


@dataclass(frozen=True, slots=True)
class PendingStats:
    """What waits. `oldest_since` is when the event that waits longest was created, or requeued."""

    count: int
    capped: bool
    leased: int
    oldest_created_at: str | None
    oldest_since: str | None


@dataclass(frozen=True, slots=True)
class DeadStats:
    """How many events are dead, and when the oldest of them was created."""

    count: int
    capped: bool
    oldest_created_at: str | None


@dataclass(slots=True)
class PageBuilder:
    """Collects events until the page is full by number, by bytes, or by the time that a page may take.

    The bytes are those of the proxy response as Lambda writes it. Its body is a JSON string, below Python
    3.12 in ASCII, so an accented letter of two bytes takes six. One event always fits. The time is bounded
    because some events are expensive to read: many small pages are served then, one large page never would
    be.
    """

    limit: int
    now_ms: int
    _bytes: int = 0
    _started: float = field(default_factory=time.monotonic)
    _events: list[Event] = field(default_factory=list)

    @property
    def free_places(self) -> int:
        """How many more events the page takes."""
        return self.limit - len(self._events)

    def add(self, event: Event) -> bool:
        """Add an event and return True. If the page is full, add nothing and return False."""
        size = encoded_size(event, self.now_ms)
        if self._events and (
            len(self._events) >= self.limit
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


def encoded_size(event: Event, now_ms: int) -> int:
    """Return the bytes that an event takes in a proxy response of Lambda."""
    return len(json.dumps(event.to_json(now_ms)))
