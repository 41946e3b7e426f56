"""The two tables as a stack would make them, for a DynamoDB without CloudFormation (DynamoDB Local)."""

from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from triggers_api.errors import LocalEnvironmentError
from triggers_api.store.dynamodb.client import make_client

_INDEX = {
    "IndexName": "status-created_at-index",
    "KeySchema": [
        {"AttributeName": "status", "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "ALL"},
}


def events_table(name: str) -> dict[str, Any]:
    """Return the definition of an events' table (requirements, section 2.6)."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("event_id", "created_at", "status")
        ],
        "KeySchema": [
            {"AttributeName": "event_id", "KeyType": "HASH"},
            {"AttributeName": "created_at", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [_INDEX],
    }


def keys_table(name: str) -> dict[str, Any]:
    """Return the definition of a keys' table (requirements, section 2.7)."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "api_key", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "api_key", "KeyType": "HASH"}],
    }


def create_missing_tables(*, endpoint_url: str, region: str, events: str, keys: str) -> None:
    """Make the tables that are not there; one that is there stays as it is.

    `LocalEnvironmentError` where the endpoint does not answer, or refuses, or where a table of that name has
    another key or lacks the index.
    """
    client, _ = make_client(
        region=region,
        endpoint_url=endpoint_url,
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}),
    )
    try:
        if _create(client, events_table(events)):
            client.update_time_to_live(
                TableName=events, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}
            )
        _create(client, keys_table(keys))
    except (BotoCoreError, ClientError) as error:
        raise LocalEnvironmentError(
            f"DynamoDB at {endpoint_url} cannot be used.",
            reason=str(error),
            hint="Start DynamoDB Local there, or give its URL with --dynamodb-endpoint.",
        ) from error


def _create(client: Any, definition: dict[str, Any]) -> bool:
    """Make a table, and wait for it; False where there was one already, with the same keys and index."""
    name = definition["TableName"]
    try:
        if "TableDescription" not in client.create_table(**definition):
            raise EndpointConnectionError(endpoint_url=client.meta.endpoint_url, error="it is no DynamoDB")
        created = True
    except client.exceptions.ResourceInUseException:
        created = False
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    table = client.describe_table(TableName=name)["Table"]
    indexes = {index["IndexName"]: index["KeySchema"] for index in table.get("GlobalSecondaryIndexes", [])}
    wanted = {
        index["IndexName"]: index["KeySchema"] for index in definition.get("GlobalSecondaryIndexes", [])
    }
    if table["KeySchema"] != definition["KeySchema"] or not wanted.items() <= indexes.items():
        raise LocalEnvironmentError(
            f"The table {name} is not one of this program.",
            reason="its keys or its index are others",
            hint="Delete it, or name others in DYNAMODB_TABLE_EVENTS and DYNAMODB_TABLE_KEYS.",
        )
    return created
