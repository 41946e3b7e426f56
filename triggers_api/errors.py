"""Every error that a user can cause or must act on, as one tree.

A built-in exception that escapes is a bug. A `TriggersError` is for a person: it has a stable `code`
that programs may rely on, and a `kind` that says what sort of trouble it is. The kind, not the class,
decides the HTTP status (`api/errors.py`) and the exit code (`cli/exit_codes.py`).

    TriggersError
    ├── ValidationError ── InvalidJsonError
    ├── InvalidEventIdError
    ├── UnauthorizedError
    ├── ForbiddenError
    ├── NotFoundError
    ├── MethodNotAllowedError
    ├── ConflictError
    ├── PayloadTooLargeError
    ├── IdempotencyKeyReusedError
    ├── StoreUnavailableError ── DeadlineExceededError
    ├── CorruptRecordError
    └── OperatorError                 at the command line or at the start, never in an answer
        ├── ConfigurationError ── ConfirmationNeededError
        ├── LocalEnvironmentError
        ├── DeclinedError
        ├── InvalidKeyError
        ├── KeyExistsError
        ├── KeyNotFoundError
        ├── KeyStateError
        ├── CredentialsError
        ├── PermissionDeniedError
        ├── AwsUnavailableError
        ├── TableMissingError
        ├── StackMissingError
        ├── LogGroupMissingError
        ├── PreflightError
        ├── DeploymentError ── BuildError
        └── ChecksFailedError
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, ClassVar


class Kind(Enum):
    """What sort of trouble an error is."""

    INVALID = auto()
    UNPROCESSABLE = auto()
    UNAUTHENTICATED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    METHOD_NOT_ALLOWED = auto()
    CONFLICT = auto()
    TOO_LARGE = auto()
    UNAVAILABLE = auto()
    INTERNAL = auto()
    USAGE = auto()
    FAILED = auto()
    PREFLIGHT = auto()
    DEPLOYMENT = auto()
    CHECKS = auto()


class TriggersError(Exception):
    """What happened (`message`), why (`reason`), and what to do (`hint`).

    None of them ever holds a key, a payload, or other input as it was sent: they reach logs and clients.
    `details` are for a program that reads the error's JSON form.
    """

    kind: ClassVar[Kind] = Kind.INTERNAL
    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(
        self, message: str, *, reason: str = "", hint: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.hint = hint
        self.details = details or {}


class ValidationError(TriggersError):
    """A request, a filter or a cursor is not what the contract asks for."""

    kind = Kind.INVALID
    code = "VALIDATION_ERROR"


class InvalidJsonError(ValidationError):
    """A body is not strict JSON."""


class InvalidEventIdError(TriggersError):
    """An event id in a path is not a UUID."""

    kind = Kind.UNPROCESSABLE
    code = "VALIDATION_ERROR"


class UnauthorizedError(TriggersError):
    """A key is missing, unknown, revoked or expired; which of them, the client does not learn."""

    kind = Kind.UNAUTHENTICATED
    code = "UNAUTHORIZED"


class ForbiddenError(TriggersError):
    """A valid key is bound to another source."""

    kind = Kind.FORBIDDEN
    code = "FORBIDDEN"


class NotFoundError(TriggersError):
    """No such event for this key, or no such route."""

    kind = Kind.NOT_FOUND
    code = "NOT_FOUND"


class MethodNotAllowedError(TriggersError):
    """The route exists, for other methods."""

    kind = Kind.METHOD_NOT_ALLOWED
    code = "METHOD_NOT_ALLOWED"


class ConflictError(TriggersError):
    """The event was acknowledged before."""

    kind = Kind.CONFLICT
    code = "CONFLICT"


class PayloadTooLargeError(TriggersError):
    """The request body is over the limit."""

    kind = Kind.TOO_LARGE
    code = "PAYLOAD_TOO_LARGE"


class IdempotencyKeyReusedError(TriggersError):
    """An idempotency key came again with another request."""

    kind = Kind.UNPROCESSABLE
    code = "IDEMPOTENCY_KEY_REUSED"


class StoreUnavailableError(TriggersError):
    """The store is throttled, out of reach or failing: the outcome of a write may be either."""

    kind = Kind.UNAVAILABLE
    code = "SERVICE_UNAVAILABLE"


class DeadlineExceededError(StoreUnavailableError):
    """The request's time is up."""


