"""Turn Pydantic's errors into the contract's `ValidationError`.

An error names the field and what is expected, never the value: it may be a secret, or 400 KB long. The name
of an unknown field is also the client's, so it is shortened and escaped.
"""

import json
import re
from collections.abc import Collection, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from triggers_api.api.context import own_key
from triggers_api.api.request_body import RequestBody
from triggers_api.core.keys import mask_keys
from triggers_api.errors import InvalidEventIdError, TriggersError, ValidationError

MAX_ERRORS_SHOWN = 10

_MAX_NAME_SHOWN = 32
_WORD = re.compile(r"[\w.*-]+")
_LIBRARY_SUBJECT = re.compile("^(Input|String|List) should")
_UNKNOWN = "extra_forbidden"
_MESSAGES = {
    "missing": "is required",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "is_instance_of": "must be a JSON object",
    "string_type": "must be a string",
}
_EVENT_ID = ("body", "event_id")


def invalid_field(field: str, message: str) -> ValidationError:
    """Return the error for one field that is checked outside of a model."""
    return ValidationError(f"{field}: {message}.", details={"errors": [{"field": field, "message": message}]})


def unknown_parameters(names: Sequence[str], known: Collection[str]) -> ValidationError:
    """Return the error for query parameters that an endpoint does not have."""
    message = (
        f"unknown; the parameters are {', '.join(known)}" if known else "unknown; this call has no parameters"
    )
    problems = [{"field": show_name(name), "message": message} for name in names[:MAX_ERRORS_SHOWN]]
    return ValidationError(_summary("query", problems), details={"errors": problems})


def entry_error(errors: Sequence[Any], model: type[RequestBody] | None) -> TriggersError:
    """Return the error for what Pydantic found wrong with an entry of a batch.

    Args:
        errors: The errors of Pydantic's `ValidationError`.
        model: The model of the entry; None if the entry is an event id.
    """
    place = ("body",) if model else _EVENT_ID
    return validation_error([{**error, "loc": (*place, *error["loc"])} for error in errors], model)


def validation_error(errors: Sequence[Any], body_model: type[RequestBody] | None) -> TriggersError:
    """Return the error for what FastAPI found wrong with a request.

    Args:
        errors: The errors of FastAPI's `RequestValidationError`; `loc` begins with body, query or path.
        body_model: The model of the endpoint's body, which knows the fields that are allowed.
    """
    # Unknown fields first: a misspelt name explains why another field is missing.
    shown = sorted(errors, key=lambda error: bool(error["type"] != _UNKNOWN))[:MAX_ERRORS_SHOWN]
    problems = [_problem(error, body_model) for error in shown]
    part = shown[0]["loc"][0]
    if part == "path" or all(_is_of_event_id(error) for error in errors):
        return InvalidEventIdError(_summary("", problems), details={"errors": problems})
    subject = body_model.subject if body_model and part == "body" else part
    return ValidationError(_summary(subject, problems), details={"errors": problems})


def _is_of_event_id(error: Any) -> bool:
    """Return whether an error is about the value of the field `event_id`, which the endpoint has."""
    return error["loc"] == _EVENT_ID and error["type"] not in {"missing", _UNKNOWN}


def show_name(name: str) -> str:
    """Return a name that a client sent, safe to print: of bounded length, and escaped unless it is a word.

    API keys are masked before the name is shortened: a part of a key has no form by which it is recognised.
    """
    name = mask_keys(name, own_key())
    start = name[:_MAX_NAME_SHOWN]
    shown = start if _WORD.fullmatch(start) else json.dumps(start)
    whole = start == name and len(shown) <= _MAX_NAME_SHOWN
    return shown if whole else f"{shown[:_MAX_NAME_SHOWN]}…"


def _summary(subject: str, problems: Sequence[dict[str, str]]) -> str:
    """Return the sentence for the first problem, and the fields that have the same problem."""
    message = problems[0]["message"]
    fields = ", ".join(problem["field"] for problem in problems if problem["message"] == message)
    introduction = f"The {subject} is not valid: " if subject else ""
    return f"{introduction}{fields}: {message}."


def _problem(error: Any, body_model: type[RequestBody] | None) -> dict[str, str]:
    part, *location = map(str, error["loc"])
    if error["type"] == _UNKNOWN:
        *parents, name = location
        known = ", ".join(_model_at(body_model, parents).model_fields) if body_model else ""
        return {
            "field": ".".join([*parents, show_name(name)]),
            "message": f"unknown; the fields are {known}",
        }
    message = _MESSAGES.get(error["type"]) or _LIBRARY_SUBJECT.sub("must", error["msg"])
    message = message.partition(" after validation")[0]  # the length of a list
    return {"field": ".".join(location) or part, "message": message}


def _model_at(model: type[BaseModel], parents: Sequence[str]) -> type[BaseModel]:
    """Return the model of a nested field, which may be optional."""
    for name in parents:
        annotation = model.model_fields[name].annotation
        candidates = [annotation, *get_args(annotation)]
        model = next(one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel))
    return model
