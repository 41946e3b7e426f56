"""Pages of events, counts and statistics, each with a bounded number of reads."""

from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import Any

from triggers_api.core.paging import Count, DeadStats, EventQuery, Page, PageBuilder, PendingStats
from triggers_api.store.dynamodb.index import MAX_QUERY_LIMIT, MAX_READS, read_index
from triggers_api.store.dynamodb.items import readable_events
from triggers_api.store.dynamodb.merge import find_merged_page
from triggers_api.store.dynamodb.table import EventTable

_FIRST_LIMIT = 16
"""How many items the first query for the oldest event reads. Usually the first item is the oldest event."""


def find_page(table: EventTable, query: EventQuery) -> Page:
    """Query the index until the page is full, the index ends, or a bound on reads or time is reached."""
    shards = max(table.shards.read, query.after.shards if query.after else 0)
    return _find_page(table, query) if shards == 1 else find_merged_page(table, query, shards)


def _find_page(table: EventTable, query: EventQuery) -> Page:
    """Return a page of the only shard."""
    page = PageBuilder(query.limit, query.now_ms)
    # One event more than the page needs shows whether there is a next page. A limit counts the events that
    # are read, not those that match the filter, so each query reads four times as many as the one before.
    limits = ((page.free_places + 1) * 4**read for read in range(MAX_READS))
    last = query.after
    for answer in read_index(table, query, limits):
        for event in readable_events(answer.items):
            if not page.add(event):
                return page.full_page()
        last = answer.last
    return page.page_up_to(last)


def count(table: EventTable, query: EventQuery) -> Count:
    """Count the events that match, with as many queries as a page may take, and one more a shard."""
    total, shards = 0, table.shards.read
    reads_left = MAX_READS + shards - 1
    for shard in range(shards):
        limits, is_whole = repeat(MAX_QUERY_LIMIT, reads_left), False
        for answer in read_index(table, query, limits, shard=shard, count_only=True):
            reads_left -= 1
            total += answer.matching
            is_whole = answer.last is None and shard == shards - 1
            if total >= query.limit:
                return Count(query.limit, capped=not is_whole or total > query.limit)
            if answer.last is None:
                break
        else:
            return Count(total, capped=True)
    return Count(total, capped=False)


def pending_stats(table: EventTable, query: EventQuery) -> PendingStats:
    """Count all and the available pending events, and find the one that waits longest."""
    all_events = count(table, query)
    available = count(table, replace(query, only_available=True))
    created_at, since = _find_oldest(table, query)
    return PendingStats(
        count=all_events.count,
        capped=_is_capped(all_events, created_at),
        leased=max(0, all_events.count - available.count),  # events may arrive between the two counts
        oldest_created_at=created_at,
        oldest_since=since,
    )


def dead_stats(table: EventTable, query: EventQuery) -> DeadStats:
    """Count the dead events, and find the oldest one."""
    dead = count(table, query)
    created_at, _ = _find_oldest(table, query)
    return DeadStats(dead.count, _is_capped(dead, created_at), created_at)


def _is_capped(counted: Count, oldest_created_at: str | None) -> bool:
    """Return whether a bound on reads was reached: by the count, or before the oldest event was found."""
    return counted.capped or (oldest_created_at is None and counted.count > 0)


def _find_oldest(table: EventTable, query: EventQuery) -> tuple[str | None, str | None]:
    """Return when the oldest event was created, and since when the event that waits longest has waited.

    A requeued event waits since its requeue. The search ends at the first event that was never requeued: all
    events behind it in its shard were created later, so they wait for less time, requeued or not.
    """
    created: list[str] = []
    waiting_since: list[str] = []
    for items in table.threads.map(partial(_oldest_items, table, query), range(table.shards.read)):
        created += [item["created_at"]["S"] for item in items]
        waiting_since += [item.get("requeued_at", item["created_at"])["S"] for item in items]
    return min(created, default=None), min(waiting_since, default=None)


def _oldest_items(table: EventTable, query: EventQuery, shard: int) -> list[dict[str, Any]]:
    """Return the oldest items of a shard, up to the first that was never requeued."""
    items: list[dict[str, Any]] = []
    limits = (_FIRST_LIMIT * 4**read for read in range(MAX_READS))
    attributes = "#created_at, #requeued_at"
    for answer in read_index(table, query, limits, shard=shard, attributes=attributes):
        for item in answer.items:
            items.append(item)
            if "requeued_at" not in item:
                return items
    return items
