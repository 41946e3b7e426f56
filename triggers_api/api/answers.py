"""What the service answers, as models that exist for the OpenAPI document alone.

The routes join JSON texts and need no models, and a cold start should not build them: this module is imported
when the document is asked for. A test holds every answer against it.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from triggers_api.core.ids import REQUEST_ID
from triggers_api.version import VERSION

EXAMPLE_EVENT_ID = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
_TIME = "2024-11-27T08:15:30.123456Z"
_TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"
REQUEST_ID_PATTERN = f"^{REQUEST_ID.pattern}$"

EventId = Annotated[str, Field(json_schema_extra={"format": "uuid"}, examples=[EXAMPLE_EVENT_ID])]
Time = Annotated[str, Field(pattern=_TIME_PATTERN, examples=[_TIME])]
RequestId = Annotated[str, Field(pattern=REQUEST_ID_PATTERN, examples=["test-request-123"])]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(_Answer):
    """The service runs. No table was touched."""

    status: Literal["healthy"]
    timestamp: Time
    version: str = Field(examples=[VERSION])
    request_id: RequestId


class StoredEvent(_Answer):
    """The event is stored, durably."""

    event_id: EventId
    created_at: Time
    status: Literal["pending"]
    message: str
    request_id: RequestId


class ListedMetadata(_Answer):
    """The metadata as sent, with the default priority where none was."""

    correlation_id: str = Field(default="", max_length=256)
    priority: Literal["low", "normal", "high"]
    idempotency_key: str = Field(default="", max_length=256)


class Event(_Answer):
    """An event. `acknowledged_at` is there once it is acknowledged."""

    event_id: EventId
    created_at: Time
    source: str = Field(examples=["test"])
    event_type: str = Field(examples=["test.created"])
    payload: dict[str, Any]
    status: Literal["pending", "acknowledged"]
    metadata: ListedMetadata
    acknowledged_at: Time = ""


class SingleEvent(Event):
    """One event, its fields flat, and the request's id."""

    request_id: RequestId


class Pagination(_Answer):
    """Where the next page begins; without `next_cursor` this was the last one."""

    limit: int = Field(ge=1, le=100)
    next_cursor: str = ""


class Inbox(_Answer):
    """Pending events, oldest first."""

    events: list[Event]
    pagination: Pagination
    request_id: RequestId


class AcknowledgedEvent(_Answer):
    """The event is acknowledged and no longer in the inbox."""

    event_id: EventId
    status: Literal["acknowledged"]
    acknowledged_at: Time
    message: str
    request_id: RequestId


class DeletedEvent(_Answer):
    """The event is not there, be it deleted now or before."""

    event_id: EventId
    message: str
    request_id: RequestId


class ErrorBody(_Answer):
    """What went wrong. `code` is stable; `message` is for people."""

    code: Literal[
        "VALIDATION_ERROR",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "NOT_FOUND",
        "METHOD_NOT_ALLOWED",
        "CONFLICT",
        "PAYLOAD_TOO_LARGE",
        "IDEMPOTENCY_KEY_REUSED",
        "TOO_MANY_REQUESTS",
        "INTERNAL_ERROR",
        "SERVICE_UNAVAILABLE",
    ]
    message: str
    details: dict[str, Any]
    request_id: RequestId


class Error(_Answer):
    """The one shape of every error."""

    error: ErrorBody
