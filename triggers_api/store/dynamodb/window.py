"""The window of a receive: the available events that it chooses from."""

import time
from dataclasses import dataclass, replace
from typing import Any

from triggers_api.core.leases import Receive
from triggers_api.core.paging import MAX_PAGE_SECONDS, EventQuery, Filter, Position
from triggers_api.store.calls import logger
from triggers_api.store.dynamodb.index import MAX_READS, read_index
from triggers_api.store.dynamodb.memory import RecentEvents, ResumePositions
from triggers_api.store.dynamodb.table import EventTable

_WINDOW_FACTOR = 10
"""A window holds up to 10 x `limit` events, so that receives at the same moment choose different ones."""

MAX_PASSED_OVER = 2_000
"""How many leased and delayed events a receive without a filter may read. They stay in the index."""


@dataclass(frozen=True, slots=True)
class Window:
    """Items that the index shows as available, oldest first. `more`: there may be others."""

    items: list[dict[str, Any]]
    more: bool


class WindowReader:
    """Reads windows, from the oldest event on, with a bounded number of reads.

    A receive that reaches a bound stops with too few events, although there may be more. The next receive
    with the same filter reads the head of the index first, because leases end there. Then it jumps to the
    position at which the other one stopped. So a consumer gets past any number of leased events, and of
    events that its filter leaves out.
    """

    def __init__(self, table: EventTable, recent: RecentEvents) -> None:
        self._table = table
        self._recent = recent
        self._resume_positions = ResumePositions()

    def read(self, receive: Receive) -> Window:
        """Return the window of a receive."""
        started = time.monotonic()
        query = _window_query(receive)
        resume_at = self._resume_positions.get(query.filter, receive.now_ms)
        has_jumped = False
        items: list[dict[str, Any]] = []
        passed_over = 0
        for _ in range(MAX_READS):
            # Read as many as are missing, or as were passed over so far if that is more.
            limit = max(query.limit - len(items), passed_over)
            page = next(read_index(self._table, query, [limit]))
            items += [item for item in page.items if self._is_available(item, receive)]
            passed_over += page.passed_over
            if page.last is None:
                self._resume_positions.clear(query.filter)
                # The events that a jump left out may be available by now.
                return Window(items[: query.limit], more=has_jumped or len(items) > query.limit)
            if len(items) >= query.limit:
                return Window(items[: query.limit], more=True)
            after = page.last
            if resume_at is not None and after < resume_at:
                after, has_jumped = resume_at, True
            query = replace(query, after=after)
            if _reached_bound(query.filter, started, passed_over):
                break
        self._stop(query.filter, after, receive.now_ms, passed_over)
        return Window(items, more=True)

    def _is_available(self, item: dict[str, Any], receive: Receive) -> bool:
        return not self._recent.is_outdated(item, receive.now_ms)

    def _stop(self, wanted: Filter, after: Position, now_ms: int, passed_over: int) -> None:
        """Remember where to resume. Warn if the events passed over are leased or delayed ones."""
        self._resume_positions.set(wanted, after, now_ms)
        if _is_unfiltered(wanted):
            logger.warning("receive reached its bound", extra={"fields": {"passed_over": passed_over}})


def _window_query(receive: Receive) -> EventQuery:
    event_types = (receive.event_type,) if receive.event_type else ()
    wanted = Filter(source=receive.source, event_types=event_types)
    return EventQuery(wanted, _WINDOW_FACTOR * receive.limit, receive.now_ms, only_available=True)


def _is_unfiltered(wanted: Filter) -> bool:
    """Return whether a receive passes over leased and delayed events only.

    A filter also passes over the events that it leaves out, which is no reason to stop early or to warn.
    """
    return wanted == Filter()


def _reached_bound(wanted: Filter, started: float, passed_over: int) -> bool:
    is_late = time.monotonic() - started > MAX_PAGE_SECONDS
    return is_late or (_is_unfiltered(wanted) and passed_over > MAX_PASSED_OVER)
