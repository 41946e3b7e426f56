"""Events and queries as the stores take them, with a default for all that a test does not care about."""

from dataclasses import replace
from typing import Any

from triggers_api.core.events import Event
from triggers_api.core.hooks.webhook import Webhook, payload_of
from triggers_api.core.ids import EventIds, created_at
from triggers_api.core.paging import EventQuery, Filter, Position
from triggers_api.core.strict_json import dump

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
        webhook=None,
    )
    return replace(plain, **fields)


def webhook_event(
    body: bytes = b'{ "n": 1.50 }', *, details: dict[str, Any] | None = None, **fields: Any
) -> Event:
    """Return a new event that came as a webhook with this body. Its payload is made from the body.

    `details` replaces or adds members of `Webhook.details`, such as `headers`. None leaves a member out.
    """
    described = {
        "hook": "hook_abcd",
        "content_type": "application/json",
        "delivery_id": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "headers": {"x-github-event": "push"},
        **(details or {}),
    }
    text = dump({name: value for name, value in described.items() if value is not None})
    return event(payload=payload_of(body), webhook=Webhook(text, body), **fields)


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
