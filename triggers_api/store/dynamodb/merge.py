"""Pages over several shards: their events in one order, as if the index had one partition.

The index sorts a shard by creation time, but events of the same time stand in any order. So the position of a
merged page is a time and an id: the next page reads every shard from that time on, and drops what is not
behind the position. A page shows only events that are older than the time up to which each shard was read.
So no event that comes before them can be missing.

A process with one shard makes positions in the order of the index (`Position.shards` is 0). The page behind
such a position continues shard 0 at its event. Its walk has seen no other shard, and takes the events there
that are newer.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any, TypeVar

from triggers_api.core.paging import EventQuery, Page, PageBuilder, Position
from triggers_api.errors import DeadlineExceededError
from triggers_api.store.dynamodb.index import MAX_READS, IndexPage, read_index
from triggers_api.store.dynamodb.items import readable_events
from triggers_api.store.dynamodb.table import EventTable

_MARGIN, _MORE = 1.6, 3
"""A shard is read for its share of the page, times `_MARGIN`, plus `_MORE`: mostly one round is enough.

With 16 shards and a page of 50 that is 9 events of up to 455 bytes for half a read unit, 8 units in all.
"""

_LIMIT_FACTOR = 8
"""Each further round reads this many times as many items, because the filter leaves many out."""

_BEFORE_EVERY_ID, _AFTER_EVERY_ID = "0", "g"  # ids are hexadecimal

Item = dict[str, Any]
T = TypeVar("T", str, tuple[str, str])


def find_merged_page(table: EventTable, query: EventQuery, shards: int) -> Page:
    """Read the shards in parallel until the page is full, all of them end, or a bound is reached.

    Raises:
        StoreUnavailableError: A shard could not be read. A page never lacks the events of a shard.
    """
    page = PageBuilder(query.limit, query.now_ms)
    merge = _Merge(table, query, shards)
    limit = ceil((query.limit + 1) / shards * _MARGIN) + _MORE
    merge.read(range(shards), limit)
    reads_left = MAX_READS
    while reads_left and (lagging := merge.lagging_shards()[:reads_left]):
        limit *= _LIMIT_FACTOR
        try:
            merge.read(lagging, limit)
        except DeadlineExceededError:
            break  # what was read so far is a valid answer
        reads_left -= len(lagging)
    for event in readable_events(merge.ready_items()):
        if not page.add(event):
            full = page.full_page()
            return Page(full.events, merge.position_of(full.events[-1].created_at, full.events[-1].event_id))
    return page.page_up_to(merge.position_read_to())


class _Merge:
    """The items of all shards that were read so far, and how far each shard was read."""

    def __init__(self, table: EventTable, query: EventQuery, shards: int) -> None:
        self._table = table
        self._query = query
        self._shards = shards
        self._items: list[Item] = []
        self._read_to: dict[int, Position | None] = {}
        """For each shard the position up to which it was read, None if it was read to its end."""

    def read(self, shards: Sequence[int], limit: int) -> None:
        """Read up to `limit` further items of each of these shards."""
        pages = self._table.threads.map(partial(self._read_one, limit=limit), shards)
        for shard, page in zip(shards, pages, strict=True):
            self._items += [item for item in page.items if self._is_behind_position(item)]
            self._read_to[shard] = page.last

    def _read_one(self, shard: int, limit: int) -> IndexPage:
        if shard in self._read_to:
            after, by_time = self._read_to[shard], False
        else:
            after, by_time = self._start(shard)
        query = replace(self._query, after=after)
        return next(read_index(self._table, query, [limit], shard=shard, by_time=by_time))

    def _start(self, shard: int) -> tuple[Position | None, bool]:
        """Return where to start to read a shard, and whether that is a time only."""
        after = self._query.after
        if after is None or after.shards:
            return after, True
        if shard == 0:
            return after, False
        # Texts just behind the time, in both orders.
        behind = after.created_at.removesuffix("Z") if self._query.newest_first else f"{after.created_at}!"
        return Position(behind, after.event_id), True

    def lagging_shards(self) -> list[int]:
        """Return the shards that must be read on before a full page is known, the last ones first."""
        left = {shard: last.created_at for shard, last in self._read_to.items() if last is not None}
        if len(self._items) > self._query.limit:
            time = _time(self._sorted()[self._query.limit])
            left = {shard: last for shard, last in left.items() if not self._is_before(time, last)}
        return sorted(left, key=lambda shard: left[shard], reverse=self._query.newest_first)

    def ready_items(self) -> list[Item]:
        """Return the items before which none can be missing, in order."""
        end = self._time_read_to()
        return [
            item
            for item in self._sorted()
            if end is None or self._is_before(_time(item), end) or self._is_continued(_time(item))
        ]

    def position_of(self, created_at: str, event_id: str) -> Position:
        """Return the position behind an event of the page."""
        return Position(created_at, event_id, 0 if self._is_continued(created_at) else self._shards)

    def position_read_to(self) -> Position | None:
        """Return the position behind all that was shown, None if every shard was read to its end."""
        end, first = self._time_read_to(), self._read_to[0]
        if end is None:
            return None
        if first is not None and self._is_continued(end):
            return first
        edge = _AFTER_EVERY_ID if self._query.newest_first else _BEFORE_EVERY_ID
        after = self._query.after
        if after is not None and after.created_at == end:
            edge = after.event_id  # a walk never goes back, even if the time was up before it got further
        return Position(end, edge, self._shards)

    def _time_read_to(self) -> str | None:
        """Return the time up to which all shards were read, None if they were read to their ends."""
        times = [last.created_at for last in self._read_to.values() if last is not None]
        if not times:
            return None
        return max(times) if self._query.newest_first else min(times)

    def _sorted(self) -> list[Item]:
        def place(item: Item) -> tuple[str, str]:
            time = _time(item)
            return time, "" if self._is_continued(time) else item["event_id"]["S"]

        return sorted(self._items, key=place, reverse=self._query.newest_first)

    def _is_behind_position(self, item: Item) -> bool:
        after = self._query.after
        if after is None or not after.shards:
            return True
        return self._is_before(after[:2], (_time(item), item["event_id"]["S"]))

    def _is_continued(self, time: str) -> bool:
        """Return whether events of this time are shown in the order of the index: see the module."""
        after = self._query.after
        return after is not None and not after.shards and after.created_at == time

    def _is_before(self, one: T, other: T) -> bool:
        return other < one if self._query.newest_first else one < other


def _time(item: Item) -> str:
    time: str = item["created_at"]["S"]
    return time
