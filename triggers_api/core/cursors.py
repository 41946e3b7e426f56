"""Cursors: where the next page begins, as an opaque text that is safe in a URL.

A cursor holds a version, a position and a digest of both and of the filters in force, the key's own source
included. So a cursor that was damaged, or made with other filters, is told at once instead of quietly
skipping events. It is no secret and no permission: what a key may see is decided at every request.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from triggers_api.core.events import Position
from triggers_api.core.strict_json import dump
from triggers_api.errors import ValidationError

_VERSION = b"\x01"
_DIGEST_BYTES = 12
_URL_SAFE = b"-_"
_MAX_SORT_KEY_BYTES = 1024  # limits of DynamoDB, which calls a position beyond them malformed
_MAX_PARTITION_KEY_BYTES = 2048


def encode(position: Position, *, source: str | None, event_type: str | None) -> str:
    """Return the cursor that continues after `position` under these filters."""
    place = dump(list(position)).encode()
    return b64encode(_VERSION + _digest(place, source, event_type) + place, _URL_SAFE).rstrip(b"=").decode()


def decode(cursor: str, *, source: str | None, event_type: str | None) -> Position:
    """Return the position of a cursor made under these filters; else `ValidationError`."""
    try:
        data = b64decode(cursor + "=" * (-len(cursor) % 4), _URL_SAFE, validate=True)
        position = _position(data[1 + _DIGEST_BYTES :])
        if cursor != encode(position, source=source, event_type=event_type):
            raise ValueError("not ours")  # noqa: TRY301 - one exit for all that can be wrong
    except (Base64Error, ValueError, RecursionError):
        message = "The cursor is malformed, or was made with other filters or another key."
        raise ValidationError(
            message,
            hint="Use next_cursor as it came, with the same filters, or leave it out to begin anew.",
            details={"errors": [{"field": "cursor", "message": message}]},
        ) from None
    return position


def _position(place: bytes) -> Position:
    """Return the position that is written here; `ValueError` where no store could continue at it."""
    parts = json.loads(place)
    if not isinstance(parts, list) or [type(part) for part in parts] != [str, str]:
        raise ValueError("not a position")
    position = Position(*parts)
    sizes = len(position.created_at.encode()), len(position.event_id.encode())
    if not (0 < sizes[0] <= _MAX_SORT_KEY_BYTES and 0 < sizes[1] <= _MAX_PARTITION_KEY_BYTES):
        raise ValueError("not a position")
    return position


def _digest(place: bytes, source: str | None, event_type: str | None) -> bytes:
    return hashlib.sha256(dump([source, event_type]).encode() + b"\n" + place).digest()[:_DIGEST_BYTES]
