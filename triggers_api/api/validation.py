"""Turn Pydantic's errors into the contract's `ValidationError`.

An error names the field and what is expected, never the value: it may be a secret, or 400 KB long.
"""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel

from triggers_api.errors import InvalidEventIdError, TriggersError, ValidationError

MAX_ERRORS_SHOWN = 10

_MESSAGES = {
    "missing": "is required",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "string_type": "must be a string",
}
_WHAT = {"body": "The event is not valid", "query": "The query is not valid"}


def invalid_field(field: str, message: str) -> ValidationError:
    """Return the error for one field that is checked outside of a model."""
    return ValidationError(f"{field}: {message}.", details={"errors": [{"field": field, "message": message}]})


def validation_error(errors: Sequence[Any], body_model: type[BaseModel] | None) -> TriggersError:
    """Return the error for what FastAPI found wrong with a request.

    Args:
        errors: The errors of FastAPI's `RequestValidationError`; `loc` begins with body, query or path.
        body_model: The model of the endpoint's body, which knows the fields that are allowed.
    """
    problems = [_problem(error, body_model) for error in errors[:MAX_ERRORS_SHOWN]]
    first, part = problems[0], errors[0]["loc"][0]
    details = {"errors": problems}
    if part == "path":
        return InvalidEventIdError(f"{first['field']}: {first['message']}.", details=details)
    return ValidationError(f"{_WHAT[part]}: {first['field']}: {first['message']}.", details=details)


def _problem(error: Any, body_model: type[BaseModel] | None) -> dict[str, str]:
    part, *location = map(str, error["loc"])
    if error["type"] == "extra_forbidden":
        # The name of the unknown field is client input of any length: report its parent and the known names.
        *parents, _ = location
        known = ", ".join(_model_at(body_model, parents).model_fields) if body_model else ""
        return {
            "field": ".".join(parents) or part,
            "message": f"has an unknown field; it may have {known}",
        }
    message = _MESSAGES.get(error["type"]) or error["msg"].replace("Input should be", "must be").replace(
        "String should have", "must have"
    )
    return {"field": ".".join(location) or part, "message": message}


def _model_at(model: type[BaseModel], parents: Sequence[str]) -> type[BaseModel]:
    """Return the model of a nested field, which may be optional."""
    for name in parents:
        annotation = model.model_fields[name].annotation
        candidates = [annotation, *get_args(annotation)]
        model = next(one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel))
    return model
