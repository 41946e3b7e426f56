"""The proxy of the bench between a service and DynamoDB, and its backlogs, on the real stores."""

from pathlib import Path

import boto3
import pytest

from tests.bench.backlogs import fill_dynamodb, fill_sqlite
from tests.bench.tls import in_front_of, make_certificate, trust
from tests.bench.wire import Call, listening
from tests.conftest import REGION, Tables
from tests.support.sample_events import page_query
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore

KEY = {"event_id": {"S": "e"}, "created_at": {"S": "2026-01-02T03:04:05.000006Z"}}


def test_wire_counts_each_call_with_the_units_of_table_and_index(tables: Tables) -> None:
    item = {**KEY, "payload": {"S": "x" * 2500}}
    with listening(tables.endpoint_url) as wire:
        client = boto3.client("dynamodb", endpoint_url=wire.url, region_name=REGION)
        client.put_item(TableName=tables.events, Item=item)
        client.put_item(TableName=tables.events, Item={**item, "status": {"S": "pending"}})
        assert client.get_item(TableName=tables.events, Key=KEY)["Item"]["payload"] == {"S": "x" * 2500}
        client.close()
        assert wire.taken() == [Call("PutItem", 3), Call("PutItem", 6), Call("GetItem", 0.5)]
        assert wire.taken() == []


def test_wire_counts_a_refused_write(tables: Tables) -> None:
    with listening(tables.endpoint_url) as wire:
        client = boto3.client("dynamodb", endpoint_url=wire.url, region_name=REGION)
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            client.put_item(
                TableName=tables.events, Item=KEY, ConditionExpression="attribute_exists(event_id)"
            )
        client.close()
        assert [call.operation for call in wire.taken()] == ["PutItem"]


def test_artifact_trusts_the_certificate_of_the_bench_and_its_own(tables: Tables, tmp_path: Path) -> None:
    (tmp_path / "botocore").mkdir()
    authorities = tmp_path / "botocore" / "cacert.pem"
    authorities.write_text("# those of the artifact\n")
    certificate = make_certificate(tmp_path)
    trust(tmp_path, certificate)
    assert authorities.read_text().startswith("# those of the artifact\n")
    assert "PRIVATE" not in authorities.read_text()
    with in_front_of(tables.endpoint_url, certificate) as url:
        client = boto3.client("dynamodb", endpoint_url=url, region_name=REGION, verify=str(authorities))
        assert tables.events in client.list_tables()["TableNames"]
        client.close()


@pytest.mark.parametrize("kind", ["sqlite", "dynamodb"])
def test_filled_backlog_is_listed_like_ingested_events(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    progress: list[float] = []
    store: SqliteEventStore | DynamoEventStore
    if kind == "sqlite":
        database = Database(tmp_path)
        database.open()
        store, middle = SqliteEventStore(database), fill_sqlite(database, 60, progress.append)
    else:
        tables: Tables = request.getfixturevalue("tables")
        store = DynamoEventStore(DynamoDB(region=REGION, endpoint_url=tables.endpoint_url), tables.events)
        middle = fill_dynamodb(tables.endpoint_url, tables.events, 60, progress.append)
    whole = store.page(page_query(now=0)).events
    assert len(whole) == 60
    assert list(whole) == sorted(whole, key=lambda event: event.event_id)
    assert store.page(page_query(now=0, after=middle)).events == whole[30:]
    assert progress[-1] == 1
    if kind == "sqlite":
        database.close()
