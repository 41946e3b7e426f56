"""The window of a receive: the available events that it chooses from."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

from triggers_api.core.leases import Receive
from triggers_api.core.paging import MAX_PAGE_SECONDS, EventQuery, Filter
from triggers_api.store.calls import logger
from triggers_api.store.dynamodb.index import MAX_READS, read_index
from triggers_api.store.dynamodb.memory import RecentEvents, ResumePositions
from triggers_api.store.dynamodb.table import EventTable

_WINDOW_FACTOR, _FACTOR_OF_MANY_SHARDS, _MANY_SHARDS = 10, 4, 4
"""A window holds up to 10 x `limit` events, so that receives at the same moment choose different ones. With
four shards and more they mostly choose different shards, and 4 x `limit` is enough."""

MAX_PASSED_OVER = 2_000
"""How many leased and delayed events a receive without a filter may read. They stay in the index."""


@dataclass(frozen=True, slots=True)
class Window:
    """Items that the index shows as available, oldest first. `more`: there may be others."""

    items: list[dict[str, Any]]
    more: bool


class WindowReader:
    """Reads windows, one of each shard, from the oldest event on, with a bounded number of reads.

    A receive that reaches a bound stops with too few events, although there may be more. The next receive
    with the same filter reads the head of the index first, because leases end there. Then it jumps to the
    position at which the other one stopped. So a consumer gets past any number of leased events, and of
    events that its filter leaves out.
    """

    def __init__(self, table: EventTable, recent: RecentEvents) -> None:
        self._table = table
        self._recent = recent
        self._resume_positions = [ResumePositions() for _ in range(table.shards.read)]

    def read(self, receive: Receive) -> Iterator[Window]:
        """Yield windows of a receive, those of the shards in random order."""
        reads = repeat(None, MAX_READS + self._table.shards.read - 1)
        for shard in random.sample(range(self._table.shards.read), self._table.shards.read):
            yield self._read_shard(receive, shard, reads)

    def _read_shard(self, receive: Receive, shard: int, reads: Iterator[None]) -> Window:
        """Return the window of a shard. `reads` ends when no further read may be made."""
        started = time.monotonic()
        query = self._query(receive)
        resume_positions = self._resume_positions[shard]
        resume_at = resume_positions.get(query.filter, receive.now_ms)
        has_jumped = False
        items: list[dict[str, Any]] = []
        passed_over = 0
        for _ in reads:
            # Read as many as are missing, or as were passed over so far if that is more.
            limit = max(query.limit - len(items), passed_over)
            page = next(read_index(self._table, query, [limit], shard=shard))
            items += [item for item in page.items if self._is_available(item, receive)]
            passed_over += page.passed_over
            if page.last is None:
                resume_positions.clear(query.filter)
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
        if query.after is not None:
            resume_positions.set(query.filter, query.after, receive.now_ms)
        if _is_unfiltered(query.filter) and passed_over > MAX_PASSED_OVER:
            # These are leased or delayed events.
            logger.warning("receive reached its bound", extra={"fields": {"passed_over": passed_over}})
        return Window(items, more=True)

    def _is_available(self, item: dict[str, Any], receive: Receive) -> bool:
        return not self._recent.is_outdated(item, receive.now_ms)

    def _query(self, receive: Receive) -> EventQuery:
        event_types = (receive.event_type,) if receive.event_type else ()
        wanted = Filter(source=receive.source, event_types=event_types)
        factor = _WINDOW_FACTOR if self._table.shards.read < _MANY_SHARDS else _FACTOR_OF_MANY_SHARDS
        return EventQuery(wanted, factor * receive.limit, receive.now_ms, only_available=True)


def _is_unfiltered(wanted: Filter) -> bool:
    """Return whether a receive passes over leased and delayed events only.

    A filter also passes over the events that it leaves out, which is no reason to stop early or to warn.
    """
    return wanted == Filter()


def _reached_bound(wanted: Filter, started: float, passed_over: int) -> bool:
    is_late = time.monotonic() - started > MAX_PAGE_SECONDS
    return is_late or (_is_unfiltered(wanted) and passed_over > MAX_PASSED_OVER)
