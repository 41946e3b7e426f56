"""The canonical form of JSON: equal for equal values, and for these only."""

import json
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers_api.core.canonical_json import dump, read

EQUAL = [
    ["0", "-0", "0.0", "-0.00e5", "0E-999999", "0e999999"],
    ["1", "1.0", "1.000", "10e-1", "0.1E+1", "1e0", "1E-0", "100e-000002", "0.00001e5"],
    ["-1", "-1.0", "-10e-1"],
    ["100", "1e2", "1E+2", "100.00", "0.1e3", "10e+01"],
    ["0.1", "1e-1", "0.10"],
    ["0.1000000000000000055511151231257827", "1000000000000000055511151231257827e-34"],
    ["12345678901234567.89", "1234567890123456789e-2"],
    ["12345678901234567.9"],
    ["1e-400", "0.1e-399", "10e-401"],
    ["1e-401"],
    ["9007199254740993", "9007199254740993.0"],
    ["9007199254740992"],
    [r'"A"', r'"\u0041"'],
    [r'"\ud83d\ude00"', '"😀"'],
    [r'"/"', r'"\/"'],
    ['"1"'],
    ['"1.0"'],
    [r'"\\ud8001"'],
    ["true"],
    ["null"],
    ['{"a":1,"b":[1,{}]}', ' { "b" : [ 1.0 , { } ] , "\\u0061" : 10e-1 } '],
    ['{"a":[1,{}],"b":1}'],
    ["[]"],
    ["[0]"],
    ["{}"],
]

digits = st.text("0123456789", min_size=1, max_size=12)
number_texts = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    digits.map(lambda text: text.lstrip("0") or "0"),
    st.just("") | digits.map(lambda text: f".{text}"),
    st.just("")
    | st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 30)),
)


def canonical(text: str) -> str:
    return dump(read(text))


@pytest.mark.parametrize("texts", EQUAL, ids=lambda texts: texts[0])
def test_texts_of_one_value_have_one_form(texts: list[str]) -> None:
    assert len({canonical(text) for text in texts}) == 1


def test_texts_of_different_values_have_different_forms() -> None:
    forms = [canonical(texts[0]) for texts in EQUAL]
    for (one, form), (other, another) in combinations(zip(EQUAL, forms, strict=True), 2):
        assert form != another, (one, other)


@given(number_texts, number_texts)
def test_numbers_have_one_form_if_they_are_equal(one: str, other: str) -> None:
    assert (canonical(one) == canonical(other)) == (Fraction(one) == Fraction(other))


@given(number_texts, st.integers(0, 400), st.integers(0, 400))
def test_zeros_and_powers_of_ten_that_cancel_out_do_not_count(text: str, zeros: int, power: int) -> None:
    mantissa, _, exponent = text.lower().partition("e")
    point = "" if "." in mantissa else "."
    longer = f"{mantissa}{point}0{'0' * zeros}e{int(exponent or 0)}"
    assert canonical(longer) == canonical(text)
    sign, unsigned = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = unsigned.partition(".")
    shifted = f"{sign}0.{'0' * power}{whole}{fraction}e{int(exponent or 0) + power + len(whole)}"
    assert canonical(shifted) == canonical(text)


def test_number_of_400_thousand_digits_has_a_form() -> None:
    long = "7" * 400_000
    assert canonical(f"{long}e-399999") == canonical(f"7.{long[1:]}")
    assert canonical(f"0.{long}") != canonical(f"0.{long[:-1]}8")


texts = st.text(st.sampled_from('aé/"\\\n\u2028😀'), max_size=4)
values = st.recursive(
    st.none() | st.booleans() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(values)
def test_form_does_not_depend_on_escapes_white_space_and_order(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert canonical(text) == canonical(json.dumps(value, indent=1, sort_keys=True))
    assert json.loads(canonical(text)) == value
