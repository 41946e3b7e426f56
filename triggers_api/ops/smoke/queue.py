"""Checks of the queue: batches, receive and leases, requeue and purge.

A receive finds events through an eventually consistent index. It asks for events of the check, so that it
leases none of others.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from triggers_api.core.access import Scope
from triggers_api.core.times import is_time
from triggers_api.ops.smoke.api_response import ApiResponse, as_mapping
from triggers_api.ops.smoke.check_context import Check, CheckContext

_LEASE_SECONDS = 60
_DELAY_SECONDS = 300
_OK, _CREATED, _INVALID, _NOT_FOUND, _CONFLICT = 200, 201, 400, 404, 409


async def _batch_ingest(context: CheckContext) -> None:
    response = await context.ingest_batch(
        [context.new_event(), {"source": context.source}, context.new_event()]
    )
    _require_statuses(response, [_CREATED, _INVALID, _CREATED])
    for result in (response.results[0], response.results[2]):
        event = await context.call("GET", f"/v1/events/{result.get('event_id')}")
        event.require_status(_OK)


async def _receive(context: CheckContext) -> None:
    (event,) = await _receive_new(context)
    lease = as_mapping(event.get("lease"))
    if not (lease.get("token") and is_time(str(lease.get("expires_at")))):
        context.fail("a lease with token and expires_at", "none, or another form")
    if event.get("deliveries") != 1:
        context.fail("deliveries 1", "another number, or none")
    again = await context.post("/v1/inbox/receive", _filter(event))
    again.require_status(_OK)
    again.require(not again.events, "no event that is leased", "the event again, within its lease")


async def _acknowledge_batch(context: CheckContext) -> None:
    events = await _receive_new(context, count=2)
    held = [_held(event) for event in events]
    first = await context.post("/v1/inbox/ack", {"events": [*held, {"event_id": str(uuid4())}]})
    _require_statuses(first, [_OK, _OK, _NOT_FOUND])
    second = await context.post("/v1/inbox/ack", {"events": held})
    _require_statuses(second, [_OK, _OK])
    times = [[result.get("acknowledged_at") for result in one.results[:2]] for one in (first, second)]
    second.require(times[0] == times[1], "acknowledged_at of the first response", "another time, or none")


async def _lost_lease(context: CheckContext) -> None:
    (event,) = await _receive_new(context)
    response = await context.post(f"/v1/events/{event.get('event_id')}/ack", {"lease": "of-no-receive"})
    response.require_status(_CONFLICT)
    response.require(response.error_code == "LEASE_LOST", "the code LEASE_LOST")


async def _extend(context: CheckContext) -> None:
    (event,) = await _receive_new(context)
    body = {"events": [_held(event)], "lease_seconds": 2 * _LEASE_SECONDS}
    response = await context.post("/v1/inbox/extend", body)
    _require_statuses(response, [_OK])
    before = str(as_mapping(event.get("lease")).get("expires_at"))
    after = str(response.results[0].get("expires_at"))
    response.require(is_time(after) and after > before, "a later expires_at", "an earlier one, or none")


async def _release(context: CheckContext) -> None:
    (event,) = await _receive_new(context)
    _require_statuses(await context.post("/v1/inbox/release", {"events": [_held(event)]}), [_OK])
    (event,) = await _receive_available(context, _filter(event))
    if event.get("deliveries") != 2:  # noqa: PLR2004 - the second receive
        context.fail("deliveries 2", "another number, or none")
    delayed = {"events": [_held(event)], "delay_seconds": _DELAY_SECONDS}
    _require_statuses(await context.post("/v1/inbox/release", delayed), [_OK])
    again = await context.post("/v1/inbox/receive", _filter(event))
    again.require_status(_OK)
    again.require(not again.events, "no event that is delayed", "the event, within its delay")


async def _dead(context: CheckContext) -> None:
    (event,) = await _receive_new(context)
    body = {"events": [_held(event)], "dead": True, "reason": "smoke test"}
    response = await context.post("/v1/inbox/release", body)
    _require_statuses(response, [_OK])
    found = await context.call("GET", f"/v1/events/{event.get('event_id')}")
    found.require_status(_OK)
    dead = found.text("status") == "dead" and found.text("reason") == "smoke test"
    found.require(dead, "the event dead, with the reason", "another status or reason")


async def _delete_batch(context: CheckContext) -> None:
    ids = [(await context.create_event())[0] for _ in range(2)]
    _require_statuses(await context.post("/v1/inbox/delete", {"event_ids": ids}), [_OK, _OK])
    for event_id in ids:
        (await context.call("GET", f"/v1/events/{event_id}")).require_status(_NOT_FOUND)


async def _requeue(context: CheckContext) -> None:
    event_id, _ = await context.create_event()
    (await context.post(f"/v1/events/{event_id}/ack", {})).require_status(_OK)
    response = await context.post("/v1/inbox/requeue", {"event_ids": [event_id]})
    response.require_status(_OK)
    response.require(response.body.get("requeued") == 1, "requeued 1", "another number, or none")
    event = await context.call("GET", f"/v1/events/{event_id}")
    event.require(event.text("status") == "pending", "the event pending again", "another status")


async def _purge(context: CheckContext) -> None:
    ids = [(await context.create_event())[0] for _ in range(2)]
    (await context.post(f"/v1/events/{ids[0]}/ack", {})).require_status(_OK)
    body = {"filter": {"status": "any", "source": context.source}}
    deleted = 0
    async for _ in context.attempts():
        response = await context.post("/v1/inbox/purge", body)
        response.require_status(_OK)
        number = response.body.get("deleted")
        deleted += number if isinstance(number, int) else 0
        if deleted >= len(ids):
            break
    else:
        context.fail(f"{len(ids)} events deleted", f"{deleted} deleted")
    for event_id in ids:
        (await context.call("GET", f"/v1/events/{event_id}")).require_status(_NOT_FOUND)


async def _receive_new(context: CheckContext, *, count: int = 1) -> list[Mapping[str, Any]]:
    """Create events and receive them. No other event has their type, even if the check is repeated."""
    event_type = f"smoke.{uuid4()}"
    for _ in range(count):
        await context.create_event(event_type=event_type)
    return await _receive_available(
        context, {"source": context.source, "event_type": event_type}, count=count
    )


async def _receive_available(
    context: CheckContext, wanted: Mapping[str, Any], *, count: int = 1
) -> list[Mapping[str, Any]]:
    """Receive events, which the index may show late."""
    events: list[Mapping[str, Any]] = []
    async for _ in context.attempts():
        body = {**wanted, "max": count - len(events), "lease_seconds": _LEASE_SECONDS}
        response = await context.post("/v1/inbox/receive", body)
        response.require_status(_OK)
        events += response.events
        if len(events) >= count:
            break
    if len(events) != count:
        context.fail(f"to receive {count} events", f"{len(events)} received")
    return events


def _filter(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: event.get(name) for name in ("source", "event_type")}


def _held(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"event_id": event.get("event_id"), "lease": as_mapping(event.get("lease")).get("token")}


def _require_statuses(response: ApiResponse, expected: list[int]) -> None:
    response.require_status(_OK)
    statuses = [result.get("status") for result in response.results]
    wanted = ", ".join(map(str, expected))
    response.require(statuses == expected, f"results with the statuses {wanted}", "other results, or none")


_RECEIVE, _RELEASE = "POST /v1/inbox/receive", "POST /v1/inbox/release"

CHECKS = (
    Check(
        "batch ingest",
        "201 for each sound event of a batch, 400 for the other",
        _batch_ingest,
        ("POST /v1/events/batch",),
    ),
    Check("receive", "the event with a lease, and once within the lease", _receive, (_RECEIVE,)),
    Check(
        "acknowledge batch",
        "200 for each leased event, the same time when repeated, 404 for an unknown event",
        _acknowledge_batch,
        ("POST /v1/inbox/ack",),
    ),
    Check("lost lease", "409 LEASE_LOST for the token of no receive", _lost_lease, (_RECEIVE,)),
    Check("extend", "200 with a later expires_at", _extend, ("POST /v1/inbox/extend",)),
    Check("release", "the event received again, and not within a delay", _release, (_RELEASE,)),
    Check("dead", "the event dead, with the reason", _dead, (_RELEASE,)),
    Check("delete batch", "200, and the events no longer found", _delete_batch, ("POST /v1/inbox/delete",)),
    Check(
        "requeue",
        "an acknowledged event pending again",
        _requeue,
        ("POST /v1/inbox/requeue",),
        scope=Scope.MANAGE,
    ),
    Check(
        "purge",
        "the events of a source deleted, whatever their status",
        _purge,
        ("POST /v1/inbox/purge",),
        scope=Scope.MANAGE,
    ),
)
