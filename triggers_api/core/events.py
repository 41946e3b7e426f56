"""The event record, the checks of a stored one, and its JSON form.

An event holds its payload and metadata as the JSON *text* that is stored and sent. Numbers stay exact, and a
page is put together by joining texts. A text that comes out of a store is checked, never changed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from triggers_api.core.hooks.webhook import Webhook, details_are_valid
from triggers_api.core.ids import created_at, parse_event_id
from triggers_api.core.strict_json import dump
from triggers_api.core.times import format_time, is_time
from triggers_api.errors import CorruptRecordError, NotFoundError

PENDING = "pending"
ACKNOWLEDGED = "acknowledged"
DEAD = "dead"

MAX_HIDDEN_SECONDS = 43_200
"""12 hours: the longest lease, and the longest delay of a release."""

HORIZON_MS = (MAX_HIDDEN_SECONDS + 60) * 1000
"""A lease or delay that ends later than this from now is an error of some clock, and hides nothing.

It is a minute more than the longest lease: another receive may have got its time a moment earlier, or from a
clock that is behind, and must not claim an event whose lease of 12 hours has just begun.
"""

_PRIORITIES = ("low", "normal", "high")
_METADATA_FIELDS = {"correlation_id", "idempotency_key", "priority"}
_MAX_METADATA_TEXT = 256


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event. Times are texts in UTC unless noted otherwise.

    A new field is added here and to `to_json`, to each store's codec, and to the model of the answer. A field
    has no default, so the type checker reports the codec of DynamoDB and the ingest. SQLite's codec follows
    these fields and needs a migration. Tests report a codec or an answer that lacks a field.

    Attributes:
        payload: The JSON text of an object.
        metadata: The JSON text of an object.
        expires_at: When the event is removed, in seconds since 1970.
        acknowledged_at: When the event was acknowledged; None if it is pending or dead.
        died_at: When the event was moved to the dead ones; None if it is pending or acknowledged.
        reason: Why it is dead, as a client or the service says.
        deliveries: How often a receive has claimed the event.
        hidden_until: When the lease or the delay ends, in milliseconds since 1970. 0 if there is none.
        lease: The token of the latest receive, which stays valid after the lease has ended.
        requeued_at: When the event was requeued last. Its age counts from then.
        webhook: The webhook that the event came as. None if an API key posted it. Its body is what is stored,
            and `payload` is made from it.
    """

    event_id: str
    created_at: str
    source: str
    event_type: str
    payload: str = field(repr=False)
    metadata: str = field(repr=False)
    expires_at: int
    acknowledged_at: str | None
    died_at: str | None
    reason: str | None = field(repr=False)
    deliveries: int
    hidden_until: int
    lease: str | None = field(repr=False)
    requeued_at: str | None
    webhook: Webhook | None

    @property
    def status(self) -> str:
        """Pending, acknowledged or dead."""
        return ACKNOWLEDGED if self.acknowledged_at else DEAD if self.died_at else PENDING

    def is_hidden(self, now_ms: int) -> bool:
        """Return whether a receive must leave the pending event out. `now_ms`: milliseconds since 1970."""
        return now_ms < self.hidden_until <= now_ms + HORIZON_MS

    def to_json(self, now_ms: int) -> str:
        """Return the event as the API shows it. Payload and metadata are JSON already."""
        state = f'"status":"{self.status}","deliveries":{self.deliveries}'
        if self.status == PENDING and self.is_hidden(now_ms):
            state += f',"leased_until":"{format_time(self.hidden_until * 1000)}"'
        if self.acknowledged_at:
            state += f',"acknowledged_at":"{self.acknowledged_at}"'
        if self.died_at:
            state += f',"died_at":"{self.died_at}"'
        if self.reason is not None:
            state += f',"reason":{dump(self.reason)}'
        metadata = self.metadata
        if self.webhook is not None:  # metadata is never empty: it has a priority
            metadata = f'{metadata[: metadata.rindex("}")]},"webhook":{self.webhook.details}}}'
        return (
            f'{{"event_id":"{self.event_id}","created_at":"{self.created_at}",'
            f'"source":{dump(self.source)},"event_type":{dump(self.event_type)},'
            f'"payload":{self.payload},"metadata":{metadata},{state}}}'
        )


def event_not_found() -> NotFoundError:
    """Return the error for an event that does not exist, or that the key may not see."""
    return NotFoundError("There is no event with this id.")


def load_event(build: Callable[[], Event]) -> Event:
    """Build an event from a stored record and check it.

    The texts of an event are joined into answers unparsed, so one that is not JSON would break a whole page.

    Raises:
        CorruptRecordError: The record was not written by this service, or it is damaged.
    """
    try:
        event = build()
        reason = "" if event.reason is None else event.reason
        details = "" if event.webhook is None else event.webhook.details
        for text in (event.source, event.event_type, event.payload, event.metadata, reason, details):
            text.encode()  # fails if it is no text, or holds a lone surrogate
        valid = (
            parse_event_id(event.event_id) == event.event_id
            and created_at(event.event_id) == event.created_at is not None
            and all(one is None or is_time(one) for one in (event.acknowledged_at, event.died_at))
            and (event.requeued_at is None or is_time(event.requeued_at))
            and not (event.acknowledged_at and event.died_at)
            and all(isinstance(one, int) for one in (event.expires_at, event.hidden_until, event.deliveries))
            and event.deliveries >= 0
            and isinstance(event.lease, str | None)
            and isinstance(_decoder.decode(event.payload), dict)
            and _is_metadata(_decoder.decode(event.metadata))
            and (event.webhook is None or details_are_valid(details))
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CorruptRecordError(f"A stored event cannot be read ({type(error).__name__}).") from error
    if not valid:
        raise CorruptRecordError("A stored event cannot be read (this service did not write it).")
    return event


def _is_metadata(value: Any) -> bool:
    """Return whether a value is metadata as every ingest stores it and every answer documents it."""
    if not isinstance(value, dict):
        return False
    texts = [text for name, text in value.items() if name != "priority"]
    return (
        value.get("priority") in _PRIORITIES
        and value.keys() <= _METADATA_FIELDS
        and all(isinstance(text, str) and len(text) <= _MAX_METADATA_TEXT for text in texts)
    )


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


# Python would accept NaN and Infinity. `len` replaces the conversion of numbers: only the syntax is checked
# here, and `int` refuses 5,000 digits.
_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=len, parse_float=len)
