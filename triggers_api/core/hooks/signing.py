"""The bytes of signatures: keys, headers, signed messages, and their HMAC."""

import base64
import hmac
import json
import re

SECRET_PREFIX = "whsec_"  # noqa: S105 - the start of each secret of Standard Webhooks
WHITE_SPACE = " \t"
"""What HTTP allows around a value. `str.strip` also takes the last byte of an "à" that came as Latin-1."""

_PLACEHOLDER = re.compile(r"(\{(?:body|timestamp|id)\})")


def decode_secret(secret: str) -> bytes:
    """Return the key of a secret in base64, padded or not, with or without `whsec_`. Empty: it is damaged."""
    text = secret.removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""


def utf8(text: str) -> bytes:
    """Return the bytes of a text, which may hold lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def header_bytes(value: str) -> bytes:
    """Return the bytes of a header: Latin-1, as servers decode it. Any other text is encoded as UTF-8."""
    value = value.strip(WHITE_SPACE)
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return utf8(value)


def header_text(text: str) -> str:
    """Return the header, as Latin-1, whose bytes are the UTF-8 of a text."""
    return utf8(text).decode("latin-1")


def message(template: str, *, body: bytes, timestamp: bytes, delivery_id: bytes) -> bytes:
    """Return what is signed: the template with its placeholders replaced, each value as it is."""
    values = {"{body}": body, "{timestamp}": timestamp, "{id}": delivery_id}
    return b"".join(values.get(piece, piece.encode()) for piece in _PLACEHOLDER.split(template))


def signature(key: bytes, signed: bytes, *, algorithm: str, encoding: str) -> str:
    """Return the HMAC of a message, in `hex` (lower case) or `base64`."""
    digest = hmac.digest(key, signed, algorithm)
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def integer_member(body: bytes, name: str) -> int | None:
    """Return an integer member of a JSON object, None if there is none. It need not be strict JSON."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    member = value.get(name) if isinstance(value, dict) else None
    return member if isinstance(member, int) else None
