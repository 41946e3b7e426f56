"""Acknowledge, requeue and delete events of a stage, by their ids or by a filter."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.inbox import Inbox
from triggers_api.core.leases import Held
from triggers_api.core.maintenance import ANY, Changed, Maintenance, statuses_of
from triggers_api.core.paging import Count, EventQuery, Filter
from triggers_api.core.ports import EventStore
from triggers_api.core.retention import Retention
from triggers_api.core.times import Clock, format_time, milliseconds, parse_time, seconds
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
        unchanged: The ids of the events that have the wanted status already, or that changed meanwhile.
        missing: The ids of the events that do not exist.
    """

    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """How many events of a status a piece of a change was about. `is_last`: nothing is left."""

    status: str
    count: int
    is_last: bool


class Changes:
    """Changes events of a stage as its service would."""

    def __init__(self, store: EventStore, settings: Settings, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention = Retention(settings.event_ttl_days)
        self._maintenance = Maintenance(store, clock=clock, retention=retention)
        self._inbox = Inbox(store, clock=clock, retention=retention, max_deliveries=settings.max_deliveries)

    def fix_in_time(self, change: Change, wanted: Filter) -> Filter:
        """Return a filter that leaves out what comes later, so that an interrupted change can be repeated.

        Events that arrive later are left alone, and so is what a consumer acknowledges after its requeue. A
        clock that is behind leaves out no event that is there.
        """
        now = self._clock()
        newest = max((event.created_at for event in self._newest(wanted)), default="")
        end = max(format_time(now), format_time(parse_time(newest) + 1) if newest else "")
        fixed = replace(wanted, until=wanted.until or end)
        if change is Change.REQUEUE and wanted.status == ACKNOWLEDGED:
            fixed = replace(fixed, acknowledged_until=wanted.acknowledged_until or end)
        return fixed

    def _newest(self, wanted: Filter) -> Iterator[Event]:
        now_ms = milliseconds(self._clock())
        for status in statuses_of(wanted):
            query = EventQuery(Filter(status), 1, now_ms, newest_first=True, with_expired=True)
            yield from self._store.page(query).events

    def count(self, change: Change, wanted: Filter) -> dict[str, Count]:
        """Count the events that match by status, with a bounded number of reads."""
        with_expired = change is Change.DELETE
        return {
            status: self._maintenance.count(
                OPERATOR, replace(wanted, status=status), with_expired=with_expired
            )
            for status in statuses_of(wanted)
        }

    def change_matching(self, change: Change, wanted: Filter) -> Iterator[Piece]:
        """Change all events that match, piece by piece.

        Raises:
            StoreUnavailableError: The store failed. A repeat with the same filter goes on.
        """
        make: Callable[[Filter, str | None], Changed] = {
            Change.ACKNOWLEDGE: self._acknowledge,
            Change.REQUEUE: self._requeue,
            Change.DELETE: self._delete,
        }[change]
        *_, last = statuses = statuses_of(wanted)
        for status in statuses:
            cursor: str | None = ""
            while cursor is not None:
                changed = make(replace(wanted, status=status), cursor or None)
                cursor = changed.next_cursor
                yield Piece(status, changed.count, is_last=cursor is None and status == last)

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
            now = self._clock()
            outcomes = self._store.requeue(
                to_change, at=format_time(now), expires_at=self._retention.expiry(seconds(now))
            )
            changed = [event for event, outcome in zip(to_change, outcomes, strict=True) if value_of(outcome)]
        else:
            held = [Held(event.event_id, None) for event in to_change]
            acknowledged = self._inbox.acknowledge(OPERATOR, held)
            _count_acknowledged(acknowledged)
            pairs = zip(to_change, acknowledged, strict=True)
            changed = [event for event, outcome in pairs if isinstance(outcome, str)]
        unchanged = [event.event_id for event in events if event not in changed]
        return ChangedIds(tuple(event.status for event in changed), tuple(unchanged), tuple(missing))

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
