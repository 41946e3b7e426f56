"""How providers sign webhooks, as data, and one verifier for all of them.

A signature is an HMAC over a template of the body, the time and the delivery's id. Other providers send a
shared secret instead, or nothing but the URL. Signatures and secrets are compared as bytes, in constant time.

A delivery is refused for one of three reasons. "signature missing": a header that the scheme needs is absent.
"signature": the signature or the shared secret fits no valid secret. "timestamp": the signature fits, but the
signed time is missing, malformed, or further from now than the tolerance.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from triggers_api.core.hooks.signing import (
    WHITE_SPACE,
    decode_secret,
    header_bytes,
    header_text,
    integer_member,
    message,
    signature,
    utf8,
)

MISSING, WRONG, STALE = "signature missing", "signature", "timestamp"
"""The reasons of `refusal`."""

MAX_SECRET_CHARACTERS = 1024

_FEWEST_BYTES, _MOST_BYTES = 24, 64  # the decoded secrets of Standard Webhooks
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A delivery.

    Attributes:
        headers: By names in lower case. Values are Latin-1; a repeated header is joined by ", ".
        query: The parameters of the URL, decoded from UTF-8.
        body: The body as it was sent.
    """

    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HmacScheme:
    """The provider signs. Names of headers are in lower case.

    Attributes:
        header: The header of the signature.
        template: The signed text: `{body}` once, and perhaps `{timestamp}` and `{id}`.
        algorithm: One of `ALGORITHMS`.
        encoding: One of `ENCODINGS`.
        prefix: The start of the signature in its header.
        separator: Divides the header into parts. Each part with the prefix is a signature. Empty: one part.
        timestamp_header: The header of the signed time, in seconds since 1970.
        timestamp_part: The start of the part of the signature header that is the signed time, such as `t=`.
        timestamp_member: The member of the JSON body that is the time, in milliseconds since 1970.
        tolerance: How far the signed time may be from now, before or after, in seconds.
        id_header: The header of the signed id.
        base64_secret: The key is the secret decoded from base64, with or without `whsec_`; else its UTF-8.
        alternative: The scheme with other headers, for requests without `header`.
    """

    header: str
    template: str = "{body}"
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""
    separator: str = ""
    timestamp_header: str | None = None
    timestamp_part: str | None = None
    timestamp_member: str | None = None
    tolerance: int = 300
    id_header: str | None = None
    base64_secret: bool = False
    alternative: "HmacScheme | None" = None

    def used_by(self, request: HookRequest) -> "HmacScheme":
        """Return this scheme or its alternative: the first whose signature header the request has.

        The headers of the other are ignored, so that an unsigned header cannot replace a signed one.
        """
        if self.alternative and self.header not in request.headers:
            return self.alternative
        return self


@dataclass(frozen=True, slots=True)
class SecretScheme:
    """The provider sends a shared secret.

    Attributes:
        place: One of `PLACES`: a header, `Authorization: Bearer`, or a parameter of the URL.
        name: The name of the header, in lower case, or of the parameter. Empty for `bearer`.
    """

    place: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class OpenScheme:
    """The provider sends no proof: the URL is the secret."""


Scheme: TypeAlias = HmacScheme | SecretScheme | OpenScheme

ALGORITHMS = ("sha256", "sha1", "sha512")
ENCODINGS = ("hex", "base64")
PLACES = ("header", "bearer", "query")


def refusal(scheme: Scheme, request: HookRequest, secrets: Sequence[str], *, now: int) -> str | None:
    """Return why a delivery is refused, one of the reasons of this module, or None if it is authentic.

    Args:
        scheme: How the provider signs.
        request: The delivery, with any headers and any body.
        secrets: The valid secrets, several during a rotation.
        now: The time in seconds since 1970.
    """
    if isinstance(scheme, OpenScheme):
        return None
    keys = [key for key in (_key_of(scheme, secret) for secret in secrets) if key]
    if isinstance(scheme, HmacScheme):
        return _hmac_refusal(scheme.used_by(request), request, keys, now)
    sent = _sent_secret(scheme, request)
    if not sent:
        return MISSING
    return None if any(hmac.compare_digest(sent, key) for key in keys) else WRONG


