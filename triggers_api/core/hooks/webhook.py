"""What an event keeps of the webhook that it came from: the body byte for byte, and how it was delivered."""

import base64
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from triggers_api.core.strict_json import JsonObject, dump, parse_text
from triggers_api.errors import InvalidJsonError

_MAX_ITEM_BYTES = 400 * 1024
"""The limit of an item of DynamoDB."""

_ROOM_FOR_OTHERS = 8 * 1024
"""Bytes: the other attributes of the item, also those that a lease, a death or an acknowledgement adds."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A delivery that was accepted.

    Attributes:
        details: The JSON text of an object: `hook`, the start of the hook's id, and if they are known
            `content_type`, `delivery_id`, and `headers`, an object of texts.
        body: The body as it was sent, and signed.
    """

    details: str = field(repr=False)
    body: bytes = field(repr=False)


def payload_of(body: bytes) -> str:
    """Return the payload of a webhook with this body, as the JSON text of an object.

    An object of strict JSON is the payload itself. Anything else becomes `{"body": ..., "encoding": ...}`,
    whose encoding is `json` for another JSON value, `text` for other UTF-8, and `base64` for other bytes.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return dump({"body": base64.b64encode(body).decode(), "encoding": "base64"})
    text = text.removeprefix("\ufeff")
    return _object_of(text) or dump({"body": text, "encoding": "text"})


def _object_of(text: str) -> str | None:
    """Return the object for a text of strict JSON, without white space between its tokens, else None.

    The limits are those of an event that is posted: there the payload is a member of the body.
    """
    try:
        members = parse_text(f'{{"payload":{text}\n}}', verbatim=("payload",))
        if len(members) > 1:  # the text ends the member and begins another
            return None
        if not isinstance(members["payload"], JsonObject):
            wrapped = f'{{"payload":{{"body":{text}\n,"encoding":"json"}}}}'
            members = parse_text(wrapped, verbatim=("payload",))
    except InvalidJsonError:
        return None
    return str(members["payload"])


def fits(webhook: Webhook, *, other_bytes: int) -> bool:
    """Return whether an event with this webhook fits into an item of DynamoDB, whichever store keeps it.

    Args:
        webhook: The webhook. Its body is stored compressed.
        other_bytes: The bytes of the texts beside it.
    """
    room = _MAX_ITEM_BYTES - _ROOM_FOR_OTHERS - len(webhook.details.encode()) - other_bytes
    return len(webhook.body) <= room or len(zlib.compress(webhook.body)) <= room


def details_are_valid(text: str) -> bool:
    """Return whether a text is what `Webhook.details` describes."""
    details: Any = json.loads(text)
    if not isinstance(details, dict) or not isinstance(details.get("hook"), str):
        return False
    headers = details.get("headers", {})
    texts = [details.get("content_type", ""), details.get("delivery_id", "")]
    return (
        details.keys() <= {"hook", "content_type", "delivery_id", "headers"}
        and isinstance(headers, dict)
        and all(isinstance(one, str) for one in (*texts, *headers.values()))
    )
