"""The one layer around the app: request id, deadline, CORS, unexpected errors, the access log line.

One pure ASGI class instead of five stacked ones, and none of Starlette's `BaseHTTPMiddleware`: each layer
costs every request (a stack of two cost 0.7 ms of CPU), and all of this concerns the head of the response.
"""

import logging
import time
from asyncio import CancelledError
from collections.abc import Iterable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triggers_api.api.context import RequestContext, current, header_values, own_key_in, shared_request_id
from triggers_api.api.errors import answer_error, error_response
from triggers_api.api.headers import CORS_HEADERS, CORS_MAX_AGE_SECONDS, CORS_METHODS
from triggers_api.api.web_access import WebAccess, allows_origin
from triggers_api.core import deadline
from triggers_api.core.keys import mask_keys
from triggers_api.core.strict_json import dump
from triggers_api.errors import StoreUnavailableError

logger = logging.getLogger("triggers_api.access")

_METHOD_CHARACTERS = 20  # the longest known method has 17; a client may send 64 KB
_CLIENT_CLOSED_REQUEST = 499  # in the access log only, by the convention of nginx: the client is gone


class RequestBoundary:
    """Wraps every HTTP request. Whatever the app raises is logged here and answered in the error shape."""

    def __init__(self, app: ASGIApp, *, access: WebAccess) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        deadline.start()
        context = _new_context(scope)
        headers = self._access.answer_headers(header_values(scope["headers"], b"origin"))
        token = current.set(context)
        method = scope["method"]
        if method == "HEAD":  # the answer to GET, without its body (RFC 9110, 9.3.2)
            scope = {**scope, "method": "GET"}
        answer = _Answer(send, headers, context.request_id, has_body=method != "HEAD")
        try:
            self._access.check_host(header_values(scope["headers"], b"host"))
            if method == "OPTIONS" and not _is_handshake(scope):
                await _preflight(context.request_id, allowed=allows_origin(headers))(
                    scope, receive, answer.send
                )
            else:
                await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = _CLIENT_CLOSED_REQUEST
        except CancelledError:
            # The server stops and gives up on this request. Its write may have happened: that is a 503.
            if not answer.status:
                stopping = StoreUnavailableError("The service is stopping.")
                await error_response(stopping, context.request_id)(scope, receive, answer.send)
        except Exception as error:  # last resort: the client gets an answer to every error
            # Keep no name for the error: a frame that its own traceback refers to would keep the body alive.
            response = _response_to(error, context.request_id)
            if answer.status:
                raise  # part of the answer is sent already: the server must cut the connection
            await response(scope, receive, answer.send)
        finally:
            _log_access(method, scope, context, answer.status, time.perf_counter() - started)
            current.reset(token)


class _Answer:
    """Sends an answer with the headers that every answer has. Its status is 0 until its head is sent."""

    def __init__(
        self, send: Send, headers: Iterable[tuple[bytes, bytes]], request_id: str, *, has_body: bool
    ) -> None:
        self.status = 0
        self._send = send
        self._headers = [*headers, (b"x-request-id", request_id.encode())]
        self._has_body = has_body

    async def send(self, message: Message) -> None:
        """Send a part of the answer, as an ASGI app does."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers]
        elif not self._has_body:
            message["body"] = b""
        await self._send(message)


def _is_handshake(scope: Scope) -> bool:
    """Return whether a sender of CloudEvents asks for the consent of a hook, which its endpoint gives."""
    asks = header_values(scope["headers"], b"webhook-request-origin")
    return bool(asks) and scope["path"].startswith("/v1/hooks/")


def _new_context(scope: Scope) -> RequestContext:
    lambda_request_id = getattr(scope.get("aws.context"), "aws_request_id", None)
    return RequestContext(shared_request_id(scope), lambda_request_id, own_key_in(scope["headers"]))


def _response_to(error: Exception, request_id: str) -> Response:
    """Return the answer to any error, even if the error itself is malformed."""
    try:
        return answer_error(error, request_id)
    except Exception as another:  # noqa: BLE001 - the last resort
        return answer_error(another, request_id)


def _preflight(request_id: str, *, allowed: bool) -> Response:
    headers = {
        "Access-Control-Allow-Methods": CORS_METHODS,
        "Access-Control-Allow-Headers": CORS_HEADERS,
        "Access-Control-Max-Age": str(CORS_MAX_AGE_SECONDS),
    }
    body = dump({"request_id": request_id})
    return Response(body, 200, headers if allowed else None, "application/json")


def _log_access(method: str, scope: Scope, context: RequestContext, status: int, seconds: float) -> None:
    if not logger.isEnabledFor(logging.INFO):
        return
    fields: dict[str, Any] = {
        "method": mask_keys(method, context.own_key)[:_METHOD_CHARACTERS],
        "route": getattr(scope.get("route"), "path", None),
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
    }
    if context.key_id is not None:
        fields["key_id"] = context.key_id
    if context.refusal is not None:
        fields["reason"] = context.refusal
    if context.source is not None:
        fields["source"] = context.source
    if len(context.event_ids) == 1:
        fields["event_id"] = context.event_ids[0]
    elif context.event_ids:
        fields["events"] = len(context.event_ids)
    if context.failed:
        fields["failed"] = context.failed
    logger.info("request", extra={"fields": fields})
