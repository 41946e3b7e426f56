"""Checks of acknowledging, deleting and idempotency keys (requirements, sections 7.5 and 7.6)."""

from uuid import uuid4

from triggers_api.core.times import is_time
from triggers_api.ops.smoke.check_context import Check, CheckContext


async def _acknowledge(context: CheckContext) -> None:
    event_id, _ = await context.create_event()
    response = await context.call("POST", f"/v1/events/{event_id}/ack")
    response.require_status(200)
    response.require(response.text("status") == "acknowledged", "status acknowledged", "another status")
    acknowledged_at = response.text("acknowledged_at")
    response.require(is_time(acknowledged_at), "acknowledged_at, a time in UTC", "none, or another form")
    event = await context.call("GET", f"/v1/events/{event_id}")
    event.require_status(200)
    same = event.text("status") == "acknowledged" and event.text("acknowledged_at") == acknowledged_at
    event.require(same, "the event acknowledged, at the time of the first response", "another state or time")
    await _wait_until_gone(context, event_id)


async def _acknowledge_twice(context: CheckContext) -> None:
    event_id, _ = await context.create_event()
    (await context.call("POST", f"/v1/events/{event_id}/ack")).require_status(200)
    (await context.call("POST", f"/v1/events/{event_id}/ack")).require_status(409)


async def _acknowledge_unknown(context: CheckContext) -> None:
    (await context.call("POST", f"/v1/events/{uuid4()}/ack")).require_status(404)


async def _delete(context: CheckContext) -> None:
    event_id, _ = await context.create_event()
    (await context.call("DELETE", f"/v1/events/{event_id}")).require_status(200)
    (await context.call("GET", f"/v1/events/{event_id}")).require_status(404)
    await _wait_until_gone(context, event_id)


async def _delete_twice(context: CheckContext) -> None:
    event_id, _ = await context.create_event()
    for _ in range(2):
        (await context.call("DELETE", f"/v1/events/{event_id}")).require_status(200)
    (await context.call("DELETE", f"/v1/events/{uuid4()}")).require_status(200)


async def _wait_until_gone(context: CheckContext, event_id: str) -> None:
    async for _ in context.attempts():
        if await context.find_in_inbox(event_id) is None:
            return
    context.fail("the event no longer in the inbox", "the event in the inbox")


async def _replay(context: CheckContext) -> None:
    headers = {"Idempotency-Key": context.source}
    first = await context.ingest(headers=headers)
    first.require_status(201)
    second = await context.ingest(headers=headers)
    second.require_status(201)
    same = second.text("event_id") == first.text("event_id")
    second.require(same, "the event_id of the first response", "another event_id: the event was stored twice")
    replayed = second.header("Idempotent-Replayed")
    second.require(replayed == "true", "the header Idempotent-Replayed: true", "no such header")


async def _reuse(context: CheckContext) -> None:
    headers = {"Idempotency-Key": context.source}
    (await context.ingest(headers=headers)).require_status(201)
    (await context.ingest(headers=headers, payload={"another": "payload"})).require_status(422)


_ACKNOWLEDGE = ("POST /v1/events/{event_id}/ack",)
_DELETE = ("DELETE /v1/events/{event_id}",)
_INGEST = ("POST /v1/events",)

CHECKS = (
    Check(
        "acknowledge",
        "200 with acknowledged_at, and the event no longer in the inbox",
        _acknowledge,
        _ACKNOWLEDGE,
    ),
    Check("acknowledge twice", "409 the second time", _acknowledge_twice, _ACKNOWLEDGE),
    Check("acknowledge unknown", "404 for an event that does not exist", _acknowledge_unknown, _ACKNOWLEDGE),
    Check("delete", "200, and the event no longer found", _delete, _DELETE),
    Check(
        "delete twice", "200 the second time too, and for an event that never existed", _delete_twice, _DELETE
    ),
    Check(
        "idempotency replay",
        "the same event_id for the same request, and Idempotent-Replayed",
        _replay,
        _INGEST,
    ),
    Check("idempotency reuse", "422 for another request with the same Idempotency-Key", _reuse, _INGEST),
)
