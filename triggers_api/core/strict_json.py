"""Strict JSON, as the contract requires it: RFC 8259 and I-JSON.

Python's parser accepts more than JSON (NaN, Infinity), keeps the last of two equal names, turns 1e400 into
infinity and accepts lone surrogates, which no UTF-8 answer can carry. Each of these would be a stored event
that breaks a consumer, or the listing itself, so the request is refused.
"""

import json
import re
from math import isinf
from typing import Any, NoReturn

from triggers_api.errors import InvalidJsonError

MAX_BODY_BYTES = 409_600
"""400 KiB. A body of this size always fits into a DynamoDB item once it is compressed."""

MAX_DEPTH = 100
"""Levels of arrays and objects in a body, including the outermost."""

_MAX_SAFE_DIGITS = 308  # every integer of 308 digits is within the range of a double, 1.797e308
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidJsonError("The body is not strict JSON: one object has the same name twice.")
    return result


def _parse_float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise InvalidJsonError("The body is not strict JSON: a number is outside the range of a double.")
    return number


def _parse_integer(text: str) -> int:
    if len(text) > _MAX_SAFE_DIGITS:
        _parse_float(text)
    return int(text)


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidJsonError("The body is not strict JSON: NaN and Infinity are not JSON numbers.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_parse_object,
    parse_float=_parse_float,
    parse_int=_parse_integer,
    parse_constant=_refuse_constant,
)
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))
_canonical_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), sort_keys=True
)

dump = _encoder.encode
"""Return a value as compact JSON text, not `\\u`-escaped."""

dump_canonical = _canonical_encoder.encode
"""The same with sorted names: requests that are JSON-equal have equal texts, except 1 and 1.0."""


def parse(data: bytes) -> Any:
    """Return the value of a strict JSON text.

    Raises:
        InvalidJsonError: The text is not strict JSON. The message quotes nothing of it.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidJsonError(f"The body is not UTF-8 (at byte {error.start}).") from None
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidJsonError(f"The body is not JSON: {error.msg} at {place}.") from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deeper_than(value, MAX_DEPTH):
        raise _too_deep()
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def _too_deep() -> InvalidJsonError:
    return InvalidJsonError(f"The body is nested too deeply: at most {MAX_DEPTH} levels are allowed.")


def _is_deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        dump(value).encode()
    except UnicodeEncodeError:
        raise InvalidJsonError("The body is not strict JSON: a string contains a lone surrogate.") from None
