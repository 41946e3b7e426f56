"""Request and response models of version 1: receive, and the batches."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from triggers_api.api.batch import MAX_ENTRIES, BatchBody, Entry
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
    no_default,
)
from triggers_api.api.v1.models import Event, IngestRequest, Problem
from triggers_api.core.events import MAX_HIDDEN_SECONDS
from triggers_api.core.leases import Held

_DEFAULT_MAX, _MAX_RECEIVED = 10, 100
_DEFAULT_LEASE_SECONDS = 30
_NUMBER_OF_ENTRIES = Field(min_length=1, max_length=MAX_ENTRIES)  # documents it: `BatchBody` checks it


LeaseSeconds = Annotated[int, Field(ge=1, le=MAX_HIDDEN_SECONDS)]


class ReceiveRequest(RequestBody):
    """What to receive. The body may be left out."""

    reads_events: ClassVar[bool] = True

    max: Annotated[
        int,
        Field(
            ge=1,
            le=_MAX_RECEIVED,
            description=f"The most events that are received. {_DEFAULT_MAX} if it is absent.",
            json_schema_extra=no_default,
        ),
    ] = _DEFAULT_MAX
    lease_seconds: Annotated[
        LeaseSeconds,
        Field(
            description="How long no other receive returns the events. "
            f"{_DEFAULT_LEASE_SECONDS} if it is absent.",
            json_schema_extra=no_default,
        ),
    ] = _DEFAULT_LEASE_SECONDS
    source: Annotated[Name | None, NOT_NULL] = ABSENT
    event_type: Annotated[Name | None, NOT_NULL] = ABSENT


class AckEntry(RequestBody):
    """An event, and the token of its lease if it was received."""

    event_id: EventId
    lease: Annotated[LeaseToken | None, NOT_NULL, Field(repr=False)] = ABSENT

    def held(self) -> Held:
        """Return the event as the inbox knows it."""
        return Held(self.event_id, self.lease)


class HeldEvent(AckEntry):
    """An event, and the token of its lease."""

    lease: Annotated[LeaseToken, Field(repr=False)]


class IngestBatch(BatchBody):
    """Events to ingest."""

    entry_verbatim: ClassVar[Sequence[str]] = tuple(IngestRequest.verbatim())

    events: Annotated[list[Entry[IngestRequest]], _NUMBER_OF_ENTRIES]


class AckBatch(BatchBody):
    """Events to acknowledge."""

    events: Annotated[list[Entry[AckEntry]], _NUMBER_OF_ENTRIES]


class ExtendBatch(BatchBody):
    """Leases to extend."""

    events: Annotated[list[Entry[HeldEvent]], _NUMBER_OF_ENTRIES]
    lease_seconds: Annotated[LeaseSeconds, Field(description="How long the leases go on, from now.")]


class ReleaseBatch(BatchBody):
    """Events to give back."""

    events: Annotated[list[Entry[HeldEvent]], _NUMBER_OF_ENTRIES]
    delay_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_HIDDEN_SECONDS,
            description="How long no receive returns the events. 0 if it is absent.",
            json_schema_extra=no_default,
        ),
    ] = 0
    dead: Annotated[
        bool,
        Field(description="`true` moves the events to the dead ones.", json_schema_extra=no_default),
    ] = False
    reason: Annotated[Reason | None, NOT_NULL, Field(repr=False, description="Why, if an event dies.")] = (
        ABSENT
    )

    @model_validator(mode="after")
    def _check_delay(self) -> Self:
        if self.dead and self.delay_seconds:
            raise PydanticCustomError("dead", "a dead event has no delay: send dead or delay_seconds")
        return self


class DeleteBatch(BatchBody):
    """Events to delete."""

    entries_field: ClassVar[str] = "event_ids"

    event_ids: Annotated[list[Entry[EventId]], _NUMBER_OF_ENTRIES]


class Lease(BaseModel):
    """A lease. `token` acknowledges, extends and releases the event, also after the lease has ended."""

    token: LeaseToken
    expires_at: Time


class ReceivedEvent(Event):
    """An event, and the lease under which the caller holds it."""

    lease: Lease


class ReceivedEvents(BaseModel):
    """The received events, roughly oldest first. `more`: a further receive may find something."""

    events: list[ReceivedEvent]
    more: bool
    request_id: RequestId


class _Result(BaseModel):
    """What came of an entry.

    `status` is what the call for one event would answer. `error` is present if the entry failed.
    """

    index: int = Field(ge=0)
    event_id: EventId | None = ABSENT
    status: int = Field(ge=200, le=599)
    error: Problem | None = ABSENT


class _Results(BaseModel):
    """What came of each entry, in order."""

    request_id: RequestId


class IngestResult(_Result):
    """What came of an event to ingest. `idempotent_replayed`: the result repeats an earlier answer."""

    created_at: Time | None = ABSENT
    idempotent_replayed: bool | None = ABSENT


class IngestResults(_Results):
    """What came of each event, in order."""

    results: list[IngestResult]


class AckResult(_Result):
    """What came of an event to acknowledge."""

    acknowledged_at: Time | None = ABSENT


class AckResults(_Results):
    """What came of each event, in order."""

    results: list[AckResult]


class ExtendResult(_Result):
    """What came of a lease to extend. `expires_at` is its new end."""

    expires_at: Time | None = ABSENT


class ExtendResults(_Results):
    """What came of each lease, in order."""

    results: list[ExtendResult]


class ReleaseResult(_Result):
    """What came of an event to give back: it is pending again, or dead."""

    event_status: Status | None = ABSENT


class ReleaseResults(_Results):
    """What came of each event, in order."""

    results: list[ReleaseResult]


class DeleteResult(_Result):
    """What came of an event to delete."""


class DeleteResults(_Results):
    """What came of each event, in order."""

    results: list[DeleteResult]
