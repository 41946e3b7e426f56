"""HEAD: the answer to GET, without its body, at every path and through both doors."""

from pathlib import Path

import fastapi_offline
import pytest

from tests.api.driver import Api, lambda_handler
from tests.api.lambda_events import rest_event
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.contract import ENDPOINTS

NOWHERE = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
READ = [path for method, path in ENDPOINTS if method == "GET"]
ID = ("X-Request-ID", "the-same-for-both")


@pytest.mark.parametrize("path", [*READ, "/openapi.json", "/docs"])
def test_head_has_the_status_and_headers_of_get_and_no_body(each_door: Api, path: str) -> None:
    event_id = each_door.add()
    path = path.replace("{event_id}", event_id)
    get, head = (each_door.call(method, path, headers=[ID]) for method in ("GET", "HEAD"))
    assert (get.status, head.status, head.body) == (200, 200, b"")
    assert head.headers == get.headers
    assert int(head.headers["content-length"]) == len(get.body) > 0


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/v1/inbox", None, 401),
        ("/v1/inbox?limit=0", "", 400),
        (f"/v1/events/{NOWHERE}", "", 404),
        ("/v1/events/x", "", 422),
        ("/nowhere", None, 404),
        ("/v1/events", "", 405),
        (f"/v1/events/{NOWHERE}/ack", "", 405),
    ],
)
def test_head_is_refused_as_get_is(each_door: Api, path: str, key: str | None, status: int) -> None:
    path, _, query = path.partition("?")
    get, head = (
        each_door.call(method, path, query=query, key=key, headers=[ID]) for method in ("GET", "HEAD")
    )
    assert (get.status, head.status, head.body) == (status, status, b"")
    assert head.headers == get.headers


def test_head_of_a_documentation_asset_is_answered(sqlite_stores: Stores, clock: FakeClock) -> None:
    assets = Path(fastapi_offline.__file__).parent / "static"
    api = Api(sqlite_stores, clock, door="asgi", docs_assets=assets)
    head = api.call("HEAD", "/docs/swagger-ui.css", key=None)
    assert head.status == 200
    assert int(head.headers["content-length"]) == (assets / "swagger-ui.css").stat().st_size


def test_head_changes_nothing(each_door: Api) -> None:
    event_id = each_door.add()
    for path in (f"/v1/events/{event_id}", f"/v1/events/{event_id}/ack", "/v1/events"):
        each_door.call("HEAD", path)
    assert each_door.pending() == [event_id]


def test_answer_to_head_has_no_body_in_the_event_that_the_gateway_gets(local_api: Api) -> None:
    response = lambda_handler(local_api.app)(rest_event("HEAD", "/v1/health"))
    assert (response["statusCode"], response["body"]) == (200, "")
