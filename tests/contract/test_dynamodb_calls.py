"""The calls and units that an operation costs. They are latency and money, and so part of the design."""

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from tests.conftest import REGION, Stores, Tables
from tests.contract.test_event_store import NOW, ack, add, add_one, claim, delete, event, page, walk
from tests.support.clock import FakeClock
from tests.support.consumer import Consumer
from tests.support.faulty_proxy import FaultyProxy
from tests.support.sample_events import page_query
from triggers_api.core.paging import Count
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.store.dynamodb.index import MAX_READS
from triggers_api.store.dynamodb.items import event_item


def test_every_operation_is_one_call(proxied: EventStore, proxy: FaultyProxy) -> None:
    added = add(proxied)
    claimed = event()
    add_one(proxied, claimed, claim(claimed))
    proxied.get(added.event_id, NOW)
    ack(proxied, added.event_id)
    delete(proxied, added.event_id)
    assert proxy.requests == 5


def test_several_entries_are_one_call_each(proxied: EventStore, proxy: FaultyProxy) -> None:
    claimed = event()
    proxied.add([NewEvent(event()), NewEvent(claimed, claim(claimed)), NewEvent(event())], now=NOW)
    assert proxy.requests == 3


def test_receive_is_a_query_and_a_write_for_each_event(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock
) -> None:
    for _ in range(20):
        add(proxied)
    proxy.plan()
    received = Consumer(proxied, clock).receive(7)
    assert (len(received.events), proxy.requests) == (7, 1 + 7)


def test_each_change_of_a_held_event_is_one_call(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock
) -> None:
    consumer = Consumer(proxied, clock)
    added = add(proxied)
    lease = consumer.lease(added)
    seen = consumer.see(added)
    proxy.plan()
    consumer.extend(added, lease)
    consumer.release(added, lease, delay_seconds=5)
    consumer.ack(added, lease)
    consumer.requeue(replace(seen, acknowledged_at=consumer.at))
    consumer.purge(seen)
    assert proxy.requests == 5


def test_release_of_an_event_that_dies_of_it_is_two_calls(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock
) -> None:
    consumer = Consumer(proxied, clock, max_deliveries=1)
    added = add(proxied)
    lease = consumer.lease(added)
    proxy.plan()
    assert consumer.release(added, lease).status == "dead"
    assert proxy.requests == 2


def test_counts_and_stats_of_a_short_inbox_are_one_query_for_each_figure(
    proxied: EventStore, proxy: FaultyProxy
) -> None:
    add(proxied)
    query = page_query(1_000_000)
    proxy.plan()
    proxied.count(query)
    assert proxy.requests == 1
    proxied.pending_stats(query)
    assert proxy.requests == 1 + 3
    proxied.dead_stats(query)
    assert proxy.requests == 1 + 3 + 2


