"""The canonical form of JSON: texts of equal values have equal forms.

Values are equal if RFC 8259 gives them no difference: the order of members, white space, the escapes of a
string, and the notation of a number do not count. 1, 1.0 and 10e-1 are one number, and so are 0 and -0. The
digits count, all of them: 0.1 and 0.1000000000000000055 are two numbers, though they are one double.

Numbers are normalised as text, in linear time. `int` and `Decimal` take minutes for a number such as
1e3000000, and `int` refuses 5,000 digits.
"""

import json
from typing import Any

_NUMBER = "\ud800"
"""Marks a number. No string of strict JSON contains a lone surrogate."""


def read(text: str) -> Any:
    """Return the value of a strict JSON text, with the normal form of a number in place of each number."""
    return _decoder.decode(text)


def _normal_integer(text: str) -> str:
    return _normal_number(text) if text.endswith("0") else _NUMBER + text


def _normal_number(text: str) -> str:
    """Return sign, digits without outer zeros, and the power of ten unless it is 0."""
    mantissa, _, exponent = text.replace("E", "e").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("-0")
    significant = digits.rstrip("0")
    if not significant:
        return f"{_NUMBER}0"
    sign = "-" if text.startswith("-") else ""
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    return f"{_NUMBER}{sign}{significant}e{power}" if power else f"{_NUMBER}{sign}{significant}"


_decoder = json.JSONDecoder(parse_int=_normal_integer, parse_float=_normal_number)

dump = json.JSONEncoder(check_circular=False, separators=(",", ":"), sort_keys=True).encode
"""Return the canonical text of a value that `read` returned, in ASCII."""
