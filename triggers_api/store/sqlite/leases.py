"""What consumers do with events: receive, acknowledge, extend, release.

Each function runs in a write transaction, the only one at a time. So it reads an event, decides, and writes
the new state, and nothing comes in between. SQLite loses no answers, so a call needs no mark by which a
repeat is recognised.
"""

import sqlite3
from contextlib import closing
from dataclasses import replace

from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.leases import Death, Held, Receive, Received, Release, lease_lost, too_many_deliveries
from triggers_api.core.paging import EventQuery, Filter, PageBuilder
from triggers_api.errors import ConflictError
from triggers_api.store.sqlite.event_queries import select_events
from triggers_api.store.sqlite.event_rows import find_visible_event, readable_events, update_event

_DEATHS_PER_PLACE = 4
"""How many events a receive may kill for each that it may claim, so that it ends if thousands must die."""


def receive(connection: sqlite3.Connection, receive: Receive) -> Received:
    """Claim the oldest available events that the answer holds. Kill those that reached `max_deliveries`."""
    claimed = PageBuilder(receive.limit, receive.now_ms)
    died: list[Event] = []
    more = False
    with closing(select_events(connection, _available(receive))) as rows:
        for event in readable_events(rows):
            must_die = receive.death.is_due(event)
            if must_die and len(died) < receive.limit * _DEATHS_PER_PLACE:
                died.append(_dead(event, receive.death, too_many_deliveries(event.deliveries)))
            elif must_die or not claimed.add(_leased(event, receive)):
                more = True
                break
    events = claimed.page_up_to(None).events
    for event in (*events, *died):
        update_event(connection, event)
    return Received(events, tuple(died), more)


def acknowledge(connection: sqlite3.Connection, held: Held, *, at: str, now: int, source: str | None) -> str:
    """Acknowledge a pending or dead event. Return the time of its acknowledgement.

    Raises:
        NotFoundError: There is no such event for the caller.
        LeaseLostError: The caller names a lease that is not valid.
        ConflictError: The event is acknowledged, and the caller names no lease.
        CorruptRecordError: The event is damaged.
    """
    event = find_visible_event(connection, held.event_id, now=now, source=source)
    if held.lease is not None:
        _check_lease(event, held)
    if event.acknowledged_at is None:
        update_event(connection, replace(event, acknowledged_at=at, died_at=None, reason=None))
        return at
    if held.lease is None:
        raise ConflictError("This event is already acknowledged.")
    return event.acknowledged_at


def extend(
    connection: sqlite3.Connection, held: Held, *, until_ms: int, now: int, source: str | None
) -> None:
    """Set the end of a lease.

    Raises:
        NotFoundError: There is no such event for the caller.
        LeaseLostError: The lease is not valid.
        ConflictError: The event is not pending.
        CorruptRecordError: The event is damaged.
    """
    event = find_visible_event(connection, held.event_id, now=now, source=source)
    _check_lease(event, held)
    if event.status != PENDING:
        raise _not_pending(event)
    update_event(connection, replace(event, hidden_until=until_ms))


def release(connection: sqlite3.Connection, held: Held, release: Release, *, source: str | None) -> Event:
    """Make an event available or dead. Return its new state, or the present one if it is dead already.

    Raises:
        NotFoundError: There is no such event for the caller.
        LeaseLostError: The lease is not valid.
        ConflictError: The event is acknowledged.
        CorruptRecordError: The event is damaged.
    """
    event = find_visible_event(connection, held.event_id, now=release.now_ms // 1000, source=source)
    _check_lease(event, held)
    if event.status == ACKNOWLEDGED:
        raise _not_pending(event)
    if event.status == DEAD:
        return event
    if release.kills(event):
        by_count = None if release.dead else too_many_deliveries(event.deliveries)
        released = _dead(event, release.death, by_count if release.reason is None else release.reason)
    else:
        released = replace(event, hidden_until=release.until_ms)
    update_event(connection, released)
    return released


def _available(receive: Receive) -> EventQuery:
    event_types = () if receive.event_type is None else (receive.event_type,)
    wanted = Filter(source=receive.source, event_types=event_types)
    return EventQuery(wanted, receive.limit, receive.now_ms, only_available=True)


def _leased(event: Event, receive: Receive) -> Event:
    return replace(event, deliveries=event.deliveries + 1, hidden_until=receive.until_ms, lease=receive.token)


def _dead(event: Event, death: Death, reason: str | None) -> Event:
    return replace(event, died_at=death.died_at, expires_at=death.expires_at, reason=reason)


def _check_lease(event: Event, held: Held) -> None:
    """Raise unless the caller holds the event.

    Raises:
        LeaseLostError: Another receive claimed the event since, or it was requeued.
    """
    if held.lease is None or held.lease != event.lease:
        raise lease_lost()


def _not_pending(event: Event) -> ConflictError:
    return ConflictError(f"This event is {event.status}.")
