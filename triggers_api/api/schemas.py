"""What a client may send: the shape of an ingest and of an inbox query, checked by Pydantic.

The errors name the field and what was expected, and never the value: it may be a secret, or 400 KB long.
"""

import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic import ValidationError as PydanticError
from pydantic_core import PydanticCustomError

from triggers_api.errors import ValidationError

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MAX_ERRORS_SHOWN = 10

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _printable(text: str) -> str:
    if _CONTROL_CHARACTERS.search(text):
        raise PydanticCustomError("control_characters", "must not contain control characters")
    return text


def _digits(value: Any) -> Any:
    """Take a decimal number only: Pydantic itself also takes ' 7', '007', '7.0' and '0_7'."""
    if isinstance(value, str) and not re.fullmatch(r"[1-9]\d{0,8}", value, re.ASCII):
        raise PydanticCustomError("whole_number", f"must be a whole number from 1 to {MAX_LIMIT}")
    return value


Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=256)]


class EventMetadata(BaseModel):
    """What a producer may say about an event beside its payload."""

    model_config = ConfigDict(extra="forbid", strict=True)

    correlation_id: Annotated[str, Field(max_length=256)] | None = None
    priority: Literal["low", "normal", "high"] = "normal"
    idempotency_key: Annotated[IdempotencyKey | None, Field(repr=False)] = None


class IngestRequest(BaseModel):
    """The body of an ingest."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: Name
    event_type: Name
    payload: Annotated[dict[str, Any], Field(repr=False)]
    metadata: EventMetadata | None = None


class InboxQuery(BaseModel):
    """The query of an inbox page."""

    model_config = ConfigDict(extra="ignore")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(_digits)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    source: Name | None = None
    event_type: Name | None = None


_MESSAGES = {
    "missing": "is required",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "string_type": "must be a string",
}

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], value: Any, *, what: str) -> Model:
    """Return the value as a model; else `ValidationError`, which lists the fields and what they should be."""
    try:
        return model.model_validate(value)
    except PydanticError as error:
        problems = [
            _problem(model, item)
            for item in error.errors(include_url=False, include_context=False, include_input=False)[
                :MAX_ERRORS_SHOWN
            ]
        ]
    first = problems[0]
    raise ValidationError(f"{what}: {first['field']}: {first['message']}.", details={"errors": problems})


def invalid_field(field: str, message: str) -> ValidationError:
    """Return the error for one field that is checked outside of a model."""
    return ValidationError(f"{field}: {message}.", details={"errors": [{"field": field, "message": message}]})


def _problem(model: type[BaseModel], item: Any) -> dict[str, str]:
    location = [str(part) for part in item["loc"]]
    if item["type"] == "extra_forbidden":
        # The unknown field's name is the client's input, of any length: its place and the known names do.
        *parents, _ = location
        known = EventMetadata if parents else model
        allowed = ", ".join(known.model_fields)
        return {
            "field": ".".join(parents) or "body",
            "message": f"has an unknown field; it may have {allowed}",
        }
    message = _MESSAGES.get(item["type"]) or item["msg"].replace("Input should be", "must be").replace(
        "String should have", "must have"
    )
    return {"field": ".".join(location) or "body", "message": message}
