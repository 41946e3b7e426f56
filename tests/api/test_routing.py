"""Paths and methods that there are not, and what a browser asks before it calls: CORS."""

import pytest

from tests.api.driver import Api
from tests.conftest import Stores
from tests.support.clock import FakeClock

EVENT = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
ALLOWED = {
    "/v1/health": {"GET", "HEAD", "OPTIONS"},
    "/v1/events": {"POST", "OPTIONS"},
    "/v1/inbox": {"GET", "HEAD", "OPTIONS"},
    EVENT: {"GET", "HEAD", "DELETE", "OPTIONS"},
    f"{EVENT}/ack": {"POST", "OPTIONS"},
    "/v1/events/not-a-uuid": {"GET", "HEAD", "DELETE", "OPTIONS"},
}
METHODS = [
    "GET",
    "POST",
    "DELETE",
    "PUT",
    "PATCH",
    "HEAD",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "FOO-BAR",
    "X",
]


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.promise(9)
def test_a_method_that_a_path_does_not_have_is_405_and_allow_names_them_all(
    each_door: Api, path: str
) -> None:
    for method in METHODS:
        if method in ALLOWED[path]:
            assert each_door.call(method, path).status != 405
            continue
        for key in ("", None):
            answer = each_door.call(method, path, key=key)
            assert answer.status == 405, method
            assert method == "HEAD" or answer.refusal == (405, "METHOD_NOT_ALLOWED"), method
            assert {name.strip() for name in answer.headers["allow"].split(",")} == ALLOWED[path]


@pytest.mark.parametrize(
    "path",
    [
        *("/", "//", "/v1", "/v1/", "/v2/inbox", "/V1/inbox", "/v1/Inbox", "/inbox", "/prod/v1/inbox"),
        *(
            "/v1/inbox/",
            "/v1/events/",
            "/v1/health/",
            f"{EVENT}/",
            f"{EVENT}/ack/",
            "//v1/inbox",
            "/v1//inbox",
        ),
        *(f"{EVENT}/ack/more", f"{EVENT}%2Fack%2F", "/v1/events/a%2Fb", "/v1%2Finbox/x", "/v1/events/a/b/c"),
        *("/robots.txt", "/.env", "/favicon.ico", "/redoc", "/admin", "/v1/keys", "/v1/inbox%00", "/%FF"),
        *("/v1/inbox;x=1", "/v1/./inbox/x", "/v1/events/../inbox/x", "/docs/", "/openapi.json/", "/é"),
        "/" + "a" * 8000,
    ],
)
@pytest.mark.promise(9)
def test_an_unknown_path_is_404_with_or_without_a_key(local_api: Api, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT"):
        for key in ("", None):
            answer = local_api.call(method, path, key=key)
            assert answer.refusal == (404, "NOT_FOUND"), method
            assert "aaaaaaa" not in answer.body.decode()


def test_a_path_is_never_answered_with_a_redirect(each_door: Api) -> None:
    for path in ("/v1/inbox/", "/v1/events/", "/docs/", "//", "//example.com/"):
        answer = each_door.get(path)
        assert answer.status == 404
        assert "location" not in answer.headers


EXPOSED = "X-Request-ID, Retry-After, Idempotent-Replayed, Allow, WWW-Authenticate"
ALLOWED_HEADERS = (
    "Content-Type, Content-Encoding, X-API-Key, X-Request-ID, Idempotency-Key, "
    "traceparent, tracestate, baggage, sentry-trace, b3, X-Amzn-Trace-Id, *"
)
CORS_PATHS = [
    ("GET", "/v1/health", 200),
    ("GET", "/v1/inbox", 200),
    ("POST", "/v1/events", 400),
    ("GET", EVENT, 404),
    ("GET", "/v1/events/x", 422),
    ("PUT", "/v1/events", 405),
    ("GET", "/nowhere", 404),
    ("GET", "/openapi.json", 200),
    ("GET", "/docs", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), CORS_PATHS)
@pytest.mark.parametrize("origin", [None, "https://app.example.com", "null", "https://evil.example\u00e9"])
def test_every_answer_is_readable_across_origins(
    each_door: Api, method: str, path: str, status: int, origin: str | None
) -> None:
    headers = [("Origin", origin)] if origin else []
    answer = each_door.call(method, path, headers=headers)
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == EXPOSED
    assert "access-control-allow-credentials" not in answer.headers


def test_rejections_are_readable_across_origins(each_door: Api) -> None:
    for answer in (each_door.get("/v1/inbox", key=None), each_door.post("/v1/events", body=b" " * 409_601)):
        assert answer.status in {401, 413}
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-expose-headers"] == EXPOSED


@pytest.mark.parametrize("path", [*ALLOWED, "/nowhere", "/"])
def test_a_preflight_is_answered_without_a_key(each_door: Api, path: str) -> None:
    answer = each_door.call(
        "OPTIONS",
        path,
        key=None,
        headers=[
            ("Origin", "https://app.example.com"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "x-api-key, content-type"),
        ],
    )
    assert answer.status == 200
    cors = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert cors == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, HEAD, POST, DELETE, OPTIONS",
        "access-control-allow-headers": ALLOWED_HEADERS,
        "access-control-max-age": "3600",
        "access-control-expose-headers": EXPOSED,
    }
    assert set(answer.json) == {"request_id"}


@pytest.mark.parametrize("door", ["asgi", "lambda"])
def test_one_setting_narrows_the_origin_of_every_answer(
    sqlite_stores: Stores, clock: FakeClock, door: str
) -> None:
    narrow = "https://app.example.com"
    api = Api(sqlite_stores, clock, door="lambda" if door == "lambda" else "asgi", cors_allow_origin=narrow)
    answers = [api.call(method, path) for method, path, _ in CORS_PATHS]
    answers += [api.call("OPTIONS", "/v1/inbox", headers=[("Origin", "https://evil.example")])]
    answers += [
        api.get("/v1/inbox", key=None),
        api.get("/v1/inbox", headers=[("Origin", "https://evil.example")]),
    ]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == narrow
        assert "access-control-allow-credentials" not in answer.headers
