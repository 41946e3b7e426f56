"""The `Idempotency-Key` header: one key, quoted (a structured-field string, RFC 8941) or bare."""

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from triggers_api.api.v1.models import MAX_IDEMPOTENCY_KEY
from triggers_api.api.validation import invalid_field

_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"', re.ASCII)  # RFC 8941, 3.3.3
_BARE = re.compile(r"[\x21\x23-\x7e][\x20-\x7e]*", re.ASCII)
_DOCUMENTED_PATTERN = r'^("([ !#-\[\]-~]|\\["\\]){1,256}"|[!#-~]([ -~]{0,254}[!-~])?)$'


def _document_schema(schema: dict[str, Any]) -> None:
    """Document the header as a string that may be absent. FastAPI would document it as a string or null."""
    schema.clear()
    schema |= {"type": "string", "pattern": _DOCUMENTED_PATTERN}


_DOCUMENTED = Header(
    alias="Idempotency-Key",
    description="Printable ASCII, quoted or bare; the same as `metadata.idempotency_key`. The same key with "
    "the same request returns the first answer again for 24 hours; with another request, a 422. Requests are "
    "compared by value; `metadata.correlation_id` does not count.",
    json_schema_extra=_document_schema,
)


async def _idempotency_key(request: Request, _: Annotated[str | None, _DOCUMENTED] = None) -> str | None:
    """Return the key of the header, unquoted; None without the header.

    Raises:
        ValidationError: The header is repeated or malformed.
    """
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    text = values[0].strip(" \t")
    if quoted := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    else:
        key = text if _BARE.fullmatch(text) else ""
    if len(values) > 1 or not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY:
        expected = f"must be one key of 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters"
        raise invalid_field("Idempotency-Key", expected)
    return key


IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]


async def _no_idempotency_key(request: Request) -> None:
    """Refuse the header.

    Raises:
        ValidationError: The request has the header.
    """
    if "idempotency-key" in request.headers:
        raise invalid_field(
            "Idempotency-Key", "is for one event; send metadata.idempotency_key with each event"
        )


NoIdempotencyKey = Annotated[None, Depends(_no_idempotency_key)]
