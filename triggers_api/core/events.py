"""The event record, the checks of a stored one, and its JSON form.

An event holds its payload and metadata as the JSON *text* that is stored and sent. Numbers stay exact, and a
page is put together by joining texts. A text that comes out of a store is checked, never changed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from triggers_api.core.ids import created_at, parse_event_id
from triggers_api.core.strict_json import dump
from triggers_api.core.times import is_time
from triggers_api.errors import CorruptRecordError, NotFoundError

PENDING = "pending"
ACKNOWLEDGED = "acknowledged"

_PRIORITIES = ("low", "normal", "high")
_METADATA_FIELDS = {"correlation_id", "idempotency_key", "priority"}
_MAX_METADATA_TEXT = 256


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event. `expires_at` is in seconds since 1970; the other times are texts in UTC.

    A new field is added here and to `to_json`, to each store's codec, and to the model of the answer. A field
    has no default, so the type checker reports the codec of DynamoDB and the ingest. SQLite's codec follows
    these fields and needs a migration. Tests report a codec or an answer that lacks a field.
    """

    event_id: str
    created_at: str
    source: str
    event_type: str
    payload: str = field(repr=False)
    metadata: str = field(repr=False)
    expires_at: int
    acknowledged_at: str | None

    def to_json(self) -> str:
        """Return the event as the API shows it. Payload and metadata are JSON already."""
        acknowledged = f',"acknowledged_at":"{self.acknowledged_at}"' if self.acknowledged_at else ""
        return (
            f'{{"event_id":"{self.event_id}","created_at":"{self.created_at}",'
            f'"source":{dump(self.source)},"event_type":{dump(self.event_type)},'
            f'"payload":{self.payload},"status":"{ACKNOWLEDGED if acknowledged else PENDING}",'
            f'"metadata":{self.metadata}{acknowledged}}}'
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
        for text in (event.source, event.event_type, event.payload, event.metadata):
            text.encode()  # fails if it is no text, or holds a lone surrogate
        valid = (
            parse_event_id(event.event_id) == event.event_id
            and created_at(event.event_id) == event.created_at is not None
            and (event.acknowledged_at is None or is_time(event.acknowledged_at))
            and isinstance(event.expires_at, int)
            and isinstance(_decoder.decode(event.payload), dict)
            and _is_metadata(_decoder.decode(event.metadata))
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
