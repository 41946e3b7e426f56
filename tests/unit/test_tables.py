"""The tables of `triggers dev --dynamodb-endpoint`, on moto. The contract tests use AWS's own engine."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.support.dynamodb_local import free_port
from tests.support.template import Stack
from triggers_api.errors import LocalEnvironmentError
from triggers_api.ops.dev_tables import create_missing_tables, events_table, keys_table
from triggers_api.store.dynamodb.schema import TTL_ATTRIBUTE

REGION = "us-east-1"


@pytest.fixture
def endpoint_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return AWS's own address, which moto answers: nothing leaves the process."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unused")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unused")
    with mock_aws():
        yield f"https://dynamodb.{REGION}.amazonaws.com"


def create(endpoint_url: str) -> None:
    create_missing_tables(endpoint_url=endpoint_url, region=REGION, events="some-events", keys="some-keys")


def client(endpoint_url: str) -> Any:
    return boto3.client("dynamodb", endpoint_url=endpoint_url, region_name=REGION)


def test_created_tables_are_those_of_the_requirements(endpoint_url: str) -> None:
    create(endpoint_url)
    dynamodb = client(endpoint_url)
    events = dynamodb.describe_table(TableName="some-events")["Table"]
    assert {key["AttributeName"]: key["KeyType"] for key in events["KeySchema"]} == {
        "event_id": "HASH",
        "created_at": "RANGE",
    }
    (index,) = events["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "status-created_at-index"
    assert {key["AttributeName"]: key["KeyType"] for key in index["KeySchema"]} == {
        "status": "HASH",
        "created_at": "RANGE",
    }
    assert index["Projection"] == {"ProjectionType": "ALL"}
    ttl = dynamodb.describe_time_to_live(TableName="some-events")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    keys = dynamodb.describe_table(TableName="some-keys")["Table"]
    assert keys["KeySchema"] == [{"AttributeName": "api_key", "KeyType": "HASH"}]
    for table in (events, keys):
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize(
    ("resource", "define"), [("EventsTable", events_table), ("ApiKeysTable", keys_table)]
)
def test_created_tables_equal_those_of_the_template(
    resource: str, define: Callable[[str], dict[str, Any]]
) -> None:
    stack = Stack()
    in_template = stack.value(stack.resources[resource]["Properties"])
    created = define(in_template["TableName"])
    assert {name: in_template[name] for name in created} == created
    if resource == "EventsTable":
        assert in_template["TimeToLiveSpecification"]["AttributeName"] == TTL_ATTRIBUTE


def test_existing_tables_are_kept(endpoint_url: str) -> None:
    create(endpoint_url)
    dynamodb = client(endpoint_url)
    dynamodb.put_item(TableName="some-keys", Item={"api_key": {"S": "kept"}})
    create(endpoint_url)
    assert dynamodb.scan(TableName="some-keys")["Count"] == 1


def test_unreachable_endpoint_is_an_error_with_a_hint() -> None:
    with pytest.raises(LocalEnvironmentError, match="cannot be used") as caught:
        create(f"http://127.0.0.1:{free_port()}")
    assert "--dynamodb-endpoint" in caught.value.hint
