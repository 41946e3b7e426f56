"""How `triggers events` shows events: a table, lines that are separated by tabs, or JSON."""

import sys
from collections.abc import Callable, Iterable, Iterator

from triggers_api.cli.output import console
from triggers_api.core.events import PENDING, Event
from triggers_api.core.times import Clock, format_time, milliseconds

_COLUMNS = ("ID", "CREATED", "STATUS", "DELIVERIES", "SOURCE", "TYPE")
_COLUMNS_OF_TABLE = ("ID", "CREATED", "STATUS", "SOURCE", "TYPE", "DELIVERIES")
"""On two lines, `DELIVERIES` must not start the second."""
_NAME_COLUMNS = 16


def print_events(events: Iterable[Event], clock: Clock, *, as_json: bool, stream: bool) -> int:
    """Print events. Return how many there were.

    Args:
        events: The events.
        clock: Its time decides whether an event shows as leased.
        as_json: Print one JSON object per line, as the API shows the event.
        stream: There may be too many for a table: print a line for each as soon as it is there.
    """
    if as_json:
        return _count(events, lambda event: console.answer_json_text(event.to_json(milliseconds(clock()))))
    if console.terminal_width(sys.stdout) and not stream:
        rows = [_row_of_table(event, clock) for event in events]
        if rows:
            console.answer_table(_COLUMNS_OF_TABLE, rows)
        return len(rows)
    started = False

    def show_line(event: Event) -> None:
        nonlocal started
        if not started:
            console.answer_row(_COLUMNS)
            started = True
        console.answer_row(_cells(event, clock))

    return _count(events, show_line)


def print_event(event: Event, clock: Clock, *, as_json: bool) -> None:
    """Print all that is known of an event but its payload; with `as_json`, the event as the API shows it."""
    if as_json:
        console.answer_json_text(event.to_json(milliseconds(clock())))
        return
    for name, value in _fields(event, clock):
        console.answer(f"{name:<{_NAME_COLUMNS}} {value}")


def _fields(event: Event, clock: Clock) -> Iterator[tuple[str, str]]:
    yield "event_id", event.event_id
    yield "created_at", event.created_at
    yield "source", event.source
    yield "event_type", event.event_type
    yield "status", _status(event, clock)
    yield "deliveries", str(event.deliveries)
    if event.status == PENDING and event.is_hidden(milliseconds(clock())):
        yield "leased_until", format_time(event.hidden_until * 1000)
    times = (
        ("acknowledged_at", event.acknowledged_at),
        ("died_at", event.died_at),
        ("requeued_at", event.requeued_at),
    )
    for name, time in times:
        if time is not None:
            yield name, time
    if event.reason is not None:
        yield "reason", event.reason
    yield "expires_at", format_time(event.expires_at * 1_000_000)
    yield "metadata", event.metadata
    if event.webhook is None:
        yield "payload", f"{len(event.payload.encode()):,} bytes; --body prints it"
    else:
        yield "webhook", event.webhook.details
        yield "body", f"{len(event.webhook.body):,} bytes; --body prints them as they were sent"


def _cells(event: Event, clock: Clock) -> tuple[str, ...]:
    return (
        event.event_id,
        event.created_at,
        _status(event, clock),
        str(event.deliveries),
        event.source,
        event.event_type,
    )


def _row_of_table(event: Event, clock: Clock) -> tuple[str, ...]:
    event_id, created, status, deliveries, source, event_type = _cells(event, clock)
    return event_id, f"{created[:19]}Z", status, source, event_type, deliveries


def _status(event: Event, clock: Clock) -> str:
    is_hidden = event.status == PENDING and event.is_hidden(milliseconds(clock()))
    return "leased" if is_hidden else event.status


def _count(events: Iterable[Event], show: Callable[[Event], None]) -> int:
    count = 0
    for event in events:
        show(event)
        count += 1
    return count
