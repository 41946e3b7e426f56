"""The HTTP client of the smoke test.

The client has no time-outs. A server that drips is never silent for long, so the runner bounds each check as
a whole instead. Redirects are not followed: they would carry the key to another place.
"""

from typing import Any

import httpx

from triggers_api.errors import ConfigurationError
from triggers_api.ops.smoke.urls import is_loopback
from triggers_api.version import VERSION

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""Far more than the contract's largest page. A larger response is not ours, and is not read to its end."""

_IDLE_SECONDS = 2.0
"""Shorter than servers keep an idle connection: a request on a connection that is being closed is lost."""


def make_client(url: str, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return a client for an API.

    Args:
        url: The base URL of every request.
        transport: Sends the requests in place of the network.

    Raises:
        ConfigurationError: The proxy or certificate settings in the environment cannot be used.
    """
    limits = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)
    headers = {
        "User-Agent": f"triggers-smoke/{VERSION}",
        "Accept-Encoding": "identity",  # a compressed response could grow beyond MAX_RESPONSE_BYTES
    }
    # No time-out: the runner bounds each check.
    settings: dict[str, Any] = {"base_url": url, "headers": headers, "timeout": None, "limits": limits}
    try:
        if transport is None and is_loopback(url):
            transport = httpx.AsyncHTTPTransport(limits=limits)  # no proxy stands before this machine
        return httpx.AsyncClient(transport=transport, **settings)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        # The text of the error may hold a proxy's password.
        raise ConfigurationError(
            "The proxy or certificate settings in the environment cannot be used.",
            reason=type(error).__name__,
            hint="Check ALL_PROXY, HTTPS_PROXY, HTTP_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from error


async def read_body(response: httpx.Response) -> bytes:
    """Read the body of a streamed response.

    Raises:
        httpx.DecodingError: The body is compressed although that was not asked for, or is too large.
    """
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise httpx.DecodingError("a response in an encoding that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        if len(body) + len(chunk) > MAX_RESPONSE_BYTES:
            raise httpx.DecodingError(f"a response of more than {MAX_RESPONSE_BYTES} bytes")
        body += chunk
    return bytes(body)
