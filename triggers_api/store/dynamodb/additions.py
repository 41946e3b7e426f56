"""Put events: new ones, and those of another store.

A new event with an idempotency key is put in one transaction with its idempotency item.
"""

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from triggers_api.core import deadline
from triggers_api.core.events import Event
from triggers_api.core.idempotency import IdempotencyClaim, check_repeat
from triggers_api.core.ports import NewEvent
from triggers_api.errors import (
    CorruptRecordError,
    StoreUnavailableError,
    TriggersError,
)
from triggers_api.store.calls import logger
from triggers_api.store.dynamodb.client import ConditionFailedError, TransactionCanceledError
from triggers_api.store.dynamodb.items import event_item, idempotency_item
from triggers_api.store.dynamodb.parallel import attempt
from triggers_api.store.dynamodb.table import EventTable

_TRANSACTION_TRIES = 8


def add(table: EventTable, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
    """Put events in parallel. Return the event id or the error of each entry, in order.

    Entries with the same idempotency key form a chain, whose events are put one after the other.

    `BatchWriteItem` is not used: it has no conditions, so a repeat after a lost answer could make an
    acknowledged event pending again.
    """
    outcomes: dict[int, str | TriggersError] = {}
    chains: dict[str | int, list[int]] = {}
    for index, entry in enumerate(entries):
        chains.setdefault(entry.idempotency.name if entry.idempotency else index, []).append(index)
    add_entry = partial(_add_entry, table, now)

    def add_chain(chain: Sequence[int]) -> None:
        for index in chain:
            outcomes[index] = attempt(add_entry, entries[index])

    table.threads.map(add_chain, chains.values())
    return [outcomes[index] for index in range(len(entries))]


def restore(table: EventTable, events: Sequence[Event]) -> list[bool | TriggersError]:
    """Put events with their states, in parallel, unless there are items with their ids."""

    def restore_one(event: Event) -> bool:
        try:
            table.dynamodb.call("put_item", **_put(table, event))
        except ConditionFailedError:
            return False
        return True

    return table.threads.map_outcomes(restore_one, events)


def _put(table: EventTable, event: Event) -> dict[str, Any]:
    return {
        "TableName": table.name,
        "Item": event_item(event, table.shards),
        "ConditionExpression": "attribute_not_exists(event_id)",
    }


def _add_entry(table: EventTable, now: int, entry: NewEvent) -> str:
    put = _put(table, entry.event)
    if entry.idempotency is not None:
        return _put_with_idempotency(table, put, entry.event, entry.idempotency, now)
    # The id is fresh and has 62 random bits. If the item exists, it is this event, put by an attempt whose
    # answer was lost.
    with suppress(ConditionFailedError):
        table.dynamodb.call("put_item", **put)
    return entry.event.event_id


def _put_with_idempotency(
    table: EventTable, put_event: dict[str, Any], event: Event, idempotency: IdempotencyClaim, now: int
) -> str:
    """Put an event and its idempotency item. If the request is a repeat, return the id of the first event."""
    put_idempotency = {
        "TableName": table.name,
        "Item": idempotency_item(idempotency),
        # An expired item may linger for days: DynamoDB deletes late.
        "ConditionExpression": "attribute_not_exists(event_id) OR #ttl <= :now",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {":now": {"N": str(now)}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    for number in range(_TRANSACTION_TRIES):
        if number:  # another request with this idempotency key is being written: wait for its outcome
            time.sleep(random.uniform(0, min(0.02 * 2**number, deadline.remaining())))  # noqa: S311 - jitter
        try:
            table.dynamodb.call(
                "transact_write_items", TransactItems=[{"Put": put_event}, {"Put": put_idempotency}]
            )
        except TransactionCanceledError as cancelled:
            codes = {reason.get("Code") for reason in cancelled.reasons}
            if "ConditionalCheckFailed" in codes:
                *_, idempotency_reason = cancelled.reasons
                return _first_event_id(idempotency_reason.get("Item", {}), event, idempotency)
            if "TransactionConflict" not in codes:
                logger.error("store failed", extra={"fields": {"reason": ", ".join(map(str, codes))}})
                break
        else:
            return idempotency.event_id
    raise StoreUnavailableError("The store cannot take this event right now.")


def _first_event_id(stored: dict[str, Any], event: Event, idempotency: IdempotencyClaim) -> str:
    """Return the event id of a stored idempotency item.

    Raises:
        IdempotencyKeyReusedError: A different request used this idempotency key.
        CorruptRecordError: The stored item is damaged.
    """
    try:
        fingerprint, event_id = str(stored["fingerprint"]["S"]), str(stored["first_event_id"]["S"])
    except (LookupError, TypeError) as error:
        raise CorruptRecordError("An idempotency record cannot be read.") from error
    check_repeat(event, idempotency, stored_fingerprint=fingerprint, first_id=event_id)
    return event_id