def sign(
    scheme: Scheme, secret: str, body: bytes, *, now: int, delivery_id: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers and the query parameters of a request that the scheme accepts.

    A scheme with `timestamp_member` also needs that member in the body: the time now, in milliseconds.

    Args:
        scheme: How the provider signs.
        secret: A secret of the scheme. It is ignored if the scheme has none.
        body: The body of the request.
        now: The time in seconds since 1970.
        delivery_id: The id, for schemes that sign one.

    Returns:
        Headers by names in lower case, to be sent as Latin-1, and parameters.
    """
    if isinstance(scheme, HmacScheme):
        return _signed_headers(scheme, secret, body, str(now), delivery_id), {}
    if isinstance(scheme, OpenScheme):
        return {}, {}
    if scheme.place == "query":
        return {}, {scheme.name: secret}
    text = header_text(secret)
    return ({"authorization": f"Bearer {text}"} if scheme.place == "bearer" else {scheme.name: text}), {}


def secret_flaw(scheme: Scheme, secret: str) -> str | None:
    """Return why a text cannot be a secret of the scheme, or None. The text is not quoted."""
    is_base64 = isinstance(scheme, HmacScheme) and scheme.base64_secret
    size = len(decode_secret(secret)) if is_base64 else _FEWEST_BYTES
    flaws = {
        "the scheme has no secret": isinstance(scheme, OpenScheme),
        "it is empty": not secret,
        f"it is longer than {MAX_SECRET_CHARACTERS:,} characters": len(secret) > MAX_SECRET_CHARACTERS,
        "it starts or ends with white space": secret != secret.strip(),
        "it has characters that cannot be printed": not secret.isprintable(),
        f"it is not the base64 of {_FEWEST_BYTES} to {_MOST_BYTES} bytes": not _FEWEST_BYTES
        <= size
        <= _MOST_BYTES,
    }
    return next((flaw for flaw, applies in flaws.items() if applies), None)


def _key_of(scheme: HmacScheme | SecretScheme, secret: str) -> bytes:
    """Return the key of a secret, empty if it is no secret of the scheme."""
    if isinstance(scheme, HmacScheme) and scheme.base64_secret:
        return decode_secret(secret)
    return utf8(secret)


def _sent_secret(scheme: SecretScheme, request: HookRequest) -> bytes:
    """Return the secret of a delivery, empty if it has none."""
    if scheme.place == "query":
        return utf8(request.query.get(scheme.name, ""))
    if scheme.place == "header":
        return header_bytes(request.headers.get(scheme.name, ""))
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return header_bytes(token) if kind.lower() == "bearer" else b""


def _hmac_refusal(scheme: HmacScheme, request: HookRequest, keys: Sequence[bytes], now: int) -> str | None:
    headers = request.headers
    needed = [scheme.header, scheme.timestamp_header, scheme.id_header if "{id}" in scheme.template else None]
    if not all(headers.get(name) for name in needed if name):
        return MISSING
    value = headers[scheme.header]
    parts = value.split(scheme.separator) if scheme.separator else [value]
    parts = [part.strip(WHITE_SPACE + ",") for part in parts]  # the comma of a repeated header
    sent = [
        header_bytes(part.removeprefix(scheme.prefix)) for part in parts if part.startswith(scheme.prefix)
    ]
    if scheme.encoding == "hex":
        sent = [one.lower() for one in sent]
    timestamp = _timestamp(scheme, headers, parts)
    delivery_id = headers.get(scheme.id_header or "", "")
    expected = _signatures(scheme, keys, request.body, header_bytes(timestamp), header_bytes(delivery_id))
    if not any(hmac.compare_digest(one.encode(), other) for one in expected for other in sent):
        return WRONG
    return None if _is_fresh(scheme, timestamp, request.body, now) else STALE


def _signatures(
    scheme: HmacScheme, keys: Sequence[bytes], body: bytes, timestamp: bytes, delivery_id: bytes
) -> list[str]:
    """Return the signature by each key."""
    signed = message(scheme.template, body=body, timestamp=timestamp, delivery_id=delivery_id)
    return [signature(key, signed, algorithm=scheme.algorithm, encoding=scheme.encoding) for key in keys]


def _timestamp(scheme: HmacScheme, headers: Mapping[str, str], parts: Sequence[str]) -> str:
    """Return the text of the signed time, empty if there is none outside the body."""
    if scheme.timestamp_header:
        return headers[scheme.timestamp_header].strip(WHITE_SPACE)
    if not (start := scheme.timestamp_part):
        return ""
    return next((part.removeprefix(start) for part in parts if part.startswith(start)), "")


def _is_fresh(scheme: HmacScheme, timestamp: str, body: bytes, now: int) -> bool:
    if scheme.timestamp_member:
        sent = integer_member(body, scheme.timestamp_member)
    elif scheme.timestamp_header or scheme.timestamp_part:
        sent = int(timestamp) * 1000 if _SECONDS.fullmatch(timestamp) else None
    else:
        return True
    return sent is not None and abs(now * 1000 - sent) <= scheme.tolerance * 1000


def _signed_headers(
    scheme: HmacScheme, secret: str, body: bytes, timestamp: str, delivery_id: str
) -> dict[str, str]:
    keys = [_key_of(scheme, secret)]
    (value,) = _signatures(scheme, keys, body, timestamp.encode(), utf8(delivery_id))
    value = scheme.prefix + value
    if scheme.timestamp_part:
        value = f"{scheme.timestamp_part}{timestamp}{scheme.separator}{value}"
    headers = {scheme.header: value}
    if scheme.timestamp_header:
        headers[scheme.timestamp_header] = timestamp
    if scheme.id_header:
        headers[scheme.id_header] = header_text(delivery_id)
    return headers
