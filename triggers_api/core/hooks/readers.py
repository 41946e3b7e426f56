"""Read the type of an event, or the id of a delivery, from a webhook."""

from collections.abc import Callable, Mapping
from typing import Any

from triggers_api.core.hooks.schemes import HmacScheme, HookRequest

Reader = Callable[[HookRequest, Mapping[str, Any]], str | None]
"""Reads a text from a delivery and the members of its body. None: the text is missing, empty or no text."""


def text(value: Any) -> str | None:
    """Return a value if it is a text that is not empty."""
    return value if isinstance(value, str) and value else None


def header(name: str) -> Reader:
    """Read a header, by its name in lower case."""
    return lambda request, _value: text(request.headers.get(name))


def member(*path: str) -> Reader:
    """Read a member of the body, or of objects within it."""

    def read(_request: HookRequest, value: Any) -> str | None:
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return text(value)

    return read


def either(first: Reader, second: Reader) -> Reader:
    """Read one text, or another if the first is missing."""
    return lambda request, value: first(request, value) or second(request, value)


def with_action(kind: Reader, action: Reader) -> Reader:
    """Join a kind and an action by a dot. Without an action, the kind alone."""

    def read(request: HookRequest, value: Mapping[str, Any]) -> str | None:
        texts = kind(request, value), action(request, value)
        return ".".join(filter(None, texts)) if texts[0] else None

    return read


def signed_id(scheme: HmacScheme, *, otherwise: str | None = None) -> Reader:
    """Read the id from the headers that were verified, or from a header of requests without a signature.

    If a request has a signature, the other header is ignored: it is not signed.
    """

    def read(request: HookRequest, _value: Mapping[str, Any]) -> str | None:
        used = scheme.used_by(request)
        name = used.id_header if used.header in request.headers else otherwise
        return text(request.headers.get(name or ""))

    return read
