"""Send events into the inbox of a stage, as `POST /v1/events` would."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError as PydanticError

from triggers_api.api.v1.models import IngestRequest
from triggers_api.api.validation import entry_error
from triggers_api.core import strict_json
from triggers_api.core.ids import EventIds
from triggers_api.core.intake import Intake, Receipt, Submission
from triggers_api.core.retention import Retention
from triggers_api.core.times import system_clock
from triggers_api.errors import (
    ConfigurationError,
    InvalidJsonError,
    PayloadTooLargeError,
    TriggersError,
    ValidationError,
)
from triggers_api.ops.events.files import pieces
from triggers_api.ops.events.operator import OPERATOR
from triggers_api.ops.events.settings import read_settings
from triggers_api.ops.events.stores import open_events
from triggers_api.ops.target import Target

_OPTIONS = {
    "source": "--source",
    "event_type": "--type",
    "metadata.idempotency_key": "--idempotency-key",
    "payload": "--data",
}

PIECE = 100
"""As many as a batch of the API takes."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of some lines of a file.

    Attributes:
        last_line: The number of the last of them.
        new: How many events were stored.
        repeated: How many were stored before, under the same idempotency key.
        failed: The numbers of the lines that failed, with their errors.
    """

    last_line: int
    new: int
    repeated: int
    failed: tuple[tuple[int, TriggersError], ...]


def parse_submission(body: bytes) -> Submission:
    """Return the event of a body of `POST /v1/events`.

    Raises:
        ValidationError: The body is not valid.
        PayloadTooLargeError: The body is over the limit.
    """
    if len(body) > strict_json.MAX_BODY_BYTES:
        raise PayloadTooLargeError(f"The body is larger than {strict_json.MAX_BODY_BYTES:,} bytes.")
    return _submission(IngestRequest.parse(body))


def make_submission(*, source: str, event_type: str, data: bytes, idempotency_key: str | None) -> Submission:
    """Return the event of a command line. `data` is the JSON text of its payload.

    Raises:
        ConfigurationError: The payload is no JSON object, or too large, or another value is not valid.
    """
    if len(data) > strict_json.MAX_BODY_BYTES:
        raise ConfigurationError(
            f"--data: the payload is larger than {strict_json.MAX_BODY_BYTES:,} bytes.",
            hint="Store it elsewhere, and send its address.",
        )
    try:
        is_object = isinstance(strict_json.parse(data), dict)
        body = b'{"payload":' + data.removeprefix(b"\xef\xbb\xbf") + b"}"
        fields = strict_json.parse(body, verbatim=["payload"]) if is_object else {}
    except InvalidJsonError as error:
        raise ConfigurationError(
            "--data: the payload is not valid JSON.",
            reason=error.message.replace("The body", "The payload"),
            hint="Give a JSON object, @FILE, or - for stdin.",
        ) from error
    if not is_object:
        raise ConfigurationError("--data: the payload is not a JSON object.", hint='Give {"name": "value"}.')
    metadata = {} if idempotency_key is None else {"metadata": {"idempotency_key": idempotency_key}}
    try:
        return _submission({**fields, "source": source, "event_type": event_type, **metadata})
    except ValidationError as error:
        first = error.details["errors"][0]
        option = _OPTIONS.get(first["field"], first["field"])
        raise ConfigurationError(f"{option}: {first['message']}.", hint=f"Correct {option}.") from error


def _submission(fields: Any) -> Submission:
    try:
        return IngestRequest.model_validate(fields).submission()
    except PydanticError as error:
        raise entry_error(error.errors(include_url=False), IngestRequest) from None


@contextmanager
def open_intake(target: Target, environment: Mapping[str, str]) -> Iterator[Intake]:
    """Open the intake of a stage, with the stage's retention.

    Raises:
        OperatorError: The stage cannot be used, for the reason that the error gives.
    """
    settings = read_settings(target, environment)
    with open_events(target, shards=settings.inbox_shards, is_patient=True) as store:
        retention = Retention(settings.event_ttl_days)
        yield Intake(store, ids=EventIds(), clock=system_clock, retention=retention)


def send_lines(intake: Intake, lines: Iterable[tuple[int, Submission]]) -> Iterator[Sent]:
    """Send events, piece by piece. Yield what became of each piece."""
    for piece in pieces(lines, PIECE):
        numbers = [number for number, _ in piece]
        outcomes = intake.ingest_all(OPERATOR, [one for _, one in piece])
        receipts = [one for one in outcomes if isinstance(one, Receipt)]
        repeated = sum(one.replayed for one in receipts)
        failed = tuple(
            (number, outcome)
            for number, outcome in zip(numbers, outcomes, strict=True)
            if isinstance(outcome, TriggersError)
        )
        yield Sent(numbers[-1], len(receipts) - repeated, repeated, failed)
