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
        """Read the item consistently, so that a revocation that was answered is seen."""
        answer = self._dynamodb.call(
            "get_item", TableName=self._table, Key={"api_key": {"S": digest}}, ConsistentRead=True
        )
        item = answer.get("Item")
        return None if item is None else _load_item(item)

    def add(self, record: KeyRecord) -> bool:
        """Put the item if there is none, or only this very item, put by an attempt whose answer was lost."""
        item = _item_of(record)
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
        """Update the item if it exists. Doing it again changes nothing."""
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
        except CorruptRecordError:
            return KeyRecord(digest, is_active=False, revoked_at=at)

    def rotate(self, old: KeyRecord, new: KeyRecord, *, old_expires_at: str) -> bool:
        """Put the one item and update the other in one transaction."""
        unchanged = "attribute_not_exists(expires_at)" if old.expires_at is None else "expires_at = :was"
        was = {} if old.expires_at is None else {":was": {"S": old.expires_at}}
        put = {
            "TableName": self._table,
            "Item": _item_of(new),
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
            # The SDK repeats a transaction under one token, so a lost answer does not end here.
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in cancelled.reasons):
                return False
            raise StoreUnavailableError("The store cannot do this right now.") from cancelled
        return True


def _item_of(record: KeyRecord) -> dict[str, Any]:
    texts = {name: getattr(record, name) for name in _TEXT_FIELDS}
    return {
        "api_key": {"S": record.digest},
        "is_active": {"BOOL": record.is_active},
        **{name: {"S": text} for name, text in texts.items() if text is not None},
    }


def _load_item(item: dict[str, Any]) -> KeyRecord:
    def text(name: str) -> Any:
        attribute = item.get(name)
        # An attribute that is no text is passed on as it is: the record decides whether that matters.
        return attribute.get("S", attribute) if attribute is not None else None

    is_active = item.get("is_active", {}).get("BOOL")
    return load_key_record(text("api_key"), is_active, {name: text(name) for name in _TEXT_FIELDS})
