"""How an error becomes an answer: one table of statuses, one shape, one place that logs it."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from triggers_api.api.context import request_context
from triggers_api.core.keys import mask_keys
from triggers_api.core.strict_json import dump
from triggers_api.errors import (
    Kind,
    MethodNotAllowedError,
    NotFoundError,
    OperatorError,
    TriggersError,
    UnauthorizedError,
)

logger = logging.getLogger("triggers_api.access")

HTTP_STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED_MEDIA_TYPE: 415,
    Kind.MISDIRECTED: 421,
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


async def on_error(_: Request, error: Exception) -> Response:
    """Answer a `TriggersError`: FastAPI's exception handler for all of them."""
    assert isinstance(error, TriggersError)  # noqa: S101 - it is registered for these only
    return answer_error(error, request_context().request_id)


async def on_routing_error(request: Request, error: Exception) -> Response:
    """Answer Starlette's own 404 and 405, which its router raises."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these only
    problem: Exception = error  # any other `HTTPException` is a bug: the endpoints raise our own errors
    if error.status_code == HTTPStatus.NOT_FOUND:
        problem = NotFoundError("There is no such path.")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed_methods(request)
        problem = MethodNotAllowedError(
            f"This path allows {', '.join(allowed)}.", details={"allowed": allowed}
        )
    return answer_error(problem, request_context().request_id)


def answer_error(error: Exception, request_id: str) -> Response:
    """Log an error that the client does not see, and return its answer."""
    if not isinstance(error, TriggersError):
        logger.error("bug", exc_info=error, extra={"fields": {"error": type(error).__name__}})
        error = TriggersError("An unexpected error occurred.")
    else:
        log_error(error)
    return error_response(error, request_id)


def log_error(error: TriggersError) -> None:
    """Log an error if the client does not see its cause."""
    if error.kind is Kind.UNAVAILABLE:
        logger.warning("unavailable", extra={"fields": {"reason": error.message}})
    elif status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("bug", exc_info=error, extra={"fields": {"reason": error.message}})


def status_of(error: TriggersError) -> int:
    """Return the status of an error. An operator's error is never the client's: in an answer it is a bug."""
    return 500 if isinstance(error, OperatorError) else HTTP_STATUS[error.kind]


def error_members(error: TriggersError) -> dict[str, object]:
    """Return code, message and details of an error. A 500 hides its cause."""
    if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
        return {"code": "INTERNAL_ERROR", "message": "An unexpected error occurred.", "details": {}}
    message = f"{error.message} {error.hint}" if error.hint else error.message
    return {"code": error.code, "message": message, "details": error.details}


def error_body(code: str, message: str, details: Mapping[str, object], request_id: str) -> str:
    """Return the JSON text of an error. It may name a field that the client sent, but never an API key."""
    error = {"code": code, "message": message, "details": details, "request_id": request_id}
    return mask_keys(dump({"error": error}))


def error_response(error: TriggersError, request_id: str) -> Response:
    """Return the answer to an error. Of a 500 the client learns the request id only."""
    status = status_of(error)
    body = mask_keys(dump({"error": {**error_members(error), "request_id": request_id}}))
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:  # RFC 9110, 11.6.1: a 401 names its scheme
        headers["WWW-Authenticate"] = error.scheme if isinstance(error, UnauthorizedError) else "ApiKey"
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    elif status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:  # RFC 9110, 15.5.16
        headers["Accept-Encoding"] = "gzip"
    elif isinstance(error, MethodNotAllowedError):
        headers["Allow"] = ", ".join(error.details["allowed"])
    return Response(body, status, headers, "application/json")


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes of the path. Starlette names those of the first route only."""
    methods = {"OPTIONS"}
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods
    if "GET" in methods:
        methods.add("HEAD")  # the boundary serves it
    return sorted(methods)
