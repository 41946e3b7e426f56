"""Remove the events that a smoke test has created, and those that it may have created."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from triggers_api.core.ids import parse_event_id
from triggers_api.ops.smoke.check_context import CheckContext, CreatedEvents
from triggers_api.ops.smoke.check_errors import CheckError

CLEAN_UP = "clean up"
HOW_TO_DELETE = "Delete them with DELETE /v1/events/ID. Remaining events expire by themselves (EventTtlDays)."

LATEST_SECONDS = 30.0
"""An unanswered ingest stores no event after this time: API Gateway gives up after 29 s."""

_CONCURRENCY = 4
_ATTEMPTS = 2
_GONE = {200, 404}  # 404: an API whose delete is not idempotent, which has its own check
_PAUSE_SECONDS = 2.0
_MAX_LISTED = 5


async def remove_events(context: CheckContext, created: CreatedEvents) -> None:
    """Remove every event, and wait for late ones as long as they may still be stored.

    Raises:
        CheckError: An event could not be removed.
    """
    now = asyncio.get_running_loop().time
    attempts = 0
    while True:
        may_come = {one for one in created.unanswered if now() - one.sent_at < LATEST_SECONDS}
        errors = await _for_each(set(created.event_ids), lambda event_id: _delete(context, created, event_id))
        errors += await _for_each(
            {one.source for one in created.unanswered},
            lambda source: _delete_by_source(context, created, source),
        )
        attempts += 1
        may_come.intersection_update(created.unanswered)
        if not (errors or may_come):
            return
        if errors and not may_come and attempts >= _ATTEMPTS:
            raise errors[0]
        await asyncio.sleep(_PAUSE_SECONDS)


def describe_remaining(created: CreatedEvents) -> str:
    """Return which events were not removed, and which sources may have one; empty if there are none."""
    ids = sorted(created.event_ids)
    more = f" and {len(ids) - _MAX_LISTED} more" if len(ids) > _MAX_LISTED else ""
    known = f"{len(ids)} left: {', '.join(ids[:_MAX_LISTED])}{more}" if ids else ""
    sources = sorted({one.source for one in created.unanswered})
    unknown = f"an event may be left of each source {', '.join(sources)}" if sources else ""
    return "; ".join(text for text in (known, unknown) if text)


async def _delete(context: CheckContext, created: CreatedEvents, event_id: str) -> None:
    response = await context.call("DELETE", f"/v1/events/{event_id}")
    if response.status not in _GONE:
        response.require_status(200)
    created.event_ids.discard(event_id)


async def _delete_by_source(context: CheckContext, created: CreatedEvents, source: str) -> None:
    """Find the event of an unanswered ingest by its source, which only this run uses, and remove it."""
    async for page in context.inbox_pages({"source": source}):
        for event in page.events:
            event_id = parse_event_id(str(event.get("event_id")))
            if event_id and event.get("source") == source:
                created.event_ids.add(event_id)
                if pending := next((one for one in created.unanswered if one.source == source), None):
                    created.unanswered.remove(pending)
                await _delete(context, created, event_id)


async def _for_each(items: Iterable[str], call: Callable[[str], Awaitable[None]]) -> list[CheckError]:
    """Make a call for each item, some at a time, and return the errors. An error does not stop the others."""
    slots = asyncio.Semaphore(_CONCURRENCY)
    errors: list[CheckError] = []

    async def call_one(item: str) -> None:
        async with slots:
            try:
                await call(item)
            except CheckError as error:
                errors.append(error)

    await asyncio.gather(*map(call_one, items))
    return errors
