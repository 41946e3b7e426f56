"""Read an inbox page by page with the cursor, as every client does."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Query = Mapping[str, str | int]
Ask = Callable[[Query], dict[str, Any]]
"""Ask for a page; return the body of the answer."""


def walk(ask: Ask, query: Query | None = None) -> Iterator[list[dict[str, Any]]]:
    """Yield the events of each page, from the first to the last."""
    asked = dict(query or {})
    while True:
        body = ask(asked)
        yield body["events"]
        if "next_cursor" not in body["pagination"]:
            return
        asked["cursor"] = body["pagination"]["next_cursor"]
