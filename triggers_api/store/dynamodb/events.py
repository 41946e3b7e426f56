"""Events on DynamoDB: `EventStore` for any number of writers and readers.

The primary key is computed from the event id. Preconditions are therefore condition expressions of the write,
with no read first. If DynamoDB refuses a write, it returns the existing item:

    ack A ── UpdateItem if pending ──────────► acknowledged, nonce A     the answer is lost
    ack A, repeated by the SDK ────► refused: acknowledged, nonce A  ──► this call did it: 200
    ack B ─────────────────────────► refused: acknowledged, nonce A  ──► another call did it: 409
                                     refused: no item                ──► 404
"""

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from triggers_api.core import deadline, ids
from triggers_api.core.events import ACKNOWLEDGED, PENDING, Event, event_not_found
from triggers_api.core.idempotency import IdempotencyClaim, is_repeat
from triggers_api.core.paging import Page, PageBuilder, PendingQuery, Position
from triggers_api.core.ports import NewEvent
from triggers_api.errors import (
    ConflictError,
    CorruptRecordError,
    DeadlineExceededError,
    IdempotencyKeyReusedError,
    StoreUnavailableError,
    TriggersError,
)
from triggers_api.store.calls import logger
from triggers_api.store.dynamodb.client import ConditionFailedError, DynamoDB, TransactionCanceledError
from triggers_api.store.dynamodb.items import claim_item, event_item, load_item, primary_key, readable_events
from triggers_api.store.dynamodb.schema import PENDING_INDEX

MAX_READS_PER_PAGE = 10
"""Queries of up to 1 MB each that one page may cost, however few events match its filter."""

_MAX_QUERY_LIMIT = 100_000  # far beyond the 1 MB that DynamoDB reads for one query
_TRANSACTION_TRIES = 8


