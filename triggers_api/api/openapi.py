"""The OpenAPI document: FastAPI's, generated from the routes and their models, with what all calls share.

It is built when it is first requested: a cold start has no time for it.
"""

from typing import Any

from fastapi.openapi.utils import get_openapi

from triggers_api.api.documented_errors import REF
from triggers_api.api.v1.models import ErrorResponse
from triggers_api.core.ids import REQUEST_ID
from triggers_api.version import VERSION

_DESCRIPTION = """\
A durable event inbox. Producers post events; consumers receive them under a lease, or list the inbox, and
acknowledge what they have handled.

1. **Get a key** and send it as `X-API-Key`. `triggers dev` accepts `test-api-key-12345`. On AWS, the operator
   creates keys with `triggers keys create`.
2. **Post an event** with `POST /v1/events`, or up to 100 with `POST /v1/events/batch`. Once the answer is
   201, the event is stored. Send an `Idempotency-Key`, and a repeated request stores nothing new.
3. **Receive** events with `POST /v1/inbox/receive`: until the lease ends, no other receive returns them.
4. **Handle** each event, and acknowledge it with `POST /v1/events/{event_id}/ack` or `POST /v1/inbox/ack`.
   Extend the lease if that takes longer; release an event that you cannot handle.

A single consumer may list instead: `GET /v1/inbox` leases nothing. Poll it without a cursor. A cursor is a
place in one walk, not a bookmark between polls: an event that is committed late, or stamped by a clock that
is behind, lies before it.

Delivery is at least once: an event stays in the inbox until it is acknowledged or deleted, or until its
retention ends. The retention is 7 days unless the operator sets another. A pending event that reaches it
expires: it leaves the inbox, and no consumer receives it any more. An event that was received 10 times (the
operator may set another number) without an acknowledgement is dead: it is kept, and no receive returns it.

Every answer has an `X-Request-ID`, which finds the request in the service's log. Every error has the same
shape. `HEAD` is answered as `GET` is, without a body.
"""
_TAGS = [
    {"name": "health", "description": "Is the service running?"},
    {"name": "events", "description": "Post events; read, acknowledge and delete single events."},
    {"name": "inbox", "description": "List and count events; receive, acknowledge and release them."},
    {"name": "hooks", "description": "Accept the webhooks of providers, which need no API key."},
    {"name": "maintenance", "description": "Requeue and delete many events at once."},
]
_REQUEST_ID_HEADER = {"X-Request-ID": {"description": "The id of the request.", "schema": {"type": "string"}}}
_REQUEST_ID_PARAMETER = {
    "name": "X-Request-ID",
    "in": "header",
    "description": f"The id of the request, if it matches `^{REQUEST_ID.pattern}$`; else one is generated.",
    "schema": {"type": "string"},
}


def build_document(routes: Any, *, server_url: str = ".") -> dict[str, Any]:
    """Return the document.

    Args:
        routes: The endpoints.
        server_url: The URL of the API. By default it is relative to the document's own address, and therefore
            right under any prefix.
    """
    document = get_openapi(
        title="Triggers API",
        version=VERSION,
        description=_DESCRIPTION,
        contact={"name": "Triggers API", "url": "https://github.com/triggers-api/triggers-api"},
        license_info={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": server_url}],
        tags=_TAGS,
        routes=routes,
    )
    for path in document["paths"].values():
        for operation in path.values():
            _complete(operation)
    schemas = document["components"]["schemas"]
    error = ErrorResponse.model_json_schema(ref_template=REF)
    schemas |= error.pop("$defs") | {ErrorResponse.__name__: error}
    # FastAPI documents its own 422, which this service never answers.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _complete(operation: dict[str, Any]) -> None:
    """Add the request id to an operation, describe its scopes, and remove FastAPI's own 422."""
    # Explicitly none for a public operation. Scopes are for OAuth only: linters report those of an API key.
    security = operation.setdefault("security", [])
    for requirement in security:
        for name, scopes in requirement.items():
            operation["description"] += f"\n\nNeeds a key with the scope `{'`, `'.join(scopes)}`."
            requirement[name] = []
    operation.setdefault("parameters", []).append(_REQUEST_ID_PARAMETER)
    if "requestBody" in operation:  # generators take a default for a value to send
        operation["requestBody"]["content"]["application/json"]["schema"].pop("default", None)
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for response in responses.values():
        response["headers"] = {**response.get("headers", {}), **_REQUEST_ID_HEADER}
