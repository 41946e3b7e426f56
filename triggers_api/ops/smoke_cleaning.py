"""Removing what a smoke test has made, also what it only may have made."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from triggers_api.core.ids import parse_event_id
from triggers_api.ops.smoke_client import Made, Visit
from triggers_api.ops.smoke_failures import UnexpectedError

CLEAN_UP = "clean up"
HOW_TO_DELETE = "Delete them with DELETE /v1/events/ID; what is left expires by itself (EventTtlDays)."

_AT_A_TIME = 6
_LOOKS = 2
_GONE = {200, 404}  # 404: an API whose delete is not idempotent; that has a check of its own
_SHOWN = 5


def cleaning(made: Made) -> Callable[[Visit], Awaitable[None]]:
    """Return the check that removes what was made, and fails where something is left."""

    async def clean(visit: Visit) -> None:
        failures: list[UnexpectedError] = []
        for look in range(_LOOKS):
            if look:  # an ingest whose answer nobody got may still be at work
                await asyncio.sleep(visit.patience)
            failures = await _side_by_side(_find(visit, made, source) for source in set(made.unanswered))
            failures += await _side_by_side(_delete(visit, made, one) for one in set(made.event_ids))
            if not (failures or made.unanswered):
                return
        if failures:
            raise failures[0]

    return clean


def left(made: Made) -> str:
    """Say which events are known and not removed; empty where there are none."""
    ids = sorted(made.event_ids)
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"{len(ids)} left: {', '.join(ids[:_SHOWN])}{more}" if ids else ""


async def _delete(visit: Visit, made: Made, event_id: str) -> None:
    answer = await visit.call("DELETE", f"/v1/events/{event_id}")
    if answer.status not in _GONE:
        answer.require_status(200)
    made.event_ids.discard(event_id)


async def _find(visit: Visit, made: Made, source: str) -> None:
    """Look for the event of an ingest whose answer was lost: its source is the run's own."""
    async for page in visit.pages({"source": source}):
        for event in page.events:
            event_id = parse_event_id(str(event.get("event_id")))
            if event_id and event.get("source") == source:
                made.event_ids.add(event_id)
                if source in made.unanswered:
                    made.unanswered.remove(source)


async def _side_by_side(calls: Iterable[Awaitable[None]]) -> list[UnexpectedError]:
    """Make the calls, some at a time, all of them; return what went wrong."""
    places = asyncio.Semaphore(_AT_A_TIME)
    failures: list[UnexpectedError] = []

    async def make(call: Awaitable[None]) -> None:
        async with places:
            try:
                await call
            except UnexpectedError as error:
                failures.append(error)

    await asyncio.gather(*map(make, calls))
    return failures