class DynamoEventStore:
    """See `EventStore` for the contract."""

    def __init__(self, dynamodb: DynamoDB, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        """Put the events one after the other, an event and its claim in one transaction.

        Not `BatchWriteItem`: it has no conditions, so a repeat after a lost answer could make an acknowledged
        event pending again.
        """
        return [self._add_entry(entry, now) for entry in entries]

    def get(self, event_id: str, now: int) -> Event | None:
        """Use a consistent read, so that an event is visible as soon as its POST returned 201."""
        key = primary_key(event_id)
        if key is None:
            return None
        answer = self._dynamodb.call("get_item", TableName=self._table, Key=key, ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            return None
        event = load_item(item)
        return event if event.expires_at > now else None

    def pending(self, query: PendingQuery) -> Page:
        """Query the index until the page is full, the inbox ends, or a bound on reads or time is reached."""
        page = PageBuilder(query.limit)
        after = query.after
        for read in range(MAX_READS_PER_PAGE):
            # Ask for one event more than the page needs: it shows whether there is a next page. `Limit` is
            # the number of events read, not of those that match the filter, so each query asks for four
            # times as many as the one before.
            limit = min((page.free_places + 1) * 4**read, _MAX_QUERY_LIMIT)
            try:
                answer = self._dynamodb.call("query", expects="Items", **self._query(query, after, limit))
            except DeadlineExceededError:
                if read == 0:
                    raise
                break  # the events so far are an answer, and the cursor continues after them
            for event in readable_events(answer["Items"]):
                if not page.add(event):
                    return page.full_page()
            last = answer.get("LastEvaluatedKey")
            if last is None:
                return page.page_up_to(None)
            after = Position(last["created_at"]["S"], last["event_id"]["S"])
        return page.page_up_to(after)

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:
        """Update the item if it is pending."""
        key = primary_key(event_id)
        if key is None:
            raise event_not_found()
        condition, names, values = _source_condition(source)
        try:
            self._dynamodb.call(
                "update_item",
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #status = :acknowledged, acknowledged_at = :at, ack_nonce = :nonce",
                ConditionExpression=f"#status = :pending AND #ttl > :now{condition}",
                ExpressionAttributeNames={"#status": "status", "#ttl": "ttl", **names},
                ExpressionAttributeValues={
                    ":acknowledged": {"S": ACKNOWLEDGED},
                    ":pending": {"S": PENDING},
                    ":at": {"S": at},
                    ":nonce": {"S": nonce},
                    ":now": {"N": str(now)},
                    **values,
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailedError as refusal:
            _check_refused_ack(refusal.item, nonce=nonce, now=now, source=source)

    def delete(self, event_id: str, *, source: str | None) -> None:
        """Delete the item. The source that an API key is bound to is a condition of the delete itself."""
        key = primary_key(event_id)
        if key is None:
            return
        condition: dict[str, Any] = {}
        if source is not None:
            condition = {
                "ConditionExpression": "#source = :source",
                "ExpressionAttributeNames": {"#source": "source"},
                "ExpressionAttributeValues": {":source": {"S": source}},
            }
        # The condition fails if the event does not exist or has another source: there is nothing to delete.
        with suppress(ConditionFailedError):
            self._dynamodb.call("delete_item", TableName=self._table, Key=key, **condition)

    def _add_entry(self, entry: NewEvent, now: int) -> str | TriggersError:
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": event_item(entry.event),
            "ConditionExpression": "attribute_not_exists(event_id)",
        }
        try:
            if entry.claim is not None:
                return self._put_with_claim(put, entry.event, entry.claim, now)
            # The id is fresh and has 62 random bits. If the item exists, it is this event, put by an attempt
            # whose answer was lost.
            with suppress(ConditionFailedError):
                self._dynamodb.call("put_item", **put)
        except TriggersError as error:
            return error
        return entry.event.event_id

    def _put_with_claim(self, put: dict[str, Any], event: Event, claim: IdempotencyClaim, now: int) -> str:
        """Put an event and its claim, or return the event id of the earlier request that made the claim."""
        put_claim = {
            "TableName": self._table,
            "Item": claim_item(claim),
            # An expired claim may linger for days: DynamoDB deletes late.
            "ConditionExpression": "attribute_not_exists(event_id) OR #ttl <= :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":now": {"N": str(now)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        for attempt in range(_TRANSACTION_TRIES):
            if attempt:  # another request with this idempotency key is being written: wait for its outcome
                time.sleep(random.uniform(0, min(0.02 * 2**attempt, deadline.remaining())))  # noqa: S311 - jitter
            try:
                self._dynamodb.call("transact_write_items", TransactItems=[{"Put": put}, {"Put": put_claim}])
            except TransactionCanceledError as cancelled:
                codes = {reason.get("Code") for reason in cancelled.reasons}
                if "ConditionalCheckFailed" in codes:
                    return _earlier_event_id(cancelled.reasons[-1].get("Item", {}), event, claim)
                if "TransactionConflict" not in codes:
                    logger.error("store failed", extra={"fields": {"reason": ", ".join(map(str, codes))}})
                    break
            else:
                return claim.event_id
        raise StoreUnavailableError("The store cannot take this event right now.")

    def _query(self, query: PendingQuery, after: Position | None, limit: int) -> dict[str, Any]:
        # This also matches an item whose ttl is missing or not a number: `readable_events` logs such an item
        # and skips it. `#ttl > :now` would hide it.
        filters = ["NOT #ttl <= :now"]
        names = {"#status": "status", "#ttl": "ttl"}
        values = {":pending": {"S": PENDING}, ":now": {"N": str(query.now)}}
        if query.source is not None:
            filters.append("#source = :source")
            names["#source"] = "source"
            values[":source"] = {"S": query.source}
        if query.event_type is not None:
            filters.append("event_type = :event_type")
            values[":event_type"] = {"S": query.event_type}
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": PENDING_INDEX,
            "KeyConditionExpression": "#status = :pending",
            "FilterExpression": " AND ".join(filters),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "Limit": limit,
        }
        if after is not None:
            # The start key alone would do. But DynamoDB Local reads from the beginning to find it: with
            # 100,000 pending events, a page from the middle took 80 ms, and takes 6 ms with the range.
            arguments["KeyConditionExpression"] += " AND created_at >= :after"
            values[":after"] = {"S": after.created_at}
            arguments["ExclusiveStartKey"] = {
                "event_id": {"S": after.event_id},
                "created_at": {"S": after.created_at},
                "status": {"S": PENDING},
            }
        return arguments


def _source_condition(source: str | None) -> tuple[str, dict[str, str], dict[str, Any]]:
    if source is None:
        return "", {}, {}
    return " AND #source = :source", {"#source": "source"}, {":source": {"S": source}}


def _check_refused_ack(item: dict[str, Any], *, nonce: str, now: int, source: str | None) -> None:
    """Return if an earlier attempt of this call acknowledged the event, else raise why it was refused.

    Raises:
        NotFoundError: There is no such event for this caller.
        ConflictError: Another call acknowledged the event.
    """
    if item.get("ack_nonce") == {"S": nonce}:
        return
    event = load_item(item) if item else None
    if event is None or event.expires_at <= now or source not in (None, event.source):
        raise event_not_found()
    raise ConflictError("This event is already acknowledged.")


def _earlier_event_id(stored: dict[str, Any], event: Event, claim: IdempotencyClaim) -> str:
    """Return the event id of a stored claim.

    Raises:
        IdempotencyKeyReusedError: A different request used this idempotency key.
        CorruptRecordError: The stored claim is damaged.
    """
    try:
        fingerprint, event_id = stored["fingerprint"]["S"], stored["first_event_id"]["S"]
        valid = ids.parse_event_id(event_id) == event_id and ids.created_at(event_id) is not None
    except (LookupError, TypeError) as error:
        raise CorruptRecordError("An idempotency record cannot be read.") from error
    if not valid:
        raise CorruptRecordError("An idempotency record does not name an event.")
    if not is_repeat(event, claim, stored_fingerprint=fingerprint):
        raise IdempotencyKeyReusedError("This idempotency key was used before, for another request.")
    return str(event_id)
