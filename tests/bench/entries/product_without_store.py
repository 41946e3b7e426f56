"""The product's own handler, its stores answering at once: what is left is the service."""

from triggers_api.core.events import Event, IdempotencyClaim
from triggers_api.core.keys import KeyRecord
from triggers_api.main import handler
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.keys import DynamoKeyStore

__all__ = ["handler"]


def add(self: DynamoEventStore, event: Event, claim: IdempotencyClaim | None, *, now: int) -> str:
    """See `EventStore.add`."""
    return event.event_id


def find(self: DynamoKeyStore, digest: str) -> KeyRecord:
    """See `KeyStore.find`."""
    return KeyRecord(digest, is_active=True)


DynamoEventStore.add = add  # type: ignore[method-assign]  # in the place of the store
DynamoKeyStore.find = find  # type: ignore[method-assign]  # the same
