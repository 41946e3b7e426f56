"""Bodies of the baseline: see ../README.md. Nobody's example."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Metadata(BaseModel):
    """What a producer may say about an event."""

    correlation_id: str | None = Field(default=None, max_length=256)
    priority: Literal["low", "normal", "high"] = "normal"


class EventIn(BaseModel):
    """The body of an ingest."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(min_length=1, max_length=100)
    event_type: str = Field(min_length=1, max_length=100)
    payload: dict[str, Any]
    metadata: Metadata = Metadata()


class Health(BaseModel):
    """The answer of the health check."""

    status: str
    timestamp: str
    version: str
    request_id: str


class Ingested(BaseModel):
    """The answer to an ingest."""

    event_id: str
    created_at: str
    status: str
    message: str
    request_id: str


class Event(BaseModel):
    """An event."""

    event_id: str
    created_at: str
    source: str
    event_type: str
    payload: dict[str, Any]
    status: str
    metadata: Metadata
    acknowledged_at: str | None = None


class EventOut(Event):
    """The answer to a get."""

    request_id: str


class Pagination(BaseModel):
    """Where the next page begins."""

    limit: int
    next_cursor: str | None = None


class Inbox(BaseModel):
    """A page of the inbox."""

    events: list[Event]
    pagination: Pagination
    request_id: str


class Acknowledged(BaseModel):
    """The answer to an acknowledgement."""

    event_id: str
    status: str
    acknowledged_at: str
    message: str
    request_id: str


class Deleted(BaseModel):
    """The answer to a delete."""

    event_id: str
    message: str
    request_id: str
