"""Events on DynamoDB: `EventStore` for any number of writers and readers.

No call reads before it writes. An id tells its item's key, so what must hold is a condition of the write
itself, and the refusal brings back the item that stood in the way:

    ack A ── UpdateItem if pending ──────────► acknowledged, nonce A     answer lost on the way
    ack A, sent again by the SDK ──► refused: acknowledged, nonce A  ──► our own: 200
    ack B ─────────────────────────► refused: acknowledged, nonce A  ──► another's: 409
                                     refused: nothing there          ──► 404
"""

import random
import time
from contextlib import suppress
from functools import partial
from typing import Any

from triggers_api.core import deadline, ids
from triggers_api.core.events import (
    ACKNOWLEDGED,
    PENDING,
    Event,
    IdempotencyClaim,
    Page,
    PageBuilder,
    PendingQuery,
    Position,
    checked,
    not_found,
)
from triggers_api.errors import (
    ConflictError,
    CorruptRecordError,
    DeadlineExceededError,
    IdempotencyKeyReusedError,
    StoreUnavailableError,
)
from triggers_api.store.calls import logger
from triggers_api.store.dynamodb.client import ConditionFailedError, DynamoDB, TransactionCanceledError
from triggers_api.store.dynamodb.items import event_of, item_of, key_of, readable_events

INDEX = "status-created_at-index"
MAX_READS_PER_PAGE = 10
"""Queries of up to 1 MB each that one page may cost, however few of the events match its filter."""

_MAX_QUERY_LIMIT = 100_000  # far beyond the 1 MB that DynamoDB reads for one query
_TRANSACTION_TRIES = 8
_RECORD_SORT_KEY = "idempotency"


