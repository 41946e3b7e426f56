"""Request and response models of version 1: pages of the inbox, what waits in it, requeue and purge."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from triggers_api.api.batch import MAX_ENTRIES
from triggers_api.api.request_body import RequestBody
from triggers_api.api.v1.fields import (
    ABSENT,
    NOT_NULL,
    Cursor,
    EventId,
    Moment,
    Name,
    RequestId,
    Time,
    absent,
    no_default,
    not_null,
)
from triggers_api.api.v1.models import Event
from triggers_api.core.events import ACKNOWLEDGED, PENDING
from triggers_api.core.paging import Filter

DEFAULT_LIMIT = 50
MAX_LIMIT = 100

_MAX_EVENT_TYPES = 20
_DEFAULT_CHANGES = 100
_MAX_CHANGES = 500


def _decimal_digits(value: Any) -> Any:
    """Accept a plain decimal number. Pydantic alone also accepts ' 7', '007', '7.0' and '0_7'."""
    if isinstance(value, str) and not re.fullmatch(r"[1-9]\d{0,8}", value, re.ASCII):
        raise PydanticCustomError("whole_number", f"must be a whole number from 1 to {MAX_LIMIT}")
    return value


def _true_or_false(value: Any) -> Any:
    """Accept `true` and `false`. Pydantic alone also accepts '1', 'yes' and 'ON'."""
    if isinstance(value, str) and value not in {"true", "false"}:
        raise PydanticCustomError("boolean", "must be true or false")
    return value


def _parameter(description: str) -> Any:
    """Return the default of a query parameter that may be absent."""
    return Field(default_factory=absent, description=description, json_schema_extra=not_null)


class StatsQuery(BaseModel):
    """The query parameters that choose events by source and type."""

    model_config = ConfigDict(defer_build=False)  # see RequestBody

    source: Name | None = _parameter("Only events of this source.")
    event_type: Annotated[list[Name], Field(max_length=_MAX_EVENT_TYPES)] | None = _parameter(
        f"Only events of this type; given up to {_MAX_EVENT_TYPES} times, events of any of the types."
    )

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types, in one order and without repeats, however they are given."""
        return tuple(sorted(set(self.event_type or ())))


class InboxQuery(StatsQuery):
    """The query parameters of a page of the inbox."""

    limit: Annotated[
        int,
        Field(ge=1, le=MAX_LIMIT, description="Maximum number of events on the page."),
        BeforeValidator(_decimal_digits),
    ] = DEFAULT_LIMIT
    cursor: Cursor | None = _parameter(
        "`pagination.next_cursor` of the previous page, with the same filters."
    )
    status: Annotated[
        Literal["pending", "acknowledged", "dead"], Field(description="Only events of this status.")
    ] = "pending"
    order: Annotated[
        Literal["oldest", "newest"], Field(description="Which events come first, by `created_at`.")
    ] = "oldest"
    since: Moment | None = _parameter("Only events that were created then or later.")
    until: Moment | None = _parameter("Only events that were created earlier.")
    available: Annotated[
        bool,
        Field(description="`true` leaves out events that are leased or delayed."),
        BeforeValidator(_true_or_false),
    ] = False

    def wanted(self) -> Filter:
        """Return the filter of the page."""
        return Filter(
            status=self.status,
            source=self.source,
            event_types=self.event_types,
            since=self.since,
            until=self.until,
        )

    @property
    def only_available(self) -> bool:
        """Whether to leave out leased and delayed events. Only pending events can be either."""
        return self.available and self.status == PENDING


class Pagination(BaseModel):
    """How to get the next page. `next_cursor` is absent on the last page."""

    limit: int = Field(ge=1, le=MAX_LIMIT)
    next_cursor: str | None = ABSENT


class Inbox(BaseModel):
    """A page of events."""

    events: list[Event]
    pagination: Pagination
    request_id: RequestId


class Dead(BaseModel):
    """How many events are dead. `capped`: there may be more. The time is absent if there are none."""

    count: int = Field(ge=0)
    capped: bool
    oldest_created_at: Time | None = ABSENT


class Pending(Dead):
    """How many events are pending, and how many of these are leased or delayed.

    `oldest_age_seconds` is the age of the event that waits longest, since its requeue if there was one.
    """

    leased: int = Field(ge=0)
    oldest_age_seconds: Annotated[int, Field(ge=0)] | None = ABSENT


