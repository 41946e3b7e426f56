"""DynamoDB of the baseline: see ../README.md. Nobody's example."""

import base64
import json
import os
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key

dynamodb: Any = boto3.resource(
    "dynamodb",
    region_name=os.environ.get("AWS_REGION", "us-east-1"),
    endpoint_url=os.environ.get("DYNAMODB_ENDPOINT_URL"),
)
events_table = dynamodb.Table(os.environ["DYNAMODB_TABLE_EVENTS"])
keys_table = dynamodb.Table(os.environ["DYNAMODB_TABLE_KEYS"])


def put_event(event: dict[str, Any]) -> None:
    """Put the item; boto3 takes no float, so numbers go through Decimal."""
    events_table.put_item(Item=json.loads(json.dumps(event), parse_float=Decimal))


def find_event(event_id: str) -> dict[str, Any] | None:
    """Query for the item: its sort key, the time, is not known from the id."""
    found = events_table.query(KeyConditionExpression=Key("event_id").eq(event_id), Limit=1)
    event: dict[str, Any] | None = from_dynamodb(found["Items"][0]) if found["Items"] else None
    return event


def list_pending(
    limit: int, cursor: str | None, source: str | None, event_type: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Query the index until the page is full or the inbox ends; return the events and the next cursor."""
    query: dict[str, Any] = {
        "IndexName": "status-created_at-index",
        "KeyConditionExpression": Key("status").eq("pending"),
    }
    filters = [
        Attr(name).eq(value) for name, value in (("source", source), ("event_type", event_type)) if value
    ]
    if filters:
        query["FilterExpression"] = filters[0] if len(filters) == 1 else filters[0] & filters[1]
    start = json.loads(base64.urlsafe_b64decode(cursor)) if cursor else None
    events: list[dict[str, Any]] = []
    while True:
        if start:
            query["ExclusiveStartKey"] = start
        found = events_table.query(**query, Limit=limit - len(events))
        events += [from_dynamodb(item) for item in found["Items"]]
        start = found.get("LastEvaluatedKey")
        if not start or len(events) == limit:
            return events, base64.urlsafe_b64encode(json.dumps(start).encode()).decode() if start else None


def acknowledge(event: dict[str, Any], at: str) -> None:
    """Update the item that was found."""
    events_table.update_item(
        Key={"event_id": event["event_id"], "created_at": event["created_at"]},
        UpdateExpression="SET #status = :acknowledged, acknowledged_at = :at",
        ConditionExpression=Attr("status").eq("pending"),
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":acknowledged": "acknowledged", ":at": at},
    )


def delete_event(event: dict[str, Any]) -> None:
    """Delete the item that was found."""
    events_table.delete_item(Key={"event_id": event["event_id"], "created_at": event["created_at"]})


def find_key(api_key: str) -> dict[str, Any] | None:
    """Read the key's item."""
    item: dict[str, Any] | None = keys_table.get_item(Key={"api_key": api_key}).get("Item")
    return item


def from_dynamodb(value: Any) -> Any:
    """Turn Decimal back into what JSON knows."""
    if isinstance(value, dict):
        return {name: from_dynamodb(one) for name, one in value.items()}
    if isinstance(value, list):
        return [from_dynamodb(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value % 1 == 0 else float(value)
    return value
