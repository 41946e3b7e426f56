"""A service on this machine and the web pages that its user visits: CORS and DNS rebinding.

The service accepts a published key, so a page must not get at it: neither from its own origin, nor by a host
name of its own that resolves to this machine.
"""

from collections.abc import Callable, Sequence

import pytest

from tests.api.driver import Answer, Api
from tests.conftest import Stores
from tests.support.clock import FakeClock
from triggers_api.api.web_access import LocalAccess

LOCAL = [
    "http://localhost",
    "http://localhost:3000",
    "https://localhost:8443",
    "http://127.0.0.1:5173",
    "http://127.8.9.10:1",
    "https://[::1]:3000",
    "http://[::1]",
    "http://app.localhost:3000",
    "http://localhost.:3000",
    "http://[::ffff:127.0.0.1]:3000",
]
FOREIGN = [
    "https://evil.example",
    "http://localhost.evil.example",
    "http://localhost:3000.evil.example",
    "http://localhost@evil.example",
    "http://evil.example/localhost",
    "http://evil-localhost",
    "http://evillocalhost",
    "http://app.localhost.evil.example",
    "http://[::ffff:192.0.2.1]",
    "http://127.0.0.1.evil.example",
    "http://128.0.0.1",
    "http://0.0.0.0",
    "http://192.168.1.2:3000",
    "http://[::2]",
    "http://[fe80::1]",
    "null",
    "",
    "*",
    "localhost:3000",
    "file://localhost",
    "chrome-extension://localhost",
    "http://localhost:3000 ",
    "http://localhost:3000/",
    "http://localhost, http://evil.example",
    "http://l\u03bfcalhost",  # a Greek letter
]
OWN_HOSTS = [
    "localhost",
    "localhost:8000",
    "LocalHost:1",
    "127.0.0.1",
    "127.1.2.3:80",
    "[::1]:8000",
    "[0:0::1]",
    "localhost.",
    "localhost.:8000",
    "app.localhost",
    "a.b.LOCALHOST:8000",
    "[::ffff:127.0.0.1]:8000",
]
FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "evillocalhost",
    "app.localhost.evil.example",
    "evil.example.",
    "[::ffff:192.0.2.1]",
    "127.0.0.1.evil.example",
    "localhost:8000@evil.example",
    "evil.example localhost",
    "localhost, evil.example",
    "192.0.2.1",
    "0.0.0.0:8000",
    "[::2]",
    "[::1",
    "::1",
    "localhost:port",
    "localhost/",
    "",
    "\u00e9",
]
CALLS = [
    ("GET", "/v1/health"),
    ("POST", "/v1/events"),
    ("GET", "/v1/inbox"),
    ("DELETE", "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/v1/no-such-path"),
    ("PATCH", "/v1/inbox"),
    ("OPTIONS", "/v1/events"),
]


@pytest.fixture
def make(sqlite_stores: Stores, clock: FakeClock) -> Callable[..., Api]:
    """Return the function that makes a service of this machine."""

    def make(*, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> Api:
        access = LocalAccess(hosts=hosts, origins=origins)
        return Api(sqlite_stores, clock, door="asgi", access=access)

    return make


def preflight(api: Api, origin: str, host: str = "localhost") -> Answer:
    asked = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "x-api-key")]
    return api.call("OPTIONS", "/v1/events", key=None, headers=[("Host", host), ("Origin", origin), *asked])


def read(api: Api, *headers: tuple[str, str]) -> Answer:
    return api.get("/v1/inbox", headers=[("Host", "localhost:8000"), *headers])


