"""The HTTP client of the commands that call an API or a handler.

The client has no time-outs. A server that drips is never silent for long, so the caller bounds each request
as a whole instead. Redirects are not followed: they would carry the key to another place.
"""

import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from triggers_api.errors import ConfigurationError
from triggers_api.ops.urls import is_loopback
from triggers_api.version import VERSION

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""Far more than the contract's largest page. A larger response is not ours, and is not read to its end."""

_IDLE_SECONDS = 2.0
"""Shorter than servers keep an idle connection: a request on a connection that is being closed is lost."""


def make_client(
    url: str,
    ca_bundles: Sequence[str] = (),
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    program: str,
) -> httpx.AsyncClient:
    """Return a client for an API, or for a handler of events.

    Args:
        url: The base URL of every request.
        ca_bundles: Files or folders of certificate authorities to trust, besides those of `SSL_CERT_FILE`,
            `SSL_CERT_DIR` or certifi.
        transport: Sends the requests in place of the network.
        program: The name in the `User-Agent` header.

    Raises:
        ConfigurationError: The proxy or certificate settings in the environment cannot be used.
    """
    limits = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)
    headers = {
        "User-Agent": f"{program}/{VERSION}",
        "Accept-Encoding": "identity",  # a compressed response could grow beyond MAX_RESPONSE_BYTES
    }
    # No time-out: the caller bounds each request.
    settings: dict[str, Any] = {"base_url": url, "headers": headers, "timeout": None, "limits": limits}
    try:
        verify = trust(ca_bundles) if httpx.URL(url).scheme == "https" else True
        if transport is None and is_loopback(url):
            # No proxy stands before this machine.
            transport = httpx.AsyncHTTPTransport(verify=verify, limits=limits)
        return httpx.AsyncClient(transport=transport, verify=verify, **settings)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        # The text of the error may hold a proxy's password.
        raise ConfigurationError(
            "The proxy or certificate settings in the environment cannot be used.",
            reason=type(error).__name__,
            hint="Check ALL_PROXY, HTTPS_PROXY, HTTP_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR, "
            "AWS_CA_BUNDLE and REQUESTS_CA_BUNDLE.",
        ) from error


def trust(ca_bundles: Sequence[str]) -> ssl.SSLContext:
    """Return a TLS context that trusts these certificate authorities and the usual ones."""
    context = httpx.create_ssl_context()
    for bundle in ca_bundles:
        if Path(bundle).is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    return context


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


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and everything that led to it."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from causes(inner)
        error = error.__cause__ or error.__context__
