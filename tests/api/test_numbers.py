"""Numbers, escapes and the order of members: a payload comes back in the tokens in which it was sent."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.driver import Answer, Api, Headers
from tests.support.forms import examples

EVENT = '{{"source":"shop","event_type":"order.paid","payload":{}}}'
KEY: Headers = [("Idempotency-Key", "k")]
BODY_LIMIT = 409_600


def post(api: Api, payload: str, headers: Headers = ()) -> Answer:
    return api.post("/v1/events", body=EVENT.format(payload).encode(), headers=headers)


def shown_payloads(api: Api, answer: Answer) -> list[str]:
    """Return the text of the payload in a single event and in the inbox, which has no other event."""
    assert answer.status == 201, answer.body[:500]
    event = api.get(f"/v1/events/{answer.json['event_id']}").body.decode()
    listed = api.inbox().body.decode()
    return [body.partition('"payload":')[2].partition(',"metadata":{')[0] for body in (event, listed)]


KEPT = [
    "0.1234567890123456789",
    "12345678901234567.89",
    "9007199254740993",
    "123456789012345678901234567890",
    "0.10",
    "1.0",
    "-0",
    "-0.0",
    "1E+2",
    "1e2",
    "1e-400",
    "1e-999999",
    "0e999999",
    "1" + "0" * 308,
    "3." + "1415926535" * 1000,
]


@pytest.mark.promise(6)
def test_numbers_come_back_digit_for_digit(api: Api) -> None:
    payload = f'{{"numbers":[{",".join(KEPT)}]}}'
    assert shown_payloads(api, post(api, payload)) == [payload] * 2


@pytest.mark.parametrize(
    "payload",
    [
        r'{"\u0041":"\u00e9\/\ud83d\ude00\u0000\b\"\\"}',
        '{"é😀":"\u2028\u00a0\x7f"}',
        '{"b":1,"a":{"d":[],"c":{}}}',
        "{}",
    ],
)
def test_escapes_letters_and_order_come_back_as_they_were_sent(api: Api, payload: str) -> None:
    assert shown_payloads(api, post(api, payload)) == [payload] * 2


def test_white_space_between_tokens_is_dropped(api: Api) -> None:
    sent = '\r\n{ "a" :\t[ 1 , "x  \\" : , y" , { } ] }\n'
    assert shown_payloads(api, post(api, sent)) == ['{"a":[1,"x  \\" : , y",{}]}'] * 2


def number_of(length: int, seed: str) -> str:
    return (seed * (length // len(seed) + 1))[:length]


digits = st.builds(
    number_of,
    st.integers(1, 30) | st.sampled_from([308, 309, 5000, 100_000]),
    st.text("0123456789", min_size=1),
)
number_texts = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    digits.map(lambda text: text.lstrip("0") or "0"),
    st.just("") | digits.map(lambda text: f".{text}"),
    st.just("") | st.from_regex(r"[eE][+-]?[0-9]{1,6}", fullmatch=True),
)


@pytest.mark.promise(6)
@pytest.mark.forms
@examples(quick=8, full=100, long=1000)
@given(numbers=st.lists(number_texts, min_size=1, max_size=3))
def test_number_of_any_form_comes_back_or_is_refused(api: Api, numbers: list[str]) -> None:
    payload = f'{{"numbers":[{",".join(numbers)}]}}'
    if len(EVENT.format(payload)) > BODY_LIMIT:
        return
    answer = post(api, payload)
    if any(math.isinf(float(number)) for number in numbers):
        assert answer.refusal == (400, "VALIDATION_ERROR")
        return
    assert shown_payloads(api, answer) == [payload] * 2
    assert api.delete(f"/v1/events/{answer.json['event_id']}").status == 200


def test_number_as_long_as_a_body_comes_back(api: Api) -> None:
    payload = '{"a":0.%s}'
    payload %= "7" * (BODY_LIMIT - len(EVENT.format(payload)) + 2)
    answer = post(api, payload, KEY)
    assert shown_payloads(api, answer) == [payload] * 2
    assert post(api, payload, KEY).headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("number", ["1e-1000000", "0e0000001", "1E+9999999", "1e-99999999999999999999"])
def test_exponent_of_more_than_six_digits_is_refused(local_api: Api, number: str) -> None:
    answer = post(local_api, f'{{"a":{number}}}', KEY)
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert "exponent of more than six digits" in answer.error["message"] or number.startswith("1E+")


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("0.1234567890123456789", "0.12345678901234568"),
        ("12345678901234567.89", "12345678901234567.9"),
        ("9007199254740993", "9007199254740992.0"),
        ("1e-400", "0"),
        ("1", "true"),
        ("1", '"1"'),
    ],
)
def test_other_digits_make_another_request(api: Api, first: str, other: str) -> None:
    assert post(api, f'{{"a":{first}}}', KEY).status == 201
    assert post(api, f'{{"a":{other}}}', KEY).refusal == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("first", "same"),
    [
        ("1", "1.0"),
        ("100", "1E+2"),
        ("0", "-0.0e7"),
        ("0.1234567890123456789", "1234567890123456789e-19"),
        ("1e-999999", "0.1e-999998"),
        (r'"\u0041\/"', '"A/"'),
    ],
)
def test_another_notation_of_a_value_is_the_same_request(api: Api, first: str, same: str) -> None:
    made = post(api, f'{{"a":{first}}}', KEY)
    again = post(api, f'{{ "a" : {same} }}', KEY)
    assert (again.status, again.json["event_id"]) == (201, made.json["event_id"])
    assert shown_payloads(api, again) == [f'{{"a":{first}}}'] * 2
