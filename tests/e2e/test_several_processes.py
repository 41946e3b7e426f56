"""Two `triggers dev` on the same data, at work at the same time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest

from tests.e2e.conftest import Backend
from tests.support import dev_server
from tests.support.api_client import Answer, ApiClient

CLIENTS = 4
"""Two at each of the two processes."""


@pytest.fixture
def clients(backend: Backend) -> Iterator[list[ApiClient]]:
    with ExitStack() as stack:
        servers = [stack.enter_context(backend.running()) for _ in range(2)]
        yield [stack.enter_context(ApiClient(servers[one % 2].url)) for one in range(CLIENTS)]


def at_once(clients: list[ApiClient], calls: list[tuple[str, str, dict[str, object]]]) -> list[list[Answer]]:
    """Let each client make each call, all of them the same one at the same moment; answers by call."""
    barrier = Barrier(len(clients), timeout=30)

    def make_all(client: ApiClient) -> list[Answer]:
        answers = []
        for method, path, request in calls:
            barrier.wait()
            answers.append(client.call(method, path, **request))
        return answers

    with ThreadPoolExecutor(len(clients)) as pool:
        by_client = list(pool.map(make_all, clients))
    return [list(answers) for answers in zip(*by_client, strict=True)]


def test_what_both_ingest_is_there_once_and_in_order(clients: list[ApiClient]) -> None:
    def ingest(number: int) -> dict[str, dict[str, int]]:
        answers = [clients[number].ingest({"client": number, "event": event}) for event in range(75)]
        assert {answer.status for answer in answers} == {201}
        return {answer.body["event_id"]: {"client": number, "event": n} for n, answer in enumerate(answers)}

    with ThreadPoolExecutor(CLIENTS) as pool:
        sent = {id_: payload for part in pool.map(ingest, range(CLIENTS)) for id_, payload in part.items()}
    assert len(sent) == 75 * CLIENTS

    for client in clients[:2]:
        listed = client.inbox(limit=33)
        assert [event["event_id"] for event in listed] == sorted(sent)
        assert {event["event_id"]: event["payload"] for event in listed} == sent


def test_an_ack_race_across_processes_has_one_winner(clients: list[ApiClient]) -> None:
    ids = [clients[n % 2].ingest({"event": n}).body["event_id"] for n in range(40)]

    races = at_once(clients, [("POST", f"/v1/events/{event_id}/ack", {}) for event_id in ids])

    for event_id, answers in zip(ids, races, strict=True):
        assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
        (winner,) = (answer.body for answer in answers if answer.status == 200)
        for client in clients[:2]:
            assert client.get(event_id).body["acknowledged_at"] == winner["acknowledged_at"]
    assert clients[0].inbox() == clients[1].inbox() == []


def test_an_idempotency_key_raced_across_processes_makes_one_event(clients: list[ApiClient]) -> None:
    body = {"source": "shop", "event_type": "order.paid", "payload": {"order": 1}}
    keys = [f"order-{number}" for number in range(20)]

    races = at_once(
        clients,
        [("POST", "/v1/events", {"json": body, "headers": {"Idempotency-Key": key}}) for key in keys],
    )

    ids = []
    for answers in races:
        assert {answer.status for answer in answers} == {201}
        (event_id,) = {answer.body["event_id"] for answer in answers}
        ids.append(event_id)
    assert [event["event_id"] for event in clients[0].inbox()] == sorted(ids)


_OPENS_EACH = """
import sys, time
from pathlib import Path
from triggers_api.store.sqlite import Database
for number in range(60):
    time.sleep(max(0, float(sys.argv[2]) + number * 0.03 - time.time()))
    database = Database(Path(sys.argv[1], str(number)))
    database.check()
    database.close()
"""


def test_several_processes_make_the_database_at_the_same_moment(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OPENS_EACH, str(tmp_path), str(time.time() + 2)]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [child.communicate(timeout=60)[1] for child in children]
    assert errors == [""] * 4


def test_two_started_at_the_same_moment_on_a_fresh_folder(tmp_path: Path) -> None:
    for attempt in range(4):
        with ExitStack() as stack:
            servers = [
                stack.enter_context(
                    dev_server.started("--port", "0", *dev_server.on_folder(tmp_path / str(attempt)))
                )
                for _ in range(2)
            ]
            for server in servers:
                dev_server.wait_until_ready(server)
