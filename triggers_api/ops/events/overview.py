"""What waits in the inbox of a stage, how old it is, and its sources and types."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triggers_api.core.events import DEAD
from triggers_api.core.paging import MAX_COUNTED, DeadStats, EventQuery, Filter, PendingStats, Position
from triggers_api.core.times import Clock, milliseconds, seconds, seconds_since

if TYPE_CHECKING:
    from triggers_api.core.ports import EventStore

PAGES, PAGE = 10, 100
"""What is read of the oldest pending events for the sources, the types and the expiry."""

TOP = 5
"""How many sources and types are shown."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The inbox at one moment.

    Attributes:
        at: The time, in microseconds since 1970.
        pending: The pending events.
        dead: The dead events.
        oldest_age_seconds: How long the event that waits longest has been pending. None if there is none.
        expires_in_seconds: When the next of the events that were looked at expires unread.
        looked_at: How many of the oldest pending events were looked at. None: none on purpose.
        is_whole: No more than these wait.
        sources: The most frequent sources of these, with the number of their events.
        event_types: The same for their types.
    """

    at: int
    pending: PendingStats
    dead: DeadStats
    oldest_age_seconds: int | None
    expires_in_seconds: int | None
    looked_at: int | None
    is_whole: bool
    sources: tuple[tuple[str, int], ...]
    event_types: tuple[tuple[str, int], ...]


def read_overview(store: "EventStore", clock: Clock, wanted: Filter, *, look: bool = True) -> Overview:
    """Read the inbox, with a bounded number of reads.

    Args:
        store: The events.
        clock: The time.
        wanted: A filter of pending events.
        look: Look at the oldest of them, for their sources, types and expiry.

    Raises:
        StoreUnavailableError: The store failed.
    """
    now = clock()
    query = EventQuery(wanted, MAX_COUNTED, milliseconds(now))
    pending = store.pending_stats(query)
    dead = store.dead_stats(replace(query, filter=replace(wanted, status=DEAD)))
    sources: Counter[str] = Counter()
    event_types: Counter[str] = Counter()
    expiries: list[int] = []
    after: Position | None = None
    for _ in range(PAGES if look else 0):
        page = store.page(replace(query, limit=PAGE, after=after))
        sources.update(event.source for event in page.events)
        event_types.update(event.event_type for event in page.events)
        expiries += [event.expires_at for event in page.events]
        after = page.next
        if after is None:
            break
    oldest = pending.oldest_since
    return Overview(
        at=now,
        pending=pending,
        dead=dead,
        oldest_age_seconds=None if oldest is None else seconds_since(oldest, now),
        expires_in_seconds=max(0, min(expiries) - seconds(now)) if expiries else None,
        looked_at=len(expiries) if look else None,
        is_whole=after is None,
        sources=tuple(sources.most_common(TOP)),
        event_types=tuple(event_types.most_common(TOP)),
    )
