"""Events of any form, straight into Lambda's handler: always a proxy response that API Gateway takes.

Each part of a REST-proxy event is either as the gateway makes it, or anything that JSON can say: missing, of
another type, huge, deep, with lone surrogates (which JSON's `\\ud800` makes, and no UTF-8 can carry), with
headers and parameters that differ between their two forms.
"""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.driver import Api, lambda_handler
from tests.api.lambda_events import rest_event
from tests.api.test_lambda_edge import checked
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.promises import Tried, examples
from tests.support.wild_texts import WILD_TEXTS

KEY = "the key of the test"
"""Stands for a good key in what is drawn, so that half of the events come past the door."""

EVENT = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
BODY = json.dumps({"source": "s", "event_type": "t", "payload": {"a": 1}})
_deep: Any = "x"
for _ in range(900):
    _deep = [_deep]

WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WILD_TEXTS | st.just(_deep),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WILD_TEXTS, inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(["/v1/events", "/v1/inbox", "/v1/health", EVENT, f"{EVENT}/ack", "/v1/events/"])
METHODS = st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "PUT", "HEAD"])
NAMES = st.sampled_from(["X-API-Key", "x-api-key", "Content-Type", "Idempotency-Key", "X-Request-ID", "Host"])
PARAMETERS = st.sampled_from(["limit", "cursor", "source", "event_type", "other"])
BODIES = st.sampled_from([BODY, BODY[:-1], base64.b64encode(BODY.encode()).decode(), "null", "[" * 50_000])
CROWDS = st.sampled_from([{str(number): [KEY] for number in range(5000)}, {"limit": ["1"] * 5000}])
VALUES = st.just(KEY) | WILD_TEXTS | WILD


def one_value(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.dictionaries(names | WILD_TEXTS, VALUES, max_size=5)


def many_values(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.dictionaries(names | WILD_TEXTS, st.lists(VALUES, max_size=3) | VALUES, max_size=5)


KEYED = st.sampled_from([{"X-API-Key": KEY}, {"x-api-key": KEY, "X-Request-ID": "mine"}])
MANY_KEYED = KEYED.map(lambda headers: {name: [value] for name, value in headers.items()})
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "httpMethod": METHODS | METHODS | WILD,
    "path": PATHS | PATHS | WILD,
    "headers": KEYED | one_value(NAMES) | WILD,
    "multiValueHeaders": MANY_KEYED | MANY_KEYED | many_values(NAMES) | CROWDS | WILD,
    "queryStringParameters": st.none() | one_value(PARAMETERS) | WILD,
    "multiValueQueryStringParameters": st.none() | many_values(PARAMETERS) | CROWDS | WILD,
    "pathParameters": st.none() | st.fixed_dictionaries({"proxy": PATHS | WILD}) | WILD,
    "requestContext": WILD,
    "body": BODIES | BODIES | WILD,
    "isBase64Encoded": st.booleans() | WILD,
    "resource": WILD,
    "stageVariables": WILD,
    "version": st.sampled_from(["1.0", "2.0"]) | WILD,
}
EVENTS = st.fixed_dictionaries({}, optional=PARTS) | st.fixed_dictionaries(PARTS)


def with_key(value: Any, key: str) -> Any:
    """Put the good key where the placeholder stands."""
    if isinstance(value, dict):
        return {name: with_key(one, key) for name, one in value.items()}
    if isinstance(value, list) and value is not _deep:
        return [with_key(one, key) for one in value]
    return key if value == KEY else value


@pytest.mark.timeout(1800)
@pytest.mark.promise(9)
@examples(1000, long=20_000)
@given(drawn=EVENTS | EVENTS | EVENTS | WILD, whole=st.booleans())
def test_an_event_of_any_form_gets_a_well_formed_answer(
    lambda_api: Api, drawn: Any, whole: bool, tried: Tried
) -> None:
    event = with_key(drawn, lambda_api.key)
    if whole and isinstance(event, dict):
        event = rest_event("GET", "/v1/inbox", headers=[("X-API-Key", lambda_api.key)]) | event
    response = lambda_handler(lambda_api.app)(event)
    answer = checked(response)
    assert 200 <= response["statusCode"] < 500, answer
    assert response["headers"]["content-length"] == str(len(response["body"].encode()))
    assert len(response["body"]) < 100_000
    tried(1)


@pytest.fixture
def lambda_api(sqlite_stores: Stores, clock: FakeClock) -> Api:
    return Api(sqlite_stores, clock, door="lambda")
