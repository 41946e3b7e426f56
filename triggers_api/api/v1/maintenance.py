"""Endpoints that change many events at once, for an operator: requeue and purge."""

from typing import Annotated

from fastapi import Body, Response

from triggers_api.api.answers import joined_answer
from triggers_api.api.auth import ManagePrincipal
from triggers_api.api.context import request_context
from triggers_api.api.documented_errors import INVALID_BODY, OTHER_FILTER, errors
from triggers_api.api.service import ServiceDep
from triggers_api.api.strict_route import strict_router
from triggers_api.api.v1 import examples
from triggers_api.api.v1.inbox_models import Purged, PurgeRequest, Requeued, RequeueRequest
from triggers_api.core.maintenance import Changed
from triggers_api.core.paging import Count
from triggers_api.core.strict_json import dump

RequeueBody = Annotated[RequeueRequest, Body(openapi_examples=examples.REQUEUE_REQUESTS)]
PurgeBody = Annotated[PurgeRequest, Body(openapi_examples=examples.PURGE_REQUESTS)]

_ERRORS = errors(400, 413, 415, instead={400: INVALID_BODY, 403: OTHER_FILTER})

router = strict_router("/v1/inbox", tag="maintenance")


@router.post(
    "/requeue",
    summary="Requeue events",
    response_model=Requeued,
    response_description="How many events are pending again.",
    responses={200: examples.REQUEUED, **_ERRORS},
)
async def requeue_events(principal: ManagePrincipal, service: ServiceDep, body: RequeueBody) -> Response:
    """Make acknowledged or dead events pending again, as if they had never been received.

    They return to their old places in the order, with their full retention from now. Send up to 100
    `event_ids`, or a `filter`: then repeat the call with `next_cursor` until there is none.
    """
    context = request_context()
    context.source = principal.source
    if body.filter is None:
        context.event_ids = body.event_ids or []
        return _changed("requeued", Changed(service.maintenance.requeue(principal, context.event_ids), None))
    context.source = body.filter.source or principal.source
    wanted = body.filter.wanted()
    if body.dry_run:
        return _counted(service.maintenance.count(principal, wanted, with_expired=False))
    changed = service.maintenance.requeue_matching(principal, wanted, limit=body.limit, cursor=body.cursor)
    return _changed("requeued", changed)


@router.post(
    "/purge",
    summary="Delete the events that match",
    response_model=Purged,
    response_description="How many events were deleted.",
    responses={200: examples.PURGED, **_ERRORS},
)
async def purge_events(principal: ManagePrincipal, service: ServiceDep, body: PurgeBody) -> Response:
    """Delete the events that match a filter, also leased, delayed and expired ones.

    Repeat the call with `next_cursor` until there is none. Events that come after the first call are left
    alone, unless the filter has an `until`.
    """
    request_context().source = body.filter.source or principal.source
    wanted = body.filter.wanted()
    if body.dry_run:
        return _counted(service.maintenance.count(principal, wanted, with_expired=True))
    changed = service.maintenance.purge(principal, wanted, limit=body.limit, cursor=body.cursor)
    return _changed("deleted", changed)


def _changed(name: str, changed: Changed) -> Response:
    cursor = f',"next_cursor":{dump(changed.next_cursor)}' if changed.next_cursor else ""
    return joined_answer(f'"{name}":{changed.count}{cursor}')


def _counted(count: Count) -> Response:
    return joined_answer(f'"matching":{count.count},"capped":{dump(count.capped)}')
