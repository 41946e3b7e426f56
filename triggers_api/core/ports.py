"""What the core needs of its stores, as protocols. `store/` implements them on DynamoDB and on SQLite.

The contract tests (`tests/contract`) run on every implementation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from triggers_api.core.events import Event
from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.idempotency import IdempotencyClaim
from triggers_api.core.keys import KeyRecord
from triggers_api.core.leases import Held, Receive, Received, Release
from triggers_api.core.paging import Count, DeadStats, EventQuery, Page, PendingStats
from triggers_api.errors import CorruptRecordError, TriggersError


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to add, and the idempotency claim of its request. None: the request has no idempotency key."""

    event: Event
    idempotency: IdempotencyClaim | None = None


class EventStore(Protocol):
    """Stores events.

    Methods raise `StoreUnavailableError` if the store fails. A method that takes several events handles each
    independently, and returns one outcome for each, in order. If an event fails, its outcome is the error.
    The change of one event is atomic.

    `now` is in seconds since 1970, `now_ms` in milliseconds. If `source` is given, an event of any other
    source does not exist.
    """

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        """Store new events durably.

        Entries with the same idempotency key are stored in order, other entries in any.

        Returns:
            For each entry the id of the stored event. If the request is a repeat, nothing is stored, and the
            id is that of the first request. Errors are `IdempotencyKeyReusedError` if a different request
            used the idempotency key, `StoreUnavailableError`, and `CorruptRecordError`.
        """

    def restore(self, events: Sequence[Event]) -> list[bool | TriggersError]:
        """Store events of another store durably, each with its id, its times and its state.

        Returns:
            For each event whether it was stored. An event whose id exists already is left alone.
        """

    def get(self, event_id: str, now: int) -> Event | None:
        """Return an event, None if it does not exist or expired by `now`.

        Raises:
            CorruptRecordError: The event is damaged.
        """

    def get_several(self, event_ids: Sequence[str], now: int) -> list[Event | TriggersError | None]:
        """Do the same for several events. Errors are `CorruptRecordError` and `StoreUnavailableError`."""

    def page(self, query: EventQuery) -> Page:
        """Return a page of events. Damaged records are left out and logged."""

    def count(self, query: EventQuery) -> Count:
        """Count the events that match, up to the limit of the query, with a bounded number of reads."""

    def pending_stats(self, query: EventQuery) -> PendingStats:
        """Describe the pending events that match, with a bounded number of reads.

        Without a source and a type, `oldest_since` is exact however many events wait.
        """

    def dead_stats(self, query: EventQuery) -> DeadStats:
        """Describe the dead events that match, with a bounded number of reads."""

    def receive(self, receive: Receive) -> Received:
        """Claim available events, roughly oldest first, with a bounded number of reads and writes.

        Every claimed event is in the result. If any event was claimed, a later failure is not raised.
        """

    def acknowledge(
        self, events: Sequence[Held], *, at: str, nonce: str, now: int, source: str | None
    ) -> list[str | TriggersError]:
        """Change pending or dead events to acknowledged, once.

        Args:
            events: The events. One with a lease is acknowledged under that lease only.
            at: The time of the acknowledgement.
            nonce: Identifies this call, so that a repeat after a lost answer is recognised as the same call.
            now: An event that expired by then does not exist.
            source: See the class.

        Returns:
            For each event the time of its acknowledgement, which is an earlier one if it was acknowledged
            before under the same lease. Errors are `NotFoundError`, `LeaseLostError` if the lease is not
            valid, `ConflictError` if another call acknowledged the event, and `CorruptRecordError`.
        """

    def extend(
        self, events: Sequence[Held], *, until_ms: int, now_ms: int, source: str | None
    ) -> list[TriggersError | None]:
        """Set the end of leases.

        Errors are `NotFoundError`, `LeaseLostError`, and `ConflictError` if the event is not pending.
        """

    def release(
        self, events: Sequence[Held], release: Release, *, source: str | None
    ) -> list[Event | TriggersError]:
        """Make events available, or dead.

        Returns:
            For each event its new state. A repeat of a release that killed the event returns the dead event.
            Errors are those of `extend`.
        """

    def requeue(self, events: Sequence[Event], *, at: str, expires_at: int) -> list[bool | TriggersError]:
        """Make acknowledged or dead events pending again, at their old places, as if never delivered.

        Args:
            events: The events as they were seen. One that has changed since is left alone.
            at: The time of the requeue. An event that has it already was requeued by this call.
            expires_at: When they expire.

        Returns:
            For each event whether it was requeued.
        """

    def delete(self, event_ids: Sequence[str], *, source: str | None) -> list[TriggersError | None]:
        """Delete events. One that does not exist is no error; one of another source is kept."""

    def purge(self, events: Sequence[Event]) -> list[bool | TriggersError]:
        """Delete events that still have the status that was seen. Return for each whether it is gone."""


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


class HookStore(Protocol):
    """Stores hooks. Each method is atomic, and raises `StoreUnavailableError` if the store fails."""

    def find(self, digest: str) -> HookRecord | None:
        """Return a hook as it is now, None if there is none.

        Raises:
            CorruptRecordError: The hook is damaged.
        """

    def add(self, record: HookRecord) -> bool:
        """Store a new hook. Return False, and change nothing, if there is one with its digest."""

    def list(self) -> Iterator[HookRecord | CorruptRecordError]:
        """Yield every hook, in no particular order, or the error of a damaged one in its place."""

    def revoke(self, digest: str, *, at: str) -> bool:
        """Make a hook inactive permanently, also a damaged one. Return False if there is none.

        Its secrets are removed, and it keeps the time of the first revocation.
        """

    def rotate(self, old: HookRecord, *, secret: str, old_secret_expires_at: str) -> bool:
        """Give a hook a new secret, and keep the one it has until a time.

        Return False and change nothing if the stored hook is not active, or has another secret than `old`.
        """
