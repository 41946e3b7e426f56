"""`triggers dev --dynamodb-endpoint`: whose tables it uses, and those that it makes."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from tests.cli.test_dev_refusals import refusal
from tests.conftest import REGION, Tables
from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.dev_server import KEY, running
from triggers_api.ops.dev_tables import events_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@pytest.fixture
def dynamodb(dynamodb_url: str) -> Iterator["DynamoDBClient"]:
    client = boto3.client("dynamodb", endpoint_url=dynamodb_url, region_name=REGION)
    yield client
    client.close()


def new_names() -> dict[str, str]:
    run = uuid4().hex[:12]
    return {"DYNAMODB_TABLE_EVENTS": f"my-events-{run}", "DYNAMODB_TABLE_KEYS": f"my-keys-{run}"}


def keys_of(schema: list[Any]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in schema]


def attributes_of(table: Any) -> dict[str, str]:
    return {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}


def assert_events_table(dynamodb: "DynamoDBClient", name: str) -> None:
    """Compare with the requirements, section 2.6."""
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert keys_of(table["KeySchema"]) == [("event_id", "HASH"), ("created_at", "RANGE")]
    assert attributes_of(table) == {"event_id": "S", "created_at": "S", "status": "S"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "status-created_at-index"
    assert keys_of(index["KeySchema"]) == [("status", "HASH"), ("created_at", "RANGE")]
    assert index["Projection"] == {"ProjectionType": "ALL"}
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def assert_keys_table(dynamodb: "DynamoDBClient", name: str) -> None:
    """Compare with the requirements, section 2.7."""
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert keys_of(table["KeySchema"]) == [("api_key", "HASH")]
    assert attributes_of(table) == {"api_key": "S"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "GlobalSecondaryIndexes" not in table


def test_missing_tables_are_made_as_the_requirements_say(
    dynamodb: "DynamoDBClient", dynamodb_url: str
) -> None:
    names = new_names()
    with running("--dynamodb-endpoint", dynamodb_url, variables=names) as server:
        for part in (*names.values(), dynamodb_url):
            assert part in server.banner["data"]
        assert_events_table(dynamodb, names["DYNAMODB_TABLE_EVENTS"])
        assert_keys_table(dynamodb, names["DYNAMODB_TABLE_KEYS"])


@pytest.mark.slow("starts several servers")
def test_without_names_in_the_environment_the_tables_are_those_of_the_stage_dev(
    dynamodb: "DynamoDBClient", dynamodb_url: str
) -> None:
    with running("--dynamodb-endpoint", dynamodb_url) as server:
        assert "triggers-api-events-dev" in server.banner["data"]
        assert_events_table(dynamodb, "triggers-api-events-dev")
        assert_keys_table(dynamodb, "triggers-api-keys-dev")


@pytest.mark.slow("starts several servers")
def test_existing_tables_are_left_alone(dynamodb: "DynamoDBClient", tables: Tables) -> None:
    names = {"DYNAMODB_TABLE_EVENTS": tables.events, "DYNAMODB_TABLE_KEYS": tables.keys}
    dynamodb.put_item(TableName=tables.keys, Item={"api_key": {"S": "sha256:0"}, "mine": {"S": "kept"}})
    before = [dynamodb.describe_table(TableName=name)["Table"] for name in names.values()]

    with running("--dynamodb-endpoint", tables.endpoint_url, variables=names):
        pass

    assert [dynamodb.describe_table(TableName=name)["Table"] for name in names.values()] == before
    assert dynamodb.scan(TableName=tables.keys)["Items"] == [
        {"api_key": {"S": "sha256:0"}, "mine": {"S": "kept"}}
    ]


@pytest.mark.slow("starts several servers")
def test_the_data_outlives_the_process(dynamodb_url: str) -> None:
    names = new_names()
    for expected in (1, 2):
        with running("--dynamodb-endpoint", dynamodb_url, variables=names) as server:
            with ApiClient(server.url) as client:
                assert client.ingest({}).status == 201
                assert len(client.inbox()) == expected
            assert server.interrupt() == 130


@pytest.mark.slow("starts several servers")
def test_where_only_keys_of_the_table_open_the_banner_does_not_show_another(dynamodb_url: str) -> None:
    variables = {**new_names(), "AUTH_MODE": "aws"}
    with running("--dynamodb-endpoint", dynamodb_url, variables=variables) as server:
        assert KEY not in server.output.read_text()
        with ApiClient(server.url) as client:
            assert client.call("GET", "/v1/inbox").status == 401


@pytest.mark.slow("starts several servers")
def test_two_started_at_the_same_moment_without_tables(dynamodb_url: str) -> None:
    for _ in range(6):
        names = new_names()
        with ExitStack() as stack:
            servers = [
                stack.enter_context(
                    dev_server.started("--port", "0", "--dynamodb-endpoint", dynamodb_url, variables=names)
                )
                for _ in range(3)
            ]
            for server in servers:
                dev_server.wait_until_ready(server)


@pytest.mark.slow("starts several servers")
def test_an_existing_table_without_ttl_stays_without(dynamodb_url: str) -> None:
    client = boto3.client("dynamodb", endpoint_url=dynamodb_url, region_name=REGION)
    names = new_names()
    client.create_table(**events_table(names["DYNAMODB_TABLE_EVENTS"]))
    with running("--dynamodb-endpoint", dynamodb_url, variables=names):
        ttl = client.describe_time_to_live(TableName=names["DYNAMODB_TABLE_EVENTS"])
        assert ttl["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    client.close()


def test_an_existing_table_with_other_keys_is_refused(dynamodb_url: str) -> None:
    client = boto3.client("dynamodb", endpoint_url=dynamodb_url, region_name=REGION)
    name = f"other-{uuid4().hex[:8]}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    client.close()
    variables = {**new_names(), "DYNAMODB_TABLE_EVENTS": name}
    told = refusal("--port", "0", "--dynamodb-endpoint", dynamodb_url, code=1, variables=variables)
    assert name in told["error"]
