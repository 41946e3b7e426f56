"""JSON as the contract takes it: RFC 8259 and I-JSON, with nothing left to a parser's taste.

Python's parser takes more than JSON (NaN, Infinity), keeps the last of two equal names, turns 1e400 into
infinity and lets lone surrogates through, which no UTF-8 answer can carry. Each of these would be a stored
event that breaks a consumer, or the listing itself; so each is refused at the door.
"""

import json
import re
from math import isinf
from typing import Any, NoReturn

from triggers_api.errors import InvalidJsonError

MAX_DEPTH = 100
"""Levels of arrays and objects in a body, the outermost counted."""

_MAX_SAFE_DIGITS = 308  # every integer of so many digits is within a double's range, 1.797e308
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidJsonError("The body is not strict JSON: a name occurs twice in one object.")
    return result


def _number(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise InvalidJsonError("The body is not strict JSON: a number is outside the range of a double.")
    return number


def _integer(text: str) -> int:
    if len(text) > _MAX_SAFE_DIGITS:
        _number(text)
    return int(text)


def _constant(_: str) -> NoReturn:
    raise InvalidJsonError("The body is not strict JSON: NaN and Infinity are not numbers of JSON.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
)
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))
_canonical_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), sort_keys=True
)

dump = _encoder.encode
"""Write a value as compact JSON text, not `\\u`-escaped."""

dump_canonical = _canonical_encoder.encode
"""The same with sorted names: equal texts for requests that are JSON-equal, save 1 for 1.0."""


def parse(data: bytes) -> Any:
    """Return the value of a strict JSON text; else `InvalidJsonError`, which quotes nothing of it."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidJsonError(f"The body is not UTF-8 (at byte {error.start}).") from None
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidJsonError(f"The body is not JSON: {error.msg} at {where}.") from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise _too_deep()
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def _too_deep() -> InvalidJsonError:
    return InvalidJsonError(f"The body is nested too deeply: at most {MAX_DEPTH} levels are taken.")


def _deeper_than(value: Any, limit: int) -> bool:
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
        raise InvalidJsonError("The body is not strict JSON: a string holds a lone surrogate.") from None
