"""The OpenAPI document: FastAPI's, generated from the routes and their models, with what all calls share.

It is built when it is first requested: a cold start has no time for it.
"""

from typing import Any

from fastapi.openapi.utils import get_openapi

from triggers_api.api.errors import RETRY_AFTER_SECONDS
from triggers_api.api.v1.models import Error
from triggers_api.core.ids import REQUEST_ID
from triggers_api.version import VERSION

_REF = "#/components/schemas/{model}"
_DESCRIPTIONS = {
    400: "The request is not valid: `details.errors` names the fields.",
    401: "The key is missing, unknown, revoked or expired.",
    403: "The key is bound to another source, or lacks a scope (`details.scope`).",
    404: "There is no such event, or it belongs to another source.",
    409: "The event is already acknowledged.",
    413: "The body is too large; `details.limit_bytes` is the limit.",
    429: "Too many requests: answered by the gateway, in the same shape.",
    500: "A bug in the service. The request id finds it in the logs.",
    503: "The store is throttled or unreachable. A write may have happened or not: "
    "repeat it with its idempotency key.",
}
_INVALID_ID = "The event id is not a UUID."
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "const": RETRY_AFTER_SECONDS},
    }
}
_REQUEST_ID = {"X-Request-ID": {"description": "The id of the request.", "schema": {"type": "string"}}}
_REQUEST_ID_PARAMETER = {
    "name": "X-Request-ID",
    "in": "header",
    "description": f"The id of the request, if it matches `^{REQUEST_ID.pattern}$`; else one is generated.",
    "schema": {"type": "string"},
    "example": "test-request-123",
}

REPLAYED: dict[str, Any] = {
    "headers": {
        "Idempotent-Replayed": {
            "description": "`true` if this repeats the answer to an earlier request.",
            "schema": {"type": "string", "const": "true"},
        }
    }
}


def errors(
    *statuses: int, unprocessable: str = _INVALID_ID, public: bool = False
) -> dict[int | str, dict[str, Any]]:
    """Return the documented errors of an endpoint: `statuses`, and those that every call may answer.

    They refer to the schema of `Error` instead of naming the model: FastAPI would build a field for each of
    them, which costs a cold start 3 % more.

    Args:
        statuses: The statuses of this endpoint alone.
        unprocessable: The meaning of its 422, if it has one.
        public: The endpoint needs neither a key nor a store.
    """
    common = (429, 500) if public else (401, 403, 429, 500, 503)
    descriptions = {**_DESCRIPTIONS, 422: unprocessable}
    return {
        status: {
            "content": {"application/json": {"schema": {"$ref": _REF.format(model=Error.__name__)}}},
            "description": descriptions[status],
            **({"headers": _RETRY_AFTER} if status == 503 else {}),  # noqa: PLR2004 - HTTP
        }
        for status in sorted({*statuses, *common})
    }


def build_document(routes: Any) -> dict[str, Any]:
    """Return the document. Its server is `.`, relative to the document's address: right under any prefix."""
    document = get_openapi(
        title="Triggers API",
        version=VERSION,
        description="A durable event inbox: producers post events, consumers acknowledge them.",
        license_info={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": "."}],
        routes=routes,
    )
    for path in document["paths"].values():
        for operation in path.values():
            _complete(operation)
    schemas = document["components"]["schemas"]
    error = Error.model_json_schema(ref_template=_REF)
    schemas |= error.pop("$defs") | {Error.__name__: error}
    # FastAPI documents its own 422, which this service never answers.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _complete(operation: dict[str, Any]) -> None:
    """Add the request id to an operation, and remove FastAPI's own 422."""
    operation.setdefault("parameters", []).append(_REQUEST_ID_PARAMETER)
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for response in responses.values():
        response["headers"] = {**response.get("headers", {}), **_REQUEST_ID}
