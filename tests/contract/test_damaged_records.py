"""Records that this service did not write, or that were damaged: each fails alone."""

import logging
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import REGION, Stores, Tables
from tests.contract.test_event_store import NOW, ack, add, add_one, claim, event, page
from tests.support.clock import FakeClock
from tests.support.consumer import Consumer
from triggers_api.core.events import Event
from triggers_api.core.ports import EventStore
from triggers_api.errors import CorruptRecordError, LeaseLostError, StoreUnavailableError
from triggers_api.store.sqlite.database import FILE_NAME

DAMAGED_ATTRIBUTES: dict[str, dict[str, Any] | None] = {
    "payload is not JSON": {"payload": {"S": "{"}},
    "payload is truncated": {"payload": {"B": zlib.compress(b'{"a":"' + b"b" * 5000 + b'"}')[:-5]}},
    "payload inflates to 100 MB": {"payload": {"B": zlib.compress(b'{"a":"' + b"b" * 100_000_000 + b'"}')}},
    "payload is not compressed": {"payload": {"B": b"junk"}},
    "payload is a map": {"payload": {"M": {}}},
    "payload is missing": {"payload": None},
    "source is missing": {"source": None},
    "source is a number": {"source": {"N": "5"}},
    "metadata is not an object": {"metadata": {"S": "[]"}},
    "metadata has no priority": {"metadata": {"S": "{}"}},
    "metadata has an unknown field": {"metadata": {"S": '{"priority":"low","other":"x"}'}},
    "metadata has a number instead of a text": {"metadata": {"S": '{"priority":"low","correlation_id":7}'}},
    "pending and acknowledged": {"acknowledged_at": {"S": "2024-11-27T08:15:30.123456Z"}},
    "ttl is not a number": {"ttl": {"S": "soon"}},
    "ttl is missing": {"ttl": None},
    "claims are a text": {"claims": {"S": "many"}},
    "claims are negative": {"claims": {"N": "-1"}},
    "end of the lease is a text": {"hidden": {"S": "soon"}},
    "token is a number": {"lease": {"N": "5"}},
    "pending and dead": {"died_at": {"S": "2024-11-27T08:15:30.123456Z"}},
    "webhook is a number": {"webhook": {"N": "5"}},
    "webhook is not JSON": {"webhook": {"S": "{"}},
    "webhook names no hook": {"webhook": {"S": '{"delivery_id":"1"}'}},
    "body of a webhook is not compressed": {"webhook": {"S": '{"hook":"h"}'}, "payload": {"B": b"{}"}},
    "body of a webhook is a map": {"webhook": {"S": '{"hook":"h"}'}, "payload": {"M": {}}},
    "body of a webhook is missing": {"webhook": {"S": '{"hook":"h"}'}, "payload": None},
}


@pytest.fixture
def client(tables: Tables) -> Any:
    return boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)


def damage_item(client: Any, table: str, key: dict[str, Any], attributes: dict[str, Any]) -> None:
    item = client.get_item(TableName=table, Key=key)["Item"]
    changed = {**item, **attributes}
    client.put_item(
        TableName=table, Item={name: value for name, value in changed.items() if value is not None}
    )


def left_out(log: pytest.LogCaptureFixture) -> int:
    """Return how many events were logged as left out. Nothing else may be logged as an error."""
    errors = [record for record in log.records if record.levelno == logging.ERROR]
    assert {record.message for record in errors} <= {"event left out"}
    return len(errors)


