"""The window of a receive: the available events that it chooses from."""

import time
from dataclasses import dataclass, replace
from typing import Any

from triggers_api.core.leases import Claim
from triggers_api.core.paging import MAX_PAGE_SECONDS, EventQuery, Filter
from triggers_api.store.calls import logger
from triggers_api.store.dynamodb.index import MAX_READS, read_index
from triggers_api.store.dynamodb.memory import RecentEvents, Stops
from triggers_api.store.dynamodb.table import EventTable

SIZE = 10
"""How many times as many events a window holds as the receive claims at most."""

MAX_PASSED_OVER = 2_000
"""How many leased and delayed events a receive without a filter reads over. They stay in the index."""


@dataclass(frozen=True, slots=True)
class Window:
    """Items that the index shows as available, oldest first. `more`: there may be others."""

    items: list[dict[str, Any]]
    more: bool


class WindowReader:
    """Reads windows, from the oldest event on, with a bounded number of reads.

    A receive that reaches the bound has found too little although there may be more. The next receive with
    the same filter reads the head of the index, because leases end there, and then goes on behind the place
    where the other one stopped. So a consumer gets past any number of leased events, and of events that its
    filter leaves out.
    """

    def __init__(self, table: EventTable, recent: RecentEvents) -> None:
        self._table = table
        self._recent = recent
        self._stops = Stops()

    def read(self, claim: Claim) -> Window:
        """Return the window of a receive."""
        started = time.monotonic()
        wanted = Filter(source=claim.source, event_types=(claim.event_type,) if claim.event_type else ())
        query = EventQuery(wanted, SIZE * claim.limit, claim.now_ms, only_available=True)
        stop = self._stops.get(wanted, claim.now_ms)
        has_jumped = False
        items: list[dict[str, Any]] = []
        passed_over = 0
        for _ in range(MAX_READS):
            # Ask for what is missing, or for as many as were passed over so far if that is more.
            limit = max(query.limit - len(items), passed_over)
            page = next(read_index(self._table, query, [limit]))
            items += [item for item in page.items if self._is_available(item, claim)]
            passed_over += page.passed_over
            if page.last is None:
                self._stops.clear(wanted)
                return Window(items[: query.limit], has_jumped or len(items) > query.limit)
            if len(items) >= query.limit:
                return Window(items[: query.limit], more=True)
            after = page.last
            if stop is not None and after < stop:
                after, has_jumped = stop, True
            query = replace(query, after=after)
            is_late = time.monotonic() - started > MAX_PAGE_SECONDS
            if is_late or (wanted == Filter() and passed_over > MAX_PASSED_OVER):
                break
        self._stops.set(wanted, after, claim.now_ms)
        if wanted == Filter():
            logger.warning("receive reached its bound", extra={"fields": {"passed_over": passed_over}})
        return Window(items, more=True)

    def _is_available(self, item: dict[str, Any], claim: Claim) -> bool:
        return not self._recent.contains(item["event_id"]["S"], claim.now_ms)
