"""Walk over the events that match a filter, page by page."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from triggers_api.core.events import Event
from triggers_api.core.maintenance import statuses_of
from triggers_api.core.paging import EventQuery, Filter, Position
from triggers_api.core.times import Clock, milliseconds

if TYPE_CHECKING:
    from triggers_api.core.ports import EventStore

PAGE = 100


def walk(store: "EventStore", clock: Clock, wanted: Filter, *, newest_first: bool = False) -> Iterator[Event]:
    """Yield the events that match a filter, in the order of their creation, one status after another.

    Raises:
        StoreUnavailableError: The store failed.
    """
    for status in statuses_of(wanted):
        part = replace(wanted, status=status)
        after: Position | None = None
        while True:
            query = EventQuery(part, PAGE, milliseconds(clock()), after, newest_first=newest_first)
            page = store.page(query)
            yield from page.events
            if page.next is None:
                break
            after = page.next
