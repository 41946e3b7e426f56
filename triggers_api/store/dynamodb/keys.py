"""Keys on DynamoDB: `KeyStore` over the table that the operator's commands write."""

from collections.abc import Iterator
from dataclasses import fields

from triggers_api.core.keys import KeyRecord, load_key_record
from triggers_api.errors import CorruptRecordError, StoreUnavailableError
from triggers_api.store.dynamodb.client import ConditionFailedError, DynamoDB, TransactionCanceledError
from triggers_api.store.dynamodb.key_table import Item, KeyTable, make_item, read_item

_OTHER_FIELDS = [field.name for field in fields(KeyRecord) if field.name not in {"digest", "is_active"}]


class DynamoKeyStore:
    """See `KeyStore` for the contract."""

    def __init__(self, dynamodb: DynamoDB, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = KeyTable(dynamodb, table)

    def find(self, digest: str) -> KeyRecord | None:
        """Use a consistent read, so that a revocation is seen as soon as it was answered."""
        item = self._table.find(digest)
        return None if item is None else _load_item(item)

    def add(self, record: KeyRecord) -> bool:
        """Put the item if there is none, or an equal one."""
        return self._table.add(make_item(record))

    def list(self) -> Iterator[KeyRecord | CorruptRecordError]:
        """Scan the table."""
        for item in self._table.api_keys():
            try:
                yield _load_item(item)
            except CorruptRecordError as error:
                yield error

    def revoke(self, digest: str, *, at: str) -> KeyRecord | None:
        """Update the item if it exists. A repeat changes nothing."""
        try:
            answer = self._dynamodb.call(
                "update_item",
                expects="Attributes",
                TableName=self._table.name,
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
            "TableName": self._table.name,
            "Item": make_item(new),
            "ConditionExpression": "attribute_not_exists(api_key)",
        }
        update = {
            "TableName": self._table.name,
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


def _load_item(item: Item) -> KeyRecord:
    values = read_item(item)
    others = {name: values[name] for name in _OTHER_FIELDS if name in values}
    return load_key_record(values["digest"], values["is_active"], others)
