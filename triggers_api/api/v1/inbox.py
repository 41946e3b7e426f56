"""Endpoints that show the inbox: its events in pages, and how many there are."""

from typing import Annotated

from fastapi import Query, Response

from triggers_api.api.answers import joined_answer
from triggers_api.api.auth import ConsumePrincipal
from triggers_api.api.context import request_context
from triggers_api.api.documented_errors import INVALID_QUERY, UNKNOWN_PARAMETER, errors
from triggers_api.api.service import ServiceDep
from triggers_api.api.strict_route import strict_router
from triggers_api.api.v1 import examples
from triggers_api.api.v1.inbox_models import Inbox, InboxQuery, InboxStats, StatsQuery
from triggers_api.core.strict_json import dump

router = strict_router("/v1/inbox", tag="inbox")


@router.get(
    "",
    summary="List events",
    response_model=Inbox,
    response_description="A page of events.",
    responses={200: examples.INBOX, **errors(400, instead={400: INVALID_QUERY})},
)
async def list_inbox(
    principal: ConsumePrincipal, service: ServiceDep, query: Annotated[InboxQuery, Query()]
) -> Response:
    """List events, by default the pending ones, oldest first. A list leases nothing.

    To poll, start without a cursor each time. A cursor is a place in one walk: events that are committed
    late, or stamped by a clock that is behind, lie before it. A page may hold fewer events than `limit` and
    still have a `next_cursor`.
    """
    request_context().source = query.source or principal.source
    page = service.inbox.page(
        principal,
        query.wanted(),
        limit=query.limit,
        cursor=query.cursor,
        newest_first=query.order == "newest",
        only_available=query.only_available,
    )
    events = ",".join(event.to_json(page.now_ms) for event in page.events)
    cursor = f',"next_cursor":"{page.next_cursor}"' if page.next_cursor else ""
    return joined_answer(f'"events":[{events}],"pagination":{{"limit":{query.limit}{cursor}}}')


@router.get(
    "/stats",
    summary="Count what waits",
    response_model=InboxStats,
    response_description="How many events are pending and dead.",
    responses={200: examples.STATS, **errors(400, instead={400: UNKNOWN_PARAMETER})},
)
async def inbox_stats(
    principal: ConsumePrincipal, service: ServiceDep, query: Annotated[StatsQuery, Query()]
) -> Response:
    """Count pending and dead events, and report how long the oldest pending one waits.

    A count stops after a bounded number of reads: `capped` means that there may be more. Without a filter the
    oldest age is exact even so.
    """
    request_context().source = query.source or principal.source
    stats = service.inbox.stats(principal, source=query.source, event_types=query.event_types)
    pending: dict[str, object] = {
        "count": stats.pending.count,
        "capped": stats.pending.capped,
        "leased": stats.pending.leased,
    }
    if stats.oldest_age_seconds is not None:
        pending["oldest_created_at"] = stats.pending.oldest_created_at
        pending["oldest_age_seconds"] = stats.oldest_age_seconds
    dead: dict[str, object] = {"count": stats.dead.count, "capped": stats.dead.capped}
    if stats.dead.oldest_created_at is not None:
        dead["oldest_created_at"] = stats.dead.oldest_created_at
    return joined_answer(f'"pending":{dump(pending)},"dead":{dump(dead)}')
