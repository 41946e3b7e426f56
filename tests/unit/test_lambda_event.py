"""The edge of Lambda: whatever event comes, Mangum takes it, and the gateway gets an answer."""

import base64
import gzip
import json
import zlib
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangum import Mangum

from tests.support.event_loop import event_loop
from triggers_api.api.headers import answer_headers
from triggers_api.api.lambda_event import guard, normalise_event

CANARY = "c4n4ry"
NO_CONTEXT: Any = None


class Recorder:
    """An ASGI app that keeps what reached it."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.body = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = dict(scope)
        self.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.scope["headers"])

    @property
    def query(self) -> list[tuple[bytes, bytes]]:
        pairs = [pair.partition(b"=") for pair in self.scope["query_string"].split(b"&") if pair]
        return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def arrived(event: Any) -> Recorder:
    """Return what reaches an app through Mangum."""
    app = Recorder()
    with event_loop():
        answer = Mangum(app, lifespan="off")(normalise_event(event), NO_CONTEXT)
    assert answer["statusCode"] == 204
    return app


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
texts = st.text(st.characters())  # lone surrogates too
parts = anything | texts | st.dictionaries(st.text(), texts | st.lists(texts) | anything, max_size=3)
PARTS = [
    "resource requestContext httpMethod path pathParameters headers multiValueHeaders queryStringParameters",
    "multiValueQueryStringParameters body isBase64Encoded version",
]
events = st.fixed_dictionaries({}, optional=dict.fromkeys(" ".join(PARTS).split(), parts))


@pytest.mark.promise(9)
@given(anything | events)
def test_mangum_accepts_any_normalised_event(event: Any) -> None:
    app = arrived(event)
    assert app.scope["type"] == "http"
    assert app.scope["query_string"].isascii()


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        5,
        1.5,
        "event",
        True,
        [None],
        {"httpMethod": None, "path": None, "headers": None, "body": None, "pathParameters": None},
        {"multiValueHeaders": None, "multiValueQueryStringParameters": None, "requestContext": None},
        {"headers": {"a": None}, "multiValueHeaders": {"a": None, "b": [None, 5, {}]}, "path": 5},
        {"headers": [], "queryStringParameters": "a=b", "pathParameters": ["proxy"], "httpMethod": ["GET"]},
        {"multiValueQueryStringParameters": {"a": None, "b": [None]}, "pathParameters": {"proxy": None}},
    ],
)
def test_an_event_of_another_form_arrives_as_a_request_for_the_root(event: Any) -> None:
    app = arrived(event)
    assert (app.scope["method"], app.scope["path"], app.body) == ("GET", "/", b"")


def test_a_real_event_arrives_whole() -> None:
    app = arrived(
        {
            "resource": "/{proxy+}",
            "httpMethod": "POST",
            "path": "/v1/events",
            "pathParameters": {"proxy": "v1/events"},
            "headers": {"X-API-Key": "last", "Content-Type": "application/json"},
            "multiValueHeaders": {"X-API-Key": ["first", "last"], "Content-Type": ["application/json"]},
            "queryStringParameters": {"a": "2"},
            "multiValueQueryStringParameters": {"a": ["1", "2"], "b c": ["é&="]},
            "requestContext": {"identity": {"sourceIp": "192.0.2.1"}},
            "body": '{"é":"😀"}',
            "isBase64Encoded": False,
        }
    )
    assert (app.scope["method"], app.scope["path"]) == ("POST", "/v1/events")
    assert app.headers == {b"x-api-key": b"first, last", b"content-type": b"application/json"}
    assert parse_qsl(app.scope["query_string"].decode()) == [("a", "1"), ("a", "2"), ("b c", "é&=")]
    assert app.body == '{"é":"😀"}'.encode()


def test_single_value_headers_and_queries_are_accepted() -> None:
    app = arrived({"headers": {"X-Request-ID": "r-1"}, "queryStringParameters": {"limit": "5"}})
    assert app.headers == {b"x-request-id": b"r-1"}
    assert app.query == [(b"limit", b"5")]


@pytest.mark.parametrize(
    ("path", "proxy", "expected"),
    [
        ("/v1/inbox", "v1/inbox", "/v1/inbox"),
        ("/base/v1/inbox", "v1/inbox", "/v1/inbox"),
        ("/a/b/v1/inbox", "v1/inbox", "/v1/inbox"),
        ("/base/v1/inbox", None, "/base/v1/inbox"),
        ("/base/v1/inbox", "v1/other", "/base/v1/inbox"),
        ("/basev1/inbox", "v1/inbox", "/basev1/inbox"),
        ("/v1/events/a%20b", "v1/events/a%20b", "/v1/events/a b"),
    ],
)
def test_the_base_path_of_a_custom_domain_is_removed(path: str, proxy: str | None, expected: str) -> None:
    assert arrived({"path": path, "pathParameters": {"proxy": proxy}}).scope["path"] == expected


@pytest.mark.parametrize(
    ("path", "hook_id", "expected"),
    [
        ("/v1/hooks/hook_a", "hook_a", "/v1/hooks/hook_a"),
        ("/base/v1/hooks/hook_a", "hook_a", "/v1/hooks/hook_a"),
        ("/v1/hooks/v1/hooks/hook_a", "hook_a", "/v1/hooks/hook_a"),
        ("/base/v1/hooks/hook_a", "hook_b", "/base/v1/hooks/hook_a"),
        ("/basev1/hooks/hook_a", "hook_a", "/basev1/hooks/hook_a"),
        ("/base/hooks/hook_a", "hook_a", "/base/hooks/hook_a"),
        ("/base/v1/hooks/hook_a", None, "/base/v1/hooks/hook_a"),
        ("/v1/hooks/a%20b", "a%20b", "/v1/hooks/a b"),
    ],
)
def test_the_base_path_before_a_hook_is_removed(path: str, hook_id: str | None, expected: str) -> None:
    event = {"resource": "/v1/hooks/{hook_id}", "path": path, "pathParameters": {"hook_id": hook_id}}
    assert arrived(event).scope["path"] == expected


@pytest.mark.parametrize(
    "value", ["a:b:c", "host:port", "[::1]", ":", "a:99999999999999999999", "\ud800", "é", ""]
)
def test_a_host_header_that_mangum_cannot_parse_is_dropped(value: str) -> None:
    headers = {"Host": value, "X-Forwarded-Port": value, "X-Forwarded-Proto": value, "X-API-Key": "kept"}
    for event in ({"headers": headers}, {"multiValueHeaders": {n: [v] for n, v in headers.items()}}):
        arrived_headers = arrived(event).headers
        assert arrived_headers.keys() & {b"host", b"x-forwarded-port"} == set()
        assert arrived_headers[b"x-api-key"] == b"kept"


def test_headers_are_passed_through() -> None:
    names = ["Content-Type", "X-API-Key", "Accept", "Traceparent", "X-Amzn-Trace-Id", "Host"]
    headers = dict.fromkeys(names, "x")
    assert arrived({"headers": headers}).headers == {name.lower().encode(): b"x" for name in names}


def test_headers_over_64_kib_are_dropped_with_the_key() -> None:
    fits = {"X-API-Key": "key", "X-Padding": "x" * 65_000}
    assert arrived({"headers": fits}).headers.keys() == {b"x-api-key", b"x-padding"}
    assert arrived({"headers": {**fits, "X-More": "x" * 600}}).headers == {}


def test_a_header_whose_values_http_cannot_carry_arrives_empty() -> None:
    app = arrived({"multiValueHeaders": {"X-API-Key": ["\ud800", "good"], "X-Request-ID": ["\udfff"]}})
    assert app.headers == {b"x-api-key": b"", b"x-request-id": b""}


def test_a_repeated_idempotency_key_arrives_empty_and_is_not_joined_into_one() -> None:
    app = arrived({"multiValueHeaders": {"Idempotency-Key": ["a", "b"]}})
    assert app.headers == {b"idempotency-key": b""}


def test_a_multi_value_header_takes_precedence() -> None:
    app = arrived({"headers": {"x-api-key": "two"}, "multiValueHeaders": {"X-API-Key": ["one", "two"]}})
    assert app.headers == {b"x-api-key": b"one, two"}


def test_a_header_written_in_two_cases_is_one_header() -> None:
    app = arrived({"multiValueHeaders": {"X-Api-Key": ["one"], "x-api-key": ["two"]}})
    assert app.headers == {b"x-api-key": b"one, two"}


@pytest.mark.parametrize("body", [5, [], {}, True, 1.5, {"source": "shop"}, '"\ud800"', "\udfff"])
def test_a_body_that_is_no_text_arrives_as_bytes_that_are_no_utf8(body: Any) -> None:
    with pytest.raises(UnicodeDecodeError):
        arrived({"body": body}).body.decode()


def test_a_base64_body_arrives_decoded() -> None:
    assert arrived({"body": "eyJhIjoxfQ==", "isBase64Encoded": True}).body == b'{"a":1}'
    assert arrived({"body": "/w==", "isBase64Encoded": True}).body == b"\xff"
    assert arrived({"body": "", "isBase64Encoded": True}).body == b""
    assert arrived({"body": "eyJhIjoxfQ==", "isBase64Encoded": False}).body == b"eyJhIjoxfQ=="


@pytest.mark.parametrize(
    "body", ["eyJhIjoxfQ", "e", "{}", "eyJh IjoxfQ==", "é", "\ud800", "eyJhIjoxfQ==garbage"]
)
def test_broken_base64_arrives_as_bytes_that_are_no_utf8(body: str) -> None:
    with pytest.raises(UnicodeDecodeError):
        arrived({"body": body, "isBase64Encoded": True}).body.decode()


def test_a_lone_surrogate_in_a_query_arrives_as_bytes_that_are_no_utf8() -> None:
    for event in (
        {"queryStringParameters": {"source": "\ud800"}},
        {"queryStringParameters": {"\ud800": "a"}},
    ):
        ((name, value),) = arrived(event).query
        with pytest.raises(UnicodeDecodeError):
            (name + value).decode()


def test_a_lone_surrogate_in_the_path_arrives() -> None:
    assert arrived({"path": "/v1/events/\ud800"}).scope["path"] == "/v1/events/\ud800"


def broken(event: Any, context: Any) -> dict[str, Any]:
    raise RuntimeError(f"{CANARY}: {event['path']}")


@pytest.mark.parametrize("event", [None, {}, {"path": f"/{CANARY}"}, [CANARY]])
@pytest.mark.promise(9, 11)
def test_a_handler_that_raises_is_answered_in_the_error_shape(event: Any) -> None:
    answer = guard(broken, cors_allow_origin="https://example.com")(event, None)
    request_id = answer["headers"]["x-request-id"]
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (500, False)
    assert answer["headers"] == {
        "content-type": "application/json",
        "x-request-id": request_id,
        **answer_headers(cors_allow_origin="https://example.com"),
    }
    assert answer["headers"]["cache-control"] == "no-store"
    assert json.loads(answer["body"]) == {
        "error": {
            "code": "INTERNAL_ERROR",
            "message": "An unexpected error occurred.",
            "details": {},
            "request_id": request_id,
        }
    }
    assert CANARY not in json.dumps(answer)


def test_a_failure_is_logged_under_the_request_id_that_the_client_gets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = {"path": "/", "headers": {"X-Request-ID": "the-clients-own"}}
    answer = guard(broken, cors_allow_origin="*")(event, None)
    (record,) = caplog.records
    assert answer["headers"]["x-request-id"] == "the-clients-own"
    assert record.__dict__["fields"]["request_id"] == "the-clients-own"


def test_a_key_as_request_id_is_neither_logged_nor_answered(caplog: pytest.LogCaptureFixture) -> None:
    key = "chosen-by-an-operator"
    event = {"path": "/", "headers": {"X-Request-ID": key, "X-API-Key": key}}
    answer = guard(broken, cors_allow_origin="*")(event, None)
    (record,) = caplog.records
    assert key not in json.dumps(answer)
    assert key not in str(record.__dict__["fields"])


@pytest.mark.parametrize(
    ("coding", "body", "arrived_coding"),
    [
        ("gzip", b"{}", None),
        ("identity, gzip", b"{}", None),
        ("deflate", b"{}", None),
        ("Deflate", zlib.compress(b"{}"), b"Deflate"),
        ("gzip", b"\xff", b"gzip"),
        ("gzip, deflate", b"{}", b"gzip, deflate"),
        ("br", b"{}", b"br"),
        ("identity", b"{}", b"identity"),
        (None, gzip.compress(b"{}", mtime=0), b"gzip"),
    ],
)
def test_content_coding_is_the_one_that_the_body_has(
    coding: str | None, body: bytes, arrived_coding: bytes | None
) -> None:
    headers = {} if coding is None else {"Content-Encoding": coding}
    event = {"headers": headers, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    assert arrived(event).headers.get(b"content-encoding") == arrived_coding


def test_a_failure_is_logged_with_the_lambda_request_id(caplog: pytest.LogCaptureFixture) -> None:
    guard(broken, cors_allow_origin="*")({"path": "/"}, SimpleNamespace(aws_request_id="lambda-s"))
    (record,) = caplog.records
    assert record.__dict__["fields"]["lambda_request_id"] == "lambda-s"


def test_handler_that_raises_for_head_is_answered_without_a_body() -> None:
    handler = guard(broken, cors_allow_origin="*")
    get, head = (handler({"httpMethod": method, "path": "/"}, None) for method in ("GET", "HEAD"))
    assert (head["statusCode"], head["body"], head["headers"].keys()) == (500, "", get["headers"].keys())


@pytest.mark.parametrize("name", ["\ud800", "é", "a b", "a:b", "a\r\nb", ""])
def test_an_invalid_header_name_is_dropped(name: str) -> None:
    headers = {name: "x", "X-API-Key": "y"}
    assert normalise_event({"headers": headers})["multiValueHeaders"] == {"x-api-key": ["y"]}


def test_each_failure_has_a_request_id_of_its_own() -> None:
    handler = guard(broken, cors_allow_origin="*")
    assert len({handler({}, None)["headers"]["x-request-id"] for _ in range(10)}) == 10


def test_the_answer_of_a_handler_is_returned_unchanged() -> None:
    context, seen = object(), list[Any]()

    def handler(event: Any, given: Any) -> dict[str, Any]:
        seen.append(given)
        return {"statusCode": 200, "body": event["path"]}

    answer = guard(handler, cors_allow_origin="*")({"path": "/v1/health"}, context)
    assert answer == {"statusCode": 200, "body": "/v1/health"}
    assert seen == [context]
