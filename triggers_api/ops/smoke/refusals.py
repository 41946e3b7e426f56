"""Checks of what the API refuses (requirements, section 7.3): bad keys, bad bodies, large bodies."""

import json
from uuid import uuid4

from triggers_api.core.keys import generate
from triggers_api.core.strict_json import MAX_BODY_BYTES
from triggers_api.ops.smoke import changes, listing, queue
from triggers_api.ops.smoke.check_context import EVENT_TYPE, Check, CheckContext

_INGEST = "POST /v1/events"
_INBOX = "/v1/inbox/"
_CALLS_WITH_KEY = tuple(
    dict.fromkeys(
        call
        for check in (*listing.CHECKS, *changes.CHECKS, *queue.CHECKS)
        if check.needs_key
        for call in check.covers
    )
)
"""Every call that needs a key: what the other checks cover."""
_NOT_JSON = b'{"source": '


async def _no_key(context: CheckContext) -> None:
    await _require_unauthorized(context, {})


async def _wrong_key(context: CheckContext) -> None:
    """Send a key of the right form that was never created: only a lookup finds that it is invalid."""
    await _require_unauthorized(context, {"X-API-Key": generate("smoke")})


async def _require_unauthorized(context: CheckContext, headers: dict[str, str]) -> None:
    """Send each call that needs a key. The calls about one event name an event that does not exist."""
    for call in _CALLS_WITH_KEY:
        if call == _INGEST:
            response = await context.ingest(with_key=False, headers=headers)
        else:
            method, path = call.format(event_id=uuid4()).split()
            # An API that does not check the key must not lease events of others.
            body = json.dumps({"source": context.source}).encode() if path.startswith(_INBOX) else None
            response = await context.call(method, path, with_key=False, headers=headers, body=body)
        response.require_status(401)


async def _bad_request(context: CheckContext) -> None:
    event = {"source": context.source, "event_type": EVENT_TYPE, "payload": {}}
    without_source = {name: value for name, value in event.items() if name != "source"}
    bad_events = (without_source, {**event, "payload": []}, {**event, "unknown": 1})
    for body in (_NOT_JSON, *(json.dumps(bad).encode() for bad in bad_events)):
        (await context.ingest(body=body)).require_status(400)


async def _too_large(context: CheckContext) -> None:
    event = {"source": context.source, "event_type": EVENT_TYPE, "payload": {"text": ""}}
    filler = "x" * (MAX_BODY_BYTES + 1 - len(json.dumps(event)))
    event["payload"] = {"text": filler}
    (await context.ingest(body=json.dumps(event).encode())).require_status(413)


CHECKS = (
    Check("no key", "401 to every call that needs a key", _no_key, _CALLS_WITH_KEY, needs_key=False),
    Check("wrong key", "401 to every call that needs a key", _wrong_key, _CALLS_WITH_KEY, needs_key=False),
    Check(
        "bad request",
        "400 for a body that is not JSON, and for missing, wrong or unknown fields",
        _bad_request,
        (_INGEST,),
    ),
    Check("too large", f"413 for a body of {MAX_BODY_BYTES + 1:,} bytes", _too_large, (_INGEST,)),
)
