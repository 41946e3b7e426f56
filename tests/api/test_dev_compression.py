"""Compressed answers, as `triggers dev` sends them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from tests.api.driver import Api
from tests.support import template
from triggers_api.api.dev_compression import MINIMUM_BYTES
from triggers_api.api.factory import build_app
from triggers_api.settings import Settings

LARGE = {"text": "abc" * 1000}

Send = Callable[..., httpx.Response]


@pytest.fixture
def send(local_api: Api) -> Send:
    """Return a function that sends a request with an `Accept-Encoding` header."""
    settings = replace(Settings.from_environment({}), auth_mode="aws")
    app = build_app(settings, service=local_api.app.state.service, compress=True)

    async def send(method: str, path: str, accepted: str) -> httpx.Response:
        headers = {"X-API-Key": local_api.key, "X-Request-ID": "any", "Accept-Encoding": accepted}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://any") as client:
            return await client.request(method, path, headers=headers)

    return lambda method, path, accepted: asyncio.run(send(method, path, accepted))


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "deflate, gzip;q=1.0, *;q=0"])
def test_large_answer_is_compressed_for_a_client_that_accepts_gzip(
    send: Send, local_api: Api, accepted: str
) -> None:
    event_id = local_api.add(LARGE)
    answer = send("GET", "/v1/inbox", accepted)
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert "Accept-Encoding" in answer.headers["vary"]
    assert int(answer.headers["content-length"]) < MINIMUM_BYTES
    (event,) = answer.json()["events"]
    assert (event["event_id"], event["payload"]) == (event_id, LARGE)


@pytest.mark.parametrize(
    "accepted", ["", "identity", "br", "gzip;q=0", "identity, gzip; q=0.000", "gzip;Q=0, br"]
)
def test_answer_is_not_compressed_for_a_client_that_does_not_accept_gzip(
    send: Send, local_api: Api, accepted: str
) -> None:
    local_api.add(LARGE)
    answer = send("GET", "/v1/inbox", accepted)
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) > MINIMUM_BYTES


def test_small_answer_is_not_compressed(send: Send) -> None:
    answer = send("GET", "/v1/health", "gzip")
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


def test_head_has_the_length_of_the_compressed_answer(send: Send, local_api: Api) -> None:
    local_api.add(LARGE)
    get, head = (send(method, "/v1/inbox", "gzip") for method in ("GET", "HEAD"))
    assert head.content == b""
    assert head.headers["content-encoding"] == "gzip"
    assert head.headers["content-length"] == get.headers["content-length"]


def test_the_gateway_compresses_from_the_same_size_on() -> None:
    api = template.load()["Resources"]["TriggersApi"]["Properties"]
    assert api["MinimumCompressionSize"] == MINIMUM_BYTES
