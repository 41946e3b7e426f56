"""Events of any form, straight into Lambda's handler: always a proxy response that API Gateway accepts.

Most are the gateway's event for a valid request with one or two parts changed, so that they pass
authentication and reach the service and its store. The others consist of such parts alone, or of anything. A
part is any JSON value: missing, of another type, huge, deep, with lone surrogates (JSON's `\\ud800`, which
UTF-8 cannot represent), with headers and parameters that differ between their two forms.
"""

import base64
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.api.driver import Api, lambda_handler
from tests.api.lambda_events import checked, rest_event
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.forms import current_form, examples
from tests.support.promises import Reported, Tried
from tests.support.wild_texts import WILD_TEXTS

KEY = "the key of the test"
"""Placeholder for a valid key in a drawn event."""

EVENT = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
"""Placeholder for the id of a pending event."""

BODY = json.dumps({"source": "s", "event_type": "t", "payload": {"a": 1}})
OTHER_BODY = json.dumps({"source": "s", "event_type": "t", "payload": {"a": 2}})
TOO_LARGE = json.dumps({"source": "s", "event_type": "t", "payload": {"a": "x" * 409_600}})
_deep: Any = "x"
for _ in range(900):
    _deep = [_deep]

WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WILD_TEXTS | st.just(_deep),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WILD_TEXTS, inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(
    ["/v1/events", "/v1/inbox", "/v1/health", EVENT, f"{EVENT}/ack", "/v1/events/", "/v1/events/not-an-id"]
)
METHODS = st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "PUT", "HEAD"])
NAMES = st.sampled_from(["X-API-Key", "x-api-key", "Content-Type", "Idempotency-Key", "X-Request-ID", "Host"])
PARAMETERS = st.sampled_from(["limit", "cursor", "source", "event_type", "other"])
BODIES = st.sampled_from(
    [
        *(BODY, OTHER_BODY, TOO_LARGE, TOO_LARGE, BODY[:-1], base64.b64encode(BODY.encode()).decode()),
        *("null", "[" * 50_000),
    ]
)
CROWDS = st.sampled_from([{str(number): [KEY] for number in range(5000)}, {"limit": ["1"] * 5000}])
VALUES = st.just(KEY) | WILD_TEXTS | WILD


