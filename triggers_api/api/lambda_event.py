"""The edge of Lambda: REST-proxy events in, proxy responses out, and nothing ever raised.

An exception that leaves the handler becomes a 502 of the gateway, without request id, CORS or reason. Mangum
raises for what a client can send (a Host header with two colons, lone surrogates, broken base64) and for what
a console's test event lacks. So Mangum gets a new event, made of the parts that the service uses, each in a
form that cannot fail; what is malformed is passed on *as malformed bytes*, so that the app refuses it in its
own words, after authentication.
"""

import base64
import binascii
import logging
from collections.abc import Callable
from typing import Any

from triggers_api.api.context import accepted_request_id
from triggers_api.api.errors import error_body

logger = logging.getLogger("triggers_api.proxy")

Handler = Callable[[Any, Any], dict[str, Any]]

_NOT_UTF8 = b"\xff"
_USED_HEADERS = {"content-type", "idempotency-key", "x-api-key", "x-request-id"}


def guarded(handler: Handler, *, cors_allow_origin: str) -> Handler:
    """Return a handler that always returns a well-formed proxy response."""

    def guard(event: Any, context: Any) -> dict[str, Any]:
        sent: list[str] = []
        try:
            request = normalised(event)
            sent = request["multiValueHeaders"].get("x-request-id", [])
            return handler(request, context)
        except Exception as error:  # the last resort, as said above
            request_id = accepted_request_id([text.encode() for text in sent])
            fields = {"error": type(error).__name__, "request_id": request_id}
            if lambda_request_id := getattr(context, "aws_request_id", None):  # ties Lambda's own lines to it
                fields["lambda_request_id"] = lambda_request_id
            logger.exception("bug", extra={"fields": fields})
            return {
                "statusCode": 500,
                "headers": {
                    "content-type": "application/json",
                    "x-request-id": request_id,
                    "access-control-allow-origin": cors_allow_origin,
                    "access-control-expose-headers": "X-Request-ID",
                },
                "multiValueHeaders": {},
                "body": error_body("INTERNAL_ERROR", "An unexpected error occurred.", {}, request_id),
                "isBase64Encoded": False,
            }

    return guard


def normalised(event: Any) -> dict[str, Any]:
    """Return a REST-proxy event that Mangum takes, whatever came."""
    event = _mapping(event)
    return {
        "resource": "/{proxy+}",
        "requestContext": {"identity": {"sourceIp": None}},
        "httpMethod": _text(event.get("httpMethod")) or "GET",
        "path": _path(event),
        "headers": {},
        "multiValueHeaders": _headers(event),
        "multiValueQueryStringParameters": _query(event),
        "body": _body(event),
        "isBase64Encoded": False,
    }


def _path(event: dict[str, Any]) -> str:
    """Return the path without the base path of a custom domain's mapping, which `path` includes."""
    path = _text(event.get("path")) or "/"
    proxy = _mapping(event.get("pathParameters")).get("proxy")
    if isinstance(proxy, str) and path.endswith(f"/{proxy}"):
        return f"/{proxy}"
    return path


def _headers(event: dict[str, Any]) -> dict[str, list[str]]:
    """Return the headers that the service reads, one value each.

    The gateway adds a score of its own, each of which would be parsed and encoded twice more. A value that
    HTTP could not carry becomes an empty one, and so does a repeated idempotency key, which Mangum would join
    into one key: the app refuses both. To leave them out would be to ignore what was asked.
    """
    headers: dict[str, list[str]] = {}
    given = _used(event.get("headers")) | _used(event.get("multiValueHeaders"))
    for name, texts in given.items():
        usable = all(text.isprintable() or text.isascii() for text in texts)
        repeated = len(texts) > 1 and name == "idempotency-key"
        headers[name] = [", ".join(texts) if usable and not repeated else ""]
    return headers


def _used(value: Any) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, texts in _mapping(value).items():
        if isinstance(name, str) and (lowered := name.lower()) in _USED_HEADERS:
            headers.setdefault(lowered, []).extend(_texts(texts))
    return headers


def _query(event: dict[str, Any]) -> dict[bytes, list[bytes]]:
    single, multi = event.get("queryStringParameters"), event.get("multiValueQueryStringParameters")
    # Bytes, because a lone surrogate has no UTF-8: so it comes out as a percent-encoded byte that is none.
    return {
        _bytes(name): [_bytes(text) for text in texts]
        for name, texts in (_lists(multi) or _lists(single)).items()
    }


def _body(event: dict[str, Any]) -> bytes:
    body = event.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return _NOT_UTF8
    if event.get("isBase64Encoded"):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return _NOT_UTF8
    return _bytes(body)


def _lists(value: Any) -> dict[str, list[str]]:
    return {name: _texts(texts) for name, texts in _mapping(value).items() if isinstance(name, str)}


def _texts(value: Any) -> list[str]:
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
