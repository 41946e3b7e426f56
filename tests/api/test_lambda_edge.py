"""Lambda's edge: the events that API Gateway sends, and those that it should not; always a proxy response."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.driver import Api, lambda_handler
from tests.api.lambda_events import HOST, checked, rest_event
from tests.conftest import Stores
from tests.support.clock import FakeClock

Handler = Callable[[object], dict[str, Any]]
Change = dict[str, Any]
BODY = b'{"source":"shop","event_type":"order.paid","payload":{"a":"\xc3\xa9"}}'


@pytest.fixture
def api(sqlite_stores: Stores, clock: FakeClock) -> Api:
    return Api(sqlite_stores, clock, door="lambda")


@pytest.fixture
def handler(api: Api) -> Handler:
    return lambda_handler(api.app)


def ingest_event(api: Api, *, change: Change | None = None, **options: Any) -> dict[str, Any]:
    headers = [("Content-Type", "application/json"), ("X-API-Key", api.key)]
    event = rest_event("POST", "/v1/events", headers=headers, body=options.pop("body", BODY), **options)
    return {**event, **(change or {})}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"as_base64": True},
        {"host": "events.example.com", "stage_prefix": ""},
        {"host": "events.example.com", "stage_prefix": "", "base_path": "/triggers"},
        {"host": "events.example.com", "stage_prefix": "", "base_path": "/v1"},
        {"host": "events.example.com", "stage_prefix": "", "base_path": "/v1/events"},
    ],
    ids=["execute-api", "base64", "custom domain", "base path", "base path v1", "base path v1/events"],
)
def test_every_form_of_address_reaches_the_same_route(api: Api, handler: Handler, options: Change) -> None:
    response = handler(ingest_event(api, **options))
    body = checked(response)
    assert response["statusCode"] == 201
    shown = api.get(f"/v1/events/{body['event_id']}").json
    assert shown["payload"] == {"a": "é"}
    key = [("x-api-key", api.key)]
    for action, status in (("", 200), ("/ack", 405)):
        path = f"/v1/events/{body['event_id']}{action}"
        options = {name: value for name, value in options.items() if name != "as_base64"}
        assert handler(rest_event("GET", path, headers=key, **options))["statusCode"] == status


def test_the_stage_name_is_not_part_of_the_path(handler: Handler) -> None:
    assert handler(rest_event("GET", "/v1/health", stage_prefix="/prod"))["statusCode"] == 200
    assert handler(rest_event("GET", "/prod/v1/health"))["statusCode"] == 404


@pytest.mark.parametrize("headers", ["both", "single only", "multi only", "multi null", "single null"])
def test_headers_are_read_from_either_form(api: Api, handler: Handler, headers: str) -> None:
    event = ingest_event(api)
    if headers.startswith("single"):
        event["headers" if "null" in headers else "multiValueHeaders"] = None
    elif headers.startswith("multi"):
        event["multiValueHeaders" if "null" in headers else "headers"] = None
    assert handler(event)["statusCode"] == 201


@pytest.mark.parametrize("absent", [None, {}, "missing"])
def test_without_headers_a_request_has_no_key(api: Api, handler: Handler, absent: object) -> None:
    event = ingest_event(api, change={"headers": absent, "multiValueHeaders": absent})
    if absent == "missing":
        del event["headers"], event["multiValueHeaders"]
    response = handler(event)
    assert checked(response)["error"]["code"] == "UNAUTHORIZED"


def test_header_names_are_read_in_any_case(api: Api, handler: Handler) -> None:
    for name in ("x-api-key", "X-API-KEY", "X-Api-Key"):
        event = rest_event("GET", "/v1/inbox", headers=[(name, api.key)])
        assert handler(event)["statusCode"] == 200


def test_a_query_is_read_from_either_form_and_decoded_once(api: Api, handler: Handler) -> None:
    wanted = api.add(source="a+b %25&é=")
    api.add(source="other")
    event = rest_event("GET", "/v1/inbox", headers=[("x-api-key", api.key)])
    single = {"source": "a+b %25&é=", "limit": "5"}
    multi = {name: [value] for name, value in single.items()}
    for form in (
        {"queryStringParameters": single, "multiValueQueryStringParameters": multi},
        {"queryStringParameters": single, "multiValueQueryStringParameters": None},
        {"queryStringParameters": None, "multiValueQueryStringParameters": multi},
    ):
        body = checked(handler({**event, **form}))
        assert [one["event_id"] for one in body["events"]] == [wanted]
        assert body["pagination"]["limit"] == 5


def test_a_repeated_parameter_is_rejected(api: Api, handler: Handler) -> None:
    event = rest_event("GET", "/v1/inbox", headers=[("x-api-key", api.key)])
    event["queryStringParameters"] = {"limit": "2"}
    event["multiValueQueryStringParameters"] = {"limit": ["1", "2"]}
    response = handler(event)
    assert (response["statusCode"], checked(response)["error"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "host",
    ["a:b:c", "[::1]", "[::1]:443", "", ":", "x:y", "a" * 5000, "é", "\ud800", "\x00", "h:99999999999"],
)
@pytest.mark.promise(9)
def test_any_host_header_gets_an_answer(api: Api, handler: Handler, host: str) -> None:
    response = handler(ingest_event(api, host=host))
    checked(response)
    assert response["statusCode"] == 201


@pytest.mark.parametrize("port", ["", "x", "99999999999", "443, 443"])
@pytest.mark.promise(9)
def test_any_forwarded_port_gets_an_answer(api: Api, handler: Handler, port: str) -> None:
    headers = [("X-API-Key", api.key), ("X-Forwarded-Port", port), ("X-Forwarded-Proto", port)]
    assert handler(rest_event("GET", "/v1/inbox", headers=headers))["statusCode"] == 200


def surrogates_in_the_body() -> list[Change]:
    texts = ["\ud800", '{"source":"\udfff","event_type":"t","payload":{}}', BODY.decode() + "\udc00"]
    return [{"body": text} for text in texts]


@pytest.mark.parametrize(
    "change",
    [
        *surrogates_in_the_body(),
        {"body": None},
        {"body": ""},
        {"body": 7},
        {"body": {"source": "a"}},
        {"body": "not base64!", "isBase64Encoded": True},
        {"body": "AAA", "isBase64Encoded": True},
        {"body": "é", "isBase64Encoded": True},
        {"body": base64.b64encode(b"\xff\xfe").decode(), "isBase64Encoded": True},
        {"body": base64.b64encode(BODY[:-1]).decode(), "isBase64Encoded": True},
    ],
)
@pytest.mark.promise(9)
def test_a_body_that_is_not_strict_json_is_refused_and_nothing_is_stored(
    api: Api, handler: Handler, change: Change
) -> None:
    response = handler(ingest_event(api, change=change))
    assert (response["statusCode"], checked(response)["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert api.pending() == []


def test_the_limit_of_a_body_counts_the_decoded_bytes(api: Api, handler: Handler) -> None:
    filler = BODY[:-2].replace(b"\xc3\xa9", b"x" * (409_600 - len(BODY) + 2))
    body = filler + b"}}"
    assert len(body) == 409_600
    assert handler(ingest_event(api, body=body, as_base64=True))["statusCode"] == 201
    assert handler(ingest_event(api, body=body + b" ", as_base64=True))["statusCode"] == 413


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
@pytest.mark.promise(9)
def test_lone_surrogates_in_a_query_are_refused(api: Api, handler: Handler, text: str) -> None:
    for query in ({"source": [text]}, {"cursor": [text]}, {"limit": [text]}, {text: ["1"]}):
        event = rest_event("GET", "/v1/inbox", headers=[("x-api-key", api.key)])
        response = handler({**event, "multiValueQueryStringParameters": query})
        assert (response["statusCode"], checked(response)["error"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\u200b", "é", "\x00", "a\r\nb: c", "\U0001f600"])
@pytest.mark.promise(9)
def test_odd_characters_in_headers_get_an_answer(api: Api, handler: Handler, text: str) -> None:
    for name in ("X-Request-ID", "User-Agent", "Origin", "Accept", "Cookie", "X-Forwarded-For"):
        event = rest_event("GET", "/v1/inbox", headers=[("X-API-Key", api.key), (name, text)])
        response = handler(event)
        checked(response)
        assert response["statusCode"] == 200
    assert handler(rest_event("GET", "/v1/inbox", headers=[("X-API-Key", text)]))["statusCode"] == 401


def test_the_domain_is_not_in_any_answer(handler: Handler) -> None:
    for path in ("/v1/health", "/nowhere", "/v1/inbox"):
        assert HOST not in json.dumps(handler(rest_event("GET", path)))
