"""Hooks on DynamoDB: `HookStore` over the table of the keys."""

from collections.abc import Iterator
from dataclasses import fields

from triggers_api.core.hooks.records import HookRecord, load_hook_record
from triggers_api.errors import CorruptRecordError
from triggers_api.store.dynamodb.client import ConditionFailedError, DynamoDB
from triggers_api.store.dynamodb.key_table import Item, KeyTable, make_item, read_item

_FIELDS = frozenset(field.name for field in fields(HookRecord))


class DynamoHookStore:
    """See `HookStore` for the contract."""

    def __init__(self, dynamodb: DynamoDB, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = KeyTable(dynamodb, table)

    def find(self, digest: str) -> HookRecord | None:
        """Use a consistent read, so that a revocation is seen as soon as it was answered."""
        item = self._table.find(digest)
        return None if item is None else _load_item(item)

    def add(self, record: HookRecord) -> bool:
        """Put the item if there is none, or an equal one."""
        return self._table.add(make_item(record))

    def list(self) -> Iterator[HookRecord | CorruptRecordError]:
        """Scan the table."""
        for item in self._table.hooks():
            try:
                yield _load_item(item)
            except CorruptRecordError as error:
                yield error

    def revoke(self, digest: str, *, at: str) -> bool:
        """Update the item if it exists. A repeat changes nothing."""
        try:
            self._dynamodb.call(
                "update_item",
                expects="Attributes",
                TableName=self._table.name,
                Key={"api_key": {"S": digest}},
                UpdateExpression="SET is_active = :no, revoked_at = if_not_exists(revoked_at, :at) "
                "REMOVE secret, old_secret",
                ConditionExpression="attribute_exists(api_key)",
                ExpressionAttributeValues={":no": {"BOOL": False}, ":at": {"S": at}},
                ReturnValues="UPDATED_NEW",
            )
        except ConditionFailedError:
            return False
        return True

    def rotate(self, old: HookRecord, *, secret: str, old_secret_expires_at: str) -> bool:
        """Update the item. One that has both secrets got them by an attempt whose answer was lost."""
        known = old.secret is not None
        was = {":was": {"S": old.secret}} if known else {}
        keep = ", old_secret = :was" if known else " REMOVE old_secret"
        unchanged = "secret = :was" if known else "attribute_not_exists(secret)"
        try:
            self._dynamodb.call(
                "update_item",
                TableName=self._table.name,
                Key={"api_key": {"S": old.digest}},
                UpdateExpression=f"SET secret = :new, old_secret_expires_at = :until{keep}",
                ConditionExpression=f"is_active = :yes AND {unchanged}",
                ExpressionAttributeValues={
                    ":yes": {"BOOL": True},
                    ":new": {"S": secret},
                    ":until": {"S": old_secret_expires_at},
                    **was,
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailedError as refusal:
            stored = [refusal.item.get(name) for name in ("secret", "old_secret")]
            return stored == [{"S": secret}, was.get(":was")]
        return True


def _load_item(item: Item) -> HookRecord:
    return load_hook_record({name: value for name, value in read_item(item).items() if name in _FIELDS})
