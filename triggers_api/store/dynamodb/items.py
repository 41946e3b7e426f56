"""Events as items of a table.

A payload is JSON text, compressed where the item is over 1 KiB, or will be once it is acknowledged, and where
that is smaller: DynamoDB bills each started kilobyte, in the table and again in the index, and an item may
have 400 KB.
"""

import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from triggers_api.core import deadline, ids
from triggers_api.core.events import ACKNOWLEDGED, PENDING, Event, checked
from triggers_api.errors import CorruptRecordError
from triggers_api.store.calls import logger

_BILLED_BYTES = 1024
_ADDED_BY_AN_ACK = 72
"""Bytes: a longer status, and the names and values of `acknowledged_at` and `ack_nonce`."""

_MAX_INFLATED_BYTES = 8 * 409_600  # a body's numbers may grow fourfold when written out: 1e15


def item_of(event: Event) -> dict[str, Any]:
    """Return the item of a new event."""
    item = {
        "event_id": {"S": event.event_id},
        "created_at": {"S": event.created_at},
        "source": {"S": event.source},
        "event_type": {"S": event.event_type},
        "payload": {"S": event.payload},
        "metadata": {"S": event.metadata},
        "status": {"S": PENDING},
        "ttl": {"N": str(event.expires_at)},
    }
    if _size(item) + _ADDED_BY_AN_ACK > _BILLED_BYTES:
        item["payload"] = _packed(event.payload)
    return item


def event_of(item: dict[str, Any]) -> Event:
    """Return the event of an item. What it raises for a damaged one, `checked` turns into one error."""
    # Pending and yet acknowledged, or the other way round, is an event that went back.
    if item["status"]["S"] != (ACKNOWLEDGED if "acknowledged_at" in item else PENDING):
        raise ValueError("neither pending nor acknowledged")
    return Event(
        event_id=item["event_id"]["S"],
        created_at=item["created_at"]["S"],
        source=item["source"]["S"],
        event_type=item["event_type"]["S"],
        payload=_unpacked(item["payload"]),
        metadata=item["metadata"]["S"],
        expires_at=int(item["ttl"]["N"]),
        acknowledged_at=item["acknowledged_at"]["S"] if "acknowledged_at" in item else None,
    )


def readable_events(items: list[dict[str, Any]]) -> Iterator[Event]:
    """Give the events of items; one that cannot be read is logged and left out."""
    for item in items:
        deadline.remaining()
        try:
            yield checked(partial(event_of, item))
        except CorruptRecordError as error:
            fields = {"event_id": item["event_id"]["S"], "reason": error.message}
            logger.exception("event left out", extra={"fields": fields})


def _size(item: dict[str, Any]) -> int:
    """Return the bytes of names and values, which are what is billed; of a number it is even less."""
    return sum(len(name) + len(text.encode()) for name, kind in item.items() for text in kind.values())


def _packed(text: str) -> dict[str, Any]:
    data = text.encode()
    compressed = zlib.compress(data)
    return {"B": compressed} if len(compressed) < len(data) else {"S": text}


def _unpacked(attribute: dict[str, Any]) -> str:
    if "S" in attribute:
        return str(attribute["S"])
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(attribute["B"], _MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise ValueError("damaged") from error
    if not inflater.eof:
        raise ValueError("cut, or larger than any payload")
    return data.decode()


def key_of(event_id: str) -> dict[str, Any] | None:
    """Return the key of the event's item; None for an id that no event of ours can have."""
    created_at = ids.created_at(event_id)
    return None if created_at is None else {"event_id": {"S": event_id}, "created_at": {"S": created_at}}
