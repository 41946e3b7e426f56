"""The format of an export: one event a line, as a JSON object with every field that is stored.

Payload and metadata are copied as text, so numbers keep their digits. The body of a webhook is base64, so it
keeps its bytes. `deploy/guide/export.schema.json` is the JSON Schema of a line.
"""

import base64
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, InstanceOf, WithJsonSchema
from pydantic import ValidationError as PydanticError

from triggers_api.api.request_body import RequestBody
from triggers_api.api.v1.fields import EventId, LeaseToken, Name, Reason, Time
from triggers_api.api.validation import entry_error
from triggers_api.core import canonical_json
from triggers_api.core.events import Event, load_event
from triggers_api.core.hooks.webhook import Webhook, details_are_valid, payload_of
from triggers_api.core.ids import created_at
from triggers_api.core.strict_json import JsonObject, dump
from triggers_api.core.times import format_time, milliseconds, parse_time, seconds
from triggers_api.errors import CorruptRecordError, ValidationError

_MAX_DELIVERIES = 2**31 - 1

_Text = Annotated[
    InstanceOf[JsonObject],
    WithJsonSchema({"type": "object", "additionalProperties": True}),
    Field(repr=False),
]


class EventRecord(RequestBody):
    """An event as it is stored. Times are in UTC, with six digits of a second."""

    subject: ClassVar[str] = "event"

    event_id: EventId
    created_at: Time
    source: Name
    event_type: Name
    payload: _Text
    metadata: _Text
    status: Literal["pending", "acknowledged", "dead"]
    expires_at: Time
    deliveries: Annotated[
        int, Field(ge=0, le=_MAX_DELIVERIES, description="How often the event was received.")
    ] = 0
    hidden_until: Annotated[Time | None, Field(description="When its lease or its delay ends.")] = None
    lease: Annotated[LeaseToken | None, Field(repr=False, description="The token of its latest lease.")] = (
        None
    )
    acknowledged_at: Time | None = None
    died_at: Time | None = None
    reason: Annotated[Reason | None, Field(repr=False, description="Why it is dead.")] = None
    requeued_at: Time | None = None
    webhook: Annotated[
        dict[str, Any] | None, Field(repr=False, description="How the event was delivered, if by a webhook.")
    ] = None
    body: Annotated[
        str | None,
        Field(
            repr=False,
            description="The body of the webhook as it was sent. `payload` is made from it.",
            json_schema_extra={"contentEncoding": "base64"},
        ),
    ] = None

    def event(self) -> Event:
        """Return the event.

        Raises:
            CorruptRecordError: The fields contradict each other.
            ValidationError: The fields of a webhook contradict each other, or the payload.
        """
        webhook = self._webhook()
        hidden_until = 0 if self.hidden_until is None else milliseconds(parse_time(self.hidden_until))
        return Event(
            event_id=self.event_id,
            created_at=self.created_at,
            source=self.source,
            event_type=self.event_type,
            payload=str(self.payload) if webhook is None else payload_of(webhook.body),
            metadata=str(self.metadata),
            expires_at=seconds(parse_time(self.expires_at)),
            acknowledged_at=self.acknowledged_at,
            died_at=self.died_at,
            reason=self.reason,
            deliveries=self.deliveries,
            hidden_until=hidden_until,
            lease=self.lease,
            requeued_at=self.requeued_at,
            webhook=webhook,
        )

    def _webhook(self) -> Webhook | None:
        if self.webhook is None and self.body is None:
            return None
        if self.webhook is None or self.body is None:
            raise ValidationError("webhook and body need each other.")
        webhook = Webhook(dump(self.webhook), _decode(self.body))
        if not details_are_valid(webhook.details):
            raise ValidationError("webhook is not that of an event.")
        if canonical_json.read(payload_of(webhook.body)) != canonical_json.read(str(self.payload)):
            raise ValidationError("payload is not that of body.")
        return webhook


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValidationError("body is not base64.") from None


def to_line(event: Event) -> str:
    """Return the line of an event, without a line break."""
    hidden_until = format_time(event.hidden_until * 1000) if event.hidden_until else None
    fields = {
        "event_id": dump(event.event_id),
        "created_at": dump(event.created_at),
        "source": dump(event.source),
        "event_type": dump(event.event_type),
        "payload": event.payload,
        "metadata": event.metadata,
        "status": dump(event.status),
        "expires_at": dump(format_time(event.expires_at * 1_000_000)),
        "deliveries": dump(event.deliveries),
        "hidden_until": dump(hidden_until),
        "lease": dump(event.lease),
        "acknowledged_at": dump(event.acknowledged_at),
        "died_at": dump(event.died_at),
        "reason": dump(event.reason),
        "requeued_at": dump(event.requeued_at),
        "webhook": "null" if event.webhook is None else event.webhook.details,
        "body": "null" if event.webhook is None else dump(base64.b64encode(event.webhook.body).decode()),
    }
    return "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"


def parse_line(line: bytes) -> Event:
    """Return the event of a line.

    Raises:
        TriggersError: The line is no event of an export, for the reason that the error gives.
    """
    try:
        record = EventRecord.model_validate(EventRecord.parse(line))
    except PydanticError as error:
        raise entry_error(error.errors(include_url=False), EventRecord) from None
    if created_at(record.event_id) != record.created_at:
        raise ValidationError("created_at is not the time that event_id holds.")
    if record.acknowledged_at and record.died_at:
        raise ValidationError("acknowledged_at and died_at exclude each other.")
    if record.reason is not None and not record.died_at:
        raise ValidationError("reason needs died_at.")
    try:
        event = load_event(record.event)
    except CorruptRecordError:
        raise ValidationError("A time does not exist, or metadata is not that of an event.") from None
    if event.status != record.status:
        raise ValidationError(f"status is {record.status}, but by its times the event is {event.status}.")
    return event
