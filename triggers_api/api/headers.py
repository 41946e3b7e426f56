"""The headers that every answer has: CORS, and that no cache keeps it.

One list for the service and the Lambda guard. The gateway's own answers have the same headers: a test
compares `deploy/template.yaml` with this module.
"""

from collections.abc import Mapping

CORS_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
CORS_HEADERS = (
    "Content-Type, Content-Encoding, X-API-Key, X-Request-ID, Idempotency-Key, "
    # A tracing library adds headers to every request of a page. `*` allows those of all vendors, and never
    # `Authorization`, which no call reads. Browsers without `*` get the usual ones by name.
    "traceparent, tracestate, baggage, sentry-trace, b3, X-Amzn-Trace-Id, *"
)
CORS_MAX_AGE_SECONDS = 3600

EXPOSED_HEADERS = "X-Request-ID, Retry-After, Idempotent-Replayed, Allow, WWW-Authenticate"
"""What a page of another origin may read, besides the headers that every page may (such as Content-Type)."""


def answer_headers(*, cors_allow_origin: str | None) -> Mapping[str, str]:
    """Return the headers that every answer has, apart from its request id.

    `no-store`: an answer depends on the key, and an acknowledged event must leave the inbox at once. A shared
    cache before the API would serve one caller's events to all.

    Args:
        cors_allow_origin: The origin whose pages may read the answer, `*` for all; None if no page may.
    """
    headers = {"cache-control": "no-store"}
    if cors_allow_origin is not None:
        headers["access-control-allow-origin"] = cors_allow_origin
        headers["access-control-expose-headers"] = EXPOSED_HEADERS
    return headers
