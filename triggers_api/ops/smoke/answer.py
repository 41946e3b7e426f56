"""What a live API answered, and what an answer must be. Nothing that a server sends is taken for granted."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID

import httpx

from triggers_api.core.ids import parse_event_id
from triggers_api.core.strict_json import dump_canonical
from triggers_api.ops.smoke.failures import UnexpectedError, remedy

_CURSOR = 8192  # far more than one of ours, and few enough for a query
_CODE = re.compile(r"[A-Z][A-Z_]{1,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `body` is empty where it is not a JSON object; what it holds is never shown."""

    request: str
    """Method and path, without the query."""
    status: int
    headers: httpx.Headers = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    request_id: str
    """What finds the request in the logs: the id of the answer, else the one that was sent."""

    def text(self, name: str) -> str:
        """Return a field that is a text; empty where it is absent, or something else."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""

    def nested(self, name: str) -> Mapping[str, Any]:
        """Return a field that is an object; empty where it is absent, or something else."""
        return mapping(self.body.get(name))

    @property
    def events(self) -> list[Mapping[str, Any]]:
        """The events of a page of the inbox."""
        listed = self.body.get("events")
        return [mapping(one) for one in listed] if isinstance(listed, list) else []

    @property
    def next_cursor(self) -> str:
        """Where the next page begins; empty at the end."""
        cursor = self.nested("pagination").get("next_cursor")
        return cursor if isinstance(cursor, str) and cursor.isascii() and len(cursor) <= _CURSOR else ""

    @property
    def code(self) -> str:
        """The code of an error, where it has the form of one."""
        code = self.nested("error").get("code")
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""

    def __str__(self) -> str:
        """Say what came, and to what."""
        return f"{' '.join(filter(None, (str(self.status), self.code)))} to {self.request}"

    def require(self, holds: bool, expected: str, saw: str = "", *, fix: str = "") -> None:
        """Return where it holds; else `UnexpectedError`."""
        if not holds:
            raise UnexpectedError(expected, saw or str(self), fix, self.request_id)

    def require_status(self, status: int) -> None:
        """Return where the answer has this status; else `UnexpectedError`, with the remedy that is known."""
        fix = remedy(self.status, self.code)
        self.require(self.status == status, f"{status} to {self.request}", fix=fix)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a value of JSON that is an object; empty where it is something else."""
    return value if isinstance(value, dict) else {}


def is_uuid4(text: str) -> bool:
    """Tell whether a text is a random UUID in its usual form."""
    return parse_event_id(text) is not None and UUID(text).version == 4  # noqa: PLR2004 - as its name says


def is_json_equal(value: Any, other: Any) -> bool:
    """Tell whether two values of JSON are equal: integers exactly, and 1 is neither 1.0 nor true."""
    try:
        return dump_canonical(value) == dump_canonical(other)
    except (ValueError, RecursionError):
        return False


def parsed(content: bytes) -> Mapping[str, Any]:
    """Return a body that is a JSON object; empty where it is something else."""
    try:
        return mapping(json.loads(content, parse_constant=_no_json))
    except (ValueError, RecursionError):
        return {}


def _no_json(constant: str) -> NoReturn:
    raise ValueError(constant)
