"""How an error becomes an answer: one table of statuses, one shape."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from triggers_api.core.strict_json import dump
from triggers_api.errors import Kind, MethodNotAllowedError, OperatorError, TriggersError

HTTP_STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.UNPROCESSABLE: 422,
    Kind.INTERNAL: 500,
    Kind.USAGE: 500,
    Kind.FAILED: 500,
    Kind.PREFLIGHT: 500,
    Kind.DEPLOYMENT: 500,
    Kind.CHECKS: 500,
    Kind.UNAVAILABLE: 503,
}

RETRY_AFTER_SECONDS = 1


def status_of(error: TriggersError) -> int:
    """Return the status of an error; one that is the operator's is no client's, and in an answer a bug."""
    return 500 if isinstance(error, OperatorError) else HTTP_STATUS[error.kind]


def error_body(code: str, message: str, details: Mapping[str, object], request_id: str) -> str:
    """Return the one shape of every error."""
    return dump({"error": {"code": code, "message": message, "details": details, "request_id": request_id}})


def error_response(error: TriggersError, request_id: str) -> Response:
    """Return the answer to an error. Of what is not the client's doing it learns the request id only."""
    status = status_of(error)
    code, message, details = error.code, error.message, error.details
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:  # the one status that hides its cause
        code, message, details = "INTERNAL_ERROR", "An unexpected error occurred.", {}
    elif error.hint:
        message = f"{message} {error.hint}"
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:  # RFC 9110, 11.6.1: a 401 names its scheme
        headers["WWW-Authenticate"] = "ApiKey"
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    elif isinstance(error, MethodNotAllowedError):
        headers["Allow"] = ", ".join(error.details["allowed"])
    return Response(error_body(code, message, details, request_id), status, headers, "application/json")
