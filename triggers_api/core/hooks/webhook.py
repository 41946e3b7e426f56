"""What an event keeps of the webhook that it came from: the body byte for byte, and how it was delivered."""

import base64
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

from triggers_api.core.strict_json import JsonObject, dump, parse_text
from triggers_api.errors import InvalidJsonError

_MAX_ITEM_BYTES = 400 * 1024
"""The limit of an item of DynamoDB."""

_ROOM_FOR_OTHERS = 8 * 1024
"""Bytes: the other attributes of the item, also those that a lease, a death or an acknowledgement adds."""

_PAYLOAD = ("payload",)
_OF_A_HEADER = re.compile(r"[\x20-\x7e]*")


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

    @property
    def content_type(self) -> str | None:
        """The content type of the body, None if the provider named none."""
        content_type: str | None = json.loads(self.details).get("content_type")
        return content_type


def payload_of(body: bytes) -> str:
    """Return the payload of a webhook with this body, as the JSON text of an object.

    An object of strict JSON is the payload itself. Anything else becomes `{"body": ..., "encoding": ...}`,
    whose encoding is `json` for another JSON value, `text` for other UTF-8, and `base64` for other bytes.
    """
    return _payload(body)[0]


def read_body(body: bytes) -> tuple[str, dict[str, Any] | None]:
    """Return the payload, and the members of a body that is an object of strict JSON, None for any other."""
    payload, is_object = _payload(body)
    return payload, json.loads(payload) if is_object else None


def _payload(body: bytes) -> tuple[str, bool]:
    """Return the payload, and whether the body is an object itself."""
    try:
        text = body.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return dump({"body": base64.b64encode(body).decode(), "encoding": "base64"}), False
    try:
        # The limits are those of an event that is posted: there the payload is a member of the body.
        members = parse_text(f'{{"payload":{text}\n}}', verbatim=_PAYLOAD)
        is_object = isinstance(members["payload"], JsonObject)
        if len(members) == 1 and not is_object:
            wrapped = f'{{"payload":{{"body":{text}\n,"encoding":"json"}}}}'
            members = parse_text(wrapped, verbatim=_PAYLOAD)
    except InvalidJsonError:
        members, is_object = {}, False
    if len(members) != 1:  # it is no JSON, or it ends the member and begins another
        return dump({"body": text, "encoding": "text"}), False
    return str(members["payload"]), is_object


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
    try:
        details = parse_text(text)
    except InvalidJsonError:
        return False
    if not isinstance(details, dict) or not isinstance(details.get("hook"), str):
        return False
    headers = details.get("headers", {})
    texts = [details.get("content_type", ""), details.get("delivery_id", "")]
    return (
        details.keys() <= {"hook", "content_type", "delivery_id", "headers"}
        and isinstance(headers, dict)
        and all(isinstance(one, str) and _OF_A_HEADER.fullmatch(one) for one in (*texts, *headers.values()))
    )
