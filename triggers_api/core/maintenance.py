"""Requeue and purge: changes of many events that a filter finds, a bounded piece in each call.

A call lists events, then changes each under the condition that it is still as it was seen. The cursor of the
next call carries the time of the first one, and what came later is left alone: events that arrived, and for a
requeue events that a consumer acknowledged. So a walk ends, and a repeated call with its cursor undoes
nothing that a consumer did meanwhile.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

from triggers_api.core import cursors
from triggers_api.core.access import Principal
from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.paging import MAX_COUNTED, Count, EventQuery, Filter, Position
from triggers_api.core.ports import EventStore
from triggers_api.core.retention import Retention
from triggers_api.core.times import Clock, format_time, is_time, milliseconds, seconds
from triggers_api.errors import TriggersError, value_of

ANY = "any"
"""The status of a filter that matches events of every status."""


@dataclass(frozen=True, slots=True)
class Changed:
    """How many events were changed, and the cursor of the next call; None if there is nothing left."""

    count: int
    next_cursor: str | None


class Maintenance:
    """Requeue and purge for a principal."""

    def __init__(self, store: EventStore, *, clock: Clock, retention: Retention) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention

    def requeue(self, principal: Principal, event_ids: Sequence[str]) -> int:
        """Make events pending again that are acknowledged or dead; return how many. Others are left alone.

        Raises:
            StoreUnavailableError: Some may be requeued. A repeat requeues the others.
            CorruptRecordError: An event is damaged. The others are requeued.
        """
        found = self._store.get_several(event_ids, seconds(self._clock()))
        events = [event for event in found if isinstance(event, Event)]
        count = self._requeue(
            [event for event in events if event.status != PENDING and principal.owns(event.source)]
        )
        for outcome in found:
            value_of(outcome)
        return count

    def requeue_matching(
        self, principal: Principal, wanted: Filter, *, limit: int, cursor: str | None
    ) -> Changed:
        """Make up to `limit` events pending again that match a filter of acknowledged or dead events.

        Raises:
            ForbiddenError: The key is bound to another source than the filter's.
            ValidationError: The cursor is malformed, or was made with another filter.
            StoreUnavailableError: Some may be requeued. A repeat goes on.
        """
        return self._change(_narrowed(wanted, principal), limit, cursor, is_purge=False)

    def purge(self, principal: Principal, wanted: Filter, *, limit: int, cursor: str | None) -> Changed:
        """Delete up to `limit` events that match a filter, also leased, delayed and expired ones.

        Raises:
            ForbiddenError: The key is bound to another source than the filter's.
            ValidationError: The cursor is malformed, or was made with another filter.
            StoreUnavailableError: Some may be deleted. A repeat goes on.
        """
        return self._change(_narrowed(wanted, principal), limit, cursor, is_purge=True)

    def count(self, principal: Principal, wanted: Filter, *, with_expired: bool) -> Count:
        """Count the events that match a filter, with a bounded number of reads.

        Raises:
            ForbiddenError: The key is bound to another source than the filter's.
        """
        wanted = _narrowed(wanted, principal)
        now_ms = milliseconds(self._clock())
        counts = [
            self._store.count(
                EventQuery(replace(wanted, status=status), MAX_COUNTED, now_ms, with_expired=with_expired)
            )
            for status in statuses_of(wanted)
        ]
        return Count(sum(one.count for one in counts), any(one.capped for one in counts))

    def _change(self, wanted: Filter, limit: int, cursor: str | None, *, is_purge: bool) -> Changed:
        """List up to `limit` events, change them, and return how many were changed and where to go on."""
        now = self._clock()
        walk = ("purge" if is_purge else "requeue", *astuple(wanted))
        statuses = statuses_of(wanted)
        started, after = format_time(now), None
        if cursor is not None:
            (started, status), after = cursors.decode_change(cursor, walk, texts=2)
            if not is_time(started) or status not in statuses:
                raise cursors.invalid_cursor()
            statuses = statuses[statuses.index(status) :]
        changed = 0
        for status in statuses:
            part = _part(wanted, status, started, is_purge=is_purge)
            query = EventQuery(part, limit, milliseconds(now), after, with_expired=is_purge)
            page = self._store.page(query)
            changed += self._purge(page.events) if is_purge else self._requeue(page.events)
            limit -= len(page.events)
            if page.next is None and limit == 0 and status != statuses[-1]:
                last = page.events[-1]
                after = Position(last.created_at, last.event_id)
            else:
                after = page.next
            if after is not None:
                return Changed(changed, cursors.encode_change([started, status], after, walk))
        return Changed(changed, None)

    def _requeue(self, events: Sequence[Event]) -> int:
        now = self._clock()
        outcomes = self._store.requeue(
            events, at=format_time(now), expires_at=self._retention.expiry(seconds(now))
        )
        return _count(outcomes)

    def _purge(self, events: Sequence[Event]) -> int:
        return _count(self._store.purge(events))


def _narrowed(wanted: Filter, principal: Principal) -> Filter:
    return replace(wanted, source=principal.narrow(wanted.source))


def statuses_of(wanted: Filter) -> Sequence[str]:
    """Return the statuses that a filter matches, in the order in which they are walked."""
    return (PENDING, ACKNOWLEDGED, DEAD) if wanted.status == ANY else (wanted.status,)


def _part(wanted: Filter, status: str, started: str, *, is_purge: bool) -> Filter:
    """Return the filter for one status, without the events that came after the walk was started."""
    part = replace(wanted, status=status, until=wanted.until or started)
    if is_purge or status != ACKNOWLEDGED:
        return part
    # An event that was requeued, and acknowledged again meanwhile, is not requeued a second time.
    return replace(part, acknowledged_until=wanted.acknowledged_until or started)


def _count(outcomes: Sequence[bool | TriggersError]) -> int:
    """Return how many events were changed, or raise the first error.

    Raises:
        TriggersError: A change failed. Others may have succeeded.
    """
    return sum(value_of(outcome) for outcome in outcomes)
