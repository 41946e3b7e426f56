"""Events and queries as the stores take them, with a default for all that a test does not care about."""

from dataclasses import replace
from typing import Any

from triggers_api.core.events import Event
from triggers_api.core.ids import EventIds, created_at
from triggers_api.core.paging import EventQuery, Filter, Position

NOW = 1_800_000_000
LATER = NOW + 7 * 86400

new_id = EventIds().new


def event(**fields: Any) -> Event:
    """Return a new event that nobody has received yet."""
    event_id = new_id()
    created = created_at(event_id)
    assert created is not None
    plain = Event(
        event_id,
        created,
        source="shop",
        event_type="order.paid",
        payload="{}",
        metadata='{"priority":"normal"}',
        expires_at=LATER,
        acknowledged_at=None,
        died_at=None,
        reason=None,
        deliveries=0,
        hidden_until=0,
        lease=None,
        requeued_at=None,
    )
    return replace(plain, **fields)


def page_query(
    limit: int = 100,
    *,
    now: int = NOW,
    after: Position | None = None,
    source: str | None = None,
    event_type: str | None = None,
) -> EventQuery:
    """Return the query of a page as version 0.1.0 has it. `now` is in seconds since 1970."""
    wanted = Filter(source=source, event_types=() if event_type is None else (event_type,))
    return EventQuery(wanted, limit, now * 1000, after)
