"""The content coding of a request body: gzip, or none."""

import gzip
import io
import zlib
from collections.abc import Sequence

from triggers_api.errors import UnsupportedMediaTypeError

GZIP_MAGIC = b"\x1f\x8b"

GZIP_OVERHEAD_BYTES = 64 * 1024
"""How much larger than its content a compressed body may be, if gzip cannot compress it."""

_GZIP = {"gzip", "x-gzip"}  # equivalent: RFC 9110, 8.4.1.3
_KNOWN = {"br", "compress", "dcb", "dcz", "deflate", "exi", "x-compress", "zstd"}


def is_gzip(headers: Sequence[str]) -> bool:
    """Return whether a body is compressed.

    Args:
        headers: The values of the request's `Content-Encoding` headers.

    Raises:
        UnsupportedMediaTypeError: The body has another coding than gzip, or more than one.
    """
    codings = codings_of(headers)
    if not codings:
        return False
    if len(codings) > 1:
        raise _unsupported("Content-Encoding: the body has more than one coding.")
    (coding,) = codings
    if coding not in _GZIP:
        # Name a registered coding only: a message never quotes what may be a secret in the wrong header.
        what = f"the coding {coding}" if coding in _KNOWN else "an unknown coding"
        raise _unsupported(f"Content-Encoding: the body has {what}.")
    return True


def codings_of(headers: Sequence[str]) -> list[str]:
    """Return the codings that `Content-Encoding` headers name, in lower case, without identity."""
    names = [name.strip().lower() for header in headers for name in header.split(",")]
    return [name for name in names if name not in {"", "identity"}]


def inflate(body: bytes, limit: int) -> bytes:
    """Return the content of a gzip body: all of it, or one byte more than `limit` if it is larger.

    Raises:
        UnsupportedMediaTypeError: The body is not gzip.
    """
    if not body.startswith(GZIP_MAGIC):
        raise _unsupported("Content-Encoding: the body is not gzip.")
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(body)).read(limit + 1)
    except (EOFError, OSError, zlib.error):
        raise _unsupported("Content-Encoding: the body is not gzip, or damaged.") from None


def _unsupported(message: str) -> UnsupportedMediaTypeError:
    return UnsupportedMediaTypeError(message, hint="Send the body as it is, or with gzip.")
