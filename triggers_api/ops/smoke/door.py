"""Checks of what is refused (requirements, section 7.3): without a good key, and what is no event."""

import json
from uuid import uuid4

from triggers_api.core.keys import generate
from triggers_api.ops.smoke.client import EVENT_TYPE, Check, Visit

BODY_LIMIT_BYTES = 409_600
"""400 KiB, by the contract."""

_NOT_JSON = b'{"source": '


async def _no_key(visit: Visit) -> None:
    await _refused(visit, {})


async def _wrong_key(visit: Visit) -> None:
    """Send a key of the right form that was never made: it is told from a good one by a look-up only."""
    await _refused(visit, {"X-API-Key": generate("smoke")})


async def _refused(visit: Visit, headers: dict[str, str]) -> None:
    """Knock at every call that needs a key; at those that change something, about an event that is not."""
    (await visit.post(with_key=False, headers=headers)).require_status(401)
    for method, path in (
        ("GET", "/v1/inbox"),
        ("GET", f"/v1/events/{uuid4()}"),
        ("POST", f"/v1/events/{uuid4()}/ack"),
        ("DELETE", f"/v1/events/{uuid4()}"),
    ):
        params = {"limit": 1} if path == "/v1/inbox" else None
        answer = await visit.call(method, path, with_key=False, headers=headers, params=params)
        answer.require_status(401)


async def _bad_request(visit: Visit) -> None:
    good = {"source": visit.source, "event_type": EVENT_TYPE, "payload": {}}
    bodies = [
        _NOT_JSON,
        *(
            json.dumps(body).encode()
            for body in (
                {name: value for name, value in good.items() if name != "source"},
                {**good, "payload": []},
                {**good, "unknown": 1},
            )
        ),
    ]
    for body in bodies:
        (await visit.post(body=body)).require_status(400)


async def _too_large(visit: Visit) -> None:
    event = {"source": visit.source, "event_type": EVENT_TYPE, "payload": {"text": ""}}
    filler = "x" * (BODY_LIMIT_BYTES + 1 - len(json.dumps(event)))
    event["payload"] = {"text": filler}
    (await visit.post(body=json.dumps(event).encode())).require_status(413)


CHECKS = (
    Check("no key", "401 to every call that needs a key", _no_key, needs_key=False),
    Check("wrong key", "401 to every call that needs a key", _wrong_key, needs_key=False),
    Check(
        "bad request",
        "400 for what is no JSON, and for fields that are missing, wrong or unknown",
        _bad_request,
    ),
    Check("too large", f"413 for a body of {BODY_LIMIT_BYTES + 1:,} bytes", _too_large),
)
