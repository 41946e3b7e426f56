"""A response of the checked API, and what a response must be. Nothing that a server sends is trusted."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID

import httpx

from triggers_api.core.access import Scope
from triggers_api.core.ids import parse_event_id
from triggers_api.core.strict_json import dump_canonical
from triggers_api.ops.smoke.check_errors import CheckError, fix_for_status

_MAX_CURSOR = 8192  # far longer than our cursors, and short enough for a query
_ERROR_CODE = re.compile(r"[A-Z][A-Z_]{1,39}", re.ASCII)
_RANDOM_UUID_VERSION = 4


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response. `body` is empty if it is not a JSON object; its content is never shown."""

    request: str
    """Method and path, without the query."""
    status: int
    headers: httpx.Headers = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    request_id: str
    """Finds the request in the logs: the id in the response, or else the id that was sent."""
    content: bytes = field(repr=False)
    """The body as it came."""

    def text(self, name: str) -> str:
        """Return a field of the body if it is a string, or else an empty string."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""

    def nested(self, name: str) -> Mapping[str, Any]:
        """Return a field of the body if it is an object, or else an empty mapping."""
        return as_mapping(self.body.get(name))

    def header(self, name: str) -> str:
        """Return a header, or an empty string if there is none."""
        value: str = self.headers.get(name, "")
        return value

    @property
    def events(self) -> list[Mapping[str, Any]]:
        """The events of an inbox page."""
        events = self.body.get("events")
        return [as_mapping(event) for event in events] if isinstance(events, list) else []

    @property
    def results(self) -> list[Mapping[str, Any]]:
        """The results of a batch."""
        results = self.body.get("results")
        return [as_mapping(result) for result in results] if isinstance(results, list) else []

    @property
    def missing_scope(self) -> str:
        """The scope that the key lacks, if the API refused the request for that; else empty."""
        scope = as_mapping(self.nested("error").get("details")).get("scope")
        return scope if self.error_code == "FORBIDDEN" and scope in list(Scope) else ""

    @property
    def next_cursor(self) -> str:
        """The cursor of the next page; empty on the last page."""
        cursor = self.nested("pagination").get("next_cursor")
        return cursor if isinstance(cursor, str) and cursor.isascii() and len(cursor) <= _MAX_CURSOR else ""

    @property
    def error_code(self) -> str:
        """The code of an error response; empty if there is none of the expected form."""
        code = self.nested("error").get("code")
        return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""

    def __str__(self) -> str:
        """Return the status, the error code and the request, for a person."""
        return f"{' '.join(filter(None, (str(self.status), self.error_code)))} to {self.request}"

    def require(self, condition: bool, expected: str, saw: str = "", *, fix: str = "") -> None:
        """Fail the check unless a condition holds.

        Raises:
            CheckError: The condition does not hold.
        """
        if not condition:
            raise CheckError(expected, saw or str(self), fix, self.request_id)

    def require_status(self, status: int) -> None:
        """Fail the check unless the response has this status.

        Raises:
            CheckError: The status is another. The error has a fix if one is known.
        """
        fix = fix_for_status(self.status, self.error_code)
        self.require(self.status == status, f"{status} to {self.request}", fix=fix)


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON value if it is an object, or else an empty mapping."""
    return value if isinstance(value, dict) else {}


def parse_object(content: bytes) -> Mapping[str, Any]:
    """Return a body if it is a JSON object, or else an empty mapping."""
    try:
        return as_mapping(json.loads(content, parse_constant=_refuse_constant))
    except (ValueError, RecursionError):
        return {}


def is_random_uuid(text: str) -> bool:
    """Return whether a text is a random UUID (version 4) in its usual form."""
    return parse_event_id(text) is not None and UUID(text).version == _RANDOM_UUID_VERSION


def is_json_equal(value: Any, other: Any) -> bool:
    """Return whether two JSON values are equal: integers exactly, and 1 is neither 1.0 nor true."""
    try:
        return dump_canonical(value) == dump_canonical(other)
    except (ValueError, RecursionError):
        return False


def _refuse_constant(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(constant)
