"""A store that hangs: every request is answered within 15 s, and a request that needs no store does not wait.

Tried on `triggers dev` with a file that another process has locked and with a DynamoDB that does not reply,
and with a store call that no time-out of its own ends.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.api.driver import Api, with_events, with_keys
from tests.conftest import Stores
from tests.support import dev_server, faulty_proxy
from tests.support.api_client import Answer, ApiClient
from tests.support.clock import FakeClock
from tests.support.promises import Tried
from tests.support.witness import ANSWER_SECONDS
from triggers_api.store.sqlite.database import FILE_NAME

if TYPE_CHECKING:
    from tests.support.faulty_proxy import Fault

AT_ONCE_SECONDS = 2.0
CLIENTS = 6
EVENT = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"


def timed(ask: Callable[[], Answer]) -> tuple[Answer, float]:
    began = time.monotonic()
    return ask(), time.monotonic() - began


def assert_refused_in_time(running: list[Future[tuple[Answer, float]]]) -> None:
    for one in running:
        answer, seconds = one.result(timeout=60)
        assert (answer.status, answer.body["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert "retry-after" in answer.headers
        assert seconds < ANSWER_SECONDS


def assert_healthy_while(client: ApiClient, running: list[Future[tuple[Answer, float]]]) -> None:
    """Ask for health until all calls are answered; each health check is answered at once."""
    asked = 0
    while not all(one.done() for one in running):
        answer, seconds = timed(lambda: client.call("GET", "/v1/health"))
        assert answer.status == 200
        assert seconds < AT_ONCE_SECONDS, f"health waited for {seconds:.1f} s"
        asked += 1
        time.sleep(0.1)
    assert asked >= 5, "the calls did not wait"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the write lock of the file, as another process would."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.slow("waits for the deadline of a request")
@pytest.mark.promise(10)
def test_writers_are_answered_in_time_while_another_process_locks_the_file(
    tmp_path: Path, tried: Tried
) -> None:
    with (
        dev_server.running(*dev_server.on_folder(tmp_path)) as server,
        ApiClient(server.url) as client,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        kept = client.ingest({}).body["event_id"]
        with locked(tmp_path / FILE_NAME):
            running = [pool.submit(timed, partial(client.ingest, {"n": number})) for number in range(CLIENTS)]
            assert_healthy_while(client, running)
            assert client.get(kept).status == 200, "a read does not wait for a writer"
            assert_refused_in_time(running)
        assert client.acknowledge(kept).status == 200
        assert client.inbox() == [], "a refused event left nothing"
    tried(CLIENTS)


@pytest.mark.slow("waits for the deadline of a request")
@pytest.mark.promise(10)
def test_calls_are_answered_in_time_while_dynamodb_hangs(dynamodb_url: str, tried: Tried) -> None:
    run = uuid4().hex[:12]
    tables = {"DYNAMODB_TABLE_EVENTS": f"events-{run}", "DYNAMODB_TABLE_KEYS": f"keys-{run}"}
    faults: tuple[Fault, ...] = ("hang", "drip head")
    with (
        faulty_proxy.in_front_of(dynamodb_url) as proxy,
        dev_server.running("--dynamodb-endpoint", proxy.url, variables=tables) as server,
        ApiClient(server.url) as client,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        kept = client.ingest({}).body["event_id"]
        once = {"Content-Type": "application/json", "Idempotency-Key": "one"}
        calls: list[Callable[[], Answer]] = [
            lambda: client.ingest({}),
            lambda: client.call(
                "POST", "/v1/events", json={"source": "s", "event_type": "t", "payload": {}}, headers=once
            ),
            lambda: client.get(kept),
            lambda: client.call("GET", "/v1/inbox"),
            lambda: client.acknowledge(kept),
            lambda: client.call("DELETE", f"/v1/events/{kept}"),
            lambda: client.call("POST", "/v1/inbox/receive"),
            lambda: client.call("GET", "/v1/inbox/stats"),
            lambda: client.call("POST", "/v1/inbox/requeue", json={"event_ids": [kept]}),
            lambda: client.call("POST", "/v1/inbox/purge", json={"filter": {"status": "dead"}}),
        ]
        for fault in faults:
            proxy.plan(forever=fault)
            running = [pool.submit(timed, call) for call in calls]
            assert_healthy_while(client, running)
            assert_refused_in_time(running)
        proxy.plan()
        after = client.ingest({}).body["event_id"]
        assert client.acknowledge(after).status == 200
    tried(len(faults) * len(calls))


class Stuck:
    """A store of events or keys whose calls return only when the test allows."""

    def __init__(self) -> None:
        self.over = Flag()

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: Any, **__: Any) -> None:
            self.over.wait(30)

        return call


@pytest.mark.slow("waits for the deadline of a request")
@pytest.mark.promise(10, 12)
def test_call_is_abandoned_at_the_deadline_when_the_store_never_returns(
    sqlite_stores: Stores, clock: FakeClock, tried: Tried
) -> None:
    """The DNS lookup of DynamoDB's host may hang like this: nothing in the store bounds it."""
    stuck = Stuck()
    api = Api(with_events(sqlite_stores, stuck), clock, door="asgi")
    locked_out = Api(with_keys(sqlite_stores, stuck), clock, door="asgi", own_key=False)
    assert api.get("/v1/nothing").status == 404
    calls = [
        lambda: api.ingest({}),
        lambda: api.get(EVENT),
        api.inbox,
        lambda: api.post(f"{EVENT}/ack"),
        lambda: api.delete(EVENT),
        lambda: locked_out.inbox(api.key),
    ]
    try:
        with ThreadPoolExecutor(len(calls)) as pool:
            began = time.monotonic()
            for answer in pool.map(lambda call: call(), calls):
                assert answer.refusal == (503, "SERVICE_UNAVAILABLE")
                assert "retry-after" in answer.headers
            assert time.monotonic() - began < ANSWER_SECONDS
    finally:
        stuck.over.set()
    tried(len(calls))