def one_of_these(*strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw from each equally often. `|` would flatten `WILD`, and then draw little else."""
    return st.sampled_from(strategies).flatmap(lambda chosen: chosen)


def one_value(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.dictionaries(names | WILD_TEXTS, VALUES, max_size=5)


def many_values(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.dictionaries(names | WILD_TEXTS, st.lists(VALUES, max_size=3) | VALUES, max_size=5)


KEYED = st.sampled_from([{"X-API-Key": KEY}, {"x-api-key": KEY, "X-Request-ID": "mine"}])
MANY_KEYED = KEYED.map(lambda headers: {name: [value] for name, value in headers.items()})
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "httpMethod": one_of_these(METHODS, METHODS, WILD),
    "path": one_of_these(PATHS, PATHS, WILD),
    "headers": one_of_these(KEYED, one_value(NAMES), WILD),
    "multiValueHeaders": one_of_these(MANY_KEYED, many_values(NAMES), CROWDS, WILD),
    "queryStringParameters": one_of_these(st.none(), one_value(PARAMETERS), WILD),
    "multiValueQueryStringParameters": one_of_these(st.none(), many_values(PARAMETERS), CROWDS, WILD),
    "pathParameters": one_of_these(st.none(), st.fixed_dictionaries({"proxy": PATHS | WILD}), WILD),
    "requestContext": WILD,
    "body": one_of_these(BODIES, BODIES, WILD),
    "isBase64Encoded": one_of_these(st.booleans(), WILD),
    "resource": WILD,
    "stageVariables": WILD,
    "version": one_of_these(st.sampled_from(["1.0", "2.0"]), WILD),
}
ANY_PARTS = st.fixed_dictionaries({}, optional=PARTS) | st.fixed_dictionaries(PARTS)
USED = ["httpMethod", "path", "headers", "multiValueHeaders", "body"]
ONE_OR_TWO_PARTS = st.lists(
    st.sampled_from(USED * 3 + sorted(PARTS)), min_size=1, max_size=2, unique=True
).flatmap(lambda names: st.fixed_dictionaries({name: PARTS[name] for name in names}))


def good_events() -> dict[str, dict[str, Any]]:
    """Return the gateway's event of a valid request for each call."""
    keyed = [("Content-Type", "application/json"), ("X-API-Key", KEY)]
    once = [*keyed, ("Idempotency-Key", "once")]
    return {
        "health": rest_event("GET", "/v1/health"),
        "ingest": rest_event("POST", "/v1/events", headers=keyed, body=BODY.encode()),
        "ingest once": rest_event("POST", "/v1/events", headers=once, body=BODY.encode()),
        "get": rest_event("GET", EVENT, headers=keyed),
        "inbox": rest_event("GET", "/v1/inbox", query="limit=5&source=s", headers=keyed),
        "acknowledge": rest_event("POST", f"{EVENT}/ack", headers=keyed),
        "delete": rest_event("DELETE", EVENT, headers=keyed),
    }


GOOD = good_events()
CHANGED = st.builds(lambda name, parts: GOOD[name] | parts, st.sampled_from(sorted(GOOD)), ONE_OR_TWO_PARTS)
DRAWN = one_of_these(*[CHANGED] * 8, ANY_PARTS, WILD)
EVERY_ANSWER = {200, 201, 400, 401, 404, 405, 409, 413, 422}


def with_own(value: Any, key: str, event: str) -> Any:
    """Replace the placeholders with the valid key and the path of the pending event."""
    if isinstance(value, dict):
        return {name: with_own(one, key, event) for name, one in value.items()}
    if isinstance(value, list) and value is not _deep:
        return [with_own(one, key, event) for one in value]
    if value == KEY:
        return key
    return value.replace(EVENT[1:], event[1:]) if isinstance(value, str) else value


@pytest.mark.forms
@pytest.mark.timeout(1800)
@pytest.mark.promise(9)
def test_lambda_event_of_any_form_gets_a_well_formed_answer(
    lambda_api: Api, tried: Tried, reported: Reported
) -> None:
    handler = lambda_handler(lambda_api.app)
    there: list[str] = []
    statuses: Counter[int] = Counter()

    @examples(quick=100, full=1000, long=20_000, least=1000)
    @example(drawn=GOOD["ingest"] | {"body": TOO_LARGE})
    @example(drawn=GOOD["get"] | {"path": "/v1/events/not-an-id"})
    @example(drawn=GOOD["ingest once"])
    @example(drawn=GOOD["ingest once"] | {"body": OTHER_BODY})
    @given(drawn=DRAWN)
    def answered(drawn: Any) -> None:
        if not there or lambda_api.get(there[-1]).status != 200:
            there.append(f"/v1/events/{lambda_api.add()}")
        response = handler(with_own(drawn, lambda_api.key, there[-1]))
        assert 200 <= response["statusCode"] < 500, response
        if isinstance(drawn, dict) and drawn.get("httpMethod") == "HEAD":
            assert response["body"] == ""
        else:
            checked(response)
            assert response["headers"]["content-length"] == str(len(response["body"].encode()))
        assert len(response["body"]) < 100_000
        statuses[response["statusCode"]] += 1
        tried(1)

    answered()
    reported(f"events of any form: {dict(sorted(statuses.items()))}")
    if current_form() != "quick":  # a hundred events need not lead to every answer
        assert set(statuses) >= EVERY_ANSWER, f"few events reached the service: {statuses}"


@pytest.fixture
def lambda_api(sqlite_stores: Stores, clock: FakeClock) -> Api:
    return Api(sqlite_stores, clock, door="lambda")
