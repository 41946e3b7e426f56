"""Strategies for the content of a stored record that this service did not write: an item or a row."""

import json
import zlib
from functools import cache

from hypothesis import strategies as st

from tests.support.wild_texts import ODD

CANARY = "canary-71c9"
PAYLOAD = {"secret": CANARY, "more": "x" * 2000}
JSON = json.dumps(PAYLOAD)

_NO_PAYLOADS = [
    *("{", "[]", "null", '{"a":NaN}', '{"a":Infinity}', '{"a":1}{', "\ufeff{}", '{"a":"\n"}', '{"' + CANARY),
    *('{"a":1e999}', '{"a":1,"a":2}', '{"a":"\\ud800"}', '{"a":' * 5000, "[" * 99_999, CANARY * 9),
    '{"a":' + "9" * 5000 + "}",
]
_NO_METADATA = ['{"priority":"none"}', '{"priority":"low","other":1}', '{"priority":"low"}']
_DETAILS = ['{"hook":"h"}', '{"hook":"h","headers":{"a":"b"}}', '{"hook":7}', '{"hook":"h","other":"x"}']
_NO_OTHERS = [
    *("pending", "acknowledged", "7", "-1"),
    *("2024-11-27T08:15:30.123456Z", "9999-99-99T00:00:00.000000Z"),
]
TEXTS = (
    ODD
    | st.text(st.characters(codec="utf-8"), max_size=10)
    | st.sampled_from([*_NO_PAYLOADS, *_NO_METADATA, *_DETAILS, *_NO_OTHERS])
)


def cut(data: bytes, at: int) -> bytes:
    return data[:at] + data[at + 1 :]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@cache
def bomb(megabytes: int) -> bytes:
    """Return a small compressed payload that is sound JSON, and far larger than any body."""
    return zlib.compress(b'{"a":"' + b" " * (megabytes << 20) + b'"}')


PACKED = zlib.compress(JSON.encode())
PLACES = st.integers(0, len(PACKED) - 1)
BYTES = (
    st.binary(max_size=20)
    | PLACES.map(lambda at: PACKED[:at])
    | PLACES.map(lambda at: cut(PACKED, at))
    | PLACES.map(lambda at: flipped(PACKED, at))
    | st.sampled_from(
        [b"\xff" + JSON.encode(), JSON.encode(), PACKED + b"junk", PACKED * 2, zlib.compress(PACKED)]
    )
    | st.sampled_from([3, 9]).map(bomb)
)
NUMBERS = st.integers(-(10**36), 10**36) | st.integers(0, 2**40) | st.sampled_from([1.5, 1e20, -0.5])
ATTRIBUTES = st.one_of(
    TEXTS.map(lambda text: {"S": text}),
    BYTES.map(lambda data: {"B": data}),
    BYTES.map(lambda data: {"B": data}),
    NUMBERS.map(lambda number: {"N": str(number)}),
    st.sampled_from([{"BOOL": True}, {"NULL": True}, {"L": []}, {"M": {"S": {"S": "x"}}}, {"SS": ["x"]}]),
)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40) | ODD
KEYS = st.fixed_dictionaries({}, optional={"event_id": IDS, "created_at": IDS | st.just("2024-11-27")})
COLUMNS = [
    "created_at",
    "source",
    "event_type",
    "payload",
    "metadata",
    "expires_at",
    "acknowledged_at",
    "died_at",
    "reason",
    "deliveries",
    "hidden_until",
    "lease",
    "requeued_at",
    "webhook",
]
CELLS = TEXTS | BYTES | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
