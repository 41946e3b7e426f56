"""Checks that events are stored and listed (requirements, sections 7.3 and 7.4).

The inbox is read through an eventually consistent index, and a live inbox holds the events of others. So a
check tries again if an event may only be late, and it ignores events that it did not create.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from triggers_api.core.times import is_time
from triggers_api.ops.smoke.api_response import ApiResponse, is_json_equal
from triggers_api.ops.smoke.check_context import EVENT_TYPE, PAYLOAD, Check, CheckContext

_TAKEN = "If another consumer acknowledges every event that it sees, it took this one: stop it for a moment."
_PAGED_EVENTS = 5
_LIMIT = 2


async def _ingest(context: CheckContext) -> None:
    _, response = await context.create_event()
    response.require(
        is_time(response.text("created_at")), "created_at, a time in UTC", "none, or another form"
    )
    response.require(response.text("status") == "pending", "status pending", "another status")
    response.require(bool(response.text("request_id")), "a request_id", "no request_id")


async def _get_by_id(context: CheckContext) -> None:
    event_id, created = await context.create_event()
    response = await context.call("GET", f"/v1/events/{event_id}")
    response.require_status(200)
    _require_fields(response, response.body, event_id, created, context)
    response.require(bool(response.text("request_id")), "a request_id", "no request_id")


async def _body(context: CheckContext) -> None:
    event_id, _ = await context.create_event()
    response = await context.call("GET", f"/v1/events/{event_id}/body")
    response.require_status(200)
    response.require(is_json_equal(response.body, PAYLOAD), "the payload as it was sent", "another body")


async def _inbox(context: CheckContext) -> None:
    event_id, created = await context.create_event()
    event: Mapping[str, Any] | None = None
    async for _ in context.attempts():
        if event := await context.find_in_inbox(event_id):
            break
    if event is None:
        context.fail("the event in the inbox", "the inbox without it", _TAKEN)
    _require_fields(created, event, event_id, created, context)
    page = await context.call("GET", "/v1/inbox", params={"limit": 1, "source": context.source})
    page.require_status(200)
    page.require(bool(page.text("request_id")), "a request_id", "no request_id")


def _require_fields(
    response: ApiResponse,
    event: Mapping[str, Any],
    event_id: str,
    created: ApiResponse,
    context: CheckContext,
) -> None:
    expected = {
        "event_id": event_id,
        "created_at": created.text("created_at"),
        "source": context.source,
        "event_type": EVENT_TYPE,
        "status": "pending",
    }
    wrong = [name for name, value in expected.items() if event.get(name) != value]
    wrong += [] if isinstance(event.get("metadata"), dict) else ["metadata"]
    response.require(not wrong, "the event's fields as they were sent", f"another {', '.join(wrong)}")
    same = is_json_equal(event.get("payload"), PAYLOAD)
    response.require(same, "the payload as it was sent", "another payload")


async def _limit(context: CheckContext) -> None:
    """Look for a full page with a cursor. By the contract, a page before it may be short."""
    for _ in range(_LIMIT + 1):
        await context.create_event()
    async for _ in context.attempts():
        async for page in context.inbox_pages({}, limit=_LIMIT):  # the events may be anyone's
            found = len(page.events)
            page.require(found <= _LIMIT, f"at most {_LIMIT} events with limit={_LIMIT}", f"{found} events")
            limit = page.nested("pagination").get("limit")
            page.require(limit == _LIMIT, f"pagination.limit {_LIMIT}", "another limit, or none")
            if found == _LIMIT and page.next_cursor:
                return
    context.fail(f"a page of {_LIMIT} events with a next_cursor to the others", "no such page", _TAKEN)


async def _cursor(context: CheckContext) -> None:
    own = {(await context.create_event())[0] for _ in range(_PAGED_EVENTS)}
    problem = fix = ""
    async for _ in context.attempts():
        seen: list[Mapping[str, Any]] = []
        cursors: list[str] = []
        async for page in context.inbox_pages({"source": context.source}, limit=_LIMIT):
            seen += [event for event in page.events if str(event.get("event_id")) in own]
            cursors.append(page.next_cursor)
        times = [str(event.get("created_at")) for event in seen]
        distinct = len({str(event.get("event_id")) for event in seen})
        missing = len(own) - distinct
        problem = fix = ""
        if len(seen) > distinct:
            problem = f"{len(seen) - distinct} of them came again"
        elif len(set(cursors)) < len(cursors):
            problem = "a next_cursor that leads nowhere"
        elif times != sorted(times):
            problem = "another order"
        elif missing:
            problem, fix = f"{missing} of them did not come", _TAKEN
            continue  # they may be late
        break
    if problem:
        expected = f"{_PAGED_EVENTS} events, each once, oldest first, on pages of {_LIMIT}"
        context.fail(expected, problem, fix)


async def _filter_by_source(context: CheckContext) -> None:
    await _require_filtered(context, {"source": context.source})


async def _filter_by_type(context: CheckContext) -> None:
    await _require_filtered(context, {"event_type": context.source})  # no other event has this type


async def _filter_by_both(context: CheckContext) -> None:
    await _require_filtered(context, {"source": context.source, "event_type": context.source})


async def _filter_by_status(context: CheckContext) -> None:
    event_type = f"smoke.{uuid4()}"  # no other event has this type, even if the check is repeated
    pending, *acknowledged = [(await context.create_event(event_type=event_type))[0] for _ in range(3)]
    for event_id in acknowledged:
        (await context.call("POST", f"/v1/events/{event_id}/ack")).require_status(200)
    filters = {"event_type": event_type, "status": "acknowledged", "order": "newest"}
    found: list[str] = []
    async for _ in context.attempts():
        found = [
            str(one.get("event_id")) async for page in context.inbox_pages(filters) for one in page.events
        ]
        if pending in found or len(found) == len(acknowledged):
            break
    if found != acknowledged[::-1]:
        context.fail("the acknowledged events, newest first", "others, or another order", _TAKEN)


async def _stats(context: CheckContext) -> None:
    event_type = f"smoke.{uuid4()}"
    await context.create_event(event_type=event_type)
    async for _ in context.attempts():
        response = await context.call("GET", "/v1/inbox/stats", params={"event_type": event_type})
        response.require_status(200)
        pending = response.nested("pending")
        response.require(bool(response.nested("dead")), "numbers of pending and of dead events", "none")
        if pending.get("count") == 1 and pending.get("leased") == 0:
            break
    else:
        context.fail("1 pending event, none of them leased", "other numbers, or none", _TAKEN)
    age = pending.get("oldest_age_seconds")
    response.require(isinstance(age, int) and age >= 0, "oldest_age_seconds", "none, or another form")


async def _require_filtered(context: CheckContext, filters: Mapping[str, str]) -> None:
    """Create an event that matches the filters and, for each filter, an event that only this one excludes."""
    for name in filters:
        await context.create_event(**{**filters, name: f"{context.source}-other"})
    wanted, _ = await context.create_event(**filters)
    expected = f"only events of the {' and '.join(filters)} asked for"
    async for _ in context.attempts():
        async for page in context.inbox_pages(filters):
            for event in page.events:
                wrong = [name for name, value in filters.items() if event.get(name) != value]
                page.require(not wrong, expected, f"another {' and '.join(wrong)}")
            if any(event.get("event_id") == wanted for event in page.events):
                return
    context.fail("the event in the inbox", "the inbox without it", _TAKEN)


_INBOX = ("GET /v1/inbox",)

CHECKS = (
    Check(
        "ingest",
        "201 with event_id, created_at, status pending and request_id",
        _ingest,
        ("POST /v1/events",),
    ),
    Check(
        "event by id",
        "the event's fields and its payload as sent",
        _get_by_id,
        ("GET /v1/events/{event_id}",),
    ),
    Check("event body", "the payload as it was sent", _body, ("GET /v1/events/{event_id}/body",)),
    Check("inbox", "the event in the inbox, its fields and its payload as sent", _inbox, _INBOX),
    Check("limit", "no more events than the limit, and a cursor to the others", _limit, _INBOX),
    Check("cursor", f"{_PAGED_EVENTS} events on pages of {_LIMIT}: each once, oldest first", _cursor, _INBOX),
    Check("filter by source", "events of that source, and no others", _filter_by_source, _INBOX),
    Check("filter by type", "events of that type, and no others", _filter_by_type, _INBOX),
    Check("filter by both", "events of that source and type, and no others", _filter_by_both, _INBOX),
    Check("filter by status", "the acknowledged events, newest first", _filter_by_status, _INBOX),
    Check("stats", "how many events are pending, and their age", _stats, ("GET /v1/inbox/stats",)),
)
