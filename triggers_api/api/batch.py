"""Batches: a body with up to 100 entries, each of which is answered as if it were sent alone.

What is wrong with the body as a whole refuses the batch, and nothing is done. What is wrong with an entry is
the result of that entry.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar, get_args

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic import ValidationError as PydanticError
from pydantic_core import CoreSchema
from pydantic_core.core_schema import ValidatorFunctionWrapHandler, no_info_wrap_validator_function
from starlette.responses import Response

from triggers_api.api.answers import joined_answer
from triggers_api.api.context import request_context
from triggers_api.api.errors import error_members, log_error, status_of
from triggers_api.api.request_body import RequestBody
from triggers_api.api.validation import entry_error, invalid_field
from triggers_api.core import strict_json, turns
from triggers_api.core.ids import parse_event_id
from triggers_api.core.keys import mask_keys
from triggers_api.core.strict_json import MAX_BATCH_BYTES, MAX_BODY_BYTES, dump
from triggers_api.errors import InvalidJsonError, MalformedJsonError, PayloadTooLargeError, TriggersError

MAX_ENTRIES = 100

T = TypeVar("T")
R = TypeVar("R")


class Entry(Generic[T]):
    """An entry of a batch: its value, or its error if it is not valid; and the id of its event, if known.

    As the type of a field it validates the value, and is documented as the type of the value.
    """

    def __init__(self, value: T | TriggersError, event_id: str | None) -> None:
        self.value = value
        self.event_id = event_id

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the value, with a validator around it that never fails."""
        (annotation,) = get_args(source)
        return no_info_wrap_validator_function(
            partial(_validate_entry, annotation), handler.generate_schema(annotation)
        )


class BatchBody(RequestBody):
    """The body of a batch. A subclass names the field that lists the entries."""

    max_bytes: ClassVar[int] = MAX_BATCH_BYTES
    entries_field: ClassVar[str] = "events"
    entry_verbatim: ClassVar[Sequence[str]] = ()
    """The fields of an entry that are kept as text."""

    @classmethod
    def parse(cls, body: bytes) -> Any:
        """Return the JSON value of a body. An entry that is not strict JSON is replaced by its error.

        Raises:
            ValidationError: The body is not JSON, has no entries or too many, or names an event twice.
        """
        try:
            return cls._parse(body)
        except MalformedJsonError:
            strict_json.parse(body)  # its error names the place in the whole body
            raise

    @classmethod
    def _parse(cls, body: bytes) -> Any:
        rest, texts = strict_json.split_list(body)
        value = strict_json.parse_text(rest)
        if not isinstance(value, dict) or value.get(cls.entries_field) != []:
            return value
        if not 1 <= len(texts) <= MAX_ENTRIES:
            raise invalid_field(cls.entries_field, f"must be a list of 1 to {MAX_ENTRIES}")
        entries = [_parse_entry(text, cls.entry_verbatim) for text in texts]
        ids = Counter(event_id for entry in entries if (event_id := _event_id(entry)))
        if ids and max(ids.values()) > 1:
            raise invalid_field(cls.entries_field, "must not name an event twice")
        return {**value, cls.entries_field: entries}


def valid(entries: Iterable[Entry[T]]) -> list[T]:
    """Return the values of the entries that are valid."""
    return [entry.value for entry in entries if not isinstance(entry.value, TriggersError)]


def batch_answer(
    entries: Iterable[Entry[T]],
    outcomes: Iterable[R | TriggersError],
    describe: Callable[[R], Mapping[str, object]],
) -> Response:
    """Return the answer to a batch.

    Args:
        entries: The entries.
        outcomes: What came of each valid entry, in order.
        describe: Returns what the result of an entry that succeeded has besides the common members.
    """
    following = iter(outcomes)
    results: list[dict[str, object]] = []
    errors: list[TriggersError] = []
    for index, entry in enumerate(entries):
        outcome = entry.value if isinstance(entry.value, TriggersError) else next(following)
        result: dict[str, object] = {"index": index}
        if entry.event_id is not None:
            result["event_id"] = entry.event_id
        if isinstance(outcome, TriggersError):
            errors.append(outcome)
            result |= {"status": status_of(outcome), "error": error_members(outcome)}
        else:
            result |= {"status": 200, **describe(outcome)}
        results.append(result)
    for one in {error.message: error for error in errors}.values():
        log_error(one)
    context = request_context()
    context.event_ids = [str(result["event_id"]) for result in results if "error" not in result]
    context.failed = len(errors)
    return joined_answer(f'"results":{mask_keys(dump(results))}')


def _parse_entry(text: str, verbatim: Sequence[str]) -> Any:
    """Return the JSON value of an entry, or the error of the entry if it is not strict JSON.

    Raises:
        MalformedJsonError: The entry is not JSON, so the batch is not.
    """
    turns.give_way()
    if len(text.encode()) > MAX_BODY_BYTES:
        return PayloadTooLargeError(
            f"The event is larger than {MAX_BODY_BYTES} bytes.",
            hint="Send less, or send a reference to the data.",
            details={"limit_bytes": MAX_BODY_BYTES},
        )
    try:
        return strict_json.parse_text(text, verbatim=verbatim)
    except MalformedJsonError:
        raise
    except InvalidJsonError as error:
        return error.with_traceback(None)


def _event_id(entry: Any) -> str | None:
    """Return the id of the event that an entry names, None if it names none."""
    text = entry.get("event_id") if isinstance(entry, dict) else entry
    return parse_event_id(text) if isinstance(text, str) else None


def _validate_entry(annotation: Any, raw: Any, validate: ValidatorFunctionWrapHandler) -> Entry[Any]:
    event_id = _event_id(raw)
    if isinstance(raw, TriggersError):
        return Entry(raw, event_id)
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    try:
        return Entry(validate(raw), event_id)
    except PydanticError as error:
        return Entry(entry_error(error.errors(), annotation if is_model else None), event_id)
