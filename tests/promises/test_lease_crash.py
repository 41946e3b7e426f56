"""`kill -9` with leases out, repeatedly on the same data: each lease that a consumer was told of holds.

One test kills the server on SQLite, the other kills DynamoDB Local while the service continues. Afterwards
every acknowledgement that was answered is there, no receive hands out an event whose lease has not ended, and
every other event comes again as soon as its lease ends.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.api.driver import Api
from tests.conftest import REGION, Tables
from tests.promises.services import stores_at, way_to
from tests.support import dev_server, dynamodb_local
from tests.support.api_client import ApiClient
from tests.support.clock import RealClock
from tests.support.consumers import Consumer, NoAnswerError, Record
from tests.support.forms import by_form
from tests.support.promises import Tried
from tests.support.witness import over_http
from triggers_api.ops.dev_tables import create_missing_tables

pytestmark = [pytest.mark.forms, pytest.mark.promise(1, 3, 13, 14), pytest.mark.timeout(1200)]

CONSUMERS = 4
EVENTS_PER_CRASH = 60
LEASE_SECONDS = 3
NO_DEATHS = {"MAX_DELIVERIES": "0"}


def work_until_it_dies(consumer: Consumer, at_work: Event, killed: Event, seed: int) -> None:
    """Receive, and acknowledge every other batch, until a call gets no answer because of the kill."""
    choice = random.Random(seed)
    while True:
        try:
            found, _ = consumer.receive(3)
            at_work.set()
            if found and choice.random() < 0.5 and consumer.acknowledge(found):
                raise NoAnswerError  # noqa: TRY301 - the entries got no answer
        except NoAnswerError:
            assert killed.is_set(), "it died by itself"
            return
        if not found:
            time.sleep(0.01)
        if killed.is_set():
            return


def lease_and_kill(consumer: Consumer, kill: Callable[[], None]) -> list[str]:
    """Ingest events, let consumers work on them, and kill the service at a random moment. Return the ids."""
    made = consumer.ingest([{"number": number} for number in range(EVENTS_PER_CRASH)])
    at_work, killed = Event(), Event()
    with ThreadPoolExecutor(CONSUMERS) as pool:
        running = [
            pool.submit(work_until_it_dies, consumer, at_work, killed, random.randrange(2**32))
            for _ in range(CONSUMERS)
        ]
        assert at_work.wait(30)
        time.sleep(random.uniform(0.0, 0.1))
        killed.set()
        kill()
        for one in running:
            one.result(timeout=60)
    return made


def check(consumer: Consumer, made: set[str]) -> None:
    """Compare the service with the record, then receive and acknowledge everything that is left."""
    record = consumer.record
    for event_id, at in record.acknowledged.items():
        event = consumer.get(event_id)
        assert (event["status"], event["acknowledged_at"]) == ("acknowledged", at)
    end = time.monotonic() + LEASE_SECONDS + 20
    left = made - record.acknowledged.keys()
    while left and time.monotonic() < end:
        found, _ = consumer.receive(100, lease_seconds=60)
        if found:
            assert consumer.acknowledge(found) == []
        else:
            time.sleep(0.1)  # the leases still hold
        # An ack without an answer may have taken effect.
        left = {one for one in left - record.acknowledged.keys() if consumer.get(one)["status"] == "pending"}
    assert left == set(), "an event does not come again"
    record.check_leases()


def test_leases_and_acks_hold_after_the_server_is_killed(tmp_path: Path, tried: Tried) -> None:
    made, record = set[str](), Record()
    crashes = by_form(quick=1, full=3, long=30)
    for _ in range(crashes + 1):
        folder = dev_server.on_folder(tmp_path)
        with dev_server.running(*folder, variables=NO_DEATHS) as server, ApiClient(server.url) as client:
            consumer = Consumer(over_http(client), record, LEASE_SECONDS)
            check(consumer, made)
            made |= set(lease_and_kill(consumer, server.kill))
    with dev_server.running(*folder, variables=NO_DEATHS) as server, ApiClient(server.url) as client:
        check(Consumer(over_http(client), record, LEASE_SECONDS), made)
    tried(crashes + 1)


@pytest.mark.slow("starts DynamoDB Local again for each crash")
def test_leases_and_acks_hold_after_dynamodb_is_killed(tmp_path: Path, tried: Tried) -> None:
    made, record = set[str](), Record()
    crashes = by_form(quick=1, full=1, long=12)
    port = dynamodb_local.fixed_port()
    tables = Tables(f"http://127.0.0.1:{port}", "triggers-api-events-lease", "triggers-api-keys-lease")
    consumer: Consumer | None = None
    for _ in range(crashes):
        with dynamodb_local.started(data=tmp_path, port=port) as engine:
            if consumer is None:
                create_missing_tables(
                    endpoint_url=engine.url, region=REGION, events=tables.events, keys=tables.keys
                )
                api = Api(stores_at(engine.url, tables), RealClock(), door="lambda", max_deliveries=0)
                consumer = Consumer(way_to(api), record, LEASE_SECONDS)
            check(consumer, made)
            made |= set(lease_and_kill(consumer, engine.kill))
    with dynamodb_local.started(data=tmp_path, port=port):
        assert consumer is not None
        check(consumer, made)
    tried(crashes)