class DynamoEventStore:
    """See `EventStore` for the contract."""

    def __init__(self, dynamodb: DynamoDB, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, event: Event, claim: IdempotencyClaim | None, *, now: int) -> str:
        """Put the event; with a claim, the event and the claim's record in one transaction."""
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": item_of(event),
            "ConditionExpression": "attribute_not_exists(event_id)",
        }
        if claim is not None:
            return self._add_once(put, claim, now)
        # The id is fresh and has 62 random bits: what stands in the way is this event, put by an attempt
        # whose answer was lost.
        with suppress(ConditionFailedError):
            self._dynamodb.call("put_item", **put)
        return event.event_id

    def get(self, event_id: str, now: int) -> Event | None:
        """Read the item, consistently: a 201 that was answered is seen."""
        key = key_of(event_id)
        if key is None:
            return None
        answer = self._dynamodb.call("get_item", TableName=self._table, Key=key, ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            return None
        event = checked(partial(event_of, item))
        return event if event.expires_at > now else None

    def pending(self, query: PendingQuery) -> Page:
        """Query the index until the page is full, the inbox ends, or a bound on reads or time is reached."""
        page = PageBuilder(query.limit)
        after = query.after
        for read in range(MAX_READS_PER_PAGE):
            # One more than the page takes tells in the same call whether there is a next page. DynamoDB
            # counts and bills what it looks at, not what matches: where few match, each read looks at more.
            limit = min((page.missing + 1) * 4**read, _MAX_QUERY_LIMIT)
            try:
                answer = self._dynamodb.call("query", expects="Items", **self._query(query, after, limit))
            except DeadlineExceededError:
                if read == 0:
                    raise
                break  # what was looked at so far is an answer, and the cursor goes on from there
            for event in readable_events(answer["Items"]):
                if not page.takes(event):
                    return page.full()
            last = answer.get("LastEvaluatedKey")
            if last is None:
                return page.stopped(None)
            after = Position(last["created_at"]["S"], last["event_id"]["S"])
        return page.stopped(after)

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:
        """Update the item where it is pending."""
        key = key_of(event_id)
        if key is None:
            raise not_found()
        condition, names, values = _of(source)
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
            _explain_refused_ack(refusal.item, nonce=nonce, now=now, source=source)

    def delete(self, event_id: str, *, source: str | None) -> None:
        """Delete the item; a key's bound source is a condition of the delete itself."""
        key = key_of(event_id)
        if key is None:
            return
        condition: dict[str, Any] = {}
        if source is not None:
            condition = {
                "ConditionExpression": "#source = :source",
                "ExpressionAttributeNames": {"#source": "source"},
                "ExpressionAttributeValues": {":source": {"S": source}},
            }
        # What fails the condition is not there, or another source's: nothing to delete for this key.
        with suppress(ConditionFailedError):
            self._dynamodb.call("delete_item", TableName=self._table, Key=key, **condition)

    def _add_once(self, put: dict[str, Any], claim: IdempotencyClaim, now: int) -> str:
        record = {
            "TableName": self._table,
            "Item": {
                "event_id": {"S": f"idempotency#{claim.name}"},
                "created_at": {"S": _RECORD_SORT_KEY},
                "fingerprint": {"S": claim.fingerprint},
                "first_event_id": {"S": claim.event_id},
                "ttl": {"N": str(claim.expires_at)},
            },
            # An expired record may linger for days: DynamoDB deletes late.
            "ConditionExpression": "attribute_not_exists(event_id) OR #ttl <= :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":now": {"N": str(now)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        for attempt in range(_TRANSACTION_TRIES):
            # Another request with this idempotency key is being written right now; it wins or fails soon.
            time.sleep(random.uniform(0, min(0.02 * 2**attempt, deadline.remaining())) if attempt else 0)  # noqa: S311 - jitter
            try:
                self._dynamodb.call("transact_write_items", TransactItems=[{"Put": put}, {"Put": record}])
            except TransactionCanceledError as cancelled:
                codes = {reason.get("Code") for reason in cancelled.reasons}
                if "ConditionalCheckFailed" in codes:
                    return _first_answer(cancelled.reasons[-1].get("Item", {}), claim)
                if "TransactionConflict" not in codes:
                    logger.error("store failed", extra={"fields": {"reason": ", ".join(map(str, codes))}})
                    break
            else:
                return claim.event_id
        raise StoreUnavailableError("The store cannot take this event right now.")

    def _query(self, query: PendingQuery, after: Position | None, limit: int) -> dict[str, Any]:
        # Not ">": what has no number there is damaged, and must come here to be logged and left out.
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
            "IndexName": INDEX,
            "KeyConditionExpression": "#status = :pending",
            "FilterExpression": " AND ".join(filters),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "Limit": limit,
        }
        if after is not None:
            # The start key alone says all. DynamoDB Local, though, reads from the beginning to find it: with
            # 100,000 pending, a page from the middle took 80 ms, and takes 6 with the range.
            arguments["KeyConditionExpression"] += " AND created_at >= :after"
            values[":after"] = {"S": after.created_at}
            arguments["ExclusiveStartKey"] = {
                "event_id": {"S": after.event_id},
                "created_at": {"S": after.created_at},
                "status": {"S": PENDING},
            }
        return arguments


def _of(source: str | None) -> tuple[str, dict[str, str], dict[str, Any]]:
    if source is None:
        return "", {}, {}
    return " AND #source = :source", {"#source": "source"}, {":source": {"S": source}}


def _explain_refused_ack(item: dict[str, Any], *, nonce: str, now: int, source: str | None) -> None:
    """Tell why an acknowledgement was refused; return where an earlier attempt of this very call made it."""
    if item.get("ack_nonce") == {"S": nonce}:
        return
    event = checked(partial(event_of, item)) if item else None
    if event is None or event.expires_at <= now or source not in (None, event.source):
        raise not_found()
    raise ConflictError("This event is acknowledged already.")


def _first_answer(record: dict[str, Any], claim: IdempotencyClaim) -> str:
    try:
        fingerprint, event_id = record["fingerprint"]["S"], record["first_event_id"]["S"]
        sound = ids.parse_event_id(event_id) == event_id and ids.created_at(event_id) is not None
    except (LookupError, TypeError) as error:
        raise CorruptRecordError("An idempotency record cannot be read.") from error
    if not sound:
        raise CorruptRecordError("An idempotency record does not name an event.")
    if fingerprint != claim.fingerprint:
        raise IdempotencyKeyReusedError("This idempotency key was used before, for another request.")
    return str(event_id)
