"""Cursors: the position of the next page, as an opaque text that is safe in a URL.

A cursor holds a version, a position and a digest of both and of the filters in force, the source of the key
included. A cursor that was damaged, or made with other filters, is refused instead of quietly skipping
events. A cursor is neither a secret nor a permission: each request decides what its key may see.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from triggers_api.core.paging import Position
from triggers_api.core.strict_json import dump
from triggers_api.errors import ValidationError

_VERSION = b"\x01"
_DIGEST_BYTES = 12
_URL_SAFE = b"-_"
_MAX_SORT_KEY_BYTES = 1024  # limits of DynamoDB, which calls a position beyond them malformed
_MAX_PARTITION_KEY_BYTES = 2048


def encode(position: Position, *, source: str | None, event_type: str | None) -> str:
    """Return the cursor that continues after `position` under these filters."""
    text = dump(list(position)).encode()
    return b64encode(_VERSION + _digest(text, source, event_type) + text, _URL_SAFE).rstrip(b"=").decode()


def decode(cursor: str, *, source: str | None, event_type: str | None) -> Position:
    """Return the position of a cursor that was made under these filters.

    Raises:
        ValidationError: The cursor is malformed, or was made under other filters.
    """
    try:
        data = b64decode(cursor + "=" * (-len(cursor) % 4), _URL_SAFE, validate=True)
        position = _parse_position(data[1 + _DIGEST_BYTES :])
        if cursor != encode(position, source=source, event_type=event_type):
            raise ValueError("not ours")  # noqa: TRY301 - one exit for all that can be wrong
    except (Base64Error, ValueError, RecursionError):
        message = "The cursor is malformed, or was made with other filters or another key."
        raise ValidationError(
            message,
            hint="Send next_cursor unchanged and with the same filters, or omit it to start over.",
            details={"errors": [{"field": "cursor", "message": message}]},
        ) from None
    return position


def _parse_position(text: bytes) -> Position:
    """Return a position that every store can continue at, or raise ValueError."""
    parts = json.loads(text)
    if not isinstance(parts, list) or [type(part) for part in parts] != [str, str]:
        raise ValueError("not a position")
    position = Position(*parts)
    sizes = len(position.created_at.encode()), len(position.event_id.encode())
    if not (0 < sizes[0] <= _MAX_SORT_KEY_BYTES and 0 < sizes[1] <= _MAX_PARTITION_KEY_BYTES):
        raise ValueError("not a position")
    return position


def _digest(position: bytes, source: str | None, event_type: str | None) -> bytes:
    return hashlib.sha256(dump([source, event_type]).encode() + b"\n" + position).digest()[:_DIGEST_BYTES]
