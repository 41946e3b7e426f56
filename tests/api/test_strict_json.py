"""Bodies that are not strict JSON: each is refused in the contract's words, and leaves nothing behind."""

import json

import pytest

from tests.api.driver import Api

CANARY = "canary-51c2"


def around(payload: str) -> bytes:
    return f'{{"source":"shop","event_type":"order.paid","payload":{payload}}}'.encode()


def nested(levels: int) -> str:
    """Return a payload that makes a body of so many levels."""
    inside = levels - 2
    return '{"a":' + "[" * inside + "]" * inside + "}"


BAD_BODIES = {
    "nothing": b"",
    "spaces": b"  \n ",
    "not JSON": CANARY.encode(),
    "cut off": around("{}")[:-1],
    "two values": around("{}") + b"{}",
    "trailing comma": around('{"a":1,}'),
    "a comment": around("{} /* " + CANARY + " */"),
    "single quotes": around("{'a':1}"),
    "a form": b"source=shop&event_type=order.paid&payload=%7B%7D",
    "two byte order marks": b"\xef\xbb\xbf" * 2 + around("{}"),
    "NaN": around('{"a":NaN}'),
    "Infinity": around('{"a":Infinity}'),
    "minus Infinity": around('{"a":-Infinity}'),
    "NaN as the payload": around("NaN"),
    "a number over a double's range": around('{"a":1e400}'),
    "a number under a double's range": around('{"a":-1.8e308}'),
    "an integer of 5,000 digits": around('{"a":' + "9" * 5000 + "}"),
    "a negative integer of 5,000 digits": around('{"a":-' + "9" * 5000 + "}"),
    "an integer of 310 digits": around('{"a":' + "9" * 310 + "}"),
    "an exponent of seven digits": around('{"a":1e-1000000}'),
    "a leading zero": around('{"a":01}'),
    "a leading plus": around('{"a":+1}'),
    "a hexadecimal number": around('{"a":0x10}'),
    "a name twice": around('{"' + CANARY + '":1,"' + CANARY + '":2}'),
    "a name twice, once escaped": around('{"a":1,"\\u0061":2}'),
    "a name twice, deep": around('{"x":[{"a":1,"a":1}]}'),
    "a field twice": b'{"source":"shop","source":"shop","event_type":"order.paid","payload":{}}',
    "a lone high surrogate": around('{"a":"\\ud800"}'),
    "a lone low surrogate": around('{"a":"x\\udfffx"}'),
    "surrogates in the wrong order": around('{"a":"\\udc00\\ud800"}'),
    "a lone surrogate in a name": around('{"\\uD83D":1}'),
    "a lone surrogate in the source": b'{"source":"\\ud800","event_type":"t","payload":{}}',
    "a raw control character": around('{"a":"\x01"}'),
    "a raw line break": around('{"a":"x\ny"}'),
    "a bad escape": around('{"a":"\\x41"}'),
    "1,000 levels": around(nested(1000)),
    "100,000 levels": around(nested(100_000)),
    "100,000 levels, open": around('{"a":' + "[" * 100_000),
    "101 levels": around(nested(101)),
    "101 levels of objects": around('{"a":' * 100 + "1" + "}" * 100),
    "an array": b"[" + around("{}") + b"]",
    "an empty array": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "bytes that are not UTF-8": around('{"a":"\xff"}').replace(b"\xc3\xbf", b"\xff"),
    "latin-1": '{"source":"caf\u00e9","event_type":"t","payload":{}}'.encode("latin-1"),
    "an overlong encoding": around('{"a":"?"}').replace(b"?", b"\xc0\xaf"),
    "an encoded surrogate": around('{"a":"?"}').replace(b"?", b"\xed\xa0\x80"),
    "UTF-16": around("{}").decode().encode("utf-16"),
    "UTF-32": around("{}").decode().encode("utf-32-le"),
    "NULs": b"\x00" * 1000,
}


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.promise(9)
def test_a_body_that_is_not_strict_json_is_refused_and_nothing_is_stored(each_door: Api, name: str) -> None:
    answer = each_door.post(
        "/v1/events", body=BAD_BODIES[name], headers=[("Content-Type", "application/json")]
    )
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert answer.error["message"]
    assert CANARY not in answer.body.decode()
    assert len(answer.body) < 4096
    assert each_door.pending() == []


def test_no_bad_body_leaves_anything_on_any_store(api: Api) -> None:
    for name, body in BAD_BODIES.items():
        answer = api.post("/v1/events", body=body, headers=[("Content-Type", "application/json")])
        assert answer.status == 400, name
    kept = api.add({"after": "all"})
    assert api.pending() == [kept]


GOOD_PAYLOADS = {
    "empty": "{}",
    "100 levels": nested(100),
    "200 arrays side by side": '{"a":[' + ",".join(["[]"] * 200) + "]}",
    "integers beyond 64 bits": '{"a":123456789012345678901234567890,"b":-9007199254740993}',
    "an integer of 308 digits": '{"a":' + "1" * 308 + "}",
    "the largest double as an integer": '{"a":' + str(int(1.7976931348623157e308)) + "}",
    "doubles": '{"a":[0.1,1e-400,5e-324,1.7976931348623157e308,-0.0,1E+2,9e9,1.0]}',
    "an emoji": '{"a":"\U0001f600"}',
    "an emoji, escaped": '{"a":"\\ud83d\\ude00"}',
    "escapes": '{"a":"\\u0000\\u001f\\u007f\\u2028\\"\\\\\\/\\b\\f\\n\\r\\t"}',
    "an empty name": '{"":{"":[]}}',
    "names that look like ours": '{"request_id":"x","event_id":7,"status":null}',
    "names of Python": '{"__proto__":1,"__class__":{"self":[]}}',
    "names that differ by normal form": '{"\u00e9":1,"e\u0301":2}',
    "noncharacters": '{"a":"\uffff\ufffe\U0010ffff"}',
    "spaces": ' \r\n\t{ "a" :\t[ 1 ,\n2 ] } ',
    "null, true, false": '{"a":[null,true,false]}',
}


@pytest.mark.parametrize("name", GOOD_PAYLOADS)
def test_a_payload_that_is_strict_json_comes_back_json_equal(api: Api, name: str) -> None:
    answer = api.post("/v1/events", body=around(GOOD_PAYLOADS[name]))
    assert answer.status == 201
    sent = json.loads(GOOD_PAYLOADS[name])
    shown = api.get(f"/v1/events/{answer.json['event_id']}").json["payload"]
    (listed,) = api.inbox().json["events"]
    for came in (shown, listed["payload"]):
        assert came == sent
        assert repr(came) == repr(sent), "1 is not 1.0 or true, and -0.0 is not 0.0"


def test_a_body_may_begin_with_a_byte_order_mark(each_door: Api) -> None:
    answer = each_door.post("/v1/events", body=b"\xef\xbb\xbf" + around('{"a":1}'))
    assert answer.status == 201
    assert each_door.get(f"/v1/events/{answer.json['event_id']}").json["payload"] == {"a": 1}


def test_a_body_in_utf16_is_named(each_door: Api) -> None:
    answer = each_door.post("/v1/events", body=around("{}").decode().encode("utf-16"))
    assert "UTF-16" in answer.error["message"]


def test_an_error_of_the_syntax_says_where_it_is(local_api: Api) -> None:
    answer = local_api.post("/v1/events", body=b'{"source":\n  oops}')
    assert "line 2" in answer.error["message"]
