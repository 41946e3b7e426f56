"""Strict JSON, as the contract requires it: RFC 8259 and I-JSON.

Python's parser accepts more than JSON (NaN, Infinity), keeps the last of two equal names, turns 1e400 into
infinity and accepts lone surrogates, which no UTF-8 answer can carry. Each of these would be a stored event
that breaks a consumer, or the listing itself, so the request is refused.

A payload is kept as text: a number keeps its digits, a string its escapes, an object its order. Nothing here
converts the number of a payload, because a body may hold 400,000 digits. The check of depth and the removal
of white space work on the text in a few passes of C code: a loop over tokens took five times as long.
"""

import json
import re
from collections.abc import Container
from itertools import accumulate
from math import isinf
from typing import Any, NoReturn

from triggers_api.errors import InvalidJsonError, MalformedJsonError

MAX_BODY_BYTES = 409_600
"""400 KiB. A body of this size always fits into a DynamoDB item once it is compressed."""

MAX_BATCH_BYTES = 2_000_000
"""The limit of a body with several events. However much of it Lambda escapes, it fits into Lambda's 6 MB."""

MAX_DEPTH = 100
"""Levels of arrays and objects in a body, including the outermost."""

_MAX_SAFE_DIGITS = 308  # every integer of 308 digits is within the range of a double, 1.797e308
_LONG_EXPONENT = re.compile(r"[eE][+-]?[0-9]{7}")

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)

_BYTE_ORDER_MARK = "\ufeff"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

# Two characters that JSON text never contains. They stand for the two escapes that a search for the ends of
# strings must not stumble over.
_ESCAPED_BACKSLASH, _ESCAPED_QUOTE = "\x00", "\x01"
_WHITE_SPACE = " \t\n\r"
_NO_WHITE_SPACE = str.maketrans("", "", _WHITE_SPACE)
_LEVELS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: a level up, a level down
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))

_OBJECT_START = re.compile(r'[ \t\n\r]*\{[ \t\n\r]*(?=")')
_COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_COMMA = re.compile(r'[ \t\n\r]*,[ \t\n\r]*(?=")')
_OBJECT_END = re.compile(r"[ \t\n\r]*\}[ \t\n\r]*")
# Possessive: else the engine would remember each repetition, 240 MB for a body of 2 MB.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+'
_TOKEN = re.compile(rf"{_STRING}|[\[\]{{}},]", re.DOTALL)
_UP_TO_BRACKET = re.compile(rf"""[^"\[\]{{}}]*+(?:{_STRING}[^"\[\]{{}}]*+)*+[\[\]{{}}]""", re.DOTALL)
_LIST_LEVEL = 2


class JsonObject(str):
    """The text of an object as it was sent, without white space between its tokens."""

    __slots__ = ()


def parse(data: bytes, *, verbatim: Container[str] = ()) -> Any:
    """Return the value of a strict JSON text. A byte order mark before it is ignored (RFC 8259, 8.1).

    Args:
        data: The text, in UTF-8.
        verbatim: Names of members of the outermost object. If the value of such a member is an object, it is
            returned as a `JsonObject`.

    Raises:
        InvalidJsonError: The text is not strict JSON. The message quotes nothing of it.
    """
    return parse_text(_decode(data), verbatim=verbatim)


def parse_text(text: str, *, verbatim: Container[str] = ()) -> Any:
    """Return the value of a strict JSON text, as `parse` does.

    Raises:
        MalformedJsonError: The text is not JSON.
        InvalidJsonError: The text is not strict JSON.
    """
    _check_depth(text)
    try:
        members, end = _read_object(text, 0, verbatim)
        value = members if members and end == len(text) else _decoder.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedJsonError(f"The body is not JSON: {error.msg} at {place}.") from None
    _refuse_lone_surrogates(text)
    return value


def split_list(data: bytes) -> tuple[str, list[str]]:
    """Cut the first list out of the members of an object.

    Brackets are counted and nothing is parsed, so an element may be as deep as it likes. If the text is not
    JSON, then neither is the text that is left, or one of the elements.

    Returns:
        The text with an empty list in place of the list, and the texts of the elements.

    Raises:
        InvalidJsonError: The text is not UTF-8.
    """
    text = _decode(data)
    elements: list[str] = []
    level = start = place = end = 0
    # Within an element only brackets matter: all between two of them is skipped in C.
    while token := (_TOKEN.search if level <= _LIST_LEVEL else _UP_TO_BRACKET.match)(text, end):
        end = token.end()
        mark = text[end - 1]
        if level <= _LIST_LEVEL and text[token.start()] == '"':
            continue
        if mark in "[{":
            level += 1
            if mark == "[" and level == _LIST_LEVEL and not start:
                start = place = end
        elif mark in ",]}" and start and level == _LIST_LEVEL:
            elements.append(text[place : end - 1].strip(_WHITE_SPACE))
            place = end
            if mark != ",":
                return text[:start] + text[end - 1 :], [] if elements == [""] else elements
        if mark in "]}":
            level -= 1
    return text, []


