"""Cursors: where the next page begins, as an opaque text that is safe in a URL.

A cursor holds a version, a position and a digest of both and of the filters in force, the key's own source
included. So a cursor that was made up, damaged, or made with other filters is told at once instead of quietly
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


def encode(position: Position, *, source: str | None, event_type: str | None) -> str:
    """Return the cursor that continues after `position` under these filters."""
    place = dump(list(position)).encode()
    return b64encode(_VERSION + _digest(place, source, event_type) + place, _URL_SAFE).rstrip(b"=").decode()


def decode(cursor: str, *, source: str | None, event_type: str | None) -> Position:
    """Return the position of a cursor made under these filters; else `ValidationError`."""
    try:
        data = b64decode(cursor + "=" * (-len(cursor) % 4), _URL_SAFE, validate=True)
        digest, place = data[1 : 1 + _DIGEST_BYTES], data[1 + _DIGEST_BYTES :]
        if data[:1] != _VERSION or digest != _digest(place, source, event_type):
            raise ValueError("not ours")  # noqa: TRY301 - one exit for all that can be wrong
    except (Base64Error, ValueError):
        message = "The cursor is malformed, or was made with other filters or another key."
        raise ValidationError(
            message,
            hint="Use next_cursor as it came, with the same filters, or leave it out to begin anew.",
            details={"errors": [{"field": "cursor", "message": message}]},
        ) from None
    return Position(*json.loads(place))


def _digest(place: bytes, source: str | None, event_type: str | None) -> bytes:
    return hashlib.sha256(dump([source, event_type]).encode() + b"\n" + place).digest()[:_DIGEST_BYTES]
