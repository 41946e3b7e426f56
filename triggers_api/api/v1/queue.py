"""Endpoints of a consumer that works through the inbox: receive, acknowledge, extend, release, delete."""

from typing import Annotated

from fastapi import Body, Response

from triggers_api.api.answers import joined_answer
from triggers_api.api.auth import ConsumePrincipal
from triggers_api.api.batch import batch_answer, valid
from triggers_api.api.context import request_context
from triggers_api.api.documented_errors import (
    BATCH_TOO_LARGE,
    INVALID_BATCH,
    INVALID_BODY,
    OTHER_FILTER,
    errors,
)
from triggers_api.api.service import ServiceDep
from triggers_api.api.strict_route import strict_router
from triggers_api.api.v1 import examples
from triggers_api.api.v1.batch_models import (
    AckBatch,
    AckResults,
    DeleteBatch,
    DeleteResults,
    ExtendBatch,
    ExtendResults,
    ReceivedEvents,
    ReceiveRequest,
    ReleaseBatch,
    ReleaseResults,
)
from triggers_api.core.strict_json import dump

ReceiveBody = Annotated[ReceiveRequest, Body(openapi_examples=examples.RECEIVE_REQUESTS)]
AckBody = Annotated[AckBatch, Body(openapi_examples=examples.ACK_BATCHES)]
ExtendBody = Annotated[ExtendBatch, Body(openapi_examples=examples.EXTEND_BATCHES)]
ReleaseBody = Annotated[ReleaseBatch, Body(openapi_examples=examples.RELEASE_BATCHES)]
DeleteBody = Annotated[DeleteBatch, Body(openapi_examples=examples.DELETE_BATCHES)]

_TRIED = "Every event was tried; each has its result, in order."
_BATCH_ERRORS = errors(400, 413, 415, instead={400: INVALID_BATCH, 413: BATCH_TOO_LARGE})
_DEFAULTS = ReceiveRequest()

router = strict_router("/v1/inbox", tag="inbox")


@router.post(
    "/receive",
    summary="Receive events",
    response_model=ReceivedEvents,
    response_description="The events, which no other receive returns until the lease ends.",
    responses={
        200: examples.RECEIVED,
        **errors(400, 413, 415, instead={400: INVALID_BODY, 403: OTHER_FILTER}),
    },
)
async def receive_events(
    principal: ConsumePrincipal, service: ServiceDep, body: ReceiveBody = _DEFAULTS
) -> Response:
    """Lease up to `max` available events, roughly oldest first.

    No other receive returns them until the lease ends. Then an event that was not acknowledged is available
    again, or dies if it was received too often (`MaxDeliveries`). If `more` is true, a further receive may
    find something. There is no long polling: after an empty receive without `more`, wait 1, 2, 5, then 10 s.
    """
    context = request_context()
    context.source = body.source or principal.source
    delivery = service.inbox.receive(
        principal,
        limit=body.max,
        lease_seconds=body.lease_seconds,
        source=body.source,
        event_type=body.event_type,
    )
    context.event_ids = [event.event_id for event in delivery.events]
    lease = dump({"token": delivery.token, "expires_at": delivery.lease_expires_at})
    events = ",".join(f'{event.to_json(delivery.now_ms)[:-1]},"lease":{lease}}}' for event in delivery.events)
    return joined_answer(f'"events":[{events}],"more":{dump(delivery.more)}')


@router.post(
    "/ack",
    summary="Acknowledge up to 100 events",
    response_model=AckResults,
    response_description=_TRIED,
    responses={200: examples.ACK_RESULTS, **_BATCH_ERRORS},
)
async def acknowledge_events(principal: ConsumePrincipal, service: ServiceDep, batch: AckBody) -> Response:
    """Acknowledge events, each as `POST /v1/events/{event_id}/ack` does."""
    outcomes = service.inbox.acknowledge(principal, [event.held() for event in valid(batch.events)])
    return batch_answer(batch.events, outcomes, lambda at: {"acknowledged_at": at})


@router.post(
    "/extend",
    summary="Extend up to 100 leases",
    response_model=ExtendResults,
    response_description=_TRIED,
    responses={200: examples.EXTEND_RESULTS, **_BATCH_ERRORS},
)
async def extend_leases(principal: ConsumePrincipal, service: ServiceDep, batch: ExtendBody) -> Response:
    """Let leases end `lease_seconds` from now. An event that is not pending any more is a 409."""
    expires_at, outcomes = service.inbox.extend(
        principal, [event.held() for event in valid(batch.events)], lease_seconds=batch.lease_seconds
    )
    return batch_answer(batch.events, outcomes, lambda _: {"expires_at": expires_at})


@router.post(
    "/release",
    summary="Give back up to 100 events",
    response_model=ReleaseResults,
    response_description=_TRIED,
    responses={200: examples.RELEASE_RESULTS, **_BATCH_ERRORS},
)
async def release_events(principal: ConsumePrincipal, service: ServiceDep, batch: ReleaseBody) -> Response:
    """Make events available again after `delay_seconds`, or move them to the dead ones.

    An event that was received as often as it may be (`MaxDeliveries`) dies in any case.
    """
    outcomes = service.inbox.release(
        principal,
        [event.held() for event in valid(batch.events)],
        delay_seconds=batch.delay_seconds,
        dead=batch.dead,
        reason=batch.reason,
    )
    return batch_answer(batch.events, outcomes, lambda event: {"event_status": event.status})


@router.post(
    "/delete",
    summary="Delete up to 100 events",
    response_model=DeleteResults,
    response_description=_TRIED,
    responses={200: examples.DELETE_RESULTS, **_BATCH_ERRORS},
)
async def delete_events(principal: ConsumePrincipal, service: ServiceDep, batch: DeleteBody) -> Response:
    """Delete events, each as `DELETE /v1/events/{event_id}` does."""
    outcomes = service.inbox.delete(principal, valid(batch.event_ids))
    return batch_answer(batch.event_ids, outcomes, lambda _: {})
