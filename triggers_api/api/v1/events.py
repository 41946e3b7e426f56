"""Endpoints that ingest events, and those of single events: get, acknowledge, delete.

The endpoints are `async def`, and make blocking calls: `StrictRoute` calls them off the event loop.
"""

from typing import Annotated

from fastapi import Body, Path, Response

from triggers_api.api.answers import answer, joined_answer
from triggers_api.api.auth import ConsumePrincipal, IngestPrincipal
from triggers_api.api.batch import batch_answer, valid
from triggers_api.api.context import request_context
from triggers_api.api.documented_errors import (
    BATCH_TOO_LARGE,
    INVALID_BATCH,
    KEY_REUSED,
    NO_PARAMETERS,
    OTHER_SOURCE,
    errors,
)
from triggers_api.api.idempotency_header import IdempotencyKey, NoIdempotencyKey
from triggers_api.api.service import ServiceDep
from triggers_api.api.strict_route import strict_router
from triggers_api.api.v1 import examples
from triggers_api.api.v1.batch_models import IngestBatch, IngestResults
from triggers_api.api.v1.fields import EventId
from triggers_api.api.v1.models import (
    AcknowledgedEvent,
    AckRequest,
    DeletedEvent,
    IngestedEvent,
    IngestRequest,
    SingleEvent,
)
from triggers_api.core.intake import Receipt
from triggers_api.core.leases import Held
from triggers_api.core.times import milliseconds
from triggers_api.errors import value_of

EventIdPath = Annotated[EventId, Path(examples=["01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"])]
IngestBody = Annotated[IngestRequest, Body(openapi_examples=examples.INGEST_REQUESTS)]
IngestBatchBody = Annotated[IngestBatch, Body(openapi_examples=examples.INGEST_BATCHES)]
AckBody = Annotated[AckRequest, Body(openapi_examples=examples.ACK_REQUESTS)]

_NO_LEASE = AckRequest()

router = strict_router("/v1/events", tag="events")


@router.post(
    "",
    summary="Ingest an event",
    status_code=201,
    response_model=IngestedEvent,
    response_description="The event is stored durably.",
    responses={
        201: examples.INGESTED,
        **errors(400, 413, 415, 422, instead={403: OTHER_SOURCE, 422: KEY_REUSED}),
    },
)
async def ingest_event(
    principal: IngestPrincipal, service: ServiceDep, header_key: IdempotencyKey, event: IngestBody
) -> Response:
    """Store an event. Answers 201 once it is durable.

    The body is strict JSON, at most 100 levels deep, and may be compressed (`Content-Encoding: gzip`).
    `details.limit_bytes` of a 413 is the limit of its size, inflated.
    """
    context = request_context()
    context.source = event.source
    receipt = service.intake.ingest(principal, event.submission(header_key))
    context.event_ids = [receipt.event_id]
    response = answer(
        201,
        event_id=receipt.event_id,
        created_at=receipt.created_at,
        status="pending",
        message="Event stored.",
    )
    if receipt.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@router.post(
    "/batch",
    summary="Ingest up to 100 events",
    response_model=IngestResults,
    response_description="Every event was tried; each has its result, in order.",
    responses={
        200: examples.INGEST_RESULTS,
        **errors(400, 413, 415, instead={400: INVALID_BATCH, 413: BATCH_TOO_LARGE}),
    },
)
async def ingest_events(
    principal: IngestPrincipal, service: ServiceDep, _: NoIdempotencyKey, batch: IngestBatchBody
) -> Response:
    """Store events, each as `POST /v1/events` does: one that fails leaves the others alone.

    An idempotency key is sent in the `metadata` of its event; an `Idempotency-Key` header is a 400. The
    limits of a single event hold for each. A 503 of an event may or may not have stored it.
    """
    events = valid(batch.events)
    if len(sources := {event.source for event in events}) == 1:
        (request_context().source,) = sources
    receipts = service.intake.ingest_all(principal, [event.submission() for event in events])

    def describe(receipt: Receipt) -> dict[str, object]:
        result = {"event_id": receipt.event_id, "status": 201, "created_at": receipt.created_at}
        return {**result, "idempotent_replayed": True} if receipt.replayed else result

    return batch_answer(batch.events, receipts, describe)


@router.get(
    "/{event_id}",
    summary="Get an event",
    response_model=SingleEvent,
    response_description="The event.",
    responses={200: examples.EVENT, **errors(400, 404, 422, instead={400: NO_PARAMETERS})},
)
async def get_event(principal: ConsumePrincipal, service: ServiceDep, event_id: EventIdPath) -> Response:
    """Return an event, whatever its status, until it is deleted or expires."""
    context = request_context()
    context.event_ids = [event_id]
    event = service.inbox.get(principal, event_id)
    context.source = event.source
    return joined_answer(event.to_json(milliseconds(service.clock()))[1:-1])


@router.get(
    "/{event_id}/body",
    summary="Get the body of a webhook",
    response_class=Response,
    response_description="The body as the provider sent it, with its content type.",
    responses={
        # Any type has no schema: a body may be JSON. Some client generators cannot read a range of types.
        200: {
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "*/*": {},
            }
        },
        **errors(400, 404, 422, instead={400: NO_PARAMETERS}),
    },
)
async def get_event_body(principal: ConsumePrincipal, service: ServiceDep, event_id: EventIdPath) -> Response:
    """Return the body of an event that came as a webhook, byte for byte, to check its signature.

    Of an event that was posted with a key it is the payload.
    """
    context = request_context()
    context.event_ids = [event_id]
    event = service.inbox.get(principal, event_id)
    context.source = event.source
    if event.webhook is None:
        return Response(event.payload, media_type="application/json")
    # A browser must not run what a provider sent as a page of this origin.
    headers = {
        "Content-Type": event.webhook.content_type or "application/octet-stream",
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(event.webhook.body, headers=headers)


@router.post(
    "/{event_id}/ack",
    summary="Acknowledge an event",
    response_model=AcknowledgedEvent,
    response_description="The event is acknowledged and no longer in the inbox.",
    responses={
        200: examples.ACKNOWLEDGED,
        **errors(400, 404, 409, 413, 415, 422, instead={400: NO_PARAMETERS}),
    },
)
async def acknowledge_event(
    principal: ConsumePrincipal, service: ServiceDep, event_id: EventIdPath, body: AckBody = _NO_LEASE
) -> Response:
    """Take a pending or dead event out of the inbox, once.

    With the token of a lease, a repeat answers 200 again, with the same `acknowledged_at`. The token is valid
    until another receive gets the event, or the event is requeued or deleted: then the answer is a 409
    `LEASE_LOST`.
    """
    request_context().event_ids = [event_id]
    (outcome,) = service.inbox.acknowledge(principal, [Held(event_id, body.lease)])
    return answer(
        200,
        event_id=event_id,
        status="acknowledged",
        acknowledged_at=value_of(outcome),
        message="Event acknowledged.",
    )


@router.delete(
    "/{event_id}",
    summary="Delete an event",
    response_model=DeletedEvent,
    response_description="The event does not exist, whether it was deleted now or earlier.",
    responses={200: examples.DELETED, **errors(400, 422, instead={400: NO_PARAMETERS})},
)
async def delete_event(principal: ConsumePrincipal, service: ServiceDep, event_id: EventIdPath) -> Response:
    """Delete an event. Deleting an event that does not exist is no error."""
    request_context().event_ids = [event_id]
    (outcome,) = service.inbox.delete(principal, [event_id])
    value_of(outcome)
    return answer(200, event_id=event_id, message="Event deleted.")
