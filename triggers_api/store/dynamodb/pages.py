"""Pages of events, counts and statistics, each with a bounded number of reads."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

from triggers_api.core.paging import Count, DeadStats, EventQuery, Page, PageBuilder, PendingStats
from triggers_api.store.dynamodb.index import MAX_QUERY_LIMIT, MAX_READS, read_index
from triggers_api.store.dynamodb.items import readable_events
from triggers_api.store.dynamodb.table import EventTable

_FIRST_LIMIT = 16
"""How many items to read in search of the oldest event. Most often the first one is it."""


def find_page(table: EventTable, query: EventQuery) -> Page:
    """Query the index until the page is full, the index ends, or a bound on reads or time is reached."""
    page = PageBuilder(query.limit, query.now_ms)
    # Ask for one event more than the page needs: it shows whether there is a next page. A limit is the number
    # of events read, not of those that match the filter, so each query asks for four times as many as the one
    # before.
    limits = ((page.free_places + 1) * 4**read for read in range(MAX_READS))
    last = query.after
    for answer in read_index(table, query, limits):
        for event in readable_events(answer.items):
            if not page.add(event):
                return page.full_page()
        last = answer.last
    return page.page_up_to(last)


def count(table: EventTable, query: EventQuery) -> Count:
    """Count in the index, by as many reads as a page may take."""
    total, last = 0, query.after
    for answer in read_index(table, query, repeat(MAX_QUERY_LIMIT, MAX_READS), count_only=True):
        total += answer.matching
        last = answer.last
        if total >= query.limit:
            break
    return Count(min(total, query.limit), capped=last is not None or total > query.limit)


def pending_stats(table: EventTable, query: EventQuery) -> PendingStats:
    """Count twice, and search for the event that waits longest."""
    all_events = count(table, query)
    available = count(table, replace(query, only_available=True))
    created_at, since = _find_oldest(table, query)
    return PendingStats(
        count=all_events.count,
        capped=all_events.capped or (created_at is None and all_events.count > 0),
        leased=max(0, all_events.count - available.count),
        oldest_created_at=created_at,
        oldest_since=since,
    )


def dead_stats(table: EventTable, query: EventQuery) -> DeadStats:
    """Count, and search for the oldest event."""
    dead = count(table, query)
    created_at, _ = _find_oldest(table, query)
    return DeadStats(dead.count, dead.capped or (created_at is None and dead.count > 0), created_at)


def _find_oldest(table: EventTable, query: EventQuery) -> tuple[str | None, str | None]:
    """Return when the oldest event was created, and since when the one that waits longest waits.

    They differ if the oldest events were requeued. The first event that never was ends the search: those
    behind it were created later, and requeued later still.
    """
    created: list[str] = []
    waiting_since: list[str] = []
    for item in _oldest_items(table, query):
        created.append(item["created_at"]["S"])
        requeued_at = item.get("requeued_at", {}).get("S")
        waiting_since.append(requeued_at or created[-1])
        if requeued_at is None:
            break
    return min(created, default=None), min(waiting_since, default=None)


def _oldest_items(table: EventTable, query: EventQuery) -> Iterator[dict[str, Any]]:
    limits = (_FIRST_LIMIT * 4**read for read in range(MAX_READS))
    for answer in read_index(table, query, limits, attributes="#created_at, #requeued_at"):
        yield from answer.items
