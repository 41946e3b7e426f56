"""Forward events to the handler: one POST for each attempt, signed, without redirects."""

import asyncio
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from triggers_api.ops.http_client import causes, make_client, trust
from triggers_api.ops.listen.contents import content_of, event_headers
from triggers_api.ops.listen.inboxes import InboxEvent
from triggers_api.ops.listen.options import ListenOptions
from triggers_api.ops.listen.signatures import Signer
from triggers_api.ops.urls import is_loopback

_CONNECT_SECONDS = 10
_MAX_RESPONSE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one attempt to forward an event.

    Attributes:
        status: The status of the response. None if there was none.
        problem: Why the attempt failed, empty if the status says it all.
        milliseconds: How long the attempt took.
        is_unreachable: No connection was made, so the handler has not seen the event.
    """

    status: int | None
    problem: str
    milliseconds: int
    is_unreachable: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether the handler has accepted the event."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class EventForwarder(Protocol):
    """Sends events to a handler."""

    async def send(self, event: InboxEvent) -> Attempt:
        """Forward an event once."""

    async def probe(self) -> str:
        """Return why no connection to the handler can be made, empty if one can."""

    async def close(self) -> None:
        """Close the connections."""


class Forwarder:
    """Sends events to the URL of a handler."""

    def __init__(
        self,
        options: ListenOptions,
        signer: Signer,
        *,
        ca_bundles: tuple[str, ...] = (),
        transport: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare the client.

        Args:
            options: The URL, the headers and the time-out.
            signer: Signs each request.
            ca_bundles: Certificate authorities to trust besides the usual ones.
            transport: Sends the requests in place of the network.
            now: The time in seconds since 1970, for the signatures.

        Raises:
            ConfigurationError: The proxy or certificate settings in the environment cannot be used.
        """
        self._options = options
        self._signer = signer
        self._now = now
        url = options.forward_to
        self._client = make_client(url, ca_bundles, transport, program="triggers-listen")
        self._tls = trust(ca_bundles) if urlsplit(url).scheme == "https" else None

    async def send(self, event: InboxEvent) -> Attempt:
        """Forward an event once."""
        loop = asyncio.get_running_loop()
        started, timeout = loop.time(), self._options.timeout
        status, problem, is_unreachable = None, "", False
        try:
            async with asyncio.timeout(timeout):
                response = await self._client.send(self._request(event), stream=True)
        except TimeoutError:
            problem = f"no response within {timeout} s"
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            problem, is_unreachable = _connection_problem(error), True
        except httpx.HTTPError as error:
            problem = f"the connection broke ({type(error).__name__})"
        passed = loop.time() - started
        if not problem:
            status = response.status_code
            try:
                await _read_to_end(response, max(1.0, timeout - passed))
            finally:
                await response.aclose()
            if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
                problem = "redirects are not followed"
        return Attempt(status, problem, round(passed * 1000), is_unreachable)

    async def probe(self) -> str:
        """Return why no connection to the handler can be made, empty if one can. Nothing is sent.

        Behind a proxy there is nothing to try: the proxy accepts connections in any case.
        """
        parts = urlsplit(self._options.forward_to)
        host = str(parts.hostname)
        if _has_proxy(self._options.forward_to):
            return ""
        port = parts.port or (443 if self._tls else 80)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port, ssl=self._tls)
        except TimeoutError:
            return f"no connection within {_CONNECT_SECONDS} s"
        except (OSError, UnicodeError) as error:
            return _connection_problem(error)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return ""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _request(self, event: InboxEvent) -> httpx.Request:
        body, described = content_of(event)
        added = [
            *event_headers(event).items(),
            *self._signer.headers(event.event_id, int(self._now()), body).items(),
            *self._options.headers,
        ]
        replaced = {name.lower() for name, _ in added}
        headers = [*(one for one in described if one[0].lower() not in replaced), *added]
        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        url = self._options.forward_to
        return self._client.build_request("POST", url, headers=headers, content=body, timeout=timeout)


async def _read_to_end(response: httpx.Response, seconds: float) -> None:
    """Read a body that does not matter, so that the handler can finish. It is cut if it is long or slow."""
    size = 0
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(seconds):
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > _MAX_RESPONSE_BYTES:
                    return


def _has_proxy(url: str) -> bool:
    """Return whether the client sends requests to a URL through a proxy of the environment."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    if is_loopback(url) or not (proxies.get(parts.scheme) or proxies.get("all")):
        return False
    return not urllib.request.proxy_bypass(str(parts.hostname))


def _connection_problem(error: Exception) -> str:
    """Return why a connection failed, as the end of a sentence that starts with the URL."""
    found = list(causes(error))
    if any(isinstance(cause, ConnectionRefusedError) for cause in found):
        return "refuses connections"
    if tls := next((cause for cause in found if isinstance(cause, ssl.SSLError)), None):
        reason = getattr(tls, "verify_message", "") or getattr(tls, "reason", None) or "no reason"
        return f"fails at TLS: {reason}"
    is_unknown = any(isinstance(cause, socket.gaierror | UnicodeError) for cause in found)
    return "has an unknown host" if is_unknown else "cannot be reached"
