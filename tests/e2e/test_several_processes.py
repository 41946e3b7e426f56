"""Two `triggers dev` on the same data, at work at the same time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.conftest import Backend
from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.forms import by_form
from tests.support.promises import Tried
from tests.support.races import QUEUE_RACES, RACES, run
from tests.support.witness import over_http

CLIENTS = 4
"""Two at each of the two processes."""


@pytest.fixture
def clients(backend: Backend) -> Iterator[list[ApiClient]]:
    with ExitStack() as stack:
        servers = [stack.enter_context(backend.running()) for _ in range(2)]
        yield [stack.enter_context(ApiClient(servers[one % 2].url)) for one in range(CLIENTS)]


def test_events_of_two_processes_are_listed_once_and_oldest_first(clients: list[ApiClient]) -> None:
    def ingest(number: int) -> dict[str, dict[str, int]]:
        answers = [clients[number].ingest({"client": number, "event": event}) for event in range(75)]
        assert {answer.status for answer in answers} == {201}
        return {answer.body["event_id"]: {"client": number, "event": n} for n, answer in enumerate(answers)}

    with ThreadPoolExecutor(CLIENTS) as pool:
        sent = {id_: payload for part in pool.map(ingest, range(CLIENTS)) for id_, payload in part.items()}
    assert len(sent) == 75 * CLIENTS

    for client in clients[:2]:
        listed = client.inbox(limit=33)
        # Both may make one in the same microsecond, and DynamoDB gives those in an order of its own.
        assert (made := [event["created_at"] for event in listed]) == sorted(made)
        assert len(listed) == len(sent)
        assert {event["event_id"]: event["payload"] for event in listed} == sent


@pytest.mark.promise(2, 3, 4)
def test_concurrent_calls_to_two_processes_are_answered_as_if_in_sequence(
    clients: list[ApiClient], tried: Tried
) -> None:
    rounds = by_form(quick=5, full=5, long=100)
    doors = [over_http(client) for client in clients]
    for race in RACES.values():
        run(race, doors, rounds)
    tried(len(RACES) * rounds)


@pytest.mark.promise(3, 13, 14, 15, 16)
def test_concurrent_calls_of_the_queue_to_two_processes_are_answered_as_if_in_sequence(
    clients: list[ApiClient], tried: Tried
) -> None:
    rounds = by_form(quick=1, full=3, long=100)
    doors = [over_http(client) for client in clients]
    for race in QUEUE_RACES.values():
        run(race, doors, rounds)
    tried(len(QUEUE_RACES) * rounds)


_OPENS_EACH = """
import sys, time
from pathlib import Path
from triggers_api.store.sqlite.database import Database
for number in range(60):
    time.sleep(max(0, float(sys.argv[2]) + number * 0.03 - time.time()))
    database = Database(Path(sys.argv[1], str(number)))
    database.check()
    database.close()
"""


def test_several_processes_create_the_database_at_the_same_moment(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OPENS_EACH, str(tmp_path), str(time.time() + 2)]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [child.communicate(timeout=60)[1] for child in children]
    assert errors == [""] * 4


def test_two_servers_start_at_the_same_moment_on_a_fresh_folder(tmp_path: Path) -> None:
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
