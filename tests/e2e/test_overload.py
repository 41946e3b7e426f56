"""More requests than `triggers dev` can serve in time: each is answered, and health stays quick."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.crowd import Timed, health_checked, request, send_all
from tests.support.dev_server import DevServer, on_folder, running, started, wait_until_ready, with_open_files
from tests.support.witness import ANSWER_SECONDS
from triggers_api.core.strict_json import MAX_BODY_BYTES

CLIENTS = 150
HEALTH_SECONDS = 2.0
"""The promise is 1 s, on an idle machine. Other work also makes the server compute longer."""
FILES = 256
"""The default of macOS. Then fewer connections may be open than clients connect."""
CHUNK = b"1\r\nx\r\n"
CHUNKS = 5_000
CHUNKED_CLIENTS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running(*on_folder(tmp_path_factory.mktemp("overload"))) as server:
        yield server


@pytest.fixture
def limited_server(tmp_path: Path) -> Iterator[DevServer]:
    with started("--port", "0", *on_folder(tmp_path), program=with_open_files(FILES)) as server:
        wait_until_ready(server)
        yield server


def filled(unit: str, size: int = MAX_BODY_BYTES) -> bytes:
    """Return an event whose payload repeats a JSON value up to a size."""
    head, tail = '{"source":"deep","event_type":"t","payload":{"d":[', "]}}"
    return (head + ",".join([unit] * ((size - len(head) - len(tail)) // (len(unit) + 1))) + tail).encode()


def answered(server: DevServer, requests: Sequence[bytes]) -> Counter[int]:
    """Send requests at the same moment, check the answers, and return the number of each status."""
    with health_checked(server) as health:
        answers = send_all(server.url, requests)
    for one in answers:
        _check(one)
    assert set(health.statuses) == {200}
    assert max(health.undisturbed_seconds) < HEALTH_SECONDS
    assert max(health.seconds) < ANSWER_SECONDS
    return Counter(one.answer.status for one in answers)


def _check(one: Timed) -> None:
    assert one.seconds < ANSWER_SECONDS
    if one.answer.status == 503:
        assert json.loads(one.answer.body)["error"]["code"] == "SERVICE_UNAVAILABLE"
        assert one.answer.header("retry-after") == "1"


def deep_bodies() -> list[bytes]:
    body = filled("[" * 86 + "]" * 86)
    return [
        request("POST", "/v1/events", body, f"Idempotency-Key: deep-{number}\r\n")
        for number in range(CLIENTS)
    ]


def test_deep_bodies_are_stored_or_refused_in_time(server: DevServer) -> None:
    statuses = answered(server, deep_bodies())
    assert statuses[201] > 0
    assert statuses[201] + statuses[503] == CLIENTS


def test_small_requests_are_served_while_large_ones_wait(server: DevServer) -> None:
    large = [request("POST", "/v1/events", filled('{"a":' * 86 + "1" + "}" * 86))] * (CLIENTS // 2)
    small = [
        request("POST", "/v1/events", filled("1", 100), f"Idempotency-Key: small-{number}\r\n")
        for number in range(CLIENTS // 2)
    ]
    statuses = answered(server, [*large, *small])
    assert statuses[201] > len(small)


def test_large_pages_are_served_or_refused_in_time(server: DevServer) -> None:
    """The pages hold the deep payloads that the tests above stored."""
    statuses = answered(server, [request("GET", "/v1/inbox?limit=100")] * CLIENTS)
    assert statuses[200] > 0
    assert statuses[200] + statuses[503] == CLIENTS


def test_small_ingests_are_all_stored(server: DevServer) -> None:
    body = filled("1", 1000)
    requests = [
        request("POST", "/v1/events", body, f"Idempotency-Key: key-{number}\r\n") for number in range(CLIENTS)
    ]
    assert answered(server, requests) == {201: CLIENTS}


def test_health_does_not_wait_behind_requests_that_use_all_connections(limited_server: DevServer) -> None:
    statuses = answered(limited_server, deep_bodies())
    assert statuses[201] > 0
    assert statuses[201] + statuses[503] == CLIENTS


def test_bodies_in_tiny_chunks_do_not_delay_others(server: DevServer) -> None:
    """The parser takes as long for a chunk of one byte as for a large one."""
    head, _, _ = request("POST", "/v1/events").partition(b"Content-Length")
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK * CHUNKS + b"0\r\n\r\n"
    assert answered(server, [chunked] * CHUNKED_CLIENTS) == {400: CHUNKED_CLIENTS}
