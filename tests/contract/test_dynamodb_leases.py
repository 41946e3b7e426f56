"""Leases on DynamoDB only: an index that lags, backlogs that cannot be read at once, many consumers."""

import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import boto3
import pytest

from tests.conftest import REGION, Stores, Tables, new_tables
from tests.contract.test_event_store import add
from tests.support.clock import FakeClock
from tests.support.consumer import Consumer
from tests.support.faulty_proxy import FaultyProxy
from tests.support.lagging_index import LaggingIndex
from tests.support.sample_events import NOW, event
from tests.support.tables import empty
from triggers_api.core.events import HORIZON_MS, PENDING, Event
from triggers_api.core.ports import EventStore
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.index import MAX_READS
from triggers_api.store.dynamodb.items import event_item

LAG = 0.1
ITEMS_PER_WRITE = 25  # DynamoDB's limit


@pytest.fixture
def consumer(dynamodb_stores: Stores, clock: FakeClock) -> Consumer:
    return Consumer(dynamodb_stores.events, clock)


def fill(tables: Tables, events: list[Event], **attributes: dict[str, str]) -> None:
    """Store events with further attributes, quickly."""
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    left = iter(events)
    while some := list(islice(left, ITEMS_PER_WRITE)):
        puts = [{"PutRequest": {"Item": {**event_item(one), **attributes}}} for one in some]
        assert not dynamodb.batch_write_item(RequestItems={tables.events: puts})["UnprocessedItems"]


def leased(tables: Tables, number: int) -> None:
    fill(tables, [event() for _ in range(number)], hidden={"N": str((NOW + 3600) * 1000)})


# --- An index that lags


class _Lagging:
    """A consumer whose index lags, with the calls that it makes."""

    def __init__(self, tables: Tables, replica: str, clock: FakeClock) -> None:
        self.dynamodb = LaggingIndex(
            region=REGION,
            endpoint_url=tables.endpoint_url,
            replica=replica,
            lag=LAG,
            clock=lambda: clock.now / 1_000_000,
        )
        self.store = DynamoEventStore(self.dynamodb, tables.events)
        self.consumer = Consumer(self.store, clock)


@pytest.fixture(scope="module")
def replica_tables(dynamodb_url: str) -> Tables:
    return new_tables(dynamodb_url)


