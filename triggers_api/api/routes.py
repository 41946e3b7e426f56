"""The calls of the contract, version 1. Each: let in, read, ask the inbox, write the answer.

The endpoints are `async def`: in Lambda a request has the process to itself, so a call to the store may block
the loop, and a thread pool, which Mangum's fresh loop would start for each request, cost 1.2 ms. Where one
process serves many (`triggers dev`), `Service.run` sends blocking calls to worker threads.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from triggers_api.api.context import here
from triggers_api.api.requests import read_event_id, read_inbox_query, read_submission
from triggers_api.api.service import let_in, service_of
from triggers_api.core.strict_json import dump
from triggers_api.core.times import format_time
from triggers_api.version import VERSION

Endpoint = Callable[[Request], Awaitable[Response]]
Route = tuple[str, str, Endpoint]
"""Method, path, endpoint."""


async def health(request: Request) -> Response:
    """Say that the service runs; touches no table."""
    service = service_of(request)
    return _answer(200, status="healthy", timestamp=format_time(service.clock()), version=VERSION)


async def ingest_event(request: Request) -> Response:
    """Keep an event."""
    service, key = await let_in(request)
    submission = await read_submission(request)
    context = here()
    context.source = submission.source
    receipt = await service.run(service.inbox.ingest, key, submission)
    context.event_id = receipt.event_id
    response = _answer(
        201,
        event_id=receipt.event_id,
        created_at=receipt.created_at,
        status="pending",
        message="Event stored.",
    )
    if receipt.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


async def get_event(request: Request) -> Response:
    """Return one event."""
    service, key = await let_in(request)
    event_id = here().event_id = read_event_id(request)
    event = await service.run(service.inbox.get, key, event_id)
    here().source = event.source
    return _json(200, f'{event.to_json()[:-1]},"request_id":{dump(here().request_id)}}}')


async def list_inbox(request: Request) -> Response:
    """Return pending events, oldest first."""
    service, key = await let_in(request)
    query = read_inbox_query(request)
    context = here()
    context.source = query.source or key.source
    page = await service.run(
        service.inbox.page,
        key,
        limit=query.limit,
        cursor=query.cursor,
        source=query.source,
        event_type=query.event_type,
    )
    events = ",".join(event.to_json() for event in page.events)
    cursor = f',"next_cursor":"{page.next_cursor}"' if page.next_cursor else ""
    return _json(
        200,
        f'{{"events":[{events}],"pagination":{{"limit":{query.limit}{cursor}}},'
        f'"request_id":{dump(context.request_id)}}}',
    )


async def acknowledge_event(request: Request) -> Response:
    """Acknowledge a pending event, once."""
    service, key = await let_in(request)
    event_id = here().event_id = read_event_id(request)
    at = await service.run(service.inbox.acknowledge, key, event_id)
    return _answer(
        200, event_id=event_id, status="acknowledged", acknowledged_at=at, message="Event acknowledged."
    )


async def delete_event(request: Request) -> Response:
    """Delete an event; one that is not there is deleted already."""
    service, key = await let_in(request)
    event_id = here().event_id = read_event_id(request)
    await service.run(service.inbox.delete, key, event_id)
    return _answer(200, event_id=event_id, message="Event deleted.")


ROUTES: tuple[Route, ...] = (
    ("GET", "/v1/health", health),
    ("POST", "/v1/events", ingest_event),
    ("GET", "/v1/events/{event_id}", get_event),
    ("GET", "/v1/inbox", list_inbox),
    ("POST", "/v1/events/{event_id}/ack", acknowledge_event),
    ("DELETE", "/v1/events/{event_id}", delete_event),
)


def _answer(status_code: int, **fields: str) -> Response:
    return _json(status_code, dump({**fields, "request_id": here().request_id}))


def _json(status_code: int, body: str) -> Response:
    return Response(body, status_code, media_type="application/json")
