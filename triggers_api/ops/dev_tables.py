"""The two tables as a stack creates them, for a DynamoDB without CloudFormation (DynamoDB Local)."""

from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from triggers_api.errors import LocalEnvironmentError
from triggers_api.store.dynamodb.client import make_client
from triggers_api.store.dynamodb.schema import (
    EVENTS_KEY,
    KEYS_KEY,
    STATUS_INDEX,
    STATUS_INDEX_KEY,
    TTL_ATTRIBUTE,
)


def events_table(name: str) -> dict[str, Any]:
    """Return the definition of an events table (requirements, section 2.6)."""
    index = {
        "IndexName": STATUS_INDEX,
        "KeySchema": _key_schema(*STATUS_INDEX_KEY),
        "Projection": {"ProjectionType": "ALL"},
    }
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in dict.fromkeys((*EVENTS_KEY, *STATUS_INDEX_KEY))
        ],
        "KeySchema": _key_schema(*EVENTS_KEY),
        "GlobalSecondaryIndexes": [index],
    }


def keys_table(name: str) -> dict[str, Any]:
    """Return the definition of a keys table (requirements, section 2.7)."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": KEYS_KEY, "AttributeType": "S"}],
        "KeySchema": _key_schema(KEYS_KEY),
    }


def create_missing_tables(*, endpoint_url: str, region: str, events: str, keys: str) -> None:
    """Create the tables that do not exist, and leave existing ones as they are.

    Raises:
        LocalEnvironmentError: The endpoint does not answer or refuses, or a table of that name has another
            key or lacks the index.
    """
    client, _ = make_client(
        region=region,
        endpoint_url=endpoint_url,
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}),
    )
    try:
        if _create_table(client, events_table(events)):
            client.update_time_to_live(
                TableName=events,
                TimeToLiveSpecification={"AttributeName": TTL_ATTRIBUTE, "Enabled": True},
            )
        _create_table(client, keys_table(keys))
    except (BotoCoreError, ClientError) as error:
        raise LocalEnvironmentError(
            f"DynamoDB at {endpoint_url} cannot be used.",
            reason=str(error),
            hint="Start DynamoDB Local there, or give its URL with --dynamodb-endpoint.",
        ) from error


def _create_table(client: Any, definition: dict[str, Any]) -> bool:
    """Create a table and wait for it. Return False if it exists, with the same keys and index."""
    name = definition["TableName"]
    try:
        if "TableDescription" not in client.create_table(**definition):
            raise EndpointConnectionError(endpoint_url=client.meta.endpoint_url, error="it is not DynamoDB")
        created = True
    except client.exceptions.ResourceInUseException:
        created = False
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    table = client.describe_table(TableName=name)["Table"]
    if (
        table["KeySchema"] != definition["KeySchema"]
        or not _indexes(definition).items() <= _indexes(table).items()
    ):
        raise LocalEnvironmentError(
            f"Table {name} was not created by triggers-api.",
            reason="its keys or its index differ",
            hint="Delete the table, or name others in DYNAMODB_TABLE_EVENTS and DYNAMODB_TABLE_KEYS.",
        )
    return created


def _key_schema(*attributes: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": attribute, "KeyType": kind}
        for attribute, kind in zip(attributes, ("HASH", "RANGE"), strict=False)
    ]


def _indexes(table: dict[str, Any]) -> dict[str, Any]:
    return {index["IndexName"]: index["KeySchema"] for index in table.get("GlobalSecondaryIndexes", [])}
