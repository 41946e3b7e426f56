"""What the request for an event carries: a body, and the headers that describe it and the event."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from triggers_api.ops.listen.inboxes import InboxEvent
from triggers_api.ops.listen.options import HEADER_NAME, HEADER_VALUE

_ASCII = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
"""The characters of a source or type that a header shows as they are."""

_OF_THE_CONNECTION = {
    *("connection", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization"),
    *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
}
_OF_THE_TRANSFER = {"accept-encoding", "content-encoding", "content-length"}
"""The body is stored, and forwarded, without compression."""

_NOT_FORWARDED = {*_OF_THE_CONNECTION, *_OF_THE_TRANSFER, "content-type"}
_OWN_PREFIX = "triggers-"


def content_of(event: InboxEvent) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body of a request, and the headers that came with it.

    The body is that of the webhook if the event came as one, and its body was read. Else it is the payload.
    """
    if event.webhook is None or event.body is None:
        return event.payload.encode(), [("Content-Type", "application/json")]
    return event.body, _webhook_headers(json.loads(event.webhook))


def event_headers(event: InboxEvent) -> Mapping[str, str]:
    """Return the headers that describe the event."""
    metadata = json.loads(event.metadata)
    metadata.pop("webhook", None)  # its headers are sent as headers
    return {
        "triggers-source": quote(event.source, safe=_ASCII),
        "triggers-event-type": quote(event.event_type, safe=_ASCII),
        "triggers-created-at": event.created_at,
        "triggers-metadata": json.dumps(metadata),
    }


def _webhook_headers(details: Any) -> list[tuple[str, str]]:
    """Return the content type and the other headers that are kept of a webhook.

    A header that HTTP would not carry is left out: its value is not ASCII, or has control characters. The
    details may be those of a later version of the service, so the type of each value is checked.
    """
    if not isinstance(details, dict):
        return []
    kept = details.get("headers")
    kept = kept if isinstance(kept, dict) else {}
    headers = [(name, value) for name, value in kept.items() if _is_forwarded(name.lower())]
    headers.insert(0, ("Content-Type", details.get("content_type")))
    return [(name, value.strip()) for name, value in headers if _is_valid(name, value)]


def _is_forwarded(name: str) -> bool:
    return name not in _NOT_FORWARDED and not name.startswith(_OWN_PREFIX)


def _is_valid(name: str, value: Any) -> bool:
    return bool(HEADER_NAME.fullmatch(name) and isinstance(value, str) and HEADER_VALUE.fullmatch(value))
