"""Request and response models of version 1: events, pages of events, errors.

Request models validate, and refuse unknown fields. Response models only document: the endpoints write JSON
text themselves, and the tests check every response against its model. Response schemas allow unknown fields,
and codes and statuses are open strings, so a later version can add values without breaking generated clients.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, WithJsonSchema

from triggers_api.api.request_body import RequestBody
from triggers_api.api.v1.fields import (
    ABSENT,
    NOT_NULL,
    EventId,
    LeaseToken,
    Name,
    Reason,
    RequestId,
    Status,
    Time,
    known_values,
)
from triggers_api.api.validation import invalid_field
from triggers_api.core.intake import Submission
from triggers_api.core.strict_json import JsonObject
from triggers_api.version import VERSION

MAX_IDEMPOTENCY_KEY = 256

_ERROR_CODES = (
    "VALIDATION_ERROR",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "REQUEST_TIMEOUT",
    "CONFLICT",
    "LEASE_LOST",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "MISDIRECTED_REQUEST",
    "IDEMPOTENCY_KEY_REUSED",
    "TOO_MANY_REQUESTS",
    "INTERNAL_ERROR",
    "SERVICE_UNAVAILABLE",
)


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


class IngestRequest(RequestBody):
    """The body of an ingest."""

    subject: ClassVar[str] = "event"

    source: Name
    event_type: Name
    payload: Annotated[
        InstanceOf[JsonObject],
        WithJsonSchema({"type": "object", "additionalProperties": True}),
        Field(repr=False),
    ]
    metadata: EventMetadata | None = None

    def submission(self, header_key: str | None = None) -> Submission:
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


class AckRequest(RequestBody):
    """The body of an acknowledgement, which may be left out."""

    lease: Annotated[LeaseToken | None, NOT_NULL, Field(repr=False)] = ABSENT


class Health(BaseModel):
    """The state of the service."""

    status: str = Field(json_schema_extra=known_values(["healthy"]))
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


class WebhookDetails(BaseModel):
    """How a webhook was delivered: the start of the hook's id, and some of the headers that were sent."""

    hook: str = Field(examples=["hook_Xq3v"])
    content_type: str | None = ABSENT
    delivery_id: Annotated[str, Field(description="The provider's id of the delivery.")] | None = ABSENT
    headers: Annotated[dict[str, str], Field(examples=[{"x-github-event": "push"}])] | None = ABSENT


class StoredMetadata(BaseModel):
    """The metadata as it was sent; `priority` is `normal` if it was not sent.

    `webhook` is present if the event came as a webhook.
    """

    correlation_id: Annotated[str, Field(max_length=256)] | None = ABSENT
    priority: str = Field(json_schema_extra=known_values(["low", "normal", "high"]))
    idempotency_key: Annotated[str, Field(max_length=256)] | None = ABSENT
    webhook: WebhookDetails | None = ABSENT


class Event(BaseModel):
    """An event.

    `deliveries` counts how often the event was received. `leased_until` is present while the event is leased
    or delayed, `acknowledged_at` once it is acknowledged, `died_at` and `reason` once it is dead.
    """

    event_id: EventId
    created_at: Time
    source: str = Field(examples=["test"])
    event_type: str = Field(examples=["test.created"])
    payload: dict[str, Any]
    status: Status
    deliveries: int = Field(ge=0)
    metadata: StoredMetadata
    leased_until: Time | None = ABSENT
    acknowledged_at: Time | None = ABSENT
    died_at: Time | None = ABSENT
    reason: Reason | None = ABSENT


class SingleEvent(Event):
    """One event, with the id of the request."""

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


class Problem(BaseModel):
    """What went wrong. Programs may rely on `code`; `message` is for people."""

    code: str = Field(description="More codes may be added.", json_schema_extra=known_values(_ERROR_CODES))
    message: str
    details: dict[str, Any]


class ErrorBody(Problem):
    """What went wrong, with the id of the request."""

    request_id: RequestId


class ErrorResponse(BaseModel):
    """The shape of every error."""

    error: ErrorBody
