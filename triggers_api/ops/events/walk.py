"""Walk over the events that match a filter, page by page."""

from collections.abc import Iterator
from dataclasses import replace
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from triggers_api.core.events import Event
from triggers_api.core.maintenance import statuses_of
from triggers_api.core.paging import EventQuery, Filter, Position
from triggers_api.core.times import Clock, milliseconds

if TYPE_CHECKING:
    from triggers_api.core.ports import EventStore

PAGE = 100


def walk(store: "EventStore", clock: Clock, wanted: Filter, *, newest_first: bool = False) -> Iterator[Event]:
    """Yield the events that match a filter, in the order of their creation, whatever their status.

    Raises:
        StoreUnavailableError: The store failed.
    """
    walks = [
        _walk_status(store, clock, replace(wanted, status=status), newest_first=newest_first)
        for status in statuses_of(wanted)
    ]
    events = merge(*walks, key=attrgetter("created_at", "event_id"), reverse=newest_first)
    # An event whose status changes meanwhile may come twice, one after the other.
    for _, same in groupby(events, key=attrgetter("event_id")):
        yield next(same)


def _walk_status(store: "EventStore", clock: Clock, wanted: Filter, *, newest_first: bool) -> Iterator[Event]:
    after: Position | None = None
    while True:
        query = EventQuery(wanted, PAGE, milliseconds(clock()), after, newest_first=newest_first)
        page = store.page(query)
        yield from page.events
        if page.next is None:
            return
        after = page.next
