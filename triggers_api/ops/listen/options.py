"""The options of `triggers listen`, checked before anything is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from triggers_api.errors import ConfigurationError
from triggers_api.ops.durations import parse_duration

LONGEST_TIMEOUT_SECONDS = 3600

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
_OWN_HEADERS = {"connection", "content-length", "content-type", "transfer-encoding"}
_OWN_PREFIXES = ("webhook-", "triggers-")


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """How events are forwarded.

    Attributes:
        forward_to: The URL of the handler. Its query may hold a secret.
        acknowledge: Receive events and acknowledge those that the handler accepts. Else only look at them.
        event_types: Only events of these types. Empty: of every type.
        headers: Further headers of each request.
        concurrency: How many events are forwarded at the same time.
        timeout: How long the handler may take for an event, in seconds.
        once: Stop after the events that are there now.
        longest_pause: The longest pause between two polls of an empty inbox, in seconds.
    """

    forward_to: str = field(repr=False)
    acknowledge: bool
    event_types: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    concurrency: int = 1
    timeout: int = 30
    once: bool = False
    longest_pause: int = 10


def check_forward_url(text: str) -> str:
    """Return the URL of a handler.

    Raises:
        ConfigurationError: The text is no such URL. It may hold credentials, so it is not repeated.
    """
    from httpx import URL, InvalidURL

    try:
        URL(text)
        parts = urlsplit(text)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except (ValueError, InvalidURL):
        is_url = False
    if not is_url or not (text.isascii() and text.isprintable() and " " not in text):
        raise ConfigurationError(
            "--forward-to is not a URL of HTTP.",
            reason="it must begin with http:// or https://, and name a host",
            hint="Give one such as http://localhost:3000/webhook.",
        )
    if "@" in parts.netloc or parts.fragment:
        part = "credentials" if "@" in parts.netloc else "a fragment"
        raise ConfigurationError(
            f"--forward-to must not hold {part}.",
            hint="Leave that out. To authenticate: --header 'Authorization: Bearer TOKEN'.",
        )
    return text


def shown_url(url: str) -> str:
    """Return a URL to print, without its query, which may hold a secret."""
    return url.partition("?")[0]


def parse_headers(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the headers of `Name: value` texts.

    Raises:
        ConfigurationError: A text is no header, or a header that every request has already. The message
            does not repeat a value.
    """
    headers = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not (colon and HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value)):
            raise ConfigurationError(
                "--header is not of the form 'Name: value'.",
                reason="a name has letters, digits and -, a value has ASCII characters",
                hint="Write --header 'Authorization: Bearer TOKEN'.",
            )
        if name.lower() in _OWN_HEADERS or name.lower().startswith(_OWN_PREFIXES):
            raise ConfigurationError(f"--header: {name} is set by this command.", hint="Leave it out.")
        headers.append((name, value.strip()))
    return tuple(headers)


def parse_timeout(text: str) -> int:
    """Return a time-out in seconds.

    Raises:
        ConfigurationError: The text is no duration, or is out of range.
    """
    seconds = parse_duration(text)
    if not 1 <= seconds <= LONGEST_TIMEOUT_SECONDS:
        raise ConfigurationError(
            f"--timeout: {text} is out of range.", hint="Give 1s to 1h, or leave --timeout out."
        )
    return seconds
