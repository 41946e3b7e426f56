"""What the core needs of its stores, as protocols. `store/` implements them on DynamoDB and on SQLite.

The contract tests (`tests/contract`) run on every implementation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from triggers_api.core.events import Event
from triggers_api.core.idempotency import IdempotencyClaim
from triggers_api.core.keys import KeyRecord
from triggers_api.core.paging import Page, PendingQuery
from triggers_api.errors import CorruptRecordError, TriggersError


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to add, and the claim of its idempotency key if the request has one."""

    event: Event
    claim: IdempotencyClaim | None = None


class EventStore(Protocol):
    """Stores events. Each method but `add` is atomic, and raises `StoreUnavailableError` if the store fails.

    `now` is in seconds since 1970 everywhere.
    """

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        """Store new events durably, in order, each as if it were added alone.

        Returns:
            One outcome for each entry. It is the id of the stored event; or, if the same request made the
            claim before, the id that was stored then, and nothing is stored. An entry that fails has its
            error as the outcome and leaves the other entries alone: `IdempotencyKeyReusedError` if another
            request made the claim, `StoreUnavailableError`, or `CorruptRecordError`.
        """

    def get(self, event_id: str, now: int) -> Event | None:
        """Return an event, None if it does not exist or expired by `now`.

        Raises:
            CorruptRecordError: The event is damaged.
        """

    def pending(self, query: PendingQuery) -> Page:
        """Return a page of the inbox. Damaged records are left out and logged."""

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:
        """Change a pending event to acknowledged, once.

        Args:
            event_id: The event.
            at: The time of the acknowledgement.
            nonce: Identifies this call, so that a repeat after a lost answer is recognised as the same call.
            now: An event that expired by then does not exist.
            source: If given, an event of any other source does not exist.

        Raises:
            NotFoundError: The event does not exist.
            ConflictError: Another call acknowledged the event.
            CorruptRecordError: The event is damaged.
        """

    def delete(self, event_id: str, *, source: str | None) -> None:
        """Delete an event if it exists. If `source` is given, an event of any other source is kept."""


class KeyStore(Protocol):
    """Stores key records. Each method is atomic, and raises `StoreUnavailableError` if the store fails."""

    def find(self, digest: str) -> KeyRecord | None:
        """Return a key record as it is now, None if there is none.

        Raises:
            CorruptRecordError: The record is damaged.
        """

    def add(self, record: KeyRecord) -> bool:
        """Store a new key record. Return False, and change nothing, if the key has a record already."""

    def list(self) -> Iterator[KeyRecord | CorruptRecordError]:
        """Yield every key record, in no particular order, or the error of a damaged one in its place."""

    def revoke(self, digest: str, *, at: str) -> KeyRecord | None:
        """Make a key inactive permanently and return its record, None if there is none.

        The record keeps the time of the first revocation. A damaged record is revoked too: the one that is
        returned then has the digest and the revocation only.
        """

    def rotate(self, old: KeyRecord, new: KeyRecord, *, old_expires_at: str) -> bool:
        """Store a new key record and set the expiry of the old one, both or neither.

        Return False and change nothing if the stored old record differs from `old`.
        """
