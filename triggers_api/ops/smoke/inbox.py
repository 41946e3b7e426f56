"""Checks of what comes in and is listed (requirements, sections 7.3 and 7.4).

The inbox is read through an index that may be behind, and a live one has other people's events in it: a check
looks again where an event may only be late, and no other's event is counted or touched.
"""

from collections.abc import Mapping
from typing import Any

from triggers_api.core.times import is_time
from triggers_api.ops.smoke.answer import Answer, is_json_equal
from triggers_api.ops.smoke.client import EVENT_TYPE, PAYLOAD, Check, Visit

_TAKEN = "If another consumer acknowledges every event that it sees, it took this one: stop it for a moment."
_PAGED = 5
_LIMIT = 2


async def _ingest(visit: Visit) -> None:
    _, answer = await visit.make()
    answer.require(is_time(answer.text("created_at")), "created_at, a time in UTC", "none, or another form")
    answer.require(answer.text("status") == "pending", "status pending", "another status")
    answer.require(bool(answer.text("request_id")), "a request_id", "no request_id")


async def _by_id(visit: Visit) -> None:
    event_id, made = await visit.make()
    answer = await visit.call("GET", f"/v1/events/{event_id}")
    answer.require_status(200)
    _require_fields(answer, answer.body, event_id, made, visit)
    answer.require(bool(answer.text("request_id")), "a request_id", "no request_id")


async def _inbox(visit: Visit) -> None:
    event_id, made = await visit.make()
    found: Mapping[str, Any] | None = None
    async for _ in visit.looks():
        if found := await visit.listed(event_id):
            break
    if found is None:
        visit.fail("the event in the inbox", "the inbox without it", _TAKEN)
    _require_fields(made, found, event_id, made, visit)
    page = await visit.call("GET", "/v1/inbox", params={"limit": 1, "source": visit.source})
    page.require_status(200)
    page.require(bool(page.text("request_id")), "a request_id", "no request_id")


def _require_fields(
    answer: Answer, event: Mapping[str, Any], event_id: str, made: Answer, visit: Visit
) -> None:
    expected = {
        "event_id": event_id,
        "created_at": made.text("created_at"),
        "source": visit.source,
        "event_type": EVENT_TYPE,
        "status": "pending",
    }
    wrong = [name for name, value in expected.items() if event.get(name) != value]
    wrong += [] if isinstance(event.get("metadata"), dict) else ["metadata"]
    answer.require(not wrong, "the event's fields as they were sent", f"another {', '.join(wrong)}")
    same = is_json_equal(event.get("payload"), PAYLOAD)
    answer.require(same, "the payload as it was sent", "another payload")


async def _limit(visit: Visit) -> None:
    """Look for a full page with more to come; by the contract, one before it may be short."""
    for _ in range(_LIMIT + 1):
        await visit.make()
    async for _ in visit.looks():
        async for page in visit.pages({}, limit=_LIMIT):  # of whoever's events
            found = len(page.events)
            page.require(found <= _LIMIT, f"at most {_LIMIT} events with limit={_LIMIT}", f"{found} events")
            limit = page.nested("pagination").get("limit")
            page.require(limit == _LIMIT, f"pagination.limit {_LIMIT}", "another, or none")
            if found == _LIMIT and page.next_cursor:
                return
    visit.fail(f"a page of {_LIMIT} events with a next_cursor to the others", "no such page", _TAKEN)


async def _cursor(visit: Visit) -> None:
    own = {(await visit.make())[0] for _ in range(_PAGED)}
    flaw = fix = ""
    async for _ in visit.looks():
        seen: list[Mapping[str, Any]] = []
        cursors: list[str] = []
        async for page in visit.pages({"source": visit.source}, limit=_LIMIT):
            seen += [event for event in page.events if str(event.get("event_id")) in own]
            cursors.append(page.next_cursor)
        times = [str(event.get("created_at")) for event in seen]
        missing = len(own) - len({str(event.get("event_id")) for event in seen})
        flaw, fix = "", ""
        if len(seen) > len(own) - missing:
            flaw = f"{len(seen) - len(own) + missing} of them came again"
        elif len(set(cursors)) < len(cursors):
            flaw = "a next_cursor that leads nowhere"
        elif times != sorted(times):
            flaw = "another order"
        elif missing:
            flaw, fix = f"{missing} of them did not come", _TAKEN
            continue  # they may be late
        break
    if flaw:
        expected = f"{_PAGED} events, each once, oldest first, on pages of {_LIMIT}"
        visit.fail(expected, flaw, fix)


async def _by_source(visit: Visit) -> None:
    await _filtered(visit, {"source": visit.source})


async def _by_type(visit: Visit) -> None:
    await _filtered(visit, {"event_type": visit.source})  # a text that no other event has as its type


async def _by_both(visit: Visit) -> None:
    await _filtered(visit, {"source": visit.source, "event_type": visit.source})


async def _filtered(visit: Visit, filters: Mapping[str, str]) -> None:
    """Make an event that the filters let through, and for each of them one that only this one keeps out."""
    for name in filters:
        await visit.make(**{**filters, name: f"{visit.source}-other"})
    wanted, _ = await visit.make(**filters)
    expected = f"only events of the {' and '.join(filters)} asked for"
    async for _ in visit.looks():
        async for page in visit.pages(filters):
            for event in page.events:
                wrong = [name for name, value in filters.items() if event.get(name) != value]
                page.require(not wrong, expected, f"another {' and '.join(wrong)}")
            if any(event.get("event_id") == wanted for event in page.events):
                return
    visit.fail("the event in the inbox", "the inbox without it", _TAKEN)


CHECKS = (
    Check("ingest", "201 with event_id, created_at, status pending and request_id", _ingest),
    Check("event by id", "the event's fields and its payload as sent", _by_id),
    Check("inbox", "the event in the inbox, its fields and its payload as sent", _inbox),
    Check("limit", "no more events than the limit, and a cursor to the others", _limit),
    Check("cursor", f"{_PAGED} events on pages of {_LIMIT}: each once, oldest first", _cursor),
    Check("filter by source", "events of that source, and no others", _by_source),
    Check("filter by type", "events of that type, and no others", _by_type),
    Check("filter by both", "events of that source and type, and no others", _by_both),
)
