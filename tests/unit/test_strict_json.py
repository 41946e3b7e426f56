"""Strict JSON: what is refused, in messages that quote nothing, and what is kept as it was sent."""

import json
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers_api.core.strict_json import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    JsonObject,
    dump,
    dump_canonical,
    parse,
    split_list,
)
from triggers_api.errors import InvalidJsonError

CANARY = "c4n4ry"
LARGEST_DOUBLE = int(1.7976931348623157e308)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**308), 10**308)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
json_like = st.lists(
    st.sampled_from(
        [*'[]{},:"\\1-.e \n\ufeff\x00é😀', "\\u", "d8", "00", "dc", "99999", "NaN", "null", '"a"']
    )
).map(lambda parts: "".join(parts).encode())


def lists(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def mixed(depth: int) -> bytes:
    assert depth % 2 == 0
    return b'[{"a":' * (depth // 2 - 1) + b"[{}]" + b"}]" * (depth // 2 - 1)


def reordered(value: Any) -> Any:
    """Return the same value, the names of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: reordered(value[name]) for name in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


REFUSED = {
    "nan": f'{{"{CANARY}":NaN}}',
    "infinity": f'{{"{CANARY}":Infinity}}',
    "minus infinity": f'["{CANARY}",-Infinity]',
    "float too large": f'["{CANARY}",1e400]',
    "float too small": f'["{CANARY}",-1e400]',
    "float with a point too large": f'["{CANARY}",1.5E+309]',
    "309 digits too large": f'["{CANARY}",{"9" * 309}]',
    "309 digits too small": f'["{CANARY}",-{"9" * 309}]',
    "5000 digits": f'["{CANARY}",{"1" * 5000}]',
    "exponent of seven digits": f'["{CANARY}",1e-1000000]',
    "exponent of seven digits, zero": f'["{CANARY}",0E+0000001]',
    "exponent of 99,999 digits": f'["{CANARY}",1e-{"9" * 99_999}]',
    "name twice": f'{{"{CANARY}":1,"{CANARY}":2}}',
    "name twice, once escaped": f'{{"{CANARY}a":1,"{CANARY}\\u0061":2}}',
    "empty name twice": f'{{"":"{CANARY}","":"{CANARY}"}}',
    "name twice, nested": f'{{"a":[{{"b":{{"{CANARY}":1,"{CANARY}":1}}}}]}}',
    "high surrogate": f'"{CANARY}\\ud800"',
    "low surrogate": f'"{CANARY}\\uDFFF"',
    "surrogates the wrong way round": f'"{CANARY}\\udc00\\ud800"',
    "high surrogate twice": f'"{CANARY}\\ud83d\\ud83d\\ude00"',
    "surrogate in a name": f'{{"{CANARY}\\udabc":1}}',
    "surrogate, nested": f'[{{"a":["{CANARY}\\udead"]}}]',
    "two byte order marks": f'\ufeff\ufeff{{"{CANARY}":1}}',
    "byte order mark after the body": f'{{"{CANARY}":1}}\ufeff',
    "nothing": "",
    "white space only": " \r\n\t",
    "trailing text": f"{{}}{CANARY}",
    "two values": f'"{CANARY}" "{CANARY}"',
    "bare word": CANARY,
    "single quotes": f"{{'{CANARY}':1}}",
    "trailing comma": f'["{CANARY}",]',
    "trailing comma in an object": f'{{"{CANARY}":1,}}',
    "leading comma": f',"{CANARY}":1}}',
    "brace for a comma": f'{{"{CANARY}":1{{"b":2}}',
    "no colon": f'{{"{CANARY}" 1}}',
    "no value": f'{{"{CANARY}":}}',
    "unclosed object": f'{{"{CANARY}":1',
    "object closed as a list": f'{{"{CANARY}":1]',
    "name that is a number": f'{{1:"{CANARY}"}}',
    "text after an object": f'{{"{CANARY}":1}}{CANARY}',
    "unfinished": f'{{"{CANARY}":',
    "unfinished string": f'"{CANARY}',
    "unknown escape": f'"{CANARY}\\x{CANARY}"',
    "short escape": f'"\\u12 {CANARY}"',
    "line break in a string": f'"{CANARY}\n"',
    "tab in a string": f'"{CANARY}\t"',
    "null in a string": f'"{CANARY}\x00"',
    "unit separator in a name": f'{{"{CANARY}\x1f":1}}',
    "leading zero": "01",
    "leading plus": "+1",
    "no digits after the point": "1.",
    "digits of another script": "١٢",
    "comment": f"{{}} // {CANARY}",
    "form feed as white space": "\f1",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("form", ["{}", '{{"payload":{{"a":{}}}}}'], ids=["alone", "kept as text"])
def test_text_that_is_not_strict_json_is_refused_and_not_quoted(text: str, form: str) -> None:
    with pytest.raises(InvalidJsonError) as caught:
        parse(form.format(text).encode(), verbatim=["payload"])
    error = caught.value
    assert error.message == str(error)
    assert error.__context__ is None or error.__suppress_context__
    for shown in (error.message, error.reason, error.hint, repr(dict(error.details))):
        assert CANARY not in shown
        assert "99999" not in shown
        assert "11111" not in shown


@pytest.mark.parametrize(
    "data",
    [b'"\xff"', b'"\xc3"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', '"x"'.encode("utf-16")],
    ids=["stray byte", "cut", "overlong", "surrogate", "past U+10FFFF", "UTF-16"],
)
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidJsonError, match=r"not UTF-8|is UTF-16"):
        parse(data)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_named(encoding: str) -> None:
    with pytest.raises(InvalidJsonError, match="is UTF-16"):
        parse("\ufeff{}".encode(encoding))


def test_byte_order_mark_is_ignored() -> None:
    assert parse(b'\xef\xbb\xbf {"a":"\xef\xbb\xbf"}') == {"a": "\ufeff"}


def test_exponent_of_six_digits_is_accepted() -> None:
    assert parse(b"[1e-999999,0e999999,0.1E+000001]") == [0.0, 0.0, 1.0]
    with pytest.raises(InvalidJsonError, match="an exponent of more than six digits"):
        parse(b"1e-0000001")


@pytest.mark.parametrize("sign", ["", "-"])
def test_integer_of_309_digits_within_the_range_of_a_double_is_exact(sign: str) -> None:
    text = f"{sign}{LARGEST_DOUBLE}"
    assert len(str(LARGEST_DOUBLE)) == 309
    assert parse(text.encode()) == int(text)
    assert dump(parse(text.encode())) == text


def test_largest_and_smallest_double_are_accepted() -> None:
    assert parse(b"[1.7976931348623157e308,5e-324,-0.0]") == [1.7976931348623157e308, 5e-324, 0.0]


@pytest.mark.parametrize("nest", [lists, objects, mixed])
def test_hundred_levels_are_accepted(nest: Any) -> None:
    assert MAX_DEPTH == 100
    assert dump(parse(nest(100))).encode() == nest(100)


@pytest.mark.parametrize(
    "data",
    [lists(101), objects(101), mixed(102), *(nest(n) for n in (1000, 100_000) for nest in (lists, objects))],
    ids=["101 lists", "101 objects", "102 mixed", "1k lists", "1k objects", "100k lists", "100k objects"],
)
def test_more_than_a_hundred_levels_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidJsonError, match="at most 100 levels"):
        parse(data)


def test_deep_value_beside_many_shallow_ones_is_refused() -> None:
    with pytest.raises(InvalidJsonError, match="nested too deeply"):
        parse(b"[" + b"[]," * 500 + lists(100) + b",{}]")


def test_depth_counts_levels_and_not_brackets() -> None:
    wide = b"[" + b",".join([b'{"a":[]}'] * 1000) + b"]"
    assert len(parse(wide)) == 1000
    assert parse(b'"' + b"[{" * 1000 + b'"') == "[{" * 1000


def test_hundred_thousand_open_brackets_are_refused() -> None:
    for data in (b"[" * 100_000, b'{"a":' * 100_000):
        with pytest.raises(InvalidJsonError):
            parse(data)


def test_paired_surrogates_are_one_character() -> None:
    assert parse(b'{"\\ud83d\\ude00":"\\uD83D\\uDE00"}') == {"😀": "😀"}


def test_escaped_backslash_before_a_surrogate_code_is_text() -> None:
    assert parse(b'"\\\\ud800"') == "\\ud800"


def test_same_name_in_different_objects_is_no_duplicate() -> None:
    assert parse(b'{"a":{"a":1},"b":{"a":2}}') == {"a": {"a": 1}, "b": {"a": 2}}


def test_white_space_around_a_value_is_accepted() -> None:
    assert parse(b" \t\r\n{} \n") == {}


KEPT = {
    "numbers": ("[0.10,-0,1E+2,12345678901234567.89,1e-400]", "[0.10,-0,1E+2,12345678901234567.89,1e-400]"),
    "escapes": (r'"\u0041\u00e9\/\ud83d\ude00"', r'"\u0041\u00e9\/\ud83d\ude00"'),
    "letters": ('"é😀\u2028"', '"é😀\u2028"'),
    "white space": ('[ 1 ,\n\t"a  b",\r\n{ } ]', '[1,"a  b",{}]'),
    "quotes in strings": (r'[ "a\" , \"", "\\" , "\\\"" ]', r'["a\" , \"","\\","\\\""]'),
    "order": ('{ "b": 1, "a": 2 }', '{"b":1,"a":2}'),
}


@pytest.mark.parametrize(("sent", "kept"), KEPT.values(), ids=KEPT.keys())
def test_member_is_kept_as_its_text_without_white_space_between_tokens(sent: str, kept: str) -> None:
    body = f'\n{{ "p" : {{ "a" : {sent} }} , "other" : {sent} }} '
    value = parse(body.encode(), verbatim=["p"])
    assert value["p"] == JsonObject(f'{{"a":{kept}}}')
    assert value["other"] == json.loads(sent)


def test_member_that_is_no_object_is_not_kept_as_text() -> None:
    for text in ("[{}]", '"{}"', "1", "null"):
        assert not isinstance(parse(f'{{"p":{text}}}'.encode(), verbatim=["p"])["p"], JsonObject)
    assert parse(b'{"a":{"p":{}}}', verbatim=["p"]) == {"a": {"p": {}}}, "of the outermost object only"


def test_number_as_long_as_a_body_is_kept() -> None:
    number = "0." + "7" * (MAX_BODY_BYTES - 20)
    assert parse(f'{{"p":{{"a":{number}}}}}'.encode(), verbatim=["p"]) == {
        "p": JsonObject(f'{{"a":{number}}}')
    }


def spaced(value: Any, space: str) -> str:
    """Return the text of a value with white space between all tokens."""
    if isinstance(value, dict):
        members = (f"{space}{json.dumps(name)}{space}:{spaced(one, space)}" for name, one in value.items())
        return f"{space}{{{','.join(members)}{space}}}{space}"
    if isinstance(value, list):
        return f"{space}[{','.join(spaced(one, space) for one in value)}{space}]{space}"
    return f"{space}{json.dumps(value, ensure_ascii=False)}{space}"


tricky_texts = st.text(st.sampled_from(' "\\\n:,{}[]é\u2028'), max_size=6)
tricky_values = st.recursive(
    tricky_texts | st.just(0.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tricky_texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(tricky_texts, tricky_values, max_size=3), st.sampled_from(["", " ", "\r\n\t "]))
def test_white_space_between_tokens_is_all_that_is_dropped(value: dict[str, Any], space: str) -> None:
    kept = parse(f'{{"p":{spaced(value, space)}}}'.encode(), verbatim=["p"])["p"]
    assert kept == JsonObject(spaced(value, ""))


def test_dump_is_compact_and_does_not_escape_letters() -> None:
    assert dump({"é": [1, "😀", None]}) == '{"é":[1,"😀",null]}'


@given(values)
def test_parsing_a_dump_returns_the_same_value(value: Any) -> None:
    # The representation distinguishes 1, 1.0 and true, and 0.0 and -0.0.
    assert repr(parse(dump(value).encode())) == repr(value)


@given(values)
def test_canonical_dump_ignores_the_order_of_names(value: Any) -> None:
    assert dump_canonical(value) == dump_canonical(reordered(value))
    assert parse(dump_canonical(value).encode()) == value


@given(values, values)
def test_different_values_have_different_canonical_dumps(one: Any, other: Any) -> None:
    if one != other:
        assert dump_canonical(one) != dump_canonical(other)


@given(st.binary() | json_like | values.map(lambda value: dump(value).encode()[:-1]))
def test_parse_returns_a_value_that_can_be_dumped_or_raises(data: bytes) -> None:
    try:
        value = parse(data)
    except InvalidJsonError:
        return
    assert repr(parse(dump(value).encode())) == repr(value)


@pytest.mark.parametrize(
    ("text", "rest", "elements"),
    [
        ('{"a": []}', '{"a": []}', []),
        ('{"a": [ \n]}', '{"a": []}', []),
        ('{"a": [1]}', '{"a": []}', ["1"]),
        ('{"a": [1, "x" ,{"b": [2, 3]}], "c": [4]}', '{"a": [], "c": [4]}', ["1", '"x"', '{"b": [2, 3]}']),
        ('{"c": {"d": [1]}, "a": [[1], []]}', '{"c": {"d": [1]}, "a": []}', ["[1]", "[]"]),
        ('{"a": ["],[", "\\"],[", "\\\\"]}', '{"a": []}', ['"],["', '"\\"],["', '"\\\\"']),
        ('{"[": 1, "a": [2]}', '{"[": 1, "a": []}', ["2"]),
        ('{"a": [1,]}', '{"a": []}', ["1", ""]),
        ('{"a": [,]}', '{"a": []}', ["", ""]),
        ('{"a": 1}', '{"a": 1}', []),
        ("[1, 2]", "[1, 2]", []),
        ("", "", []),
        ('{"a": [1', '{"a": [1', []),
        ('{"a": ["\\', '{"a": ["\\', []),
        ('{"a": [' + "[" * 5000, '{"a": [' + "[" * 5000, []),
    ],
)
def test_split_list_cuts_out_the_elements(text: str, rest: str, elements: list[str]) -> None:
    assert split_list(text.encode()) == (rest, elements)


@pytest.mark.parametrize("unit", ['"",', '"\\\\",', "\\", "1,", "[],"])
def test_split_list_needs_little_memory(unit: str) -> None:
    body = ('{"events": [{"a": [' + unit * 200_000 + "1]}]}").encode()
    tracemalloc.start()
    try:
        split_list(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(body)


@pytest.mark.slow("reads bodies of 2 MB")
@pytest.mark.parametrize("unit", ["[", "{", "]", '"', '\\"', '"\\"', "1,", "[],", '"",', '{"a":', "\\", "é"])
def test_split_list_takes_linear_time(unit: str) -> None:
    body = ('{"events": [' + unit * 1_000_000).encode()[:2_000_000]
    started = time.process_time()
    with suppress(InvalidJsonError):
        split_list(body)
    assert time.process_time() - started < 3
