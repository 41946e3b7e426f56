"""Check the URL of an API, and whether a key may be sent to it."""

import ipaddress
import re
from urllib.parse import urlsplit

from triggers_api.errors import ConfigurationError

_URL = re.compile(r"https?://[^\s/?#@\\]+(/[^\s?#@\\]*)?", re.ASCII | re.IGNORECASE)


def base_url(text: str, option: str = "--url") -> str:
    """Return an API's URL with its stage, without a slash at its end. `option`: the option that gives it.

    Raises:
        ConfigurationError: The text is not such a URL. It may hold credentials, so it is not repeated.
    """
    from httpx import URL, InvalidURL

    try:
        URL(text)
        parts = urlsplit(text)
        is_valid = _URL.fullmatch(text) is not None and bool(parts.hostname) and parts.port != 0
    except (ValueError, InvalidURL):
        is_valid = False
    if not is_valid:
        raise ConfigurationError(
            f"{option} is not the URL of an API.",
            reason="it must begin with https:// or http://, and have neither credentials nor a query",
            hint="Give one such as https://API-ID.execute-api.us-east-1.amazonaws.com/prod.",
        )
    return text.rstrip("/")


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_in_clear(url: str) -> bool:
    """Return whether others on the network can read what is sent to a URL, the key included."""
    return urlsplit(url).scheme == "http" and not is_loopback(url)
