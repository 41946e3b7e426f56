"""`kill -9` under load, repeatedly on the same data: every answer that a client got holds afterwards.

One test kills the server on SQLite, the other kills DynamoDB Local while the service continues. On SQLite
every ingest has an idempotency key; a call that got no answer is repeated after the crash, and then there is
exactly one event. On DynamoDB Local no ingest has one: that engine answers a transaction before it is on
disk, and loses it when it is killed (seen with plain boto3, in 1 of 3 kills and in 1 of 14). It keeps single
writes.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from tests.api.driver import Api
from tests.conftest import REGION, Tables
from tests.promises.services import stores_at, way_to
from tests.support import dev_server, dynamodb_local
from tests.support.api_client import ApiClient
from tests.support.clock import FakeClock
from tests.support.forms import by_form
from tests.support.pages import Query, walk
from tests.support.promises import Tried
from tests.support.witness import NO_ANSWER, Asked, Send, in_time, over_http
from triggers_api.ops.dev_tables import create_missing_tables

CLIENTS = 5


@dataclass
class Ledger:
    """The answers that clients got, and the calls that got none. Unanswered payloads by idempotency key."""

    stored: dict[str, object] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    unanswered_ingests: dict[str, object] = field(default_factory=dict)
    unanswered_acks: set[str] = field(default_factory=set)

    def add(self, other: "Ledger") -> None:
        self.stored |= other.stored
        self.acknowledged |= other.acknowledged
        self.unanswered_ingests |= other.unanswered_ingests
        self.unanswered_acks |= other.unanswered_acks


@dataclass(frozen=True)
class Client:
    """The calls of a producer and a consumer. Each answer is a status and a body."""

    send: Send
    dead: int
    """The status of a call whose other end was killed."""
    with_idempotency_keys: bool = True

    def ingest(self, key: str, payload: object) -> tuple[int, dict[str, str]]:
        body = {"source": "shop", "event_type": "order.paid", "payload": payload}
        headers = {"Idempotency-Key": key} if self.with_idempotency_keys else {}
        return self._call(Asked("POST", "/v1/events", headers=headers, body=body))

    def acknowledge(self, event_id: str) -> tuple[int, dict[str, str]]:
        return self._call(Asked("POST", f"/v1/events/{event_id}/ack"))

    def get(self, event_id: str) -> dict[str, str]:
        status, body = self._call(Asked("GET", f"/v1/events/{event_id}"))
        assert status == 200, "an event that was answered 201 is gone"
        return body

    def inbox(self) -> dict[str, object]:
        """Return the payloads of all pending events, by event id."""

        def ask(query: Query) -> dict[str, Any]:
            status, _, body = self.send(Asked("GET", "/v1/inbox", query))
            assert status == 200
            return body

        return {event["event_id"]: event["payload"] for page in walk(ask, {"limit": 100}) for event in page}

    def _call(self, asked: Asked) -> tuple[int, dict[str, str]]:
        status, _, answer = self.send(asked)
        return status, answer


def work_until_it_dies(client: Client, under_load: Event, killed: Event, who: str) -> Ledger:
    """Ingest, and acknowledge every other event, until a call gets no answer because of the kill."""
    told = Ledger()
    for number in range(100_000):
        key, payload = f"{who} {number}", {"who": who, "number": number, "text": "x" * (number % 7 * 500)}
        status, body = client.ingest(key, payload)
        if status == client.dead:
            assert killed.is_set(), "it died by itself"
            told.unanswered_ingests[key] = payload
            return told
        assert status == 201, body
        event_id = body["event_id"]
        told.stored[event_id] = payload
        under_load.set()
        if number % 2:
            continue
        status, body = client.acknowledge(event_id)
        if status == client.dead:
            assert killed.is_set(), "it died by itself"
            told.unanswered_acks.add(event_id)
            return told
        assert status == 200, body
        told.acknowledged[event_id] = body["acknowledged_at"]
    raise AssertionError("it was never killed")


def load_and_kill(clients: list[Client], kill: Callable[[], None]) -> Ledger:
    """Put the service under load, and kill it at a random moment."""
    told, under_load, killed, run = Ledger(), Event(), Event(), uuid4().hex
    with ThreadPoolExecutor(len(clients)) as pool:
        work = [
            pool.submit(work_until_it_dies, client, under_load, killed, f"{run} {number}")
            for number, client in enumerate(clients)
        ]
        assert under_load.wait(30)
        time.sleep(random.uniform(0.05, 0.5))
        killed.set()
        kill()
        for one in work:
            told.add(one.result(timeout=60))
    assert len(told.unanswered_ingests) + len(told.unanswered_acks) == len(clients)
    return told


def check(client: Client, ledger: Ledger, recent: Ledger) -> None:
    """Compare the stored events with the answers; `recent` holds the answers since the last check.

    Then settle the unanswered calls as clients do: repeat with the idempotency key, and acknowledge again.
    """
    for event_id, acknowledged_at in recent.acknowledged.items():
        event = client.get(event_id)
        assert (event["status"], event["acknowledged_at"]) == ("acknowledged", acknowledged_at)
        assert event["payload"] == recent.stored[event_id]
    for event_id in recent.unanswered_acks:
        assert client.acknowledge(event_id)[0] in {200, 409}
        recent.acknowledged[event_id] = client.get(event_id)["acknowledged_at"]
    if client.with_idempotency_keys:
        for key, payload in recent.unanswered_ingests.items():
            status, body = client.ingest(key, payload)
            assert status == 201
            recent.stored[body["event_id"]] = payload
        found = client.inbox()
    else:
        found = client.inbox()
        # Each of them may be stored once, or not at all. The payload identifies it.
        may_be_there = list(recent.unanswered_ingests.values())
        for event_id in found.keys() - ledger.stored.keys() - recent.stored.keys():
            assert found[event_id] in may_be_there, "nobody asked for it, or it is there already"
            may_be_there.remove(found[event_id])
            recent.stored[event_id] = found[event_id]
    ledger.add(recent)
    pending = {one: payload for one, payload in ledger.stored.items() if one not in ledger.acknowledged}
    assert found == pending


@pytest.mark.forms
@pytest.mark.promise(1, 2, 3, 4)
def test_answers_hold_after_the_server_is_killed(tmp_path: Path, tried: Tried) -> None:
    ledger, told = Ledger(), Ledger()
    crashes = by_form(quick=2, full=6, long=40)
    for _ in range(crashes):
        with dev_server.running(*dev_server.on_folder(tmp_path)) as server, ApiClient(server.url) as client:
            asking = Client(in_time(over_http(client)), dead=NO_ANSWER)
            check(asking, ledger, told)
            told = load_and_kill([asking] * CLIENTS, server.kill)
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        check(Client(in_time(over_http(client)), dead=NO_ANSWER), ledger, told)
    tried(crashes)


@pytest.mark.slow("starts DynamoDB Local again for each crash")
@pytest.mark.promise(1, 2, 3, 10)
def test_answers_hold_after_dynamodb_is_killed(tmp_path: Path, clock: FakeClock, tried: Tried) -> None:
    ledger, told = Ledger(), Ledger()
    crashes = by_form(quick=1, full=2, long=12)
    port = dynamodb_local.fixed_port()
    tables = Tables(f"http://127.0.0.1:{port}", "triggers-api-events-crash", "triggers-api-keys-crash")
    client: Client | None = None
    for _ in range(crashes):
        with dynamodb_local.started(data=tmp_path, port=port) as engine:
            if client is None:
                create_missing_tables(
                    endpoint_url=engine.url, region=REGION, events=tables.events, keys=tables.keys
                )
                api = Api(stores_at(engine.url, tables), clock, door="lambda")
                client = Client(in_time(way_to(api)), dead=503, with_idempotency_keys=False)
            check(client, ledger, told)
            told = load_and_kill([client] * CLIENTS, engine.kill)
    with dynamodb_local.started(data=tmp_path, port=port):
        assert client is not None
        check(client, ledger, told)
    tried(crashes)
