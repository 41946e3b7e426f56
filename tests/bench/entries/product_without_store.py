"""The product's own handler, its stores answering at once: what is left is the service."""

from collections.abc import Sequence

from triggers_api.core.keys import KeyRecord
from triggers_api.core.ports import NewEvent
from triggers_api.errors import TriggersError
from triggers_api.main import handler
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.keys import DynamoKeyStore

__all__ = ["handler"]


def add(self: DynamoEventStore, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
    """See `EventStore.add`."""
    return [entry.event.event_id for entry in entries]


def find(self: DynamoKeyStore, digest: str) -> KeyRecord:
    """See `KeyStore.find`."""
    return KeyRecord(digest, is_active=True)


DynamoEventStore.add = add  # type: ignore[method-assign]  # in the place of the store
DynamoKeyStore.find = find  # type: ignore[method-assign]  # the same