def cors_of(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", LOCAL)
def test_page_of_this_machine_may_call_and_read(make: Callable[..., Api], origin: str) -> None:
    api = make()
    asked, answer = preflight(api, origin), read(api, ("Origin", origin))
    assert "x-api-key" in asked.headers["access-control-allow-headers"].lower()
    assert "content-encoding" in asked.headers["access-control-allow-headers"].lower()
    assert "DELETE" in asked.headers["access-control-allow-methods"]
    for one in (asked, answer):
        assert one.status == 200
        assert one.headers["access-control-allow-origin"] == origin
        assert one.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in one.headers


@pytest.mark.parametrize("origin", FOREIGN)
def test_page_of_another_origin_may_neither_call_nor_read(make: Callable[..., Api], origin: str) -> None:
    api = make(origins=["https://app.example.com"])
    for answer in (preflight(api, origin), read(api, ("Origin", origin))):
        assert answer.status == 200
        assert cors_of(answer) == {}
        assert answer.headers["vary"] == "Origin", "a cache keeps the answers to two origins apart"


def test_error_is_readable_for_pages_of_this_machine_only(make: Callable[..., Api]) -> None:
    api = make()
    for origin, readable in (("http://localhost:3000", True), ("https://evil.example", False)):
        answer = api.get("/v1/inbox", key=None, headers=[("Host", "localhost"), ("Origin", origin)])
        assert answer.status == 401
        assert bool(cors_of(answer)) is readable


def test_named_origin_may_call(make: Callable[..., Api]) -> None:
    api = make(origins=["https://app.example.com", "http://other.test:3000"])
    for origin in ("https://app.example.com", "http://other.test:3000", "http://localhost:3000"):
        assert preflight(api, origin).headers["access-control-allow-origin"] == origin
    for origin in ("http://app.example.com", "https://app.example.com:8443", "https://x.app.example.com"):
        assert cors_of(preflight(api, origin)) == {}


def test_every_origin_may_call_if_the_user_says_so(make: Callable[..., Api]) -> None:
    assert preflight(make(origins=["*"]), "https://any.example").headers["access-control-allow-origin"] == "*"


def test_answer_without_an_origin_has_no_cors_headers(make: Callable[..., Api]) -> None:
    assert cors_of(read(make())) == {}
    two = ("Origin", "http://localhost:1"), ("Origin", "http://localhost:2")
    assert cors_of(read(make(), *two)) == {}


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_loopback_is_a_name_of_the_service(make: Callable[..., Api], host: str) -> None:
    assert make().get("/v1/health", key=None, headers=[("Host", host)]).status == 200


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_another_host_name_is_refused(make: Callable[..., Api], host: str) -> None:
    api = make(hosts=["triggers", "192.0.2.7"])
    answer = api.get("/v1/health", key=None, headers=[("Host", host)])
    assert answer.refusal == (421, "MISDIRECTED_REQUEST")
    assert "`triggers dev --allowed-host`" in answer.error["message"]
    assert api.get("/v1/health", key=None).status == 421, "no host"
    assert api.get("/v1/health", key=None, headers=[("Host", "localhost"), ("Host", host)]).status == 421


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_another_host_name_is_refused_on_every_path_and_method(
    make: Callable[..., Api], method: str, path: str
) -> None:
    headers = [("Host", "evil.example:8000"), ("Origin", "http://evil.example:8000")]
    answer = make().call(method, path, headers=headers, body=b"{}")
    assert answer.status == 421
    assert cors_of(answer) == {}
    assert "x-request-id" in answer.headers


def test_refused_host_changes_nothing(make: Callable[..., Api]) -> None:
    api = make()
    assert api.ingest({}, headers=[("Host", "evil.example")]).status == 421
    assert read(api).json["events"] == []


@pytest.mark.parametrize(
    "host",
    ["triggers", "TRIGGERS:9000", "triggers.", "192.0.2.7:8000", "[2001:db8::7]", "[::ffff:192.0.2.7]"],
)
def test_named_host_is_accepted(make: Callable[..., Api], host: str) -> None:
    api = make(hosts=["Triggers", "192.0.2.7", "2001:DB8:0::7"])
    assert api.get("/v1/health", key=None, headers=[("Host", host)]).status == 200


@pytest.mark.parametrize("listening_on", ["0.0.0.0", "::"])
def test_every_address_is_accepted_by_a_service_that_listens_on_all(
    make: Callable[..., Api], listening_on: str
) -> None:
    api = make(hosts=[listening_on])
    for host in ("192.0.2.1:8000", "[2001:db8::1]", "10.1.2.3"):
        assert api.get("/v1/health", key=None, headers=[("Host", host)]).status == 200
    assert api.get("/v1/health", key=None, headers=[("Host", "triggers")]).status == 421


def test_service_behind_a_gateway_accepts_every_host(local_api: Api) -> None:
    assert local_api.get("/v1/health", key=None, headers=[("Host", "api.example.com")]).status == 200
