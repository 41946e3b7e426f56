"""Keys on DynamoDB: `KeyStore` over the table that the operator's commands write."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from triggers_api.core.keys import KeyRecord, load_key_record
from triggers_api.errors import CorruptRecordError, StoreUnavailableError
from triggers_api.store.dynamodb.client import ConditionFailedError, DynamoDB, TransactionCanceledError

_TEXT_FIELDS = [field.name for field in fields(KeyRecord) if field.name not in {"digest", "is_active"}]


class DynamoKeyStore:
    """See `KeyStore` for the contract."""

    def __init__(self, dynamodb: DynamoDB, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def find(self, digest: str) -> KeyRecord | None:
        """Use a consistent read, so that a revocation is seen as soon as it was answered."""
        answer = self._dynamodb.call(
            "get_item", TableName=self._table, Key={"api_key": {"S": digest}}, ConsistentRead=True
        )
        item = answer.get("Item")
        return None if item is None else _load_item(item)

    def add(self, record: KeyRecord) -> bool:
        """Put the item if the key has none. An equal item was put by an attempt whose answer was lost."""
        item = _make_item(record)
        try:
            self._dynamodb.call(
                "put_item",
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(api_key)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailedError as refusal:
            return refusal.item == item
        return True

    def list(self) -> Iterator[KeyRecord | CorruptRecordError]:
        """Scan the table, up to 1 MB a call, consistently, so that a new key is included."""
        start: dict[str, Any] = {}
        while True:
            answer = self._dynamodb.call(
                "scan", expects="Items", TableName=self._table, ConsistentRead=True, **start
            )
            for item in answer["Items"]:
                try:
                    yield _load_item(item)
                except CorruptRecordError as error:
                    yield error
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def revoke(self, digest: str, *, at: str) -> KeyRecord | None:
        """Update the item if it exists. A repeat changes nothing."""
        try:
            answer = self._dynamodb.call(
                "update_item",
                expects="Attributes",
                TableName=self._table,
                Key={"api_key": {"S": digest}},
                UpdateExpression="SET is_active = :no, revoked_at = if_not_exists(revoked_at, :at)",
                ConditionExpression="attribute_exists(api_key)",
                ExpressionAttributeValues={":no": {"BOOL": False}, ":at": {"S": at}},
                ReturnValues="ALL_NEW",
            )
        except ConditionFailedError:
            return None
        try:
            return _load_item(answer["Attributes"])
        except CorruptRecordError:  # the item is damaged, but the key is revoked
            return KeyRecord(digest, is_active=False, revoked_at=at)

    def rotate(self, old: KeyRecord, new: KeyRecord, *, old_expires_at: str) -> bool:
        """Put the new item and update the old one in one transaction."""
        unchanged = "attribute_not_exists(expires_at)" if old.expires_at is None else "expires_at = :was"
        was = {} if old.expires_at is None else {":was": {"S": old.expires_at}}
        put = {
            "TableName": self._table,
            "Item": _make_item(new),
            "ConditionExpression": "attribute_not_exists(api_key)",
        }
        update = {
            "TableName": self._table,
            "Key": {"api_key": {"S": old.digest}},
            "UpdateExpression": "SET expires_at = :expires_at",
            "ConditionExpression": f"is_active = :yes AND {unchanged}",
            "ExpressionAttributeValues": {
                ":yes": {"BOOL": True},
                ":expires_at": {"S": old_expires_at},
                **was,
            },
        }
        try:
            self._dynamodb.call("transact_write_items", TransactItems=[{"Put": put}, {"Update": update}])
        except TransactionCanceledError as cancelled:
            # Not the result of a lost answer: the SDK repeats a transaction with the same client token.
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in cancelled.reasons):
                return False
            raise StoreUnavailableError("The store cannot do this right now.") from cancelled
        return True


def _make_item(record: KeyRecord) -> dict[str, Any]:
    texts = {name: getattr(record, name) for name in _TEXT_FIELDS}
    return {
        "api_key": {"S": record.digest},
        "is_active": {"BOOL": record.is_active},
        **{name: {"S": text} for name, text in texts.items() if text is not None},
    }


def _load_item(item: dict[str, Any]) -> KeyRecord:
    def text(name: str) -> Any:
        attribute = item.get(name)
        # An attribute that is not a text is passed on unchanged: `load_key_record` rejects it if it matters.
        return attribute.get("S", attribute) if attribute is not None else None

    is_active = item.get("is_active", {}).get("BOOL")
    return load_key_record(text("api_key"), is_active, {name: text(name) for name in _TEXT_FIELDS})
