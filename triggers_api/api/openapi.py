"""The OpenAPI document: the contract, written out.

It is made when it is first asked for, from the models that validate requests and those of the answers. A test
compares its paths with the routes, and another every answer with its schema, so that it stays true.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from triggers_api.api.answers import (
    EXAMPLE_EVENT_ID,
    REQUEST_ID_PATTERN,
    AcknowledgedEvent,
    DeletedEvent,
    Error,
    Health,
    Inbox,
    SingleEvent,
    StoredEvent,
)
from triggers_api.api.errors import RETRY_AFTER_SECONDS
from triggers_api.api.requests import MAX_BODY_BYTES
from triggers_api.api.schemas import EventMetadata, InboxQuery, IngestRequest
from triggers_api.core.strict_json import MAX_DEPTH
from triggers_api.version import VERSION

_IDEMPOTENCY_PATTERN = r'^("([ !#-\[\]-~]|\\["\\]){1,256}"|[!#-~]([ -~]{0,254}[!-~])?)$'

_ERRORS = {
    400: "The request is not valid: `details.errors` names the fields.",
    401: "The key is missing, unknown, revoked or expired.",
    403: "The key is bound to another source.",
    404: "There is no such event, or it is another source's.",
    409: "The event is acknowledged already.",
    413: f"The body is larger than {MAX_BODY_BYTES} bytes; `details.limit_bytes` says so.",
    422: "The event id is not a UUID.",
    429: "Too many requests: answered by the gateway, in the same shape.",
    500: "A bug of the service. The request id finds it in the logs.",
    503: "The store is throttled or out of reach. The outcome of a write may be either: "
    "repeat it with its idempotency key.",
}


@dataclass(frozen=True, slots=True)
class _Operation:
    method: str
    path: str
    id: str
    summary: str
    description: str
    status: int
    answer: type[BaseModel]
    errors: tuple[int, ...]
    parameters: tuple[dict[str, Any], ...] = ()
    body: type[BaseModel] | None = None
    needs_key: bool = True


_ANY = (401, 429, 500, 503)
_EVENT_ID_PARAMETER = {
    "name": "event_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
    "example": EXAMPLE_EVENT_ID,
}
_REQUEST_ID_PARAMETER = {
    "name": "X-Request-ID",
    "in": "header",
    "description": f"The request's id, where it matches `{REQUEST_ID_PATTERN}`; else one is made.",
    "schema": {"type": "string"},
    "example": "test-request-123",
}
_IDEMPOTENCY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Printable ASCII, quoted or bare; the same as `metadata.idempotency_key`. The same key "
    "with the same request gives the first answer again for 24 hours; with another request, a 422.",
    "schema": {"type": "string", "pattern": _IDEMPOTENCY_PATTERN},
}


def _query_parameters() -> tuple[dict[str, Any], ...]:
    descriptions = {
        "limit": "How many events the page holds at most.",
        "cursor": "`pagination.next_cursor` of the page before, with the same filters.",
        "source": "Only events of this source.",
        "event_type": "Only events of this type.",
    }
    parameters = []
    for name, schema in InboxQuery.model_json_schema()["properties"].items():
        # A query has no null: what is optional there is left out.
        plain = next(one for one in schema.get("anyOf", [schema]) if one.get("type") != "null")
        shown = {key: value for key, value in plain.items() if key != "title"}
        parameters.append(
            {
                "name": name,
                "in": "query",
                "description": descriptions[name],
                "schema": _printable(name, shown),
            }
        )
    return tuple(parameters)


def _printable(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "pattern": _NAME_PATTERN} if name in {"source", "event_type"} else schema


_NAME_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]+$"

_OPERATIONS = (
    _Operation(
        "get",
        "/v1/health",
        "health",
        "Health check",
        "Says that the service runs. Needs no key and touches no table.",
        200,
        Health,
        (429, 500),
        needs_key=False,
    ),
    _Operation(
        "post",
        "/v1/events",
        "ingest_event",
        "Ingest an event",
        "Answers 201 once the event is stored. "
        f"Strict JSON, at most {MAX_DEPTH} levels deep and {MAX_BODY_BYTES} bytes.",
        201,
        StoredEvent,
        (400, 403, 413, 422, *_ANY),
        (_IDEMPOTENCY_PARAMETER,),
        IngestRequest,
    ),
    _Operation(
        "get",
        "/v1/events/{event_id}",
        "get_event",
        "Get an event",
        "Returns an event, pending or acknowledged, until it is deleted or expires.",
        200,
        SingleEvent,
        (404, 422, *_ANY),
        (_EVENT_ID_PARAMETER,),
    ),
    _Operation(
        "get",
        "/v1/inbox",
        "list_inbox",
        "List pending events",
        "Oldest first. It is safe to poll without a cursor: what was not acknowledged comes again. A page "
        "may hold fewer events than `limit` and still have a `next_cursor`.",
        200,
        Inbox,
        (400, 403, *_ANY),
        _query_parameters(),
    ),
    _Operation(
        "post",
        "/v1/events/{event_id}/ack",
        "acknowledge_event",
        "Acknowledge an event",
        "Takes a pending event out of the inbox, once.",
        200,
        AcknowledgedEvent,
        (404, 409, 422, *_ANY),
        (_EVENT_ID_PARAMETER,),
    ),
    _Operation(
        "delete",
        "/v1/events/{event_id}",
        "delete_event",
        "Delete an event",
        "Deleting what is not there is no error.",
        200,
        DeletedEvent,
        (422, *_ANY),
        (_EVENT_ID_PARAMETER,),
    ),
)


def document() -> dict[str, Any]:
    """Return the document. Its server is `.`, relative to where the document is: right under any prefix."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in _OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Triggers API",
            "version": VERSION,
            "description": "A durable event inbox: producers post events, consumers acknowledge them.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "ApiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "An API key.",
                }
            },
        },
    }


