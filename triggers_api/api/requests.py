"""Reading a request: its body within the limit, its query without guessing, its idempotency key."""

import re
import time
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from triggers_api.api.schemas import InboxQuery, IngestRequest, invalid_field, validated
from triggers_api.core import deadline, ids, strict_json
from triggers_api.core.inbox import Submission
from triggers_api.errors import InvalidEventIdError, PayloadTooLargeError, ValidationError

MAX_BODY_BYTES = 409_600
"""400 KiB. A body of this size always fits into an item of DynamoDB, compressed."""

_MAX_DRAINED_BYTES = 10 * 1024 * 1024  # what API Gateway lets through at most
_MAX_QUERY_FIELDS = 100
_JSON = re.compile(r"application/(?:[a-z0-9!#$&^_.+-]+\+)?json", re.ASCII | re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"', re.ASCII)  # RFC 8941, 3.3.3
_BARE = re.compile(r"[\x21\x23-\x7e][\x20-\x7e]*", re.ASCII)
_MAX_IDEMPOTENCY_KEY = 256


async def read_submission(request: Request) -> Submission:
    """Return the event that is sent; `PayloadTooLargeError` or `ValidationError` where it is none."""
    body = await _body(request)
    _check_content_type(request)
    header_key = _idempotency_header(request)
    value = strict_json.parse(body)
    ingest = validated(IngestRequest, value, what="The event is not valid")
    metadata = ingest.metadata.model_dump(exclude_none=True) if ingest.metadata else {"priority": "normal"}
    body_key = metadata.get("idempotency_key")
    if header_key is not None and body_key not in (None, header_key):
        raise invalid_field("Idempotency-Key", "differs from metadata.idempotency_key; send one of them")
    return Submission(ingest.source, ingest.event_type, ingest.payload, metadata, header_key or body_key)


def read_inbox_query(request: Request) -> InboxQuery:
    """Return the page that a consumer asks for; `ValidationError` where it is unclear."""
    query = request.scope["query_string"]
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_QUERY_FIELDS
        )
    except ValueError:
        raise ValidationError(
            f"The query is not valid: it must be percent-encoded UTF-8 of at most {_MAX_QUERY_FIELDS} fields."
        ) from None
    known = [(name, value) for name, value in pairs if name in InboxQuery.model_fields]
    values = dict(known)
    if len(values) != len(known):
        raise ValidationError("The query is not valid: a parameter is given twice.")
    return validated(InboxQuery, values, what="The query is not valid")


def read_event_id(request: Request) -> str:
    """Return the event id of the path, in lower case; `InvalidEventIdError` where it is not a UUID."""
    event_id = ids.parse_event_id(request.path_params["event_id"])
    if event_id is None:
        message = "must be a UUID in its form of 36 characters"
        raise InvalidEventIdError(
            f"event_id: {message}.", details={"errors": [{"field": "event_id", "message": message}]}
        )
    return event_id


async def _body(request: Request) -> bytes:
    """Read the body. One that is too large is read to its end and thrown away.

    A server that answers and closes while the client still sends resets the connection, and the client never
    sees why. What is larger than any gateway lets through is not waited for.
    """
    chunks: list[bytes] = []
    size = 0
    began = time.monotonic()
    more = True
    while more and size <= _MAX_DRAINED_BYTES:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
    deadline.extend(time.monotonic() - began)
    if size > MAX_BODY_BYTES:
        raise PayloadTooLargeError(
            f"The request body is larger than {MAX_BODY_BYTES} bytes.",
            hint="Send less, or send a reference to where the data is.",
            details={"limit_bytes": MAX_BODY_BYTES},
        )
    return b"".join(chunks)


def _check_content_type(request: Request) -> None:
    values = request.headers.getlist("content-type") or ["application/json"]
    media_type, *parameters = values[0].split(";")
    if len(values) > 1 or not _JSON.fullmatch(media_type.strip()):
        raise invalid_field("Content-Type", "must be application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            raise invalid_field("Content-Type", "must name UTF-8 where it names a charset")


def _idempotency_header(request: Request) -> str | None:
    """Return the key, quoted (a structured-field string, RFC 8941) or bare."""
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    text = values[0].strip(" \t")
    if quoted := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    else:
        key = text if _BARE.fullmatch(text) else ""
    if len(values) > 1 or not 1 <= len(key) <= _MAX_IDEMPOTENCY_KEY:
        expected = f"must be one key of 1 to {_MAX_IDEMPOTENCY_KEY} printable ASCII characters"
        raise invalid_field("Idempotency-Key", expected)
    return key
