"""The compression of answers in `triggers dev`. On AWS the gateway compresses (`MinimumCompressionSize`)."""

import re

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

MINIMUM_BYTES = 1024
"""As in `deploy/template.yaml`."""

_FAST = 1
_REFUSED = re.compile(rb"gzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.IGNORECASE)


class CompressedAnswers(GZipMiddleware):
    """Compresses answers for clients that accept gzip.

    Starlette only looks for the word, and would also compress for a client that sends `gzip;q=0`.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, MINIMUM_BYTES, _FAST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        accepted = [value for name, value in scope["headers"] if name == b"accept-encoding"]
        if any(b"gzip" in value and not _REFUSED.search(value) for value in accepted):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)
