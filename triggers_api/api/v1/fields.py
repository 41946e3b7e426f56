"""Types of fields that the models of version 1 share."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING
from triggers_api.core.ids import REQUEST_ID, parse_event_id
from triggers_api.core.times import normalise_time

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]+$"
_TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"
_MAX_TEXT = 256


def _without_control_characters(text: str) -> str:
    if _CONTROL_CHARACTERS.search(text):
        raise PydanticCustomError("control_characters", "must not contain control characters")
    return text


def _event_id(text: str) -> str:
    """Return the id in lower case, which is how events are stored."""
    event_id = parse_event_id(text)
    if event_id is None:
        raise PydanticCustomError("event_id", "must be a UUID with hyphens (36 characters)")
    return event_id


def _moment(text: str) -> str:
    """Return a time as events have it, so that the two can be compared as texts."""
    try:
        return normalise_time(text)
    except ValueError:
        raise PydanticCustomError("time", "must be a time such as 2024-11-27T08:15:30Z (RFC 3339)") from None


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("null", "must not be null; leave it out instead")
    return value


def absent() -> None:
    """Return None, the default of an optional field. A plain `default=None` would be documented as null."""
    return


def not_null(schema: dict[str, Any]) -> None:
    """Remove null from the schema of a field: the field may be absent, but is never null."""
    (value,) = (one for one in schema.pop("anyOf") if one.get("type") != "null")
    schema.update(value)


def no_default(schema: dict[str, Any]) -> None:
    """Remove the default from the schema of a field: generators would make the field a required one."""
    del schema["default"]


def known_values(values: Iterable[str]) -> dict[str, Any]:
    """Return schema members that list the known values of an open string."""
    return {"examples": list(values), "x-extensible-enum": list(values)}


ABSENT = Field(default_factory=absent, json_schema_extra=not_null)
"""The default of an optional field."""
NOT_NULL = BeforeValidator(_refuse_null)
"""For an optional field of a body: without it, the field could be null."""

Name = Annotated[
    str,
    Field(min_length=1, max_length=100, json_schema_extra={"pattern": _NAME_PATTERN}),
    AfterValidator(_without_control_characters),
]
EventId = Annotated[
    str,
    Field(json_schema_extra={"format": "uuid", "examples": ["01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"]}),
    AfterValidator(_event_id),
]
Time = Annotated[
    str,
    Field(
        pattern=_TIME_PATTERN,
        json_schema_extra={"format": "date-time", "examples": ["2024-11-27T08:15:30.123456Z"]},
    ),
]
Moment = Annotated[
    str,
    Field(json_schema_extra={"format": "date-time", "examples": ["2024-11-27T09:15:30+01:00"]}),
    AfterValidator(_moment),
]
"""A time in a request, with any offset."""
RequestId = Annotated[str, Field(pattern=f"^{REQUEST_ID.pattern}$", examples=["test-request-123"])]
Status = Annotated[
    str,
    Field(
        description="More values may be added.",
        json_schema_extra=known_values([PENDING, ACKNOWLEDGED, DEAD]),
    ),
]
Cursor = Annotated[str, Field(min_length=1, max_length=8192)]
LeaseToken = Annotated[str, Field(max_length=_MAX_TEXT)]
Reason = Annotated[str, Field(max_length=_MAX_TEXT)]
