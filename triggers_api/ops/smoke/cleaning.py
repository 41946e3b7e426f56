"""Removing what a smoke test has made, also what it only may have made."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from triggers_api.core.ids import parse_event_id
from triggers_api.ops.smoke.client import Made, Visit
from triggers_api.ops.smoke.failures import UnexpectedError

CLEAN_UP = "clean up"
HOW_TO_DELETE = "Delete them with DELETE /v1/events/ID; what is left expires by itself (EventTtlDays)."

LATEST_SECONDS = 30.0
"""After so long an ingest that nobody answered makes no event any more: API Gateway gives up after 29 s."""

_AT_A_TIME = 4
_LOOKS = 2
_GONE = {200, 404}  # 404: an API whose delete is not idempotent; that has a check of its own
_PAUSE_SECONDS = 2.0
_SHOWN = 5

_Call = Callable[[Visit, Made, str], Awaitable[None]]


def cleaning(made: Made) -> Callable[[Visit], Awaitable[None]]:
    """Return the check that removes what was made, and fails where something is left."""

    async def clean(visit: Visit) -> None:
        looks = 0
        while True:
            may_come = {one for one in made.unanswered if time.monotonic() - one.asked_at < LATEST_SECONDS}
            failures = await _side_by_side(_delete, visit, made, set(made.event_ids))
            failures += await _side_by_side(_find, visit, made, {one.source for one in made.unanswered})
            looks += 1
            may_come.intersection_update(made.unanswered)
            if not (failures or may_come):
                return
            if failures and not may_come and looks >= _LOOKS:
                raise failures[0]
            await asyncio.sleep(min(_PAUSE_SECONDS, visit.patience))

    return clean


def left(made: Made) -> str:
    """Say which events are known and not removed, and of which nobody knows; empty where there are none."""
    ids = sorted(made.event_ids)
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    known = f"{len(ids)} left: {', '.join(ids[:_SHOWN])}{more}" if ids else ""
    sources = sorted({one.source for one in made.unanswered})
    unknown = f"an event may be left of each source {', '.join(sources)}" if sources else ""
    return "; ".join(text for text in (known, unknown) if text)


async def _delete(visit: Visit, made: Made, event_id: str) -> None:
    answer = await visit.call("DELETE", f"/v1/events/{event_id}")
    if answer.status not in _GONE:
        answer.require_status(200)
    made.event_ids.discard(event_id)


async def _find(visit: Visit, made: Made, source: str) -> None:
    """Look for the event of an ingest whose answer was lost, and remove it: its source is the run's own."""
    async for page in visit.pages({"source": source}):
        for event in page.events:
            event_id = parse_event_id(str(event.get("event_id")))
            if event_id and event.get("source") == source:
                made.event_ids.add(event_id)
                if asked := next((one for one in made.unanswered if one.source == source), None):
                    made.unanswered.remove(asked)
                await _delete(visit, made, event_id)


async def _side_by_side(call: _Call, visit: Visit, made: Made, each: Iterable[str]) -> list[UnexpectedError]:
    """Make a call for each, some at a time, whatever becomes of the others; return what went wrong."""
    places = asyncio.Semaphore(_AT_A_TIME)
    failures: list[UnexpectedError] = []

    async def make(one: str) -> None:
        async with places:
            try:
                await call(visit, made, one)
            except UnexpectedError as error:
                failures.append(error)

    await asyncio.gather(*map(make, each))
    return failures
