"""Queries of the status index, which sorts events by status, then by creation time.

The index lags behind the table by some milliseconds, so its items may be out of date. Every change of an item
is therefore conditional.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from triggers_api.core.paging import EventQuery, Position
from triggers_api.errors import DeadlineExceededError
from triggers_api.store.dynamodb.changes import NOT_HIDDEN, hidden_values
from triggers_api.store.dynamodb.expressions import expressions
from triggers_api.store.dynamodb.schema import STATUS_INDEX
from triggers_api.store.dynamodb.shards import shard_key
from triggers_api.store.dynamodb.table import EventTable

MAX_READS = 10
"""Queries of up to 1 MB each, per loop over the index, however few events match the filter."""

MAX_QUERY_LIMIT = 100_000
"""Far beyond the 1 MB that DynamoDB reads for one query."""


@dataclass(frozen=True, slots=True)
class IndexPage:
    """The answer to one query.

    Attributes:
        items: The items that match, empty if they were only counted.
        matching: How many items match.
        passed_over: How many items were read and do not match.
        last: The position of the item that was read last. None: it is the last one of the index.
    """

    items: list[dict[str, Any]]
    matching: int
    passed_over: int
    last: Position | None


def read_index(
    table: EventTable,
    query: EventQuery,
    limits: Iterable[int],
    *,
    shard: int = 0,
    by_time: bool = False,
    attributes: str = "",
    count_only: bool = False,
) -> Iterator[IndexPage]:
    """Yield the answers of successive queries, until the index ends or the request's time is up.

    Args:
        table: The table.
        query: The events, and the position to start after. Its limit is not used.
        limits: For each query, how many items it reads, whether they match or not.
        shard: The shard to read.
        by_time: Start at the time of the position, not after its event, which may be in another shard.
        attributes: A projection expression. If it is empty, items are complete.
        count_only: Read no items, only how many match.

    Raises:
        DeadlineExceededError: There was no time for the first query.
    """
    after = query.after
    for number, limit in enumerate(limits):
        request = _request(query, shard, after, attributes, by_time=by_time and number == 0)
        if request is None:
            yield IndexPage([], 0, 0, None)
            return
        if count_only:
            request["Select"] = "COUNT"
        try:
            answer = table.query(
                expects="Count" if count_only else "Items", Limit=min(limit, MAX_QUERY_LIMIT), **request
            )
        except DeadlineExceededError:
            if number == 0:
                raise
            return  # the pages so far are a valid answer
        page = _page(answer)
        yield page
        after = page.last
        if after is None:
            return


def _page(answer: dict[str, Any]) -> IndexPage:
    last = answer.get("LastEvaluatedKey")
    return IndexPage(
        items=answer.get("Items", []),
        matching=answer["Count"],
        passed_over=answer["ScannedCount"] - answer["Count"],
        last=last and Position(last["created_at"]["S"], last["event_id"]["S"]),
    )


def _request(
    query: EventQuery, shard: int, after: Position | None, attributes: str, *, by_time: bool
) -> dict[str, Any] | None:
    """Return the arguments of a query. None if no creation time is within its bounds."""
    wanted = query.filter
    first, last = _creation_times(query, after)
    if first and last and first > last:
        return None  # DynamoDB would reject the query as malformed
    types = {f"type{number}": event_type for number, event_type in enumerate(wanted.event_types)}
    request = expressions(
        {
            "status": shard_key(wanted.status, shard),
            "first": first,
            "last": last,
            "now": query.now,
            "source": wanted.source or "",
            "acknowledged_since": wanted.acknowledged_since or "",
            "acknowledged_until": wanted.acknowledged_until or "",
            **types,
            **hidden_values(query.now_ms),
        },
        KeyConditionExpression=f"#status = :status{_range(first, last)}",
        FilterExpression=_filter(query, types),
        ProjectionExpression=attributes,
    )
    request.update(IndexName=STATUS_INDEX, ScanIndexForward=not query.newest_first)
    if after is not None and not by_time:
        request["ExclusiveStartKey"] = {
            "event_id": {"S": after.event_id},
            "created_at": {"S": after.created_at},
            "status": {"S": shard_key(wanted.status, shard)},
        }
    return request


def _creation_times(query: EventQuery, after: Position | None) -> tuple[str, str]:
    """Return the first and the last creation time of a query, each empty if there is no bound.

    To continue, the start key alone would be enough. But DynamoDB Local reads from the beginning to find it:
    with 100,000 pending events, a page from the middle took 80 ms, and takes 6 ms with the range.
    """
    first = query.filter.since or ""
    # `until` is exclusive, but BETWEEN is inclusive. Without its Z, `until` sorts just before itself.
    last = (query.filter.until or "").removesuffix("Z")
    if after is not None and query.newest_first:
        last = after.created_at
    elif after is not None:
        first = after.created_at
    return first, last


def _range(first: str, last: str) -> str:
    if first and last:
        return " AND #created_at BETWEEN :first AND :last"
    if first:
        return " AND #created_at >= :first"
    return " AND #created_at <= :last" if last else ""


def _filter(query: EventQuery, types: Iterable[str]) -> str:
    wanted = query.filter
    filters = []
    if not query.with_expired:
        # This also matches an item whose ttl is missing or not a number: `readable_events` logs such an item
        # and skips it. `#ttl > :now` would hide it.
        filters.append("NOT #ttl <= :now")
    if wanted.source is not None:
        filters.append("#source = :source")
    if wanted.event_types:
        filters.append(f"#event_type IN ({', '.join(f':{name}' for name in types)})")
    if wanted.acknowledged_since is not None:
        filters.append("#acknowledged_at >= :acknowledged_since")
    if wanted.acknowledged_until is not None:
        filters.append("#acknowledged_at < :acknowledged_until")
    if query.only_available:
        filters.append(NOT_HIDDEN)
    return " AND ".join(filters)
