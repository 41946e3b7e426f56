"""A shared cache before the API: it keeps no answer, so no caller gets what another caller read."""

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.support import reverse_proxy, varnish
from tests.support.api_client import ApiClient
from tests.support.dev_server import KEY, on_folder, running

SECRET = "of-the-key's-owner-only"


@pytest.fixture(scope="module", autouse=True)
def _varnish() -> None:
    if reason := varnish.why_not():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of the cache before a `triggers dev`."""
    with (
        running(*on_folder(tmp_path_factory.mktemp("data"))) as server,
        varnish.caching(server.url) as cache,
    ):
        yield cache


def get(url: str, *, key: str | None = None) -> httpx.Response:
    answer = httpx.get(url, headers={"X-API-Key": key} if key else {}, trust_env=False)
    assert "x-varnish" in answer.headers, "the answer did not come through the cache"
    return answer


def is_from_the_cache(answer: httpx.Response) -> bool:
    """Return whether the cache answered by itself: it then names the request that stored the answer too."""
    return len(answer.headers["x-varnish"].split()) > 1


def test_cache_keeps_an_answer_that_does_not_forbid_it() -> None:
    with reverse_proxy.page("anything") as server, varnish.caching(server.url) as cache:
        first, second = get(cache), get(cache)
    assert (is_from_the_cache(first), is_from_the_cache(second), len(server.paths)) == (False, True, 1)


def test_inbox_of_a_key_is_not_served_to_a_caller_without_one(url: str) -> None:
    with ApiClient(url) as client:
        assert client.ingest({"secret": SECRET}).status == 201
    assert SECRET in get(f"{url}/v1/inbox", key=KEY).text
    answer = get(f"{url}/v1/inbox")
    assert answer.status_code == 401
    assert SECRET not in answer.text
    assert get(f"{url}/v1/inbox", key=KEY).status_code == 200, "nor is the refusal served to the key"


def test_acknowledged_event_leaves_the_inbox_at_once(url: str) -> None:
    with ApiClient(url) as client:
        event_id = client.ingest({}).body["event_id"]
        assert event_id in get(f"{url}/v1/inbox", key=KEY).text
        assert get(f"{url}/v1/events/{event_id}", key=KEY).json()["status"] == "pending"
        assert client.acknowledge(event_id).status == 200
    assert event_id not in get(f"{url}/v1/inbox", key=KEY).text
    assert get(f"{url}/v1/events/{event_id}", key=KEY).json()["status"] == "acknowledged"


@pytest.mark.parametrize(
    "path", ["/v1/health", "/openapi.json", "/docs", "/docs/swagger-ui.css", "/nowhere", "/v1/events"]
)
def test_no_other_answer_is_kept(url: str, path: str) -> None:
    first, second = get(url + path), get(url + path)
    assert not is_from_the_cache(second)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