def _decode(data: bytes) -> str:
    try:
        return data.decode().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        if data.startswith(_UTF16_MARKS):
            raise InvalidJsonError("The body is UTF-16. Send it as UTF-8.") from None
        raise InvalidJsonError(f"The body is not UTF-8 (at byte {error.start}).") from None


def _read_object(text: str, index: int, verbatim: Container[str]) -> tuple[dict[str, Any], int]:
    """Return the members of the object at an index, and the index behind the object.

    The object is read member by member, because the parser does not report where a value stands. If there is
    no object, or it is empty or malformed, no members are returned.
    """
    pairs = []
    place = _OBJECT_START.match(text, index)
    while place:
        name, index = _decoder.raw_decode(text, place.end())
        colon = _COLON.match(text, index)
        if colon is None:
            return {}, index
        start = colon.end()
        value, index = (_checker if name in verbatim else _decoder).raw_decode(text, start)
        if value is _CHECKED_OBJECT:
            value = JsonObject(_drop_white_space(text[start:index]))
        pairs.append((name, value))
        place = _COMMA.match(text, index)
    end = _OBJECT_END.match(text, index)
    return (_unique_names(pairs), end.end()) if end else ({}, index)


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidJsonError("The body is not strict JSON: one object has the same name twice.")
    return result


def _check_object(pairs: list[tuple[str, Any]]) -> object:
    _unique_names(pairs)
    return _CHECKED_OBJECT


def _check_float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise InvalidJsonError("The body is not strict JSON: a number is outside the range of a double.")
    if ("e" in text or "E" in text) and _LONG_EXPONENT.search(text):
        raise InvalidJsonError(
            "The body is not strict JSON: a number has an exponent of more than six digits."
        )
    return number


def _check_integer(text: str) -> None:
    if len(text) > _MAX_SAFE_DIGITS:
        _check_float(text)


def _parse_integer(text: str) -> int:
    _check_integer(text)
    return int(text)


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedJsonError("The body is not strict JSON: NaN and Infinity are not JSON numbers.")


_CHECKED_OBJECT = object()

_decoder = json.JSONDecoder(
    object_pairs_hook=_unique_names,
    parse_float=_check_float,
    parse_int=_parse_integer,
    parse_constant=_refuse_constant,
)
# Checks a value that is kept as text, and builds nothing of it that outlives the check.
_checker = json.JSONDecoder(
    object_pairs_hook=_check_object,
    parse_float=_check_float,
    parse_int=_check_integer,
    parse_constant=_refuse_constant,
)


def _check_depth(text: str) -> None:
    """Count levels before the parser runs, which recurses once for each level."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    outside_strings = "".join(_split_at_quotes(text)[::2])
    levels = memoryview(outside_strings.encode().translate(_LEVELS, _NO_BRACKETS)).cast("b")
    if max(accumulate(levels), default=0) > MAX_DEPTH:
        raise InvalidJsonError(f"The body is nested too deeply: at most {MAX_DEPTH} levels are allowed.")


def _refuse_lone_surrogates(text: str) -> None:
    if not _SURROGATE_ESCAPE.search(text):
        return
    if _LONE_SURROGATE.search(text.replace("\\\\", _ESCAPED_BACKSLASH)):
        raise InvalidJsonError("The body is not strict JSON: a string contains a lone surrogate.")


def _split_at_quotes(text: str) -> list[str]:
    """Return the parts of a text outside and inside of strings, by turns, with some escapes replaced."""
    return text.replace("\\\\", _ESCAPED_BACKSLASH).replace('\\"', _ESCAPED_QUOTE).split('"')


def _drop_white_space(text: str) -> str:
    """Remove the white space between the tokens of a JSON text."""
    if not any(map(text.__contains__, _WHITE_SPACE)):
        return text
    parts = _split_at_quotes(text)
    parts[::2] = '"'.join(parts[::2]).translate(_NO_WHITE_SPACE).split('"')
    return '"'.join(parts).replace(_ESCAPED_QUOTE, '\\"').replace(_ESCAPED_BACKSLASH, "\\\\")


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))
_canonical_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), sort_keys=True
)

dump = _encoder.encode
"""Return a value as compact JSON text, not `\\u`-escaped."""

dump_canonical = _canonical_encoder.encode
"""The same with sorted names: values that are JSON-equal have equal texts, except 1 and 1.0."""
