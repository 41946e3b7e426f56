"""Which web pages may use the service: by their origin (CORS), and by the host name that they call.

Behind the gateway, pages of every origin may call: a caller needs a secret key. `triggers dev` accepts a
published key, so every page that its user visits has a valid key. There, only pages of this machine may call,
and those that its user names.

CORS alone does not keep a page out. With DNS rebinding, the host name of the page resolves to this machine.
Page and service then have the same origin, and the browser asks for no permission. But the `Host` header is
the name of the page, so the service refuses a name that it does not have.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Protocol

from triggers_api.api.headers import answer_headers
from triggers_api.errors import MisdirectedRequestError
from triggers_api.settings import Settings

Headers = list[tuple[bytes, bytes]]

ANY_ORIGIN = "*"
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - compared, not listened on

_HOST = r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?"
_AUTHORITY = re.compile(_HOST, re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(f"https?://{_HOST}", re.ASCII | re.IGNORECASE)


class WebAccess(Protocol):
    """Decides which web pages may use the service."""

    def answer_headers(self, origins: Collection[str]) -> Headers:
        """Return the headers that every answer has.

        Args:
            origins: The `Origin` headers of the request.
        """

    def check_host(self, hosts: Collection[str]) -> None:
        """Check the `Host` headers of a request.

        Raises:
            MisdirectedRequestError: The service does not have that name.
        """


class PublicAccess:
    """Pages of every origin, or of one: the service behind a gateway, which checks the host."""

    def __init__(self, allow_origin: str) -> None:
        self._headers = _encode(answer_headers(cors_allow_origin=allow_origin))

    def answer_headers(self, origins: Collection[str]) -> Headers:  # noqa: ARG002 - see `WebAccess`
        """Return the same headers for every origin."""
        return self._headers

    def check_host(self, hosts: Collection[str]) -> None:
        """Accept every host."""


class LocalAccess:
    """Pages of this machine, and those that its user names.

    Args:
        hosts: Names and addresses of the service besides those of loopback, without a port. If one is 0.0.0.0
            or ::, the service has every address of the machine, and every IP address is accepted: DNS
            rebinding needs a name.
        origins: Origins besides those of loopback; `*` is every origin.
    """

    def __init__(self, *, hosts: Collection[str], origins: Collection[str]) -> None:
        self._hosts = {_normalise(host) for host in hosts}
        self._has_every_address = not self._hosts.isdisjoint({EVERY_ADDRESS, "::"})
        self._origins = {origin.lower() for origin in origins}

    def answer_headers(self, origins: Collection[str]) -> Headers:
        """Allow the origin of the request, or none."""
        if ANY_ORIGIN in self._origins:
            return _encode(answer_headers(cors_allow_origin=ANY_ORIGIN))
        (origin, *others) = origins or ("",)
        allowed = origin if not others and self._is_allowed(origin) else None
        return _encode({**answer_headers(cors_allow_origin=allowed), "vary": "Origin"})

    def check_host(self, hosts: Collection[str]) -> None:
        """Accept loopback, and the names and addresses of this service."""
        (authority, *others) = hosts or ("",)
        match = _AUTHORITY.fullmatch(authority)
        if others or match is None or not self._is_own(_normalise(match["host"])):
            raise MisdirectedRequestError(
                "This server does not have that host name.",
                hint="Call it at localhost, or start `triggers dev --allowed-host` with the name.",
            )

    def _is_allowed(self, origin: str) -> bool:
        match = _ORIGIN.fullmatch(origin)
        return origin in self._origins or (match is not None and _is_loopback(_normalise(match["host"])))

    def _is_own(self, host: str) -> bool:
        return (
            _is_loopback(host)
            or host in self._hosts
            or (self._has_every_address and _address(host) is not None)
        )


def local_access(settings: Settings, *, hosts: Collection[str], origins: Collection[str] = ()) -> LocalAccess:
    """Return the access to a service on this machine.

    `CORS_ALLOW_ORIGIN` names one more origin. If it is `*`, which is its default, it names none.
    """
    more = {settings.cors_allow_origin} - {ANY_ORIGIN}
    return LocalAccess(hosts=hosts, origins=more.union(origins))


def is_host(text: str) -> bool:
    """Return whether a text is a host name or an IP address, without a port."""
    match = _AUTHORITY.fullmatch(text)
    return match is not None and match["host"] == text


def is_origin(text: str) -> bool:
    """Return whether a text is an origin as browsers send it: scheme, host, and perhaps a port."""
    return _ORIGIN.fullmatch(text) is not None


def allows_origin(headers: Headers) -> bool:
    """Return whether an answer with these headers may be read by the page that asks."""
    return b"access-control-allow-origin" in dict(headers)


def _encode(headers: Mapping[str, str]) -> Headers:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine. Names below `localhost` are, too (RFC 6761, 6.3)."""
    address = _address(host)
    return f".{host}".endswith(".localhost") if address is None else address.is_loopback


def _normalise(host: str) -> str:
    """Return a host in lower case, without brackets and the dot of the root, an address in its short form."""
    host = host.lower().removeprefix("[").removesuffix("]").removesuffix(".")
    return str(_address(host) or host)


@lru_cache(maxsize=256)  # it is asked three times for each request
def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address; the IPv4 address of an IPv6 address that stands for one (`::ffff:127.0.0.1`)."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