class InboxStats(BaseModel):
    """What waits, and what is dead."""

    pending: Pending
    dead: Dead
    request_id: RequestId


class EventFilter(RequestBody):
    """Which events a change of many is about."""

    status: str
    source: Annotated[Name | None, NOT_NULL] = ABSENT
    event_type: Annotated[Name | None, NOT_NULL] = ABSENT
    since: Annotated[Moment | None, NOT_NULL] = ABSENT
    until: Annotated[Moment | None, NOT_NULL] = ABSENT
    acknowledged_since: Annotated[Moment | None, NOT_NULL] = ABSENT
    acknowledged_until: Annotated[Moment | None, NOT_NULL] = ABSENT

    @model_validator(mode="after")
    def _check_status(self) -> Self:
        if self.status != ACKNOWLEDGED and (self.acknowledged_since or self.acknowledged_until):
            raise PydanticCustomError(
                "status", "acknowledged_since and acknowledged_until need the status acknowledged"
            )
        return self

    def wanted(self) -> Filter:
        """Return the filter as stores know it."""
        return Filter(
            status=self.status,
            source=self.source,
            event_types=(self.event_type,) if self.event_type else (),
            since=self.since,
            until=self.until,
            acknowledged_since=self.acknowledged_since,
            acknowledged_until=self.acknowledged_until,
        )


class RequeueFilter(EventFilter):
    """Which events to requeue."""

    status: Literal["acknowledged", "dead"]


class PurgeFilter(EventFilter):
    """Which events to delete."""

    status: Literal["pending", "acknowledged", "dead", "any"]


class _Change(RequestBody):
    """A change of the events that a filter matches."""

    reads_events: ClassVar[bool] = True

    limit: Annotated[
        int,
        Field(
            ge=1,
            le=_MAX_CHANGES,
            description=f"The most events that the call changes. {_DEFAULT_CHANGES} if it is absent.",
            json_schema_extra=no_default,
        ),
    ] = _DEFAULT_CHANGES
    cursor: Annotated[
        Cursor | None,
        NOT_NULL,
        Field(description="`next_cursor` of the previous call, with the same filter."),
    ] = ABSENT
    dry_run: Annotated[
        bool,
        Field(description="`true` counts the events and changes none.", json_schema_extra=no_default),
    ] = False

    @model_validator(mode="after")
    def _check_cursor(self) -> Self:
        if self.dry_run and self.cursor:
            raise PydanticCustomError("cursor", "a dry run has no cursor: it counts from the start")
        return self


class RequeueRequest(_Change):
    """Either `event_ids`, or `filter` with `limit`, `cursor` and `dry_run`."""

    event_ids: Annotated[
        Annotated[list[EventId], Field(min_length=1, max_length=MAX_ENTRIES)] | None, NOT_NULL
    ] = ABSENT
    filter: Annotated[RequeueFilter | None, NOT_NULL] = ABSENT

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if (self.event_ids is None) == (self.filter is None):
            raise PydanticCustomError("choice", "send either event_ids or filter")
        if self.event_ids is not None:
            if self.model_fields_set != {"event_ids"}:
                raise PydanticCustomError("choice", "limit, cursor and dry_run need a filter")
            if len(set(self.event_ids)) != len(self.event_ids):
                raise PydanticCustomError("twice", "event_ids must not name an event twice")
        return self


class PurgeRequest(_Change):
    """The events to delete."""

    filter: PurgeFilter


class _Changed(BaseModel):
    """What a change did, or would do: a dry run answers `matching` and `capped` instead."""

    next_cursor: str | None = ABSENT
    matching: Annotated[int, Field(ge=0)] | None = ABSENT
    capped: bool | None = ABSENT
    request_id: RequestId


class Requeued(_Changed):
    """How many events were requeued, and the cursor of the next call if there may be more.

    A dry run answers `matching` and `capped` instead.
    """

    requeued: Annotated[int, Field(ge=0)] | None = ABSENT


class Purged(_Changed):
    """How many events were deleted, and the cursor of the next call if there may be more.

    A dry run answers `matching` and `capped` instead.
    """

    deleted: Annotated[int, Field(ge=0)] | None = ABSENT
