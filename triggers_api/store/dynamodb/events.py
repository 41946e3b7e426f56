"""Events on DynamoDB: `EventStore` for any number of writers and readers.

The methods delegate to `additions`, `pages`, `receive`, `leases` and `maintenance`. `table` describes the
writes, `index` the reads, `changes` the states of an event.
"""

from collections.abc import Sequence
from functools import partial

from triggers_api.core.events import Event
from triggers_api.core.leases import Held, Receive, Received, Release
from triggers_api.core.paging import Count, DeadStats, EventQuery, Page, PendingStats
from triggers_api.core.ports import NewEvent
from triggers_api.errors import TriggersError
from triggers_api.store.dynamodb import additions, leases, maintenance, pages
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.items import load_item
from triggers_api.store.dynamodb.memory import RecentEvents
from triggers_api.store.dynamodb.receive import claim_events
from triggers_api.store.dynamodb.shards import ONE_SHARD, Shards
from triggers_api.store.dynamodb.table import EventTable
from triggers_api.store.dynamodb.window import WindowReader


class DynamoEventStore:
    """See `EventStore` for the contract."""

    def __init__(self, dynamodb: DynamoDB, table: str, shards: Shards = ONE_SHARD) -> None:
        self._table = EventTable(dynamodb, table, shards)
        self._recent = RecentEvents()
        self._windows = WindowReader(self._table, self._recent)

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        """See `EventStore.add`."""
        return additions.add(self._table, entries, now=now)

    def restore(self, events: Sequence[Event]) -> list[bool | TriggersError]:
        """See `EventStore.restore`."""
        return additions.restore(self._table, events)

    def get(self, event_id: str, now: int) -> Event | None:
        """Use a consistent read, so that an event is visible as soon as its POST returned 201."""
        item = self._table.get(event_id)
        event = None if item is None else load_item(item)
        return event if event and event.expires_at > now else None

    def get_several(self, event_ids: Sequence[str], now: int) -> list[Event | TriggersError | None]:
        """Read several events, as `get` does."""
        return self._table.threads.map_outcomes(partial(self.get, now=now), event_ids)

    def page(self, query: EventQuery) -> Page:
        """See `EventStore.page`."""
        return pages.find_page(self._table, query)

    def count(self, query: EventQuery) -> Count:
        """See `EventStore.count`."""
        return pages.count(self._table, query)

    def pending_stats(self, query: EventQuery) -> PendingStats:
        """See `EventStore.pending_stats`."""
        return pages.pending_stats(self._table, query)

    def dead_stats(self, query: EventQuery) -> DeadStats:
        """See `EventStore.dead_stats`."""
        return pages.dead_stats(self._table, query)

    def receive(self, receive: Receive) -> Received:
        """Claim events of a window, and remember that they are not available any more."""
        received = claim_events(self._table, receive, self._windows.read(receive))
        self._recent.add(
            _ids(received.events), now_ms=receive.now_ms, until_ms=receive.until_ms, lease=receive.token
        )
        self._recent.add(_ids(received.died), now_ms=receive.now_ms)
        return received

    def acknowledge(
        self, events: Sequence[Held], *, at: str, nonce: str, now: int, source: str | None
    ) -> list[str | TriggersError]:
        """Acknowledge events, and remember them as `receive` does."""
        outcomes = leases.acknowledge(self._table, events, at=at, nonce=nonce, now=now, source=source)
        done = [
            held.event_id for held, outcome in zip(events, outcomes, strict=True) if isinstance(outcome, str)
        ]
        self._recent.add(done, now_ms=now * 1000)
        return outcomes

    def extend(
        self, events: Sequence[Held], *, until_ms: int, now_ms: int, source: str | None
    ) -> list[TriggersError | None]:
        """See `EventStore.extend`."""
        return leases.extend(self._table, events, until_ms=until_ms, now_ms=now_ms, source=source)

    def release(
        self, events: Sequence[Held], release: Release, *, source: str | None
    ) -> list[Event | TriggersError]:
        """Release events, and forget that they were claimed."""
        outcomes = leases.release(self._table, events, release, source=source)
        self._recent.forget(held.event_id for held in events)
        return outcomes

    def requeue(self, events: Sequence[Event], *, at: str, expires_at: int) -> list[bool | TriggersError]:
        """Requeue events, and forget that they were acknowledged."""
        outcomes = maintenance.requeue(self._table, events, at=at, expires_at=expires_at)
        self._recent.forget(_ids(events))
        return outcomes

    def delete(self, event_ids: Sequence[str], *, source: str | None) -> list[TriggersError | None]:
        """See `EventStore.delete`."""
        return maintenance.delete(self._table, event_ids, source=source)

    def purge(self, events: Sequence[Event]) -> list[bool | TriggersError]:
        """See `EventStore.purge`."""
        return maintenance.purge(self._table, events)


def _ids(events: Sequence[Event]) -> list[str]:
    return [event.event_id for event in events]
