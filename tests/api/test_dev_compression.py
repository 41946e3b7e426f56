"""Compressed answers, as `triggers dev` sends them."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from tests.api.driver import Api
from tests.support import template
from triggers_api.api.dev_compression import MINIMUM_BYTES
from triggers_api.api.factory import build_app
from triggers_api.settings import Settings

LARGE = {"text": "abc" * 1000}


@pytest.fixture
def client(local_api: Api) -> TestClient:
    settings = replace(Settings.from_environment({}), auth_mode="aws")
    app = build_app(settings, service=local_api.app.state.service, compress=True)
    return TestClient(app, headers={"X-API-Key": local_api.key})


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "deflate, gzip;q=1.0, *;q=0"])
def test_large_answer_is_compressed_for_a_client_that_accepts_gzip(
    client: TestClient, local_api: Api, accepted: str
) -> None:
    event_id = local_api.add(LARGE)
    answer = client.get("/v1/inbox", headers={"Accept-Encoding": accepted})
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.num_bytes_downloaded == int(answer.headers["content-length"]) < MINIMUM_BYTES
    (event,) = answer.json()["events"]
    assert (event["event_id"], event["payload"]) == (event_id, LARGE)


@pytest.mark.parametrize(
    "accepted", ["", "identity", "br", "gzip;q=0", "identity, gzip; q=0.000", "gzip;Q=0, br"]
)
def test_answer_is_not_compressed_for_a_client_that_does_not_accept_gzip(
    client: TestClient, local_api: Api, accepted: str
) -> None:
    local_api.add(LARGE)
    answer = client.get("/v1/inbox", headers={"Accept-Encoding": accepted})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) > MINIMUM_BYTES


def test_small_answer_is_not_compressed(client: TestClient) -> None:
    answer = client.get("/v1/health", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


def test_head_has_the_length_of_the_compressed_answer(client: TestClient, local_api: Api) -> None:
    local_api.add(LARGE)
    headers = {"Accept-Encoding": "gzip", "X-Request-ID": "the-same-for-both"}
    get, head = (client.request(method, "/v1/inbox", headers=headers) for method in ("GET", "HEAD"))
    assert head.content == b""
    assert {name: head.headers[name] for name in ("content-length", "content-encoding")} == {
        name: get.headers[name] for name in ("content-length", "content-encoding")
    }


def test_the_gateway_compresses_from_the_same_size_on() -> None:
    api = template.load()["Resources"]["TriggersApi"]["Properties"]
    assert api["MinimumCompressionSize"] == MINIMUM_BYTES
