"""Checks of webhooks: a run that creates its key also creates a hook, and signs deliveries to it."""

import json
import time
from collections.abc import Mapping
from typing import Any

from triggers_api.core.hooks.schemes import sign
from triggers_api.ops.smoke.api_response import ApiResponse, as_mapping
from triggers_api.ops.smoke.check_context import Check, CheckContext
from triggers_api.ops.smoke.check_errors import CheckError
from triggers_api.ops.smoke.smoke_hook import PRESET

_OK, _UNAUTHORIZED = 200, 401
_TYPE = "smoke.checked"
_FIRST, _LATER = "first", "later"
"""The parts of a check: its delivery, and one after it."""


async def _signed(context: CheckContext) -> None:
    body = _body(context)
    _require_accepted(await _deliver(context, body))
    events = await _find_events(context)
    if events[0].get("event_type") != _TYPE:
        context.fail(f"the event with the type {_TYPE}", "another type")
    event_body = await context.call("GET", f"/v1/events/{events[0].get('event_id')}/body")
    event_body.require_status(_OK)
    event_body.require(event_body.content == body, "the body byte for byte", "other bytes")


async def _repeated(context: CheckContext) -> None:
    for _ in range(2):
        _require_accepted(await _deliver(context, _body(context)))
    # The inbox may show an event late. Once it shows a later one, it also shows a second event of the repeat.
    _require_accepted(await _deliver(context, _body(context, _LATER), delivery_id=f"{context.source}-later"))
    events = await _find_events(context, until=_LATER)
    if len(events) != 2:  # noqa: PLR2004 - one of each delivery
        context.fail("one event for the same delivery, sent twice", f"{len(events) - 1} events")


async def _wrongly_signed(context: CheckContext) -> None:
    wrong = await _deliver(context, _body(context), secret=PRESET.new_secret())
    _require_unauthorized(wrong)
    _require_unauthorized(await context.deliver({}, _body(context)))


def _body(context: CheckContext, part: str = _FIRST) -> bytes:
    """Return a body that only this check sends, with white space that no serialiser writes."""
    return json.dumps({"action": "checked", "check": context.source, "part": part}, indent=3).encode()


async def _deliver(
    context: CheckContext, body: bytes, *, secret: str | None = None, delivery_id: str = ""
) -> ApiResponse:
    delivery_id = delivery_id or context.source
    signed, _ = sign(
        PRESET.scheme,
        secret or context.hook.secret,
        body,
        now=int(time.time()),
        delivery_id=delivery_id,
    )
    named = {"x-github-event": "smoke", "x-github-delivery": delivery_id}
    return await context.deliver({**named, **signed}, body)


async def _find_events(context: CheckContext, *, until: str = _FIRST) -> list[Mapping[str, Any]]:
    """Return the events of this check's deliveries, and have the clean-up remove them.

    Args:
        context: The check.
        until: The part of the delivery whose event must be among them.

    Raises:
        CheckError: The inbox does not show that event.
    """
    async for _ in context.attempts():
        events = [
            event
            async for page in context.inbox_pages({"source": context.hook.source})
            for event in page.events
            if as_mapping(event.get("payload")).get("check") == context.source
        ]
        if any(as_mapping(event.get("payload")).get("part") == until for event in events):
            context.record_deliveries(str(event.get("event_id")) for event in events)
            return events
    raise CheckError("the event in the inbox", "the inbox without it", request_id=context.request_id)


def _require_accepted(response: ApiResponse) -> None:
    response.require(response.status == _OK, f"200 to {response.request}")
    response.require(not response.content, "an empty body", "a body")


def _require_unauthorized(response: ApiResponse) -> None:
    response.require(response.status == _UNAUTHORIZED, f"401 to {response.request}")


_DELIVER = ("POST /v1/hooks/{hook_id}",)

CHECKS = (
    Check(
        "webhook",
        "200 for a signed delivery, its event in the inbox, and its body byte for byte",
        _signed,
        _DELIVER,
        needs_hook=True,
    ),
    Check("webhook repeated", "200, and one event for both", _repeated, _DELIVER, needs_hook=True),
    Check(
        "webhook wrong signature",
        "401 for a wrong signature, and without one",
        _wrongly_signed,
        _DELIVER,
        needs_hook=True,
    ),
)