class CorruptRecordError(TriggersError):
    """A stored record cannot be read: it was not written by this service, or it was damaged."""

    kind = Kind.INTERNAL
    code = "INTERNAL_ERROR"


class OperatorError(TriggersError):
    """An error at the command line, or at the service's start."""

    kind = Kind.FAILED
    code = "FAILED"


class ConfigurationError(OperatorError):
    """A setting is missing or has a wrong value; `message` names its variable."""

    kind = Kind.USAGE
    code = "CONFIGURATION_ERROR"


class LocalEnvironmentError(OperatorError):
    """This machine stands in the way: a port in use, a folder that cannot be written, a damaged file."""

    kind = Kind.FAILED
    code = "LOCAL_ENVIRONMENT_ERROR"


class ConfirmationNeededError(ConfigurationError):
    """A change needs a yes, and there is nobody to ask."""

    code = "CONFIRMATION_NEEDED"


class DeclinedError(OperatorError):
    """The operator said no."""

    kind = Kind.FAILED
    code = "DECLINED"


class InvalidKeyError(OperatorError):
    """An API key of the operator's own is too short, too simple, or has characters that no key has."""

    kind = Kind.USAGE
    code = "INVALID_KEY"


class KeyExistsError(OperatorError):
    """That key has a record already."""

    kind = Kind.CONFLICT
    code = "KEY_EXISTS"


class KeyNotFoundError(OperatorError):
    """No key, or more than one, is named so."""

    kind = Kind.NOT_FOUND
    code = "KEY_NOT_FOUND"


class KeyStateError(OperatorError):
    """The key is not in a state in which that can be done, or is changed by somebody else right now."""

    kind = Kind.CONFLICT
    code = "KEY_STATE"


class CredentialsError(OperatorError):
    """There are no AWS credentials, or AWS does not take them."""

    kind = Kind.UNAUTHENTICATED
    code = "CREDENTIALS"


class PermissionDeniedError(OperatorError):
    """The AWS credentials lack a permission."""

    kind = Kind.FORBIDDEN
    code = "PERMISSION_DENIED"


class AwsUnavailableError(OperatorError):
    """AWS does not answer, or not in time."""

    kind = Kind.UNAVAILABLE
    code = "AWS_UNAVAILABLE"


class TableMissingError(OperatorError):
    """A stage has no table in this account and region."""

    kind = Kind.NOT_FOUND
    code = "TABLE_MISSING"


class StackMissingError(OperatorError):
    """A stage has no stack in this account and region, or the stack of that name is another program's."""

    kind = Kind.NOT_FOUND
    code = "STACK_MISSING"


class LogGroupMissingError(OperatorError):
    """A stage has no log group in this account and region."""

    kind = Kind.NOT_FOUND
    code = "LOG_GROUP_MISSING"


class PreflightError(OperatorError):
    """Deploying cannot work as things are; nothing was changed."""

    kind = Kind.PREFLIGHT
    code = "PREFLIGHT_FAILED"


class DeploymentError(OperatorError):
    """The stack could not be brought to where it should be."""

    kind = Kind.DEPLOYMENT
    code = "DEPLOYMENT_FAILED"


class BuildError(DeploymentError):
    """The artifact cannot be made; nothing was changed."""

    code = "BUILD_FAILED"


class ChecksFailedError(OperatorError):
    """A smoke test, or a look at the live stack, found what should not be so."""

    kind = Kind.CHECKS
    code = "CHECKS_FAILED"
