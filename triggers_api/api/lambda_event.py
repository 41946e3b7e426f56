"""Lambda handler: converts API Gateway events for the app, and never raises.

An exception that leaves the handler becomes the gateway's 502, without request id, CORS headers or reason.
Mangum raises for input that a client can send (a Host header with two colons, lone surrogates, broken base64)
and for fields that a console's test event lacks. Mangum therefore gets a new event that it always accepts. A
malformed body or query becomes bytes that are not UTF-8, so the app rejects it with its usual error, after
authentication.
"""

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from mangum import Mangum

from triggers_api.api.content_coding import GZIP_MAGIC, codings_of
from triggers_api.api.context import accepted_request_id
from triggers_api.api.errors import error_body
from triggers_api.api.headers import answer_headers

logger = logging.getLogger("triggers_api.lambda")

Handler = Callable[[Any, Any], dict[str, Any]]

_NOT_UTF8 = b"\xff"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,256}", re.ASCII)  # a lower-case field name, RFC 9110, 5.6.2
_MANGUM_PARSED_HEADERS = {
    "host": re.compile(r"[!-9;-~]+(:\d{1,5})?", re.ASCII),
    "x-forwarded-port": re.compile(r"\d{1,5}", re.ASCII),
}
_PATH_PARAMETERS = {"proxy": "/", "hook_id": "/v1/hooks/"}
"""The parameters of the gateway's paths, and what is before each."""
_INFLATED_BY_GATEWAY = {"gzip", "x-gzip", "deflate"}
_MAX_HEADER_BYTES = 64 * 1024  # far more than the gateway's limit of 10,240


def build_handler(app: FastAPI, *, cors_allow_origin: str) -> Handler:
    """Return Lambda's handler for an app."""
    _set_event_loop()
    return guard(adapter(app), cors_allow_origin=cors_allow_origin)


def adapter(app: FastAPI) -> Mangum:
    """Return Mangum for an app. Every body of UTF-8 is text, whatever its type: the gateway has no other."""
    return Mangum(app, lifespan="off", text_mime_types=[""])


def guard(handler: Handler, *, cors_allow_origin: str) -> Handler:
    """Return a handler that always returns a well-formed proxy response."""

    def guarded(event: Any, context: Any) -> dict[str, Any]:
        sent: dict[str, list[str]] = {}
        try:
            request = normalise_event(event)
            sent = request["multiValueHeaders"]
            return handler(request, context)
        except Exception as error:  # an exception would become the gateway's 502
            headers = [(name.encode(), _bytes(text)) for name, texts in sent.items() for text in texts]
            request_id = accepted_request_id(headers)
            fields = {"error": type(error).__name__, "request_id": request_id}
            if lambda_request_id := getattr(context, "aws_request_id", None):  # Lambda's own lines have it
                fields["lambda_request_id"] = lambda_request_id
            logger.exception("bug", extra={"fields": fields})
            body = error_body("INTERNAL_ERROR", "An unexpected error occurred.", {}, request_id)
            return {
                "statusCode": 500,
                "headers": {
                    **answer_headers(cors_allow_origin=cors_allow_origin),
                    "content-type": "application/json",
                    "x-request-id": request_id,
                },
                "multiValueHeaders": {},
                "body": "" if _mapping(event).get("httpMethod") == "HEAD" else body,
                "isBase64Encoded": False,
            }

    return guarded


def normalise_event(event: Any) -> dict[str, Any]:
    """Return a REST-proxy event that Mangum accepts, for any input."""
    event = _mapping(event)
    headers, body = _headers(event), _body(event)
    _set_content_coding(headers, body)
    return {
        "resource": "/{proxy+}",
        "requestContext": {"identity": {"sourceIp": None}},
        "httpMethod": _text(event.get("httpMethod")) or "GET",
        "path": _path(event),
        "headers": {},
        "multiValueHeaders": headers,
        "multiValueQueryStringParameters": _query(event),
        "body": body,
        "isBase64Encoded": False,
    }


def _set_event_loop() -> None:
    """Create the event loop that Mangum asks for: from Python 3.12 on, it warns or fails without one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


def _path(event: dict[str, Any]) -> str:
    """Return the path without the base path of a custom domain.

    API Gateway includes the base path in `path`, but not in the parameters of the path.
    """
    path = _text(event.get("path")) or "/"
    parameters = _mapping(event.get("pathParameters"))
    for name, before in _PATH_PARAMETERS.items():
        value = parameters.get(name)
        if isinstance(value, str) and path.endswith(inner := f"{before}{value}"):
            return inner
    return path


def _headers(event: dict[str, Any]) -> dict[str, list[str]]:
    """Return the headers of a request, one value each.

    Mangum cannot encode a lone surrogate, so a value with unprintable non-ASCII characters becomes empty. A
    repeated idempotency key becomes empty, because Mangum would join the values into one valid key. Both stay
    present, so that the app can reject an invalid API key or idempotency key instead of ignoring it.

    Invalid names, and a `host` or `x-forwarded-port` that Mangum cannot parse, are dropped. Headers over
    `_MAX_HEADER_BYTES` are all dropped, so a request that needs a key gets a 401.
    """
    headers: dict[str, list[str]] = {}
    size = 0
    given = _headers_by_name(event.get("multiValueHeaders")) or _headers_by_name(event.get("headers"))
    for name, texts in given.items():
        value = ", ".join(texts)
        size += len(name) + len(value)
        usable = value.isprintable() or value.isascii()
        if (form := _MANGUM_PARSED_HEADERS.get(name)) and not form.fullmatch(value):
            continue
        if len(texts) > 1 and name == "idempotency-key":
            usable = False
        headers[name] = [value if usable else ""]
    return headers if size <= _MAX_HEADER_BYTES else {}


def _headers_by_name(value: Any) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, texts in _mapping(value).items():
        if isinstance(name, str) and _TOKEN.fullmatch(lowered := name.lower()):
            headers.setdefault(lowered, []).extend(_texts(texts))
    return headers


def _query(event: dict[str, Any]) -> dict[bytes, list[bytes]]:
    single, multi = event.get("queryStringParameters"), event.get("multiValueQueryStringParameters")
    # Bytes: Mangum cannot percent-encode a lone surrogate in a str. As bytes, it becomes invalid UTF-8, which
    # the app rejects.
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


def _set_content_coding(headers: dict[str, list[str]], body: bytes) -> None:
    """Set `Content-Encoding` to the coding that the body has.

    API Gateway inflates gzip and deflate by default, but leaves the header. It answers 415 to other codings.
    A body that is no text was not inflated: it keeps its header, and the app refuses its coding.
    """
    codings = codings_of(headers.get("content-encoding", []))
    if body.startswith(GZIP_MAGIC):
        headers["content-encoding"] = ["gzip"]
    elif len(codings) == 1 and codings[0] in _INFLATED_BY_GATEWAY and _is_utf8(body):
        del headers["content-encoding"]


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


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