@pytest.fixture
def lagging(tables: Tables, replica_tables: Tables, clock: FakeClock) -> Iterator[_Lagging]:
    yield _Lagging(tables, replica_tables.events, clock)
    dynamodb = boto3.resource("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    empty(dynamodb.Table(replica_tables.events), "event_id", "created_at")


@pytest.mark.promise(13)
def test_consumer_in_a_tight_loop_makes_no_claim_that_is_refused(lagging: _Lagging, clock: FakeClock) -> None:
    added = [add(lagging.store) for _ in range(30)]
    clock.advance(seconds=LAG)
    lagging.dynamodb.calls.clear()
    received: list[Event] = []
    for _ in range(10):
        some = lagging.consumer.receive(5).events
        received += some
        for one in some[:3]:
            lagging.consumer.ack(one, one.lease)
        clock.advance(seconds=0.01)
    assert sorted(one.event_id for one in received) == [one.event_id for one in added]
    assert lagging.dynamodb.calls.count("update_item") == 30 + 18


def test_event_is_available_at_the_end_of_a_lease_shorter_than_the_memory(
    lagging: _Lagging, clock: FakeClock
) -> None:
    added = add(lagging.store)
    clock.advance(seconds=LAG)
    assert lagging.consumer.receive(lease_seconds=1).events
    clock.advance(seconds=1)
    (again,) = lagging.consumer.receive().events
    assert (again.event_id, again.deliveries) == (added.event_id, 2)


def test_released_event_is_claimed_at_once_by_the_process_that_had_it(
    lagging: _Lagging, clock: FakeClock
) -> None:
    added = add(lagging.store)
    clock.advance(seconds=LAG)
    lagging.consumer.release(added, lagging.consumer.lease(added))
    clock.advance(seconds=LAG)
    assert lagging.consumer.receive().events


@pytest.mark.promise(14)
def test_event_dies_after_as_many_claims_as_it_may_have_and_not_before(
    lagging: _Lagging, clock: FakeClock
) -> None:
    added = add(lagging.store)
    lagging.consumer.max_deliveries = 2
    deliveries = list[int]()
    while not (received := lagging.consumer.receive(lease_seconds=1)).died:
        deliveries += [one.deliveries for one in received.events]
        clock.advance(seconds=LAG / 2)
    assert deliveries == [1, 2]
    (dead,) = received.died
    assert (dead.deliveries, dead.reason) == (2, "delivered 2 times without an acknowledgement")
    clock.advance(seconds=LAG)
    assert lagging.consumer.requeue(dead) == [True]
    clock.advance(seconds=LAG)
    (again,) = lagging.consumer.receive().events
    assert (again.event_id, again.deliveries) == (added.event_id, 1)


# --- Backlogs that cannot be read at once


@pytest.mark.slow("fills a table with thousands of events")
def test_receive_finds_events_behind_two_thousand_leased_ones(tables: Tables, consumer: Consumer) -> None:
    leased(tables, 2000)
    available = [event() for _ in range(300)]
    fill(tables, available)
    for limit in (1, 10, 100):
        received = consumer.receive(limit)
        assert received.more
        assert len(received.events) == limit
        assert {one.event_id for one in received.events} <= {one.event_id for one in available}


@pytest.fixture
def low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a receive read over 20 leased events, and 20 events a query."""
    monkeypatch.setattr("triggers_api.store.dynamodb.window.MAX_PASSED_OVER", 20)
    monkeypatch.setattr("triggers_api.store.dynamodb.index.MAX_QUERY_LIMIT", 20)


@pytest.mark.usefixtures("low_bounds")
def test_receive_that_reads_over_more_stops_and_the_next_one_goes_on(
    tables: Tables, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    leased(tables, 45)
    last = event()
    fill(tables, [last])
    with caplog.at_level(logging.WARNING):
        first = consumer.receive(100)
    assert (first.events, first.more) == ((), True)
    assert [record.message for record in caplog.records] == ["receive reached its bound"]
    second = consumer.receive(100)
    assert ([one.event_id for one in second.events], second.more) == ([last.event_id], True)


@pytest.mark.usefixtures("low_bounds")
def test_receive_looks_at_the_head_first_even_if_the_last_one_stopped_behind_it(
    tables: Tables, consumer: Consumer, clock: FakeClock
) -> None:
    soon = event()
    fill(tables, [soon], hidden={"N": str((NOW + 1) * 1000)})
    leased(tables, 45)
    assert consumer.receive().more
    clock.advance(seconds=1)
    assert [one.event_id for one in consumer.receive().events] == [soon.event_id]


@pytest.mark.usefixtures("low_bounds")
def test_filtered_receive_that_backs_off_gets_through_a_large_backlog_in_the_end(
    tables: Tables, consumer: Consumer, clock: FakeClock
) -> None:
    """A consumer with a pause of 10 s, which it has after some empty receives."""
    fill(tables, [event(source="other") for _ in range(10 * MAX_READS * 20)])
    wanted = event(source="wanted")
    fill(tables, [wanted])
    for _ in range(12):
        received = consumer.receive(2, source="wanted")
        if received.events:
            break
        clock.advance(seconds=10)
    assert [one.event_id for one in received.events] == [wanted.event_id]


@pytest.mark.usefixtures("low_bounds")
def test_filtered_receive_gets_through_a_backlog_of_other_events(
    tables: Tables,
    proxied: EventStore,
    proxy: FaultyProxy,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(tables, [event(source="other") for _ in range(450)])
    wanted = event(source="wanted")
    fill(tables, [wanted])
    consumer = Consumer(proxied, clock)
    received = []
    for _ in range(3):
        proxy.plan()
        received.append(consumer.receive(2, source="wanted"))
        assert proxy.requests <= MAX_READS + 1
    assert [one.event_id for one in received[-1].events] == [wanted.event_id]
    assert [(one.events, one.more) for one in received[:-1]] == [((), True)] * 2
    assert caplog.records == [], "the bound on leased events was not reached"


@pytest.mark.promise(13, 14)
def test_receive_of_worn_out_events_is_bounded(
    tables: Tables, proxied: EventStore, proxy: FaultyProxy, clock: FakeClock
) -> None:
    fill(tables, [event() for _ in range(50)], claims={"N": "10"})
    consumer = Consumer(proxied, clock)
    received = consumer.receive(2)
    assert (received.events, len(received.died), received.more) == ((), 8, True)
    assert proxy.requests == 1 + 8


@pytest.mark.promise(14)
def test_receives_start_in_part_with_an_event_that_came_back(
    tables: Tables, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    came_back = event()
    fill(tables, [event() for _ in range(8)])
    fill(tables, [came_back], claims={"N": "1"}, hidden={"N": str(NOW * 1000)})
    monkeypatch.setattr("triggers_api.store.dynamodb.receive._REDELIVERED_FIRST", 1)
    (first,) = consumer.receive(1).events
    assert (first.event_id, first.deliveries) == (came_back.event_id, 2)


# --- Two processes


@pytest.fixture
def other(shared_dynamodb: DynamoDB, tables: Tables, clock: FakeClock) -> Consumer:
    """Another process on the same table."""
    return Consumer(DynamoEventStore(shared_dynamodb, tables.events), clock)


@pytest.mark.promise(14)
def test_event_that_another_process_released_is_available_at_once(
    consumer: Consumer, other: Consumer
) -> None:
    added = add(consumer.store)
    other.release(added, consumer.lease(added))
    assert [one.event_id for one in consumer.receive().events] == [added.event_id]


@pytest.mark.promise(14)
def test_event_that_another_process_requeued_is_available_at_once(
    consumer: Consumer, other: Consumer, clock: FakeClock
) -> None:
    acked, dead = add(consumer.store), add(consumer.store)
    consumer.ack(acked)
    consumer.kill(dead, "a reason")
    clock.advance(seconds=1)
    other.requeue(*(consumer.see(one) for one in (acked, dead)))
    assert [one.event_id for one in consumer.receive().events] == [acked.event_id, dead.event_id]


# --- Clocks, and an older version


@pytest.mark.promise(13)
def test_lease_of_twelve_hours_holds_for_a_clock_that_is_behind(consumer: Consumer, clock: FakeClock) -> None:
    added = add(consumer.store)
    consumer.lease(added, seconds=43_200)
    other = Consumer(consumer.store, clock)
    other._started += 59 * 1_000_000
    assert other.receive().events == ()
    other._started += 60 * 1_000_000
    assert other.receive().events, f"the lease ends more than {HORIZON_MS} ms from now"


def test_acknowledgement_of_version_0_1_0_is_good_on_a_leased_event(
    tables: Tables, consumer: Consumer
) -> None:
    """The request is that of commit 49e0142. Afterwards the item is one that it can read."""
    added = add(consumer.store)
    lease = consumer.lease(added)
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    key = {"event_id": {"S": added.event_id}, "created_at": {"S": added.created_at}}
    leased_item = dynamodb.get_item(TableName=tables.events, Key=key)["Item"]
    assert leased_item["status"] == {"S": PENDING}
    assert "acknowledged_at" not in leased_item
    dynamodb.update_item(
        TableName=tables.events,
        Key=key,
        UpdateExpression="SET #status = :acknowledged, acknowledged_at = :at, ack_nonce = :nonce",
        ConditionExpression="#status = :pending AND #ttl > :now",
        ExpressionAttributeNames={"#status": "status", "#ttl": "ttl"},
        ExpressionAttributeValues={
            ":acknowledged": {"S": "acknowledged"},
            ":pending": {"S": "pending"},
            ":at": {"S": consumer.at},
            ":nonce": {"S": "nonce of another version"},
            ":now": {"N": str(NOW)},
        },
    )
    assert consumer.see(added).status == "acknowledged"
    assert consumer.ack(added, lease) == consumer.at
    assert consumer.receive().events == ()


# --- Many consumers


@pytest.mark.promise(13)
@pytest.mark.slow("thousands of calls to DynamoDB Local")
def test_ten_consumers_share_the_events_with_few_refused_claims(
    tables: Tables, dynamodb_url: str, clock: FakeClock
) -> None:
    added = [event() for _ in range(1000)]
    fill(tables, added)
    calls = Counter[str]()

    class Counted(DynamoDB):
        def call(self, method: str, *, expects: str | None = None, **arguments: Any) -> dict[str, Any]:
            calls[method] += 1
            return super().call(method, expects=expects, **arguments)

    def consume(_: int) -> list[Event]:
        store = DynamoEventStore(Counted(region=REGION, endpoint_url=dynamodb_url), tables.events)
        consumer = Consumer(store, clock)
        received, more = list[Event](), True
        while more:
            found = consumer.receive(10)
            more = found.more
            received += found.events
            for one in found.events:
                consumer.ack(one, one.lease)
        return received

    with ThreadPoolExecutor(10) as pool:
        received = [one for some in pool.map(consume, range(10)) for one in some]
    assert sorted(one.event_id for one in received) == [one.event_id for one in added]
    assert {one.deliveries for one in received} == {1}
    assert sum(calls.values()) <= 3.3 * len(added)
