"""The contract: as the OpenAPI document describes it, and as the README does."""

import re
from dataclasses import dataclass
from typing import Any

from tests.support.documents import rows
from triggers_api.api.factory import V1_ROUTES
from triggers_api.api.openapi import build_document

DOCUMENT: dict[str, Any] = build_document(V1_ROUTES)
ENDPOINTS = [(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item]
"""Method and path of every call, in the order of the routes."""


@dataclass(frozen=True)
class Row:
    """What the README's table of endpoints says about a call. `scope`: None for a call without a key."""

    scope: str | None
    statuses: set[str]


def _row(call: str, answers: str) -> tuple[tuple[str, str], Row]:
    match = re.fullmatch(r"`(\w+) ([^`?]+)[^`]*`(?: \((?:(no key)|scope `(\w+)`)\))?", call)
    assert match, f"README.md: {call} is not `METHOD path`, or `METHOD path` (scope `name`)"
    method, path, no_key, scope = match.groups()
    return (method, path), Row(None if no_key else scope or "consume", set(answers.split(", ")))


CONTRACT = dict(
    _row(call, answers) for call, answers, *_ in rows("README.md", "| call |") if "OPTIONS" not in call
)
"""The calls, as the README's table of endpoints describes them to people."""
