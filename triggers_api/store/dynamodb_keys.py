"""Keys on DynamoDB: `KeyStore` over the table that the operator's commands write."""

from typing import Any

from triggers_api.core.keys import KeyRecord
from triggers_api.errors import CorruptRecordError
from triggers_api.store.dynamodb import ConditionFailedError, DynamoDB

_TEXTS = ("created_at", "source", "name", "expires_at", "revoked_at", "prefix")


class DynamoKeyStore:
    """See `KeyStore` for the contract."""

    def __init__(self, dynamodb: DynamoDB, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def find(self, digest: str) -> KeyRecord | None:
        """Read the item, consistently: a revocation that was answered is seen."""
        answer = self._dynamodb.call(
            "get_item", TableName=self._table, Key={"api_key": {"S": digest}}, ConsistentRead=True
        )
        item = answer.get("Item")
        return None if item is None else _record(item)

    def add(self, record: KeyRecord) -> bool:
        """Put the item where there is none."""
        item: dict[str, Any] = {"api_key": {"S": record.digest}, "is_active": {"BOOL": record.is_active}}
        for name in _TEXTS:
            if (text := getattr(record, name)) is not None:
                item[name] = {"S": text}
        try:
            self._dynamodb.call(
                "put_item",
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(api_key)",
            )
        except ConditionFailedError:
            return False
        return True


def _record(item: dict[str, Any]) -> KeyRecord:
    digest = item["api_key"]["S"]
    try:
        texts = {name: item[name]["S"] for name in _TEXTS if name in item}
        return KeyRecord(digest, item["is_active"]["BOOL"], **texts)
    except KeyError as error:
        raise CorruptRecordError("The record of a key is damaged.") from error
