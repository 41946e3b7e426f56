"""Request and response models of version 1.

Request models validate, and refuse unknown fields. Response models only document: the endpoints write JSON
text themselves, and the tests check every response against its model. Response schemas allow unknown fields,
and codes and statuses are open strings, so a later version can add values without breaking generated clients.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from triggers_api.api.validation import invalid_field
from triggers_api.core.ids import REQUEST_ID, parse_event_id
from triggers_api.core.intake import Submission
from triggers_api.core.strict_json import JsonObject
from triggers_api.version import VERSION

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MAX_IDEMPOTENCY_KEY = 256

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]+$"
_TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"
_ERROR_CODES = (
    "VALIDATION_ERROR",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "REQUEST_TIMEOUT",
    "CONFLICT",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "MISDIRECTED_REQUEST",
    "IDEMPOTENCY_KEY_REUSED",
    "TOO_MANY_REQUESTS",
    "INTERNAL_ERROR",
    "SERVICE_UNAVAILABLE",
)


def _without_control_characters(text: str) -> str:
    if _CONTROL_CHARACTERS.search(text):
        raise PydanticCustomError("control_characters", "must not contain control characters")
    return text


def _decimal_digits(value: Any) -> Any:
    """Accept a plain decimal number. Pydantic alone also accepts ' 7', '007', '7.0' and '0_7'."""
    if isinstance(value, str) and not re.fullmatch(r"[1-9]\d{0,8}", value, re.ASCII):
        raise PydanticCustomError("whole_number", f"must be a whole number from 1 to {MAX_LIMIT}")
    return value


def _event_id(text: str) -> str:
    """Return the id in lower case, which is how events are stored."""
    event_id = parse_event_id(text)
    if event_id is None:
        raise PydanticCustomError("event_id", "must be a UUID with hyphens (36 characters)")
    return event_id


def _absent() -> None:
    """Return None, the default of an optional field. A plain `default=None` would be documented as null."""
    return


def _not_null(schema: dict[str, Any]) -> None:
    """Remove null from the schema of a field: the field may be absent, but is never null."""
    (value,) = (one for one in schema.pop("anyOf") if one.get("type") != "null")
    schema.update(value)


def _known_values(values: Iterable[str]) -> dict[str, Any]:
    """Return schema members that list the known values of an open string."""
    return {"examples": list(values), "x-extensible-enum": list(values)}


ABSENT = Field(default_factory=_absent, json_schema_extra=_not_null)

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
RequestId = Annotated[str, Field(pattern=f"^{REQUEST_ID.pattern}$", examples=["test-request-123"])]
Status = Annotated[
    str,
    Field(
        description="More values may be added.", json_schema_extra=_known_values(["pending", "acknowledged"])
    ),
]


class EventMetadata(BaseModel):
    """Optional data about an event, beside its payload. A field that is null counts as absent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    correlation_id: Annotated[str, Field(max_length=256)] | None = None
    priority: Annotated[
        Literal["low", "normal", "high"] | None, Field(description="`normal` if it is absent or null.")
    ] = None
    idempotency_key: Annotated[
        Annotated[str, Field(min_length=1, max_length=MAX_IDEMPOTENCY_KEY)] | None, Field(repr=False)
    ] = None


class IngestRequest(BaseModel):
    """The body of an ingest."""

    # Build this model at import, although `main` sets `defer_build`. FastAPI rebuilds request models and
    # suppresses a Pydantic warning only while it defines the route; a deferred build would emit it at the
    # first request.
    model_config = ConfigDict(defer_build=False, extra="forbid", strict=True)

    source: Name
    event_type: Name
    payload: Annotated[
        InstanceOf[JsonObject],
        WithJsonSchema({"type": "object", "additionalProperties": True}),
        Field(repr=False),
    ]
    metadata: EventMetadata | None = None

    def submission(self, header_key: str | None) -> Submission:
        """Return the event to ingest, with its idempotency key from the header or the metadata.

        Raises:
            ValidationError: Header and metadata carry different idempotency keys.
        """
        metadata = (self.metadata or EventMetadata()).model_dump(exclude_none=True)
        metadata.setdefault("priority", "normal")
        body_key = metadata.get("idempotency_key")
        if header_key is not None and body_key not in (None, header_key):
            raise invalid_field("Idempotency-Key", "differs from metadata.idempotency_key; send one of them")
        return Submission(self.source, self.event_type, str(self.payload), metadata, header_key or body_key)


class InboxQuery(BaseModel):
    """The query parameters of a page of the inbox."""

    model_config = ConfigDict(defer_build=False)  # see IngestRequest

    limit: Annotated[
        int,
        Field(ge=1, le=MAX_LIMIT, description="Maximum number of events on the page."),
        BeforeValidator(_decimal_digits),
    ] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(min_length=1, max_length=8192)] | None = Field(
        default_factory=_absent,
        description="`pagination.next_cursor` of the previous page, with the same filters.",
        json_schema_extra=_not_null,
    )
    source: Name | None = Field(
        default_factory=_absent, description="Only events of this source.", json_schema_extra=_not_null
    )
    event_type: Name | None = Field(
        default_factory=_absent, description="Only events of this type.", json_schema_extra=_not_null
    )


class Health(BaseModel):
    """The state of the service."""

    status: str = Field(json_schema_extra=_known_values(["healthy"]))
    timestamp: Time
    version: str = Field(examples=[VERSION])
    request_id: RequestId


class IngestedEvent(BaseModel):
    """The result of an ingest."""

    event_id: EventId
    created_at: Time
    status: Status
    message: str
    request_id: RequestId


class StoredMetadata(BaseModel):
    """The metadata as it was sent; `priority` is `normal` if it was not sent."""

    correlation_id: Annotated[str, Field(max_length=256)] | None = ABSENT
    priority: str = Field(json_schema_extra=_known_values(["low", "normal", "high"]))
    idempotency_key: Annotated[str, Field(max_length=256)] | None = ABSENT


class Event(BaseModel):
    """An event. `acknowledged_at` is present once the event is acknowledged."""

    event_id: EventId
    created_at: Time
    source: str = Field(examples=["test"])
    event_type: str = Field(examples=["test.created"])
    payload: dict[str, Any]
    status: Status
    metadata: StoredMetadata
    acknowledged_at: Time | None = ABSENT


class SingleEvent(Event):
    """One event, with the id of the request."""

    request_id: RequestId


class Pagination(BaseModel):
    """How to get the next page. `next_cursor` is absent on the last page."""

    limit: int = Field(ge=1, le=MAX_LIMIT)
    next_cursor: str | None = ABSENT


class Inbox(BaseModel):
    """A page of pending events, oldest first."""

    events: list[Event]
    pagination: Pagination
    request_id: RequestId


class AcknowledgedEvent(BaseModel):
    """The result of an acknowledgement."""

    event_id: EventId
    status: Status
    acknowledged_at: Time
    message: str
    request_id: RequestId


class DeletedEvent(BaseModel):
    """The result of a delete."""

    event_id: EventId
    message: str
    request_id: RequestId


class ErrorBody(BaseModel):
    """What went wrong. Programs may rely on `code`; `message` is for people."""

    code: str = Field(description="More codes may be added.", json_schema_extra=_known_values(_ERROR_CODES))
    message: str
    details: dict[str, Any]
    request_id: RequestId


class ErrorResponse(BaseModel):
    """The shape of every error."""

    error: ErrorBody
