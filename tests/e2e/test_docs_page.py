"""The documentation and CORS in a real browser, without a network."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support import browser, reverse_proxy
from tests.support.api_client import ApiClient
from tests.support.contract import ENDPOINTS
from tests.support.dev_server import KEY, DevServer, on_folder, running
from tests.support.requirements_walk import UNKNOWN_EVENT

OPERATIONS = {(method.lower(), path) for method, path in ENDPOINTS}

FOREIGN_PAGE = """<!doctype html><title>another origin</title><p id="seen">nothing</p><script>
const call = (method, path, key, body) => fetch("__API__" + path, {
  method,
  headers: {"Content-Type": "application/json", "X-API-Key": key, "X-Request-ID": "from-a-page-" + method},
  body,
}).then(answer => `${method}: ${answer.status} ${answer.headers.get("X-Request-ID")}`)
  .catch(error => `${method}: ${error}`);
const event = '{"source": "page", "event_type": "page.opened", "payload": {"from": "a browser"}}';
Promise.all([
  call("POST", "/v1/events", "__KEY__", event),
  call("GET", "/v1/inbox", "not-the-key-at-all"),
  call("DELETE", "/v1/events/__EVENT__", "__KEY__"),
]).then(seen => { document.getElementById("seen").textContent = seen.join(", "); });
</script>"""

TRACING_PAGE = """<!doctype html><title>a page with tracing</title><p id="seen">nothing</p><script>
const headers = {
  "Content-Type": "application/json", "Idempotency-Key": "traced",
  "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1",
  "baggage": "user=1", "sentry-trace": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
  "b3": "0", "X-B3-TraceId": "1", "X-Amzn-Trace-Id": "Root=1", "x-datadog-trace-id": "1", "newrelic": "1",
};
const body = '{"source": "page", "event_type": "page.traced", "payload": {}}';
const post = key =>
  fetch("__API__/v1/events", {method: "POST", headers: {...headers, "X-API-Key": key}, body});
(async () => {
  const replayed = (await post("__KEY__"), await post("__KEY__"));
  const refused = await post("not-the-key-at-all");
  return [replayed.status, replayed.headers.get("Idempotent-Replayed"),
          refused.status, refused.headers.get("WWW-Authenticate")].join();
})().catch(String).then(seen => { document.getElementById("seen").textContent = seen; });
</script>"""


@pytest.fixture(scope="module", autouse=True)
def _chromium() -> None:
    if reason := browser.why_not():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    with running(*on_folder(tmp_path)) as server:
        yield server


def foreign_page(url: str, page: str = FOREIGN_PAGE) -> str:
    for name, value in {"__API__": url, "__KEY__": KEY, "__EVENT__": UNKNOWN_EVENT}.items():
        page = page.replace(name, value)
    return page


def assert_all_operations_are_shown(visit: browser.Visit) -> None:
    """Check what Swagger UI renders from the contract. The page as it is served has none of it."""
    for method, path in OPERATIONS:
        assert f'class="opblock opblock-{method}"' in visit.dom
        assert f'data-path="{path}"' in visit.dom
    assert visit.dom.count('class="opblock opblock-') == len(OPERATIONS)
    assert "Failed to load API definition" not in visit.dom


def assert_nothing_left_loopback(visit: browser.Visit) -> None:
    assert {urlsplit(url).hostname for url in visit.requested} == {"127.0.0.1"}
    assert {address.rpartition(":")[0] for address in visit.connected} == {"127.0.0.1"}


def test_docs_show_every_operation_without_a_network(server: DevServer) -> None:
    visit = browser.visit(f"{server.url}/docs")
    assert_all_operations_are_shown(visit)
    assert_nothing_left_loopback(visit)


def test_docs_show_every_operation_behind_a_gateways_stage(server: DevServer) -> None:
    with reverse_proxy.stripping("/prod", server.url) as gateway:
        visit = browser.visit(f"{gateway.url}/prod/docs")
    assert_all_operations_are_shown(visit)
    assert_nothing_left_loopback(visit)
    assert "/prod/openapi.json" in gateway.paths
    assert all(path.startswith("/prod/") for path in gateway.paths), gateway.paths


def test_a_page_of_another_origin_may_call_and_read_the_request_id(server: DevServer) -> None:
    with reverse_proxy.page(foreign_page(server.url)) as foreign:
        assert foreign.url != server.url
        visit = browser.visit(foreign.url)
    seen = "POST: 201 from-a-page-POST, GET: 401 from-a-page-GET, DELETE: 200 from-a-page-DELETE"
    assert f'<p id="seen">{seen}</p>' in visit.dom
    assert "OPTIONS" in server.log.read_text(), "the browser sent no preflight"
    with ApiClient(server.url) as client:
        assert [event["payload"] for event in client.inbox()] == [{"from": "a browser"}]


def test_page_of_another_origin_may_send_tracing_headers_and_read_the_services_own(server: DevServer) -> None:
    with reverse_proxy.page(foreign_page(server.url, TRACING_PAGE)) as foreign:
        visit = browser.visit(foreign.url)
    assert '<p id="seen">201,true,401,ApiKey</p>' in visit.dom


def test_page_of_another_host_may_neither_call_nor_read(server: DevServer) -> None:
    with reverse_proxy.page(foreign_page(server.url)) as foreign:
        visit = browser.visit(foreign.url.replace("127.0.0.1", browser.FOREIGN_NAME))
    failed = "TypeError: Failed to fetch"
    assert f'<p id="seen">POST: {failed}, GET: {failed}, DELETE: {failed}</p>' in visit.dom
    with ApiClient(server.url) as client:
        assert client.inbox() == []


def test_page_may_not_call_by_a_name_that_it_points_at_this_machine(server: DevServer) -> None:
    visit = browser.visit(f"{server.url.replace('127.0.0.1', browser.FOREIGN_NAME)}/docs")
    assert "MISDIRECTED_REQUEST" in visit.dom
