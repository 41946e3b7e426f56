"""The one layer of the app: request id, deadline, CORS, the answer to every error, the access line.

One pure ASGI class rather than five stacked ones, and none of Starlette's `BaseHTTPMiddleware`: each layer
costs every request (a stack of two cost 0.7 ms of CPU), and all of this is about the response's head.
"""

import logging
import time
from asyncio import CancelledError
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triggers_api.api.context import RequestContext, accepted_request_id, current
from triggers_api.api.errors import error_response, status_of
from triggers_api.core import deadline
from triggers_api.core.strict_json import dump
from triggers_api.errors import Kind, NotFoundError, StoreUnavailableError, TriggersError

logger = logging.getLogger("triggers_api.access")

CORS_METHODS = "GET, POST, DELETE, OPTIONS"
CORS_HEADERS = "Content-Type, X-API-Key, X-Request-ID, Idempotency-Key"
CORS_MAX_AGE_SECONDS = 3600

_METHOD_CHARACTERS = 20  # the longest that HTTP knows has 17; a client may send 64 KB of them
_CLIENT_WENT_AWAY = 499  # in the access line only, where it is the field's word: there is nobody to answer


class RequestBoundary:
    """Wraps every HTTP request. Whatever the app raises is logged here and answered in the error shape."""

    def __init__(self, app: ASGIApp, *, cors_allow_origin: str) -> None:
        self._app = app
        self._cors = [
            (b"access-control-allow-origin", cors_allow_origin.encode()),
            (b"access-control-expose-headers", b"X-Request-ID"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        deadline.start()
        sent = [value for name, value in scope["headers"] if name == b"x-request-id"]
        aws_context = scope.get("aws.context")
        context = RequestContext(accepted_request_id(sent), getattr(aws_context, "aws_request_id", None))
        token = current.set(context)
        status = 0

        async def send_with_head(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *self._cors,
                    (b"x-request-id", context.request_id.encode()),
                ]
            await send(message)

        try:
            if scope["method"] == "OPTIONS":
                await _preflight(context.request_id)(scope, receive, send_with_head)
            else:
                await self._app(scope, receive, send_with_head)
        except ClientDisconnect:
            status = _CLIENT_WENT_AWAY
        except CancelledError:
            # The server stops and gives up on this request. Its write may have been made: that is a 503.
            if not status:
                stopping = StoreUnavailableError("The service is stopping.")
                await error_response(stopping, context.request_id)(scope, receive, send_with_head)
        except Exception as error:  # the last resort: whatever it is, the client gets an answer
            # No name for what was raised: a frame that its own traceback leads to would keep the body alive.
            answer = _answer_to(error, context.request_id)
            if status:
                raise  # a part of the answer is out: the server must cut the connection
            await answer(scope, receive, send_with_head)
        finally:
            _log_access(scope, context, status, time.perf_counter() - started)
            current.reset(token)


def _answer_to(error: Exception, request_id: str) -> Response:
    """Return the answer to whatever was raised, also where an error of ours is itself made wrong."""
    try:
        return error_response(_problem(error), request_id)
    except Exception as another:  # noqa: BLE001 - as above
        return error_response(_problem(another), request_id)


def _problem(error: Exception) -> TriggersError:
    """Return the error that the client is told, and log what it is not told."""
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND:  # of the router
        return NotFoundError("There is no such path.")
    if not isinstance(error, TriggersError):
        logger.error("bug", exc_info=error, extra={"fields": {"error": type(error).__name__}})
        return TriggersError("An unexpected error occurred.")
    if error.kind is Kind.UNAVAILABLE:
        logger.warning("unavailable", extra={"fields": {"reason": error.message}})
    elif status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("bug", exc_info=error, extra={"fields": {"reason": error.message}})
    return error


def _preflight(request_id: str) -> Response:
    headers = {
        "Access-Control-Allow-Methods": CORS_METHODS,
        "Access-Control-Allow-Headers": CORS_HEADERS,
        "Access-Control-Max-Age": str(CORS_MAX_AGE_SECONDS),
    }
    return Response(dump({"request_id": request_id}), 200, headers, "application/json")


def _log_access(scope: Scope, context: RequestContext, status: int, seconds: float) -> None:
    if not logger.isEnabledFor(logging.INFO):
        return
    fields: dict[str, Any] = {
        "method": scope["method"][:_METHOD_CHARACTERS],
        "route": getattr(scope.get("route"), "path", None),
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
    }
    for name in ("key_id", "source", "event_id"):
        if (value := getattr(context, name)) is not None:
            fields[name] = value
    logger.info("request", extra={"fields": fields})