@pytest.mark.parametrize("attributes", DAMAGED_ATTRIBUTES.values(), ids=DAMAGED_ATTRIBUTES.keys())
def test_damaged_item_is_left_out_of_a_page(
    dynamodb_stores: Stores,
    tables: Tables,
    client: Any,
    attributes: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = dynamodb_stores.events
    first, damaged, last = (add(store) for _ in range(3))
    key = {"event_id": {"S": damaged.event_id}, "created_at": {"S": damaged.created_at}}
    damage_item(client, tables.events, key, attributes)
    assert page(store).events == (first, last)
    assert left_out(caplog) == 1
    with pytest.raises(CorruptRecordError):
        store.get(damaged.event_id, NOW)
    assert_is_left_alone(store, damaged)


def assert_is_left_alone(store: EventStore, damaged: Event) -> None:
    """A receive claims the intact events and not the damaged one, which no consumer can change."""
    consumer = Consumer(store, FakeClock())
    claimed, died = consumer.receive_all()
    assert damaged.event_id not in {one.event_id for one in claimed}
    assert (len(claimed), died) == (2, [])
    for call in (consumer.extend, consumer.release):
        with pytest.raises((CorruptRecordError, LeaseLostError)):
            call(damaged, "a token")
    with pytest.raises(CorruptRecordError):
        store.get(damaged.event_id, NOW)
    assert [type(one) for one in store.get_several([claimed[0].event_id, damaged.event_id], NOW)] == [
        Event,
        CorruptRecordError,
    ]
    assert store.delete([damaged.event_id], source=None) == [None], "it can be deleted"
    assert store.get(damaged.event_id, NOW) is None


def test_acknowledgement_of_item_without_ttl_is_corrupt(
    dynamodb_stores: Stores, tables: Tables, client: Any
) -> None:
    damaged = add(dynamodb_stores.events)
    key = {"event_id": {"S": damaged.event_id}, "created_at": {"S": damaged.created_at}}
    damage_item(client, tables.events, key, {"ttl": None})
    with pytest.raises(CorruptRecordError):
        ack(dynamodb_stores.events, damaged.event_id)


@pytest.mark.parametrize(
    "attributes",
    [
        {"fingerprint": None},
        {"fingerprint": {"N": "1"}},
        {"first_event_id": None},
        {"first_event_id": {"S": "\n" + "1" * 31}},
        {"first_event_id": {"S": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}},
    ],
)
def test_damaged_idempotency_record_is_never_an_answer(
    dynamodb_stores: Stores, tables: Tables, client: Any, attributes: dict[str, Any]
) -> None:
    first, again = event(), event()
    add_one(dynamodb_stores.events, first, claim(first))
    key = {"event_id": {"S": f"idempotency#{claim(first).name}"}, "created_at": {"S": "idempotency"}}
    damage_item(client, tables.events, key, attributes)
    with pytest.raises(CorruptRecordError):
        add_one(dynamodb_stores.events, again, claim(again))


@pytest.mark.parametrize(
    "damage", ["event_id = 'zz'", "event_id = x'05'", "event_id = '7d444840-9dc0-11d1-b245-5ffdce74fad2'"]
)
def test_damaged_claim_on_sqlite_is_never_an_answer(
    sqlite_stores: Stores, tmp_path: Path, damage: str
) -> None:
    first, again = event(), event()
    add_one(sqlite_stores.events, first, claim(first))
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute(f"UPDATE idempotency SET {damage}")
    connection.close()
    with pytest.raises(CorruptRecordError):
        add_one(sqlite_stores.events, again, claim(again))


@pytest.mark.parametrize(
    "change",
    [
        "payload = '{'",
        "payload = x'7b7d'",
        "payload = CAST(x'7b22ff227d' AS TEXT)",
        "source = x'05'",
        "source = CAST(x'ff61' AS TEXT)",
        "metadata = 'null'",
        "metadata = '{}'",
        """metadata = '{"priority":"urgent"}'""",
        "created_at = ''",
        "expires_at = 'never'",
        "deliveries = 'many'",
        "deliveries = -1",
        "hidden_until = 'soon'",
        "lease = x'05'",
        "died_at = 'then'",
        "requeued_at = 'then'",
        "webhook = '{', payload = x'7b7d'",
        "webhook = '{}', payload = x'7b7d'",
        """webhook = CAST('{"hook":"h"}' AS BLOB), payload = x'7b7d'""",
        """webhook = '{"hook":"h"}'""",  # the body is a text
    ],
)
def test_damaged_row_is_left_out_of_a_page(
    sqlite_stores: Stores, tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = sqlite_stores.events
    first, damaged, last = (add(store) for _ in range(3))
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute(f"UPDATE events SET {change} WHERE event_id = ?", (damaged.event_id,))
    connection.close()
    in_the_page = "died_at" not in change  # a dead event is in another page
    assert page(store).events == (first, last)
    assert left_out(caplog) == in_the_page
    with pytest.raises(CorruptRecordError):
        store.get(damaged.event_id, NOW)
    assert_is_left_alone(store, damaged)


def test_add_is_unavailable_when_the_file_was_removed(sqlite_stores: Stores, tmp_path: Path) -> None:
    store = sqlite_stores.events
    add(store)
    (tmp_path / "data" / FILE_NAME).rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailableError):
        add(store)
