"""The errors of an API's answers, for `triggers listen`."""

from http import HTTPStatus

from triggers_api.errors import (
    ConflictError,
    CorruptRecordError,
    ForbiddenError,
    LeaseLostError,
    NotFoundError,
    StoreUnavailableError,
    TriggersError,
    UnauthorizedError,
    ValidationError,
)


def not_understood() -> StoreUnavailableError:
    """Return the error of an answer that is not the one that was expected."""
    return StoreUnavailableError(
        "The answer is not that of a Triggers API.",
        hint="Give --url with the stage and without /v1, such as https://API-ID.execute-api.../prod.",
    )


def call_error(status: int) -> TriggersError:
    """Return the error of a call that was refused as a whole."""
    if status == HTTPStatus.UNAUTHORIZED:
        return UnauthorizedError(
            "The API refuses the key.",
            reason="it is unknown, revoked or expired, or belongs to another stage",
            hint="Set TRIGGERS_API_KEY to a key of the API at --url.",
        )
    if status == HTTPStatus.FORBIDDEN:
        return ForbiddenError(
            "The API refuses the call.",
            reason="the key is bound to another source, or lacks the scope consume",
            hint="Use a key with the scope consume, and --source of the key.",
        )
    if status == HTTPStatus.BAD_REQUEST:
        return ValidationError(
            "The API does not know this call.",
            reason="it answered 400",
            hint="Check --source and --type. An older version of the API may need an update.",
        )
    return StoreUnavailableError(f"The API answered {status}.", hint="Check --url, or see the API's log.")


def entry_error(status: int, code: object, message: str) -> TriggersError:
    """Return the error of a call that failed for its event."""
    if status == HTTPStatus.CONFLICT:
        return LeaseLostError(message) if code == LeaseLostError.code else ConflictError(message)
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(message)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return CorruptRecordError(message)
    return StoreUnavailableError(f"The API answered {status}.")
