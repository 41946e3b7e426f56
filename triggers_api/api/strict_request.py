"""A request whose body is strict JSON, perhaps compressed, and whose query is unambiguous."""

import re
import time
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect

from triggers_api.api.content_coding import GZIP_OVERHEAD_BYTES, inflate, is_gzip
from triggers_api.api.request_body import RequestBody
from triggers_api.api.validation import invalid_field, unknown_parameters
from triggers_api.api.workers import Lane
from triggers_api.core import deadline
from triggers_api.errors import PayloadTooLargeError, ValidationError

_MAX_DRAINED_BYTES = 10 * 1024 * 1024  # API Gateway's own limit
_MAX_QUERY_FIELDS = 100
LARGE_BODY_BYTES = 16 * 1024
_JSON_MEDIA_TYPE = re.compile(r"application/(?:[a-z0-9!#$&^_.+-]+\+)?json", re.ASCII | re.IGNORECASE)


class StrictRequest(Request):
    """A request whose body is strict JSON and whose query is unambiguous."""

    _raw = b""
    _has_body = False
    _value: Any = None
    _query: QueryParams | None = None

    def parse_body(self, model: type[RequestBody], *, required: bool) -> None:
        """Inflate and parse the body that `read_body` read. Unless it is `required`, it may be empty.

        Raises:
            UnsupportedMediaTypeError: The body has a content coding other than gzip, or is not gzip.
            PayloadTooLargeError: The inflated body is larger than the model allows.
            ValidationError: The content type is not JSON, or the body is not strict JSON.
        """
        body, self._raw = self._raw, b""
        if not body and not required:
            return
        if is_gzip(self.headers.getlist("content-encoding")):
            body = inflate(body, model.max_bytes)
        if len(body) > model.max_bytes:
            raise body_too_large(model.max_bytes)
        _check_content_type(self.headers.getlist("content-type"))
        self._value = model.parse(body)
        self._has_body = True

    def lane(self, model: type[RequestBody] | None) -> Lane:
        """Return the threads for the request. A compressed body may be large once it is inflated."""
        if self.method == "GET":  # a single event is small, so its read mostly waits for the store
            return Lane.SHORT if self.path_params else Lane.READ
        if model is not None and model.reads_events:
            return Lane.READ
        is_large = len(self._raw) > LARGE_BODY_BYTES or "content-encoding" in self.headers
        return Lane.LARGE_BODY if is_large else Lane.SHORT

    async def body(self) -> bytes:
        """Return a placeholder: FastAPI only checks whether there is a body, and calls `json`."""
        return b"{}" if self._has_body else b""

    async def json(self) -> Any:
        """Return the value that `parse_body` parsed."""
        return self._value

    def parse_query(self, known: Collection[str]) -> None:
        """Parse the query string.

        Raises:
            ValidationError: The query is not percent-encoded UTF-8, or has too many fields or an unknown one.
        """
        try:
            pairs = parse_qsl(
                self.scope["query_string"].decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MAX_QUERY_FIELDS,
            )
        except ValueError:
            raise ValidationError(
                "The query is not valid: "
                f"it must be percent-encoded UTF-8 of at most {_MAX_QUERY_FIELDS} fields."
            ) from None
        if unknown := [name for name in dict(pairs) if name not in known]:
            raise unknown_parameters(unknown, known)
        self._query = _StrictQueryParams(pairs)

    @property
    def query_params(self) -> QueryParams:
        """Return the parsed query; empty for an endpoint that has no query parameters."""
        return self._query or _NO_QUERY

    async def read_body(self, max_bytes: int) -> None:
        """Read the body for `parse_body`.

        Raises:
            PayloadTooLargeError: The body is too large.
        """
        self._raw = await self.read_raw_body(max_bytes)

    async def read_raw_body(self, max_bytes: int) -> bytes:
        """Return the body, as it was sent. A body that is too large is read to its end and discarded.

        If the server answered and closed while the client still sends, the connection would be reset and the
        client would never see the answer. A body larger than any gateway accepts is not waited for.

        Raises:
            PayloadTooLargeError: The body is too large. A compressed one may be larger by what gzip adds.
        """
        limit = max_bytes + (GZIP_OVERHEAD_BYTES if "content-encoding" in self.headers else 0)
        chunks: list[bytes] = []
        size = 0
        started = time.monotonic()
        more = True
        while more and size <= _MAX_DRAINED_BYTES:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
        deadline.extend(time.monotonic() - started)  # the client's upload time does not count
        if size > limit:
            raise body_too_large(max_bytes)
        return b"".join(chunks)


class _StrictQueryParams(QueryParams):
    """Query parameters that refuse a repeated single-valued parameter."""

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the only value of a parameter.

        Raises:
            ValidationError: The parameter is given more than once.
        """
        values = self.getlist(key)
        if len(values) > 1:
            raise ValidationError(f"The query is not valid: {key} is given more than once.")
        return values[0] if values else default


_NO_QUERY = QueryParams()


def body_too_large(limit: int) -> PayloadTooLargeError:
    """Return the refusal of a body of more than `limit` bytes."""
    return PayloadTooLargeError(
        f"The request body is larger than {limit} bytes.",
        hint="Send less, or send a reference to the data.",
        details={"limit_bytes": limit},
    )


def _check_content_type(values: list[str]) -> None:
    media_type, *parameters = (values or ["application/json"])[0].split(";")
    if len(values) > 1 or not _JSON_MEDIA_TYPE.fullmatch(media_type.strip()):
        raise invalid_field("Content-Type", "must be application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            raise invalid_field("Content-Type", "must name UTF-8 if it names a charset")
