"""The keys table, which has API keys and hooks: the items of both, and the calls that both stores make.

The key of an item is the digest of its record. That of a hook starts with `hook:`. Every other item is an API
key.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from triggers_api.core.hooks.records import DIGEST_PREFIX, HookRecord
from triggers_api.core.keys import KeyRecord
from triggers_api.store.dynamodb.client import ConditionFailedError, DynamoDB

Item = dict[str, Any]

_IS_HOOK = "begins_with(api_key, :hook)"


class KeyTable:
    """Calls DynamoDB for one table."""

    def __init__(self, dynamodb: DynamoDB, name: str) -> None:
        self.dynamodb = dynamodb
        self.name = name

    def find(self, digest: str) -> Item | None:
        """Use a consistent read, so that a revocation is seen as soon as it was answered."""
        answer = self.dynamodb.call(
            "get_item", TableName=self.name, Key={"api_key": {"S": digest}}, ConsistentRead=True
        )
        return answer.get("Item")

    def add(self, item: Item) -> bool:
        """Put an item if there is none. An equal item was put by an attempt whose answer was lost."""
        try:
            self.dynamodb.call(
                "put_item",
                TableName=self.name,
                Item=item,
                ConditionExpression="attribute_not_exists(api_key)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailedError as refusal:
            return refusal.item == item
        return True

    def api_keys(self) -> Iterator[Item]:
        """Yield the items of all API keys."""
        return self._scan(f"NOT {_IS_HOOK}")

    def hooks(self) -> Iterator[Item]:
        """Yield the items of all hooks."""
        return self._scan(_IS_HOOK)

    def _scan(self, condition: str) -> Iterator[Item]:
        """Scan the table, up to 1 MB a call, consistently, so that a new item is included."""
        start: dict[str, Any] = {}
        while True:
            answer = self.dynamodb.call(
                "scan",
                expects="Items",
                TableName=self.name,
                ConsistentRead=True,
                FilterExpression=condition,
                ExpressionAttributeValues={":hook": {"S": DIGEST_PREFIX}},
                **start,
            )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def make_item(record: KeyRecord | HookRecord) -> Item:
    """Return the item of a record. A field without a value has no attribute."""
    texts = asdict(record)
    digest, is_active = texts.pop("digest"), texts.pop("is_active")
    return {
        "api_key": {"S": digest},
        "is_active": {"BOOL": is_active},
        **{name: {"S": text} for name, text in texts.items() if text is not None},
    }


def read_item(item: Item) -> dict[str, Any]:
    """Return the values of a record by the names of its fields.

    An attribute of another type than its field is returned unchanged: the record rejects it if it matters.
    """
    values = {name: kind.get("S", kind) for name, kind in item.items() if name != "is_active"}
    return {
        **values,
        "digest": values.pop("api_key", None),
        "is_active": item.get("is_active", {}).get("BOOL"),
    }
