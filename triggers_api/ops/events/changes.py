"""Acknowledge, requeue and delete events of a stage, by their ids or by a filter."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.inbox import Inbox
from triggers_api.core.leases import Held
from triggers_api.core.maintenance import ANY, Changed, Maintenance, statuses_of
from triggers_api.core.paging import Count, Filter
from triggers_api.core.ports import EventStore
from triggers_api.core.retention import Retention
from triggers_api.core.times import Clock, format_time, seconds
from triggers_api.errors import ConflictError, NotFoundError, TriggersError, value_of
from triggers_api.ops.events.operator import OPERATOR
from triggers_api.settings import Settings

PIECE = 500
"""As many as a call of the API changes at most."""


class Change(StrEnum):
    """What is done with events."""

    ACKNOWLEDGE = "ack"
    REQUEUE = "requeue"
    DELETE = "delete"


STATUSES = {
    Change.ACKNOWLEDGE: (PENDING, DEAD),
    Change.REQUEUE: (ACKNOWLEDGED, DEAD),
    Change.DELETE: (PENDING, ACKNOWLEDGED, DEAD, ANY),
}
"""The statuses of the events that can be changed."""


@dataclass(frozen=True, slots=True)
class ChangedIds:
    """What became of events that were named by their ids.

    Attributes:
        changed: The status that each changed event had.
        unchanged: The ids of the events that have the wanted status already.
        missing: The ids of the events that do not exist.
    """

    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    missing: tuple[str, ...]


def fixed_in_time(wanted: Filter, change: Change, now: int) -> Filter:
    """Return a filter that leaves out what comes after now. With it, an interrupted change can be repeated.

    Events that arrive later are left alone, and so is what a consumer acknowledges after its requeue.
    """
    started = format_time(now)
    fixed = replace(wanted, until=wanted.until or started)
    if change is Change.REQUEUE and wanted.status == ACKNOWLEDGED:
        fixed = replace(fixed, acknowledged_until=wanted.acknowledged_until or started)
    return fixed


class Changes:
    """Changes events of a stage as its service would."""

    def __init__(self, store: EventStore, settings: Settings, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        retention = Retention(settings.event_ttl_days)
        self._maintenance = Maintenance(store, clock=clock, retention=retention)
        self._inbox = Inbox(store, clock=clock, retention=retention, max_deliveries=settings.max_deliveries)

    def count(self, change: Change, wanted: Filter) -> dict[str, Count]:
        """Count the events that match by status, with a bounded number of reads."""
        with_expired = change is Change.DELETE
        return {
            status: self._maintenance.count(
                OPERATOR, replace(wanted, status=status), with_expired=with_expired
            )
            for status in statuses_of(wanted)
        }

    def change_matching(self, change: Change, wanted: Filter) -> Iterator[tuple[str, int]]:
        """Change all events that match, piece by piece. Yield the status and the number of each piece.

        Raises:
            StoreUnavailableError: The store failed. A repeat with the same filter goes on.
        """
        make: Callable[[Filter, str | None], Changed] = {
            Change.ACKNOWLEDGE: self._acknowledge,
            Change.REQUEUE: self._requeue,
            Change.DELETE: self._delete,
        }[change]
        for status in statuses_of(wanted):
            cursor: str | None = ""
            while cursor is not None:
                changed = make(replace(wanted, status=status), cursor or None)
                yield status, changed.count
                cursor = changed.next_cursor

    def change_ids(self, change: Change, event_ids: Sequence[str]) -> ChangedIds:
        """Change the events of these ids.

        Raises:
            StoreUnavailableError: The store failed. A repeat goes on.
            CorruptRecordError: An event is damaged. It can be deleted.
        """
        found = self._store.get_several(event_ids, seconds(self._clock()))
        events = [event for event in found if isinstance(event, Event)]
        missing = [event_id for event_id, event in zip(event_ids, found, strict=True) if event is None]
        if change is Change.DELETE:
            for deleted in self._inbox.delete(OPERATOR, event_ids):
                value_of(deleted)
            statuses = [event.status if isinstance(event, Event) else "damaged" for event in found if event]
            return ChangedIds(tuple(statuses), (), tuple(missing))
        for outcome in found:
            value_of(outcome)
        to_change = [event for event in events if event.status in STATUSES[change]]
        if change is Change.REQUEUE:
            self._maintenance.requeue(OPERATOR, [event.event_id for event in to_change])
        else:
            held = [Held(event.event_id, None) for event in to_change]
            _count_acknowledged(self._inbox.acknowledge(OPERATOR, held))
        unchanged = [event.event_id for event in events if event not in to_change]
        return ChangedIds(tuple(event.status for event in to_change), tuple(unchanged), tuple(missing))

    def _acknowledge(self, wanted: Filter, cursor: str | None) -> Changed:
        page = self._inbox.page(OPERATOR, wanted, limit=PIECE, cursor=cursor)
        held = [Held(event.event_id, None) for event in page.events]
        return Changed(_count_acknowledged(self._inbox.acknowledge(OPERATOR, held)), page.next_cursor)

    def _requeue(self, wanted: Filter, cursor: str | None) -> Changed:
        return self._maintenance.requeue_matching(OPERATOR, wanted, limit=PIECE, cursor=cursor)

    def _delete(self, wanted: Filter, cursor: str | None) -> Changed:
        return self._maintenance.purge(OPERATOR, wanted, limit=PIECE, cursor=cursor)


def _count_acknowledged(outcomes: Sequence[str | TriggersError]) -> int:
    """Return how many events were acknowledged. One that is gone, or that another call acknowledged, is not.

    Raises:
        TriggersError: An acknowledgement failed for another reason.
    """
    expected = [one for one in outcomes if not isinstance(one, NotFoundError | ConflictError)]
    return len([value_of(one) for one in expected])
