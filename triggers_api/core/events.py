"""What an event is, and what a store of events must do.

An event holds its payload and metadata as the JSON *text* that is stored and sent: numbers stay exact, and a
page is put together by joining texts. What comes out of a store is checked to be such a text, not changed.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, Protocol

from triggers_api.core.ids import created_at, parse_event_id
from triggers_api.core.strict_json import dump
from triggers_api.core.times import is_time
from triggers_api.errors import CorruptRecordError, NotFoundError

PENDING = "pending"
ACKNOWLEDGED = "acknowledged"

_PRIORITIES = ("low", "normal", "high")
_METADATA_FIELDS = {"correlation_id", "idempotency_key", "priority"}
_MAX_METADATA_TEXT = 256

MAX_PAGE_BYTES = 5_500_000
"""A page's events, as Lambda encodes them; the limit of AWS for the whole response is 6 MB."""

MAX_PAGE_SECONDS = 3.0
"""What reading a page's events may take, beyond its first one."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is stored. `expires_at` is in seconds since 1970; the other times are texts."""

    event_id: str
    created_at: str
    source: str
    event_type: str
    payload: str = field(repr=False)
    metadata: str = field(repr=False)
    expires_at: int
    acknowledged_at: str | None = None

    def to_json(self) -> str:
        """Return the event as the contract shows it; payload and metadata are JSON already."""
        acknowledged = f',"acknowledged_at":"{self.acknowledged_at}"' if self.acknowledged_at else ""
        return (
            f'{{"event_id":"{self.event_id}","created_at":"{self.created_at}",'
            f'"source":{dump(self.source)},"event_type":{dump(self.event_type)},'
            f'"payload":{self.payload},"status":"{ACKNOWLEDGED if acknowledged else PENDING}",'
            f'"metadata":{self.metadata}{acknowledged}}}'
        )


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """What an idempotency key stands for: `name` is (key, idempotency key), `fingerprint` the request."""

    name: str
    fingerprint: str
    event_id: str
    expires_at: int


class Position(NamedTuple):
    """A place in the inbox: just after this event."""

    created_at: str
    event_id: str


@dataclass(frozen=True, slots=True)
class PendingQuery:
    """Which pending events a page shows. `now` is in seconds: what expired by then is hidden."""

    limit: int
    now: int
    after: Position | None = None
    source: str | None = None
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Events, oldest first; `next` is where the following page begins, None at the end of the inbox."""

    events: tuple[Event, ...]
    next: Position | None


class EventStore(Protocol):
    """Keeps events. Every method is atomic and raises `StoreUnavailableError` where the store fails."""

    def add(self, event: Event, claim: IdempotencyClaim | None, *, now: int) -> str:
        """Keep a new event, durably; return its id. `now` is in seconds, here and below.

        With a claim that was made before by the same request, keep nothing and return the id of that time;
        by another request, `IdempotencyKeyReusedError`.
        """

    def get(self, event_id: str, now: int) -> Event | None:
        """Return an event that has not expired by `now`."""

    def pending(self, query: PendingQuery) -> Page:
        """Return a page of the inbox; records that cannot be read are left out and logged."""

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:
        """Turn a pending event to acknowledged, once.

        `ConflictError` where it is acknowledged already, unless by this very call, told by its nonce;
        `NotFoundError` where there is none, or one of another source than `source`.
        """

    def delete(self, event_id: str, *, source: str | None) -> None:
        """Remove an event, of that source only where one is given; what is not there is no error."""


class PageBuilder:
    """Fills a page until it is full in number, in bytes, or in the time that a page may take.

    The bytes are those of the proxy response as Lambda writes it: the body is a JSON string there, and below
    Python 3.12 in ASCII, so an accented letter of two bytes takes six. One event always fits. The time is
    bounded because events can be made that cost much to read: many small pages are served, one large never.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._began = time.monotonic()
        self._events: list[Event] = []

    def takes(self, event: Event) -> bool:
        """Add an event; False, and nothing added, where the page is full."""
        size = len(json.dumps(event.to_json()))
        if self._events and (
            len(self._events) >= self._limit
            or self._bytes + size > MAX_PAGE_BYTES
            or time.monotonic() - self._began > MAX_PAGE_SECONDS
        ):
            return False
        self._events.append(event)
        self._bytes += size
        return True

    def full(self) -> Page:
        """Return the page that ends after the last event added, with more to come."""
        last = self._events[-1]
        return Page(tuple(self._events), Position(last.created_at, last.event_id))

    def stopped(self, after: Position | None) -> Page:
        """Return the page that ends after `after`, the last record looked at; None: the inbox ends there."""
        return Page(tuple(self._events), after)

    @property
    def missing(self) -> int:
        """How many more events the page takes."""
        return self._limit - len(self._events)


def not_found() -> NotFoundError:
    """Say that there is no such event, also of one that another source owns."""
    return NotFoundError("There is no event with this id.")


def checked(make: Callable[[], Event]) -> Event:
    """Make an event from a stored record; `CorruptRecordError` where the record is not one of ours.

    Its texts are joined into answers unparsed, so one that is not JSON would break a whole page.
    """
    try:
        event = make()
        for text in (event.source, event.event_type, event.payload, event.metadata):
            text.encode()  # fails for what is no text, and for a lone surrogate
        sound = (
            parse_event_id(event.event_id) == event.event_id
            and created_at(event.event_id) == event.created_at is not None
            and (event.acknowledged_at is None or is_time(event.acknowledged_at))
            and isinstance(event.expires_at, int)
            and isinstance(_stored.decode(event.payload), dict)
            and _is_metadata(_stored.decode(event.metadata))
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CorruptRecordError(f"A stored event cannot be read ({type(error).__name__}).") from error
    if not sound:
        raise CorruptRecordError("A stored event cannot be read (it is not one of this service's).")
    return event


def _is_metadata(value: Any) -> bool:
    """Tell whether it is what every answer is documented to hold, and what every ingest stores."""
    if not isinstance(value, dict):
        return False
    texts = [text for name, text in value.items() if name != "priority"]
    return (
        value.get("priority") in _PRIORITIES
        and value.keys() <= _METADATA_FIELDS
        and all(isinstance(text, str) and len(text) <= _MAX_METADATA_TEXT for text in texts)
    )


def _no_json(constant: str) -> NoReturn:
    raise ValueError(constant)


_stored = json.JSONDecoder(parse_constant=_no_json)  # Python would take NaN and Infinity