def test_count_stops_at_its_bound_on_reads(
    proxied: EventStore, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers_api.store.dynamodb.index.MAX_QUERY_LIMIT", 2)
    for _ in range(2 * MAX_READS + 1):
        add(proxied)
    proxy.plan()
    assert proxied.count(page_query(1_000_000)) == Count(2 * MAX_READS, capped=True)
    assert proxy.requests == MAX_READS
    stats = proxied.pending_stats(page_query(1_000_000))
    assert (stats.count, stats.capped, stats.oldest_created_at is None) == (2 * MAX_READS, True, False)


def test_page_without_filter_is_one_call_even_when_full(proxied: EventStore, proxy: FaultyProxy) -> None:
    for _ in range(4):
        add(proxied)
    for limit in (3, 4, 5):
        proxy.plan()
        page(proxied, limit=limit)
        assert proxy.requests == 1


def test_page_with_a_matching_filter_is_one_call(proxied: EventStore, proxy: FaultyProxy) -> None:
    for _ in range(3):
        add(proxied, source="a")
    proxy.plan()
    page(proxied, limit=2, source="a")
    assert proxy.requests == 1


def test_page_stops_at_its_bound_on_reads_and_the_next_one_continues(
    proxied: EventStore, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers_api.store.dynamodb.index.MAX_QUERY_LIMIT", 2)
    for _ in range(2 * MAX_READS + 1):
        add(proxied, source="b")
    wanted = add(proxied, source="a")
    proxy.plan()
    first = proxied.page(page_query(5, source="a"))
    assert proxy.requests == MAX_READS
    assert first.events == ()
    assert first.next is not None
    assert walk(proxied, limit=5, source="a") == ([wanted], 2)


def test_event_of_just_under_a_kilobyte_costs_one_unit_in_the_table_and_one_in_the_index(
    tables: Tables,
) -> None:
    assert units_of(tables, '{"text":"short"}') == 2


@pytest.mark.parametrize("payload_bytes", [800, 900, 1000, 1100, 2000, 4000])
def test_event_that_compresses_to_a_kilobyte_costs_the_same(tables: Tables, payload_bytes: int) -> None:
    lines = [{"sku": f"SKU-{n:05}", "quantity": n, "gift": False} for n in range(payload_bytes // 48)]
    assert units_of(tables, json.dumps({"lines": lines, "note": ""})) == 2


@pytest.mark.parametrize("payload_bytes", range(700, 901, 20))
def test_leased_event_costs_one_unit_in_the_table_and_one_in_the_index(
    dynamodb_stores: Stores, tables: Tables, clock: FakeClock, payload_bytes: int
) -> None:
    """A lease makes an item longer too, and its acknowledgement once more."""
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    consumer = Consumer(dynamodb_stores.events, clock, max_deliveries=0)
    added = add(dynamodb_stores.events, payload=json.dumps({"text": "words of " * (payload_bytes // 9)}))
    lease = ""
    for number in range(12):
        lease = consumer.receive(token=f"{number:016}").events[0].lease or ""
        clock.advance(seconds=30)
    assert units_of_item(dynamodb, tables) == 2
    consumer.ack(added, lease)
    assert units_of_item(dynamodb, tables) == 2


def units_of_item(dynamodb: Any, tables: Tables) -> float:
    """Return the units of writing the one item of the table again, in the table and in the index."""
    (item,) = dynamodb.scan(TableName=tables.events)["Items"]
    changed = {**item, "metadata": {"S": item["metadata"]["S"].replace("normal", "higher")}}
    put = dynamodb.put_item(TableName=tables.events, Item=changed, ReturnConsumedCapacity="INDEXES")
    dynamodb.put_item(TableName=tables.events, Item=item)
    return float(put["ConsumedCapacity"]["CapacityUnits"])


@pytest.mark.parametrize("payload_bytes", range(700, 901, 20))
def test_acknowledgement_costs_one_unit_in_the_table_and_two_in_the_index(
    dynamodb_stores: Stores, tables: Tables, payload_bytes: int
) -> None:
    """It makes an item longer. An item that fits into a kilobyte before must fit afterwards."""
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    added = add(dynamodb_stores.events, payload=json.dumps({"text": "words of " * (payload_bytes // 9)}))
    ack(dynamodb_stores.events, added.event_id)
    (item,) = dynamodb.scan(TableName=tables.events)["Items"]
    assert item["status"] == {"S": "acknowledged"}
    same = dynamodb.put_item(TableName=tables.events, Item=item, ReturnConsumedCapacity="INDEXES")
    assert same["ConsumedCapacity"]["Table"]["CapacityUnits"] == 1


def units_of(tables: Tables, payload: str) -> float:
    """Return the units that DynamoDB bills for the put of an event with a realistic source and type."""
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    put = dynamodb.put_item(
        TableName=tables.events, Item=event_item(event(payload=payload)), ReturnConsumedCapacity="INDEXES"
    )
    return float(put["ConsumedCapacity"]["CapacityUnits"])


def test_item_has_the_attributes_of_the_requirements(proxied: EventStore, tables: Tables) -> None:
    small, large = add(proxied), add(proxied, payload='{"text":"' + "word " * 1000 + '"}')
    claimed = event()
    add_one(proxied, claimed, claim(claimed))
    dynamodb = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    items = {item["event_id"]["S"]: item for item in dynamodb.scan(TableName=tables.events)["Items"]}
    assert items[small.event_id] == {
        "event_id": {"S": small.event_id},
        "created_at": {"S": small.created_at},
        "source": {"S": small.source},
        "event_type": {"S": small.event_type},
        "payload": {"S": small.payload},
        "metadata": {"S": small.metadata},
        "status": {"S": "pending"},
        "ttl": {"N": str(small.expires_at)},
    }
    assert len(items[large.event_id]["payload"]["B"]) < 200
    (record,) = [item for event_id, item in items.items() if event_id.startswith("idempotency#")]
    assert "status" not in record
    assert record["ttl"] == {"N": str(claim(claimed).expires_at)}
