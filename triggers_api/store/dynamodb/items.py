"""Convert events and idempotency claims to DynamoDB items, and items to events.

A payload is stored as JSON text. DynamoDB bills each started kilobyte, in the table and again in the index,
and limits an item to 400 KB. So the payload is compressed if that makes it smaller, and if the item, with the
attributes that a lease and an ack add, would exceed 1 KiB. Of an event that came as a webhook the attribute
`payload` holds the body as it was sent, and the payload is made from it at reading.
"""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from triggers_api.core import deadline, turns
from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event, load_event
from triggers_api.core.hooks.webhook import Webhook, payload_of
from triggers_api.core.idempotency import IdempotencyClaim
from triggers_api.core.strict_json import MAX_BODY_BYTES
from triggers_api.errors import CorruptRecordError
from triggers_api.store.calls import logger
from triggers_api.store.dynamodb.shards import ONE_SHARD, Shards, status_of

_BILLED_BYTES = 1024
_ADDED_BY_A_LEASE = 44
"""Bytes: the names and values of `hidden`, `lease` and `claims`."""
_ADDED_BY_AN_ACK = 72
"""Bytes: a longer status, and the names and values of `acknowledged_at` and `ack_nonce`."""

# A payload is not larger than its body. But version 0.1.0 wrote numbers such as 1e15 out, so its payloads may
# be four times as large.
_MAX_INFLATED_BYTES = 8 * MAX_BODY_BYTES


def event_item(event: Event, shards: Shards = ONE_SHARD) -> dict[str, Any]:
    """Return the item of an event."""
    content = event.payload.encode() if event.webhook is None else event.webhook.body
    item: dict[str, Any] = {
        "event_id": {"S": event.event_id},
        "created_at": {"S": event.created_at},
        "source": {"S": event.source},
        "event_type": {"S": event.event_type},
        "payload": _attribute(content),
        "metadata": {"S": event.metadata},
        "status": {"S": shards.key(event.status, event.event_id)},
        "ttl": {"N": str(event.expires_at)},
        **_state(event),
    }
    if _billed_size(item) + _ADDED_BY_A_LEASE + _ADDED_BY_AN_ACK > _BILLED_BYTES:
        item["payload"] = _attribute(content, compress=True)
    return item


def _state(event: Event) -> dict[str, Any]:
    """Return the attributes that not every event has."""
    texts = {
        "acknowledged_at": event.acknowledged_at,
        "died_at": event.died_at,
        "reason": event.reason,
        "lease": event.lease,
        "requeued_at": event.requeued_at,
        "webhook": None if event.webhook is None else event.webhook.details,
    }
    numbers = {"claims": event.deliveries, "hidden": event.hidden_until}
    return {
        **{name: {"S": text} for name, text in texts.items() if text is not None},
        **{name: {"N": str(number)} for name, number in numbers.items() if number},
    }


def idempotency_item(claim: IdempotencyClaim) -> dict[str, Any]:
    """Return the item of a new idempotency claim. It has no status, so it is not in the status index."""
    return {
        "event_id": {"S": f"idempotency#{claim.name}"},
        "created_at": {"S": "idempotency"},
        "fingerprint": {"S": claim.fingerprint},
        "first_event_id": {"S": claim.event_id},
        "ttl": {"N": str(claim.expires_at)},
    }


def load_item(item: dict[str, Any]) -> Event:
    """Return the event of an item.

    Raises:
        CorruptRecordError: The item is damaged.
    """
    return load_event(partial(_build_event, item))


def readable_events(items: list[dict[str, Any]]) -> Iterator[Event]:
    """Yield the events of items. A damaged item is logged and left out.

    Raises:
        DeadlineExceededError: The request's time is up.
    """
    for item in items:
        deadline.check()
        turns.give_way()
        try:
            yield load_item(item)
        except CorruptRecordError as error:
            fields = {"event_id": item["event_id"]["S"], "reason": error.message}
            logger.exception("event left out", extra={"fields": fields})


def _build_event(item: dict[str, Any]) -> Event:
    # The status and the times change together. If they disagree, the item is damaged.
    status = ACKNOWLEDGED if "acknowledged_at" in item else DEAD if "died_at" in item else PENDING
    if status_of(item["status"]["S"]) != status:
        raise ValueError("status and times disagree")
    content, details = _decompress(item["payload"]), _optional_text(item, "webhook")
    webhook = None if details is None else Webhook(details, content)
    return Event(
        event_id=item["event_id"]["S"],
        created_at=item["created_at"]["S"],
        source=item["source"]["S"],
        event_type=item["event_type"]["S"],
        payload=content.decode() if webhook is None else payload_of(content),
        metadata=item["metadata"]["S"],
        expires_at=int(item["ttl"]["N"]),
        acknowledged_at=_optional_text(item, "acknowledged_at"),
        died_at=_optional_text(item, "died_at"),
        reason=_optional_text(item, "reason"),
        deliveries=_optional_number(item, "claims"),
        hidden_until=_optional_number(item, "hidden"),
        lease=_optional_text(item, "lease"),
        requeued_at=_optional_text(item, "requeued_at"),
        webhook=webhook,
    )


def _optional_text(item: dict[str, Any], name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _optional_number(item: dict[str, Any], name: str) -> int:
    return int(item[name]["N"]) if name in item else 0


def _billed_size(item: dict[str, Any]) -> int:
    """Return the bytes of names and values, which are billed. A number takes even less than its digits."""
    values = [(name, value) for name, kind in item.items() for value in kind.values()]
    return sum(len(name) + len(_bytes(value)) for name, value in values)


def _attribute(content: bytes, *, compress: bool = False) -> dict[str, Any]:
    """Return a content as text if that is what it is, else compressed; compressed too if that is smaller."""
    compressed = zlib.compress(content) if compress else b""
    if not compressed or len(compressed) >= len(content):
        with suppress(UnicodeDecodeError):
            return {"S": content.decode()}
    return {"B": compressed or zlib.compress(content)}


def _decompress(attribute: dict[str, Any]) -> bytes:
    if "S" in attribute:
        return _bytes(attribute["S"])
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(attribute["B"], _MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise ValueError("damaged") from error
    if not inflater.eof:
        raise ValueError("truncated, or larger than any payload")
    return data


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
