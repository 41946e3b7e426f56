"""The inbox as a consumer sees it: list, get, receive, acknowledge, extend, release, delete."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from triggers_api.core import cursors
from triggers_api.core.access import Principal
from triggers_api.core.events import DEAD, Event, event_not_found
from triggers_api.core.leases import Death, Held, Receive, Release
from triggers_api.core.paging import MAX_COUNTED, DeadStats, EventQuery, Filter, PendingStats
from triggers_api.core.ports import EventStore
from triggers_api.core.retention import Retention
from triggers_api.core.times import Clock, format_time, milliseconds, seconds, seconds_since
from triggers_api.errors import TriggersError

_TOKEN_BYTES = 12

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InboxPage:
    """A page of events, in the order that was asked for.

    Attributes:
        events: The events.
        next_cursor: The cursor of the next page. None on the last page.
        now_ms: The time of the listing, which decides whether an event shows as leased.
    """

    events: tuple[Event, ...]
    next_cursor: str | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """The events of a receive, and their lease.

    Attributes:
        events: The events.
        more: Another receive may find more events.
        token: The token of the lease.
        lease_expires_at: When the lease ends, as a text in UTC.
        now_ms: The time of the receive, which decides whether an event shows as leased.
    """

    events: tuple[Event, ...]
    more: bool
    token: str = field(repr=False)
    lease_expires_at: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Stats:
    """The numbers of pending and dead events.

    `oldest_age_seconds` is how long the event that waits longest has been pending, None if there is none.
    """

    pending: PendingStats
    oldest_age_seconds: int | None
    dead: DeadStats


class Inbox:
    """The operations of a principal on the events of a store.

    An operation on several events handles each independently, and returns one outcome for each, in order.
    """

    def __init__(self, store: EventStore, *, clock: Clock, retention: Retention, max_deliveries: int) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._max_deliveries = max_deliveries

    def get(self, principal: Principal, event_id: str) -> Event:
        """Return an event.

        Raises:
            NotFoundError: There is no such event for this principal.
        """
        event = self._store.get(event_id, seconds(self._clock()))
        if event is None or not principal.owns(event.source):
            raise event_not_found()
        return event

    def page(
        self,
        principal: Principal,
        wanted: Filter,
        *,
        limit: int,
        cursor: str | None = None,
        newest_first: bool = False,
        only_available: bool = False,
    ) -> InboxPage:
        """Return a page of events that match a filter; `limit` counts matching events.

        Raises:
            ForbiddenError: The key is bound to another source than the filter's.
            ValidationError: The cursor is malformed, or was made with another filter or order.
        """
        query = EventQuery(
            replace(wanted, source=principal.narrow(wanted.source)),
            limit,
            milliseconds(self._clock()),
            newest_first=newest_first,
            only_available=only_available,
        )
        if cursor is not None:
            query = replace(query, after=cursors.decode(cursor, query))
        page = self._store.page(query)
        return InboxPage(page.events, page.next and cursors.encode(page.next, query), query.now_ms)

    def stats(self, principal: Principal, *, source: str | None, event_types: tuple[str, ...]) -> Stats:
        """Count the pending and the dead events that match a filter.

        Raises:
            ForbiddenError: The key is bound to another source than the filter's.
        """
        now = self._clock()
        wanted = Filter(source=principal.narrow(source), event_types=event_types)
        query = EventQuery(wanted, MAX_COUNTED, milliseconds(now))
        pending = self._store.pending_stats(query)
        dead = self._store.dead_stats(replace(query, filter=replace(wanted, status=DEAD)))
        oldest = pending.oldest_since
        return Stats(pending, None if oldest is None else seconds_since(oldest, now), dead)

    def receive(
        self,
        principal: Principal,
        *,
        limit: int,
        lease_seconds: int,
        source: str | None,
        event_type: str | None,
    ) -> Delivery:
        """Claim available events, roughly oldest first.

        Raises:
            ForbiddenError: The key is bound to another source than the filter's.
        """
        now = self._clock()
        receive = Receive(
            limit=limit,
            token=secrets.token_urlsafe(_TOKEN_BYTES),
            now_ms=milliseconds(now),
            until_ms=milliseconds(now) + lease_seconds * 1000,
            source=principal.narrow(source),
            event_type=event_type,
            death=self._death(now),
        )
        received = self._store.receive(receive)
        for event in received.died:
            _log_death(event)
        return Delivery(
            received.events,
            received.more,
            receive.token,
            lease_expires_at=format_time(receive.until_ms * 1000),
            now_ms=receive.now_ms,
        )

    def acknowledge(self, principal: Principal, events: Sequence[Held]) -> list[str | TriggersError]:
        """Acknowledge events. Each outcome is the time of the acknowledgement, or an error.

        Errors are `NotFoundError`, `LeaseLostError`, and `ConflictError` if it is already acknowledged.
        """
        now = self._clock()
        return self._store.acknowledge(
            events,
            at=format_time(now),
            nonce=secrets.token_hex(8),
            now=seconds(now),
            source=principal.source,
        )

    def extend(
        self, principal: Principal, events: Sequence[Held], *, lease_seconds: int
    ) -> tuple[str, list[TriggersError | None]]:
        """Make leases end `lease_seconds` from now. Return that time, and for each event None or an error.

        Errors are `NotFoundError`, `LeaseLostError`, and `ConflictError` if the event is not pending.
        """
        now_ms = milliseconds(self._clock())
        until_ms = now_ms + lease_seconds * 1000
        outcomes = self._store.extend(events, until_ms=until_ms, now_ms=now_ms, source=principal.source)
        return format_time(until_ms * 1000), outcomes

    def release(
        self,
        principal: Principal,
        events: Sequence[Held],
        *,
        delay_seconds: int = 0,
        dead: bool = False,
        reason: str | None = None,
    ) -> list[Event | TriggersError]:
        """Make events available now, available after the delay, or dead.

        An event that has reached the maximum of deliveries dies in any case. Each outcome is the event in its
        new state, or one of the errors of `extend`.
        """
        now = self._clock()
        release = Release(
            now_ms=milliseconds(now),
            until_ms=milliseconds(now) + delay_seconds * 1000 if delay_seconds else 0,
            dead=dead,
            reason=reason,
            death=self._death(now),
        )
        outcomes = self._store.release(events, release, source=principal.source)
        for outcome in outcomes:
            # An event that was dead before this call has an earlier time, and was logged then.
            if isinstance(outcome, Event) and outcome.died_at == release.death.died_at:
                _log_death(outcome)
        return outcomes

    def delete(self, principal: Principal, event_ids: Sequence[str]) -> list[TriggersError | None]:
        """Delete events. An event that does not exist, or that the key may not see, is no error."""
        return self._store.delete(event_ids, source=principal.source)

    def _death(self, now: int) -> Death:
        """Return the rule for deaths in a call. `now` is in microseconds, as the clock's times are."""
        return Death(self._max_deliveries, format_time(now), self._retention.expiry(seconds(now)))


def _log_death(event: Event) -> None:
    fields = {
        "event_id": event.event_id,
        "source": event.source,
        "event_type": event.event_type,
        "deliveries": event.deliveries,
    }
    _logger.warning("event died", extra={"fields": fields})
