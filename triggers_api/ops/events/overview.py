"""What waits in the inbox of a stage, how old it is, and its sources and types."""

from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from triggers_api.core.events import DEAD
from triggers_api.core.paging import MAX_COUNTED, DeadStats, EventQuery, Filter, PendingStats
from triggers_api.core.times import Clock, milliseconds, seconds, seconds_since
from triggers_api.ops.events.walk import walk

if TYPE_CHECKING:
    from triggers_api.core.ports import EventStore

LOOKED_AT = 1000
"""How many of the oldest pending events are read for the sources, the types and the expiry."""

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
        looked_at: How many of the oldest pending events were looked at.
        sources: The most frequent sources of these, with the number of their events.
        event_types: The same for their types.
    """

    at: int
    pending: PendingStats
    dead: DeadStats
    oldest_age_seconds: int | None
    expires_in_seconds: int | None
    looked_at: int
    sources: tuple[tuple[str, int], ...]
    event_types: tuple[tuple[str, int], ...]


def read_overview(store: "EventStore", clock: Clock, wanted: Filter) -> Overview:
    """Read the inbox, with a bounded number of reads. `wanted` is a filter of pending events.

    Raises:
        StoreUnavailableError: The store failed.
    """
    now = clock()
    query = EventQuery(wanted, MAX_COUNTED, milliseconds(now))
    pending = store.pending_stats(query)
    dead = store.dead_stats(replace(query, filter=replace(wanted, status=DEAD)))
    events = list(islice(walk(store, clock, wanted), LOOKED_AT))
    oldest = pending.oldest_since
    return Overview(
        at=now,
        pending=pending,
        dead=dead,
        oldest_age_seconds=None if oldest is None else seconds_since(oldest, now),
        expires_in_seconds=max(0, min(event.expires_at for event in events) - seconds(now))
        if events
        else None,
        looked_at=len(events),
        sources=tuple(Counter(event.source for event in events).most_common(TOP)),
        event_types=tuple(Counter(event.event_type for event in events).most_common(TOP)),
    )
