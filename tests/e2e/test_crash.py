"""`kill -9` under load, again and again on the same folder: what was answered is true afterwards."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import httpx

from tests.support import dev_server
from tests.support.api_client import ApiClient

CRASHES = 20
CLIENTS = 5


@dataclass
class Ledger:
    """What clients were told, and what they asked without hearing the answer."""

    stored: dict[str, object] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    unanswered_ingests: int = 0
    unanswered_acks: set[str] = field(default_factory=set)

    def add(self, other: "Ledger") -> None:
        self.stored |= other.stored
        self.acknowledged |= other.acknowledged
        self.unanswered_ingests += other.unanswered_ingests
        self.unanswered_acks |= other.unanswered_acks


def work_until_it_dies(url: str, under_load: Event, who: dict[str, int]) -> Ledger:
    """Ingest, and acknowledge every other event, until the connection breaks."""
    told = Ledger()
    with ApiClient(url) as client:
        for number in range(100_000):
            payload = {**who, "number": number, "padding": "x" * (number % 7 * 500)}
            try:
                answer = client.ingest(payload)
            except httpx.TransportError:
                told.unanswered_ingests += 1
                return told
            assert answer.status == 201, answer
            event_id = answer.body["event_id"]
            told.stored[event_id] = payload
            under_load.set()
            if number % 2:
                continue
            try:
                answer = client.acknowledge(event_id)
            except httpx.TransportError:
                told.unanswered_acks.add(event_id)
                return told
            assert answer.status == 200, answer
            told.acknowledged[event_id] = answer.body["acknowledged_at"]
    raise AssertionError("it was never killed")


def load_and_kill(server: dev_server.DevServer, crash: int) -> Ledger:
    told, under_load = Ledger(), Event()
    with ThreadPoolExecutor(CLIENTS) as clients:
        work = [
            clients.submit(work_until_it_dies, server.url, under_load, {"crash": crash, "worker": worker})
            for worker in range(CLIENTS)
        ]
        assert under_load.wait(30)
        time.sleep(random.uniform(0.1, 0.5))
        server.kill()
        for one in work:
            told.add(one.result(timeout=60))
    return told


def check(client: ApiClient, ledger: Ledger, recent: Ledger) -> None:
    """Compare what is there with what was told; `recent` is what the last process told."""
    inbox = {event["event_id"]: event["payload"] for event in client.inbox()}
    for event_id, payload in ledger.stored.items():
        if event_id in ledger.acknowledged:
            assert event_id not in inbox, "an acknowledged event is back in the inbox"
        elif event_id not in ledger.unanswered_acks:
            assert event_id in inbox, "an event that was answered 201 is not in the inbox"
            assert inbox[event_id] == payload
    assert len(inbox.keys() - ledger.stored.keys()) <= ledger.unanswered_ingests
    for event_id, acknowledged_at in recent.acknowledged.items():
        event = client.get(event_id).body
        assert (event["status"], event["acknowledged_at"]) == ("acknowledged", acknowledged_at)
        assert event["payload"] == ledger.stored[event_id]


def settle(client: ApiClient, ledger: Ledger) -> None:
    """Acknowledge again what nobody knows of: it was done before, or it is done now."""
    for event_id in ledger.unanswered_acks:
        assert client.acknowledge(event_id).status in {200, 409}
        ledger.acknowledged[event_id] = client.get(event_id).body["acknowledged_at"]
    ledger.unanswered_acks.clear()


def test_what_was_answered_before_a_kill_is_true_after_it(tmp_path: Path) -> None:
    ledger, told = Ledger(), Ledger()
    for crash in range(CRASHES):
        with dev_server.running(*dev_server.on_folder(tmp_path)) as server:
            with ApiClient(server.url) as client:
                check(client, ledger, told)
                settle(client, ledger)
            told = load_and_kill(server, crash)
        assert told.unanswered_ingests + len(told.unanswered_acks) == CLIENTS
        ledger.add(told)
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        check(client, ledger, told)
