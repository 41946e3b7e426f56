"""Endpoints of the inbox: the pending events, oldest first."""

from typing import Annotated

from fastapi import Query, Response

from triggers_api.api.answers import joined_answer
from triggers_api.api.auth import ConsumePrincipal
from triggers_api.api.context import request_context
from triggers_api.api.documented_errors import INVALID_QUERY, errors
from triggers_api.api.service import ServiceDep
from triggers_api.api.strict_route import strict_router
from triggers_api.api.v1 import examples
from triggers_api.api.v1.models import Inbox, InboxQuery
from triggers_api.core.paging import Filter

router = strict_router("/v1/inbox", tag="inbox")


@router.get(
    "",
    summary="List pending events",
    response_model=Inbox,
    response_description="A page of pending events, oldest first.",
    responses={200: examples.INBOX, **errors(400, instead={400: INVALID_QUERY})},
)
async def list_inbox(
    principal: ConsumePrincipal, service: ServiceDep, query: Annotated[InboxQuery, Query()]
) -> Response:
    """List pending events, oldest first.

    Poll without a cursor; unacknowledged events are returned every time. A page may hold fewer events than
    `limit` and still have a `next_cursor`.
    """
    request_context().source = query.source or principal.source
    page = service.inbox.page(
        principal,
        Filter(source=query.source, event_types=(query.event_type,) if query.event_type else ()),
        limit=query.limit,
        cursor=query.cursor,
    )
    events = ",".join(event.to_json(page.now_ms) for event in page.events)
    cursor = f',"next_cursor":"{page.next_cursor}"' if page.next_cursor else ""
    return joined_answer(f'"events":[{events}],"pagination":{{"limit":{query.limit}{cursor}}}')
