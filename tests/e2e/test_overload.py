"""More requests than `triggers dev` can serve in time: each is answered, and health stays quick."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.support.crowd import Timed, health_checked, request, send_all
from tests.support.dev_server import DevServer, on_folder, running
from tests.support.witness import ANSWER_SECONDS
from triggers_api.core.strict_json import MAX_BODY_BYTES

CLIENTS = 150
HEALTH_SECONDS = 3.0
"""The promise is 1 s, on a machine that does nothing else."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running(*on_folder(tmp_path_factory.mktemp("overload"))) as server:
        yield server


def filled(unit: str, size: int = MAX_BODY_BYTES) -> bytes:
    """Return an event whose payload repeats a JSON value up to a size."""
    head, tail = '{"source":"deep","event_type":"t","payload":{"d":[', "]}}"
    return (head + ",".join([unit] * ((size - len(head) - len(tail)) // (len(unit) + 1))) + tail).encode()


def answered(server: DevServer, requests: Sequence[bytes]) -> Counter[int]:
    """Send requests at the same moment, check the answers, and return the number of each status."""
    with health_checked(server.url) as health:
        answers = send_all(server.url, requests)
    for one in answers:
        _check(one)
    assert set(health.statuses) == {200}
    assert max(health.seconds) < HEALTH_SECONDS
    return Counter(one.answer.status for one in answers)


def _check(one: Timed) -> None:
    assert one.seconds < ANSWER_SECONDS
    if one.answer.status == 503:
        assert json.loads(one.answer.body)["error"]["code"] == "SERVICE_UNAVAILABLE"
        assert one.answer.header("retry-after") == "1"


def test_deep_bodies_are_stored_or_refused_in_time(server: DevServer) -> None:
    body = filled("[" * 86 + "]" * 86)
    requests = [
        request("POST", "/v1/events", body, f"Idempotency-Key: deep-{number}\r\n")
        for number in range(CLIENTS)
    ]
    statuses = answered(server, requests)
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
