"""Checks of what changes an event, once (requirements, sections 7.5 and 7.6), and of idempotency keys."""

from uuid import uuid4

from triggers_api.core.times import is_time
from triggers_api.ops.smoke.client import Check, Visit


async def _acknowledge(visit: Visit) -> None:
    event_id, _ = await visit.make()
    answer = await visit.call("POST", f"/v1/events/{event_id}/ack")
    answer.require_status(200)
    answer.require(answer.text("status") == "acknowledged", "status acknowledged", "another status")
    acknowledged_at = answer.text("acknowledged_at")
    answer.require(is_time(acknowledged_at), "acknowledged_at, a time in UTC", "none, or another form")
    event = await visit.call("GET", f"/v1/events/{event_id}")
    event.require_status(200)
    same = event.text("status") == "acknowledged" and event.text("acknowledged_at") == acknowledged_at
    event.require(same, "the event acknowledged, at the time that was said", "the event as another")
    await _gone(visit, event_id)


async def _twice(visit: Visit) -> None:
    event_id, _ = await visit.make()
    (await visit.call("POST", f"/v1/events/{event_id}/ack")).require_status(200)
    (await visit.call("POST", f"/v1/events/{event_id}/ack")).require_status(409)


async def _unknown(visit: Visit) -> None:
    (await visit.call("POST", f"/v1/events/{uuid4()}/ack")).require_status(404)


async def _delete(visit: Visit) -> None:
    event_id, _ = await visit.make()
    (await visit.call("DELETE", f"/v1/events/{event_id}")).require_status(200)
    (await visit.call("GET", f"/v1/events/{event_id}")).require_status(404)
    await _gone(visit, event_id)


async def _delete_twice(visit: Visit) -> None:
    event_id, _ = await visit.make()
    for _ in range(2):
        (await visit.call("DELETE", f"/v1/events/{event_id}")).require_status(200)
    (await visit.call("DELETE", f"/v1/events/{uuid4()}")).require_status(200)


async def _gone(visit: Visit, event_id: str) -> None:
    async for _ in visit.looks():
        if await visit.listed(event_id) is None:
            return
    visit.fail("the event no longer in the inbox", "the event in the inbox")


async def _replay(visit: Visit) -> None:
    headers = {"Idempotency-Key": visit.source}
    first = await visit.post(headers=headers)
    first.require_status(201)
    again = await visit.post(headers=headers)
    again.require_status(201)
    same = again.text("event_id") == first.text("event_id")
    again.require(same, "the event_id of the first answer", "another event_id: the event was stored twice")
    replayed = again.headers.get("Idempotent-Replayed", "")
    again.require(replayed == "true", "the header Idempotent-Replayed: true", "no such header")


async def _reuse(visit: Visit) -> None:
    headers = {"Idempotency-Key": visit.source}
    (await visit.post(headers=headers)).require_status(201)
    (await visit.post(headers=headers, payload={"another": "payload"})).require_status(422)


CHECKS = (
    Check("acknowledge", "200 with acknowledged_at, and the event no longer in the inbox", _acknowledge),
    Check("acknowledge twice", "409 the second time", _twice),
    Check("acknowledge unknown", "404 for an event that is not there", _unknown),
    Check("delete", "200, and the event nowhere any more", _delete),
    Check("delete twice", "200 the second time too, and for an event that never was", _delete_twice),
    Check("idempotency replay", "the same event_id for the same request, and Idempotent-Replayed", _replay),
    Check("idempotency reuse", "422 for another request with the same Idempotency-Key", _reuse),
)
