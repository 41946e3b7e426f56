"""The errors of the OpenAPI document: what each status means, and an example of its answer.

Tests compare each example with the service's own answer.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from triggers_api.api.v1.models import ErrorResponse
from triggers_api.core.strict_json import MAX_BATCH_BYTES, MAX_BODY_BYTES

REF = "#/components/schemas/{model}"
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait before the request is repeated.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


class ErrorDoc(NamedTuple):
    """What an error answer means, and the members of an example."""

    description: str
    code: str
    message: str
    details: Mapping[str, Any] = {}

    def response(self) -> dict[str, Any]:
        """Return the response object of the document.

        It refers to the schema of the error instead of naming the model: FastAPI would build a field for each
        response, which costs a cold start 3 % more.
        """
        error = {"code": self.code, "message": self.message, "details": self.details}
        return {
            "description": self.description,
            "content": {
                "application/json": {
                    "schema": {"$ref": REF.format(model=ErrorResponse.__name__)},
                    "example": {"error": {**error, "request_id": "test-request-123"}},
                }
            },
        }


ERRORS: Mapping[int, ErrorDoc] = {
    400: ErrorDoc(
        "The request is not valid: `details.errors` names the fields.",
        "VALIDATION_ERROR",
        "The event is not valid: source: is required.",
        {"errors": [{"field": "source", "message": "is required"}]},
    ),
    401: ErrorDoc(
        "The key is missing, unknown, revoked or expired.",
        "UNAUTHORIZED",
        "A valid API key is required in the X-API-Key header.",
    ),
    403: ErrorDoc(
        "The key is bound to another source, or lacks a scope (`details.scope`).",
        "FORBIDDEN",
        "This key does not have the scope consume. Use a key that was created with --scope consume.",
        {"scope": "consume"},
    ),
    404: ErrorDoc(
        "There is no such event, or it belongs to another source.",
        "NOT_FOUND",
        "There is no event with this id.",
    ),
    409: ErrorDoc(
        "The event is already acknowledged (`CONFLICT`), or the token of the lease is no longer valid "
        "(`LEASE_LOST`).",
        "CONFLICT",
        "This event is already acknowledged.",
    ),
    413: ErrorDoc(
        "The body is too large; `details.limit_bytes` is the limit.",
        "PAYLOAD_TOO_LARGE",
        f"The request body is larger than {MAX_BODY_BYTES} bytes. "
        "Send less, or send a reference to the data.",
        {"limit_bytes": MAX_BODY_BYTES},
    ),
    415: ErrorDoc(
        "The body has a content coding other than gzip, or is not gzip.",
        "UNSUPPORTED_MEDIA_TYPE",
        "Content-Encoding: the body has the coding br. Send the body as it is, or with gzip.",
    ),
    422: ErrorDoc(
        "The event id is not a UUID.",
        "VALIDATION_ERROR",
        "event_id: must be a UUID with hyphens (36 characters).",
        {"errors": [{"field": "event_id", "message": "must be a UUID with hyphens (36 characters)"}]},
    ),
    429: ErrorDoc(
        "Too many requests: answered by the gateway, in the same shape.",
        "TOO_MANY_REQUESTS",
        "Too many requests; try again in a moment.",
    ),
    500: ErrorDoc(
        "A bug in the service. The request id finds it in the logs.",
        "INTERNAL_ERROR",
        "An unexpected error occurred.",
    ),
    503: ErrorDoc(
        "The store is throttled or unreachable, or too many requests are waiting. "
        "A write may have happened or not: repeat it with its idempotency key.",
        "SERVICE_UNAVAILABLE",
        "The store cannot be used right now.",
    ),
}
INVALID_QUERY = ErrorDoc(
    "The query is not valid: `details.errors` names the parameters.",
    "VALIDATION_ERROR",
    "The query is not valid: limit: must be a whole number from 1 to 100.",
    {"errors": [{"field": "limit", "message": "must be a whole number from 1 to 100"}]},
)
UNKNOWN_PARAMETER = ErrorDoc(
    "The query is not valid: `details.errors` names the parameters.",
    "VALIDATION_ERROR",
    "The query is not valid: limit: unknown; the parameters are source, event_type.",
    {"errors": [{"field": "limit", "message": "unknown; the parameters are source, event_type"}]},
)
INVALID_BODY = ErrorDoc(
    "The request is not valid: `details.errors` names the fields.",
    "VALIDATION_ERROR",
    "The request is not valid: source: must be a string.",
    {"errors": [{"field": "source", "message": "must be a string"}]},
)
INVALID_BATCH = ErrorDoc(
    "The batch is not JSON, has 0 or more than 100 entries or an unknown field, or names an event twice. "
    "Nothing is done.",
    "VALIDATION_ERROR",
    "events: must be a list of 1 to 100.",
    {"errors": [{"field": "events", "message": "must be a list of 1 to 100"}]},
)
NO_PARAMETERS = ErrorDoc(
    "The request has a query parameter, and this call has none.",
    "VALIDATION_ERROR",
    "The query is not valid: limit: unknown; this call has no parameters.",
    {"errors": [{"field": "limit", "message": "unknown; this call has no parameters"}]},
)
OTHER_SOURCE = ErrorDoc(
    "The key is bound to another source, or lacks a scope (`details.scope`).",
    "FORBIDDEN",
    "This key is bound to another source than the event's.",
)
OTHER_FILTER = ErrorDoc(
    "The key is bound to another source, or lacks a scope (`details.scope`).",
    "FORBIDDEN",
    "This key is bound to another source than the filter's.",
)
BATCH_TOO_LARGE = ErrorDoc(
    "The body is too large; `details.limit_bytes` is the limit.",
    "PAYLOAD_TOO_LARGE",
    f"The request body is larger than {MAX_BATCH_BYTES} bytes. Send less, or send a reference to the data.",
    {"limit_bytes": MAX_BATCH_BYTES},
)
KEY_REUSED = ErrorDoc(
    "The idempotency key was used for another request.",
    "IDEMPOTENCY_KEY_REUSED",
    "This idempotency key was used before, for another request.",
)
BAD_SIGNATURE = ErrorDoc(
    "The signature is missing or wrong, or its time is too far from now.",
    "UNAUTHORIZED",
    "The signature of this delivery is not valid.",
)
NO_HOOK = ErrorDoc("There is no such hook.", "NOT_FOUND", "There is no hook with this id.")
UNUSABLE_HOOK = ErrorDoc(
    "The hook has no signing secret yet, the store is throttled or unreachable, or too many requests are "
    "waiting. Nothing is lost if the provider repeats the delivery.",
    "SERVICE_UNAVAILABLE",
    "This hook has no signing secret yet.",
)


def errors(
    *statuses: int, public: bool = False, instead: Mapping[int, ErrorDoc] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the documented errors of an endpoint: `statuses`, and those that every call may answer.

    Args:
        statuses: The statuses of this endpoint alone.
        public: The endpoint needs neither a key nor a store.
        instead: Other documentation than `ERRORS` has for some statuses.
    """
    common = (429, 500) if public else (401, 403, 429, 500, 503)
    documented = {**ERRORS, **(instead or {})}
    responses: dict[int | str, dict[str, Any]] = {
        status: documented[status].response() for status in sorted({*statuses, *common})
    }
    for status in responses.keys() & {429, 503}:
        responses[status]["headers"] = _RETRY_AFTER
    return responses