def _schemas() -> dict[str, Any]:
    answers = [(operation.answer, "serialization") for operation in _OPERATIONS]
    models: Any = [*answers, (Error, "serialization"), (IngestRequest, "validation")]
    _, schema = models_json_schema(models, ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = schema["$defs"]
    for name in (IngestRequest.__name__, EventMetadata.__name__):
        for field, one in schemas[name]["properties"].items():
            schemas[name]["properties"][field] = _printable(field, one)
    for one in schemas.values():
        for field in one.get("properties", {}).values():
            if field.get("default") == "":
                del field["default"]  # an optional field of an answer is absent, never empty
    schemas[IngestRequest.__name__]["examples"] = [
        {"source": "test", "event_type": "test.created", "payload": {}},
        {
            "source": "billing",
            "event_type": "invoice.paid",
            "payload": {"invoice": "2024-0117", "amount": 99.5},
            "metadata": {
                "correlation_id": "order-4711",
                "priority": "high",
                "idempotency_key": "invoice-2024-0117",
            },
        },
    ]
    return schemas


def _described(operation: _Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [*operation.parameters, _REQUEST_ID_PARAMETER],
        "responses": {
            str(operation.status): _response(operation.answer.__doc__ or "", operation.answer),
            **{str(status): _error(operation, status) for status in sorted(operation.errors)},
        },
        "security": [{"ApiKey": []}] if operation.needs_key else [],
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body)}
        described["responses"][str(operation.status)]["headers"]["Idempotent-Replayed"] = {
            "description": "`true` where this is the first answer given again.",
            "schema": {"type": "string", "const": "true"},
        }
    return described


def _error(operation: _Operation, status: int) -> dict[str, Any]:
    description = _ERRORS[status]
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and operation.body is not None:
        description = "The idempotency key was used before, for another request (`IDEMPOTENCY_KEY_REUSED`)."
    response = _response(description, Error)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"]["Retry-After"] = {
            "description": "Seconds to wait.",
            "schema": {"type": "integer", "const": RETRY_AFTER_SECONDS},
        }
    return response


def _response(description: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {"X-Request-ID": {"description": "The request's id.", "schema": {"type": "string"}}},
        "content": _content(model),
    }


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
