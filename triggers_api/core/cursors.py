"""Cursors: the position of the next page, as an opaque text that is safe in a URL.

A cursor holds a version, a place and a digest of both and of what the walk is about: the filters in force,
the source of the key included. A cursor that was damaged, or made for another walk, is refused instead of
quietly skipping events. A cursor is neither a secret nor a permission: each request decides what its key may
see.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Any

from triggers_api.core.paging import MAX_SHARDS, EventQuery, Filter, Position
from triggers_api.core.strict_json import dump
from triggers_api.errors import ValidationError

_PLAIN = b"\x01"
"""The version that 0.1.0 made: pending events, oldest first, of at most one source and one type."""
_LATER = b"\x02"
_SHARDED = b"\x03"
"""A place in a walk over several shards. It has their number too."""

_DIGEST_BYTES = 12
_URL_SAFE = b"-_"
_MAX_SORT_KEY_BYTES = 1024  # limits of DynamoDB, which calls a position beyond them malformed
_MAX_PARTITION_KEY_BYTES = 2048


def encode(position: Position, query: EventQuery) -> str:
    """Return the cursor that continues a page after `position`."""
    version, walk = _page_walk(query)
    return _encode([], position, walk, version)


def decode(cursor: str, query: EventQuery) -> Position:
    """Return the position of a cursor that was made for pages of the same kind.

    Raises:
        ValidationError: The cursor is malformed, or was made under other filters.
    """
    version, walk = _page_walk(query)
    _, position = _decode(cursor, walk, version, texts=0)
    return position


def encode_change(texts: Sequence[str], position: Position, walk: Sequence[Any]) -> str:
    """Return the cursor of a walk that changes events, with some texts beside its position."""
    return _encode(texts, position, walk, _LATER)


def decode_change(cursor: str, walk: Sequence[Any], *, texts: int) -> tuple[list[str], Position]:
    """Return the texts and the position of a cursor of the same walk.

    Raises:
        ValidationError: The cursor is malformed, or was made for another walk.
    """
    return _decode(cursor, walk, _LATER, texts=texts)


def invalid_cursor() -> ValidationError:
    """Return the error for a cursor that no answer had, or that was made with other filters."""
    message = "The cursor is malformed, or was made with other filters or another key."
    return ValidationError(
        message,
        hint="Send next_cursor unchanged and with the same filters, or omit it to start over.",
        details={"errors": [{"field": "cursor", "message": message}]},
    )


def _page_walk(query: EventQuery) -> tuple[bytes, Sequence[Any]]:
    """Return the version of a page's cursor, and what it is bound to."""
    one = query.filter
    plain = Filter(source=one.source, event_types=one.event_types[:1])
    if one == plain and not query.newest_first and not query.only_available:
        return _PLAIN, [one.source, *(one.event_types or [None])]
    walk = (
        "page",
        one.status,
        one.source,
        one.event_types,
        one.since,
        one.until,
        query.newest_first,
        query.only_available,
    )
    return _LATER, walk


def _encode(texts: Sequence[str], position: Position, walk: Sequence[Any], version: bytes) -> str:
    place = [*texts, position.created_at, position.event_id]
    if position.shards:
        place, version = [*place, str(position.shards)], _SHARDED
    text = dump(place).encode()
    digest = hashlib.sha256(dump(walk).encode() + b"\n" + text).digest()[:_DIGEST_BYTES]
    return b64encode(version + digest + text, _URL_SAFE).rstrip(b"=").decode()


def _decode(cursor: str, walk: Sequence[Any], version: bytes, *, texts: int) -> tuple[list[str], Position]:
    try:
        data = b64decode(cursor + "=" * (-len(cursor) % 4), _URL_SAFE, validate=True)
        place = _parse_place(data[1 + _DIGEST_BYTES :], texts, is_sharded=data[:1] == _SHARDED)
        if cursor != _encode(*place, walk, version):
            raise ValueError("not ours")  # noqa: TRY301 - one exit for all that can be wrong
    except (Base64Error, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        raise invalid_cursor() from None
    return place


def _parse_place(text: bytes, texts: int, *, is_sharded: bool) -> tuple[list[str], Position]:
    """Return texts, and a position at which every store can continue, or raise ValueError."""
    place = json.loads(text)
    shards = int(place.pop()) if is_sharded else 0
    if not isinstance(place, list) or [type(part) for part in place] != [str] * (texts + 2):
        raise ValueError("not a place")
    created_at, event_id = place[texts:]
    if not (
        0 < len(created_at.encode()) <= _MAX_SORT_KEY_BYTES
        and 0 < len(event_id.encode()) <= _MAX_PARTITION_KEY_BYTES
        and is_sharded <= shards <= MAX_SHARDS
    ):
        raise ValueError("not a position")
    return place[:texts], Position(created_at, event_id, shards)
