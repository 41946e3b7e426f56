"""Events that no API Gateway should send, and a handler that crashes: still an answer in the one shape."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.driver import Api, lambda_handler
from tests.api.lambda_events import LambdaContext, checked, rest_event
from tests.conftest import Stores
from tests.support.clock import FakeClock
from triggers_api.api.lambda_event import guard

Handler = Callable[[object], dict[str, Any]]


@pytest.fixture
def api(sqlite_stores: Stores, clock: FakeClock) -> Api:
    return Api(sqlite_stores, clock, door="lambda")


@pytest.fixture
def handler(api: Api) -> Handler:
    return lambda_handler(api.app)


def listing(api: Api, **changes: object) -> dict[str, Any]:
    return {**rest_event("GET", "/v1/inbox", headers=[("X-API-Key", api.key)]), **changes}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/\ud800", 404),
        ("/v1/events/\udfff", 422),
        ("/v1/inbox\x00", 404),
        ("/v1/inbox?limit=1", 404),
        ("http://example.com/v1/inbox", 404),
        ("", 404),
        ("v1/inbox", 404),
        (None, 404),
        (7, 404),
        ("/" + "a" * 100_000, 404),
    ],
)
@pytest.mark.promise(9)
def test_a_path_of_any_form_is_answered(api: Api, handler: Handler, path: object, status: int) -> None:
    response = handler(listing(api, path=path, pathParameters=None))
    checked(response)
    assert response["statusCode"] == status
    assert len(response["body"]) < 4096


@pytest.mark.parametrize("method", ["\ud800", "get", "G T", "OPTIONS\n", "é", "X" * 5000])
@pytest.mark.promise(9)
def test_a_method_of_any_form_is_answered(api: Api, handler: Handler, method: str) -> None:
    response = handler(listing(api, httpMethod=method))
    assert (response["statusCode"], checked(response)["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(response["headers"]["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("name", ["X-\ud800", "\udfff", "X Y", "é", "", "a\nb", "a:b", ":path", "x" * 10_000])
@pytest.mark.promise(9)
def test_any_header_name_gets_an_answer(api: Api, handler: Handler, name: str) -> None:
    event = listing(api)
    event["headers"][name] = "v"
    event["multiValueHeaders"][name] = ["v", "w"]
    response = handler(event)
    checked(response)
    assert response["statusCode"] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"requestContext": None},
        {"requestContext": []},
        {"requestContext": {"identity": None}},
        {"pathParameters": None},
        {"pathParameters": {"proxy": None}},
        {"pathParameters": {"proxy": "\ud800"}},
        {"pathParameters": []},
        {"resource": None},
        {"version": "2.0"},
        {"version": None},
        {"queryStringParameters": [], "multiValueQueryStringParameters": 7},
        {"queryStringParameters": {"limit": None}, "multiValueQueryStringParameters": None},
        {"multiValueQueryStringParameters": {"limit": None}},
        {"multiValueQueryStringParameters": {"limit": []}},
        {"isBase64Encoded": None},
        {"isBase64Encoded": "false", "body": ""},
        {"stageVariables": 7, "more": {"a": [1]}},
    ],
)
@pytest.mark.promise(9)
def test_missing_or_mistyped_event_fields_get_an_answer(
    api: Api, handler: Handler, changes: dict[str, Any]
) -> None:
    response = handler(listing(api, **changes))
    checked(response)
    assert response["statusCode"] == 200


@pytest.mark.parametrize("event", [None, [], "text", 7, {}, {"headers": 7}, {"Records": [{"body": "x"}]}])
@pytest.mark.promise(9)
def test_an_event_that_is_not_from_the_gateway_is_404(handler: Handler, event: object) -> None:
    response = handler(event)
    assert (response["statusCode"], checked(response)["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("failure", [RuntimeError("canary"), UnicodeError("canary"), KeyError("canary")])
@pytest.mark.promise(9, 11)
def test_a_crash_outside_the_app_is_a_500_in_the_error_shape(failure: Exception) -> None:
    def crashing(event: Any, context: Any) -> dict[str, Any]:
        raise failure

    handler = guard(crashing, cors_allow_origin="https://app.example.com")
    response = handler(rest_event("GET", "/v1/inbox"), LambdaContext())
    assert response["statusCode"] == 500
    assert response["headers"]["access-control-allow-origin"] == "https://app.example.com"
    error = json.loads(response["body"])["error"]
    assert (error["code"], error["details"]) == ("INTERNAL_ERROR", {})
    assert error["request_id"] == response["headers"]["x-request-id"]
    assert "canary" not in json.dumps(response)
