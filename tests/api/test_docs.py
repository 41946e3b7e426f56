"""Swagger UI: its page and assets by relative addresses, from the package or, without it, from the CDN."""

import re
from pathlib import Path
from urllib.parse import urljoin

import fastapi_offline
import pytest

from tests.api.driver import Api
from tests.conftest import Stores
from tests.support.clock import FakeClock

ASSETS = Path(fastapi_offline.__file__).parent / "static"


@pytest.fixture
def offline_api(sqlite_stores: Stores, clock: FakeClock) -> Api:
    return Api(sqlite_stores, clock, door="asgi", docs_assets=ASSETS)


def addresses(page: str) -> set[str]:
    return {*re.findall(r'(?:src|href)="([^"]+)"', page), *re.findall(r'url: "([^"]+)"', page)}


def test_the_page_loads_all_it_needs_by_relative_addresses(offline_api: Api) -> None:
    answer = offline_api.get("/docs", key=None)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    found = addresses(answer.body.decode())
    assert "openapi.json" in found
    assert len(found) == 4
    for address in found:
        assert "://" not in address
        assert not address.startswith("/")
        for prefix in ("", "/prod", "/base/path"):
            resolved = urljoin(f"https://example.com{prefix}/docs", address)
            path = resolved.removeprefix(f"https://example.com{prefix}")
            assert offline_api.get(path, key=None).status == 200, address


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("favicon.png", "image/png"),
    ],
)
def test_the_assets_are_those_of_the_package(offline_api: Api, name: str, media_type: str) -> None:
    answer = offline_api.get(f"/docs/{name}", key=None)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.body == (ASSETS / name).read_bytes()


@pytest.mark.parametrize(
    "name",
    ["redoc.standalone.js", "..%2f__init__.py", "%2e%2e", "x", "", "swagger-ui.css%00", "../openapi.json/x"],
)
def test_no_other_file_is_served(offline_api: Api, name: str) -> None:
    assert offline_api.get(f"/docs/{name}", key=None).refusal == (404, "NOT_FOUND")


def test_the_page_is_the_same_each_time(offline_api: Api) -> None:
    first, second = (offline_api.get("/docs", key=None, headers=[("X-Request-ID", "same")]) for _ in range(2))
    assert first == second


def test_without_assets_the_page_loads_a_pinned_version_with_integrity_from_a_cdn(each_door: Api) -> None:
    answer = each_door.get("/docs", key=None)
    assert answer.status == 200
    page = answer.body.decode()
    assert addresses(page) >= {"openapi.json"}
    remote = [tag for tag in re.findall(r"<[a-z][^>]*>", page) if "//" in tag]
    assert len(remote) == 2
    for tag in remote:
        assert re.search(r'"https://cdn\.jsdelivr\.net/npm/swagger-ui-dist@\d+\.\d+\.\d+/[a-z.-]+"', tag)
        assert re.search(r' integrity="sha384-[A-Za-z0-9+/]{64}" crossorigin="anonymous">$', tag)
    assert each_door.get("/docs/swagger-ui.css", key=None).refusal == (404, "NOT_FOUND")
