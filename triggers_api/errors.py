"""Every error that a user can cause or must act on, in one tree.

A built-in exception that escapes is a bug. A `TriggersError` is for a person. It has a stable `code`, which
programs may rely on, and a `kind`. The kind, not the class, decides the HTTP status (`api/errors.py`) and the
exit code (`cli/exit_codes.py`).

    TriggersError
    ├── ValidationError ── InvalidJsonError ── MalformedJsonError
    ├── InvalidEventIdError
    ├── UnauthorizedError ── SignatureError
    ├── ForbiddenError
    ├── NotFoundError
    ├── MethodNotAllowedError
    ├── ConflictError
    ├── LeaseLostError
    ├── PayloadTooLargeError
    ├── UnsupportedMediaTypeError
    ├── MisdirectedRequestError
    ├── IdempotencyKeyReusedError
    ├── StoreUnavailableError ── DeadlineExceededError
    ├── HookUnusableError
    ├── OverloadedError
    ├── CorruptRecordError
    └── OperatorError                 in a command or at start-up, never in an answer
        ├── ConfigurationError ── ConfirmationNeededError
        ├── LocalEnvironmentError
        ├── DeclinedError
        ├── InvalidKeyError
        ├── KeyExistsError
        ├── KeyNotFoundError
        ├── KeyStateError
        ├── HookNotFoundError
        ├── HookStateError
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
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")


class Kind(Enum):
    """The category of an error."""

    INVALID = auto()
    UNPROCESSABLE = auto()
    UNAUTHENTICATED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    METHOD_NOT_ALLOWED = auto()
    CONFLICT = auto()
    TOO_LARGE = auto()
    UNSUPPORTED_MEDIA_TYPE = auto()
    MISDIRECTED = auto()
    UNAVAILABLE = auto()
    INTERNAL = auto()
    USAGE = auto()
    FAILED = auto()
    PREFLIGHT = auto()
    DEPLOYMENT = auto()
    CHECKS = auto()


class TriggersError(Exception):
    """What failed (`message`), why (`reason`), and what to do (`hint`).

    They reach logs and clients, so they never hold a key, a payload or other raw input. `details` are for
    programs that read the error as JSON.
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


def value_of(outcome: T | TriggersError) -> T:
    """Return the outcome of one entry of several, or raise it if it is an error.

    Raises:
        TriggersError: The outcome.
    """
    if isinstance(outcome, TriggersError):
        try:
            raise outcome
        finally:
            del outcome  # its traceback refers to this frame: a cycle would keep the request in memory
    return outcome


class ValidationError(TriggersError):
    """A request, a filter or a cursor violates the contract."""

    kind = Kind.INVALID
    code = "VALIDATION_ERROR"


class InvalidJsonError(ValidationError):
    """A body, or an entry of a batch, is not strict JSON."""


class MalformedJsonError(InvalidJsonError):
    """A body is not JSON at all."""


class InvalidEventIdError(TriggersError):
    """An event id in a path is not a UUID."""

    kind = Kind.UNPROCESSABLE
    code = "VALIDATION_ERROR"


class UnauthorizedError(TriggersError):
    """A key is missing, unknown, revoked or expired. The client does not learn which.

    The log does, from `reason` and, if the key has a record, from `key_id`.
    """

    kind = Kind.UNAUTHENTICATED
    code = "UNAUTHORIZED"
    key_id: str | None = None
    scheme: ClassVar[str] = "ApiKey"


class SignatureError(UnauthorizedError):
    """A delivery to a hook is not signed as the hook expects. `reason` is for the log."""

    scheme = "Signature"


class ForbiddenError(TriggersError):
    """A valid key is bound to another source, or lacks a scope."""

    kind = Kind.FORBIDDEN
    code = "FORBIDDEN"


class NotFoundError(TriggersError):
    """There is no such event for this key, or no such route."""

    kind = Kind.NOT_FOUND
    code = "NOT_FOUND"


class MethodNotAllowedError(TriggersError):
    """The path exists, but not for this method."""

    kind = Kind.METHOD_NOT_ALLOWED
    code = "METHOD_NOT_ALLOWED"


class ConflictError(TriggersError):
    """The event's status does not allow the change, such as a second acknowledgement."""

    kind = Kind.CONFLICT
    code = "CONFLICT"


class LeaseLostError(TriggersError):
    """A lease token is not valid: another receive claimed the event, or it was requeued."""

    kind = Kind.CONFLICT
    code = "LEASE_LOST"


class PayloadTooLargeError(TriggersError):
    """The request body is over the limit."""

    kind = Kind.TOO_LARGE
    code = "PAYLOAD_TOO_LARGE"


class UnsupportedMediaTypeError(TriggersError):
    """The request body has a content coding other than gzip, or is not gzip although it says so."""

    kind = Kind.UNSUPPORTED_MEDIA_TYPE
    code = "UNSUPPORTED_MEDIA_TYPE"


class MisdirectedRequestError(TriggersError):
    """The request is for a host name that a local server does not have."""

    kind = Kind.MISDIRECTED
    code = "MISDIRECTED_REQUEST"


class IdempotencyKeyReusedError(TriggersError):
    """An idempotency key was used for a different request before."""

    kind = Kind.UNPROCESSABLE
    code = "IDEMPOTENCY_KEY_REUSED"


class StoreUnavailableError(TriggersError):
    """The store is throttled, unreachable or failing. A write may or may not have happened."""

    kind = Kind.UNAVAILABLE
    code = "SERVICE_UNAVAILABLE"


class DeadlineExceededError(StoreUnavailableError):
    """The request's time is up."""


class HookUnusableError(TriggersError):
    """A hook cannot check a delivery: it has no secret yet, or its record is damaged."""

    kind = Kind.UNAVAILABLE
    code = "SERVICE_UNAVAILABLE"


class OverloadedError(TriggersError):
    """More requests wait than can be served in time. This one was not started."""

    kind = Kind.UNAVAILABLE
    code = "SERVICE_UNAVAILABLE"


class CorruptRecordError(TriggersError):
    """A stored record cannot be read: another program wrote it, or it is damaged."""

    kind = Kind.INTERNAL
    code = "INTERNAL_ERROR"


class OperatorError(TriggersError):
    """An error in a command, or at the start of the service."""

    kind = Kind.FAILED
    code = "FAILED"


class ConfigurationError(OperatorError):
    """A setting is missing or has a wrong value; `message` names its variable."""

    kind = Kind.USAGE
    code = "CONFIGURATION_ERROR"


class LocalEnvironmentError(OperatorError):
    """A problem on this machine: a port in use, a read-only folder, a damaged file."""

    kind = Kind.FAILED
    code = "LOCAL_ENVIRONMENT_ERROR"


class ConfirmationNeededError(ConfigurationError):
    """A change needs confirmation, and the command is not interactive."""

    code = "CONFIRMATION_NEEDED"


class DeclinedError(OperatorError):
    """The operator declined."""

    kind = Kind.FAILED
    code = "DECLINED"


class InvalidKeyError(OperatorError):
    """An operator-supplied API key is too short, too simple, or has invalid characters."""

    kind = Kind.USAGE
    code = "INVALID_KEY"


class KeyExistsError(OperatorError):
    """The key already exists."""

    kind = Kind.CONFLICT
    code = "KEY_EXISTS"


class KeyNotFoundError(OperatorError):
    """The name or id matches no key, or more than one."""

    kind = Kind.NOT_FOUND
    code = "KEY_NOT_FOUND"


class KeyStateError(OperatorError):
    """The key's state does not allow the change, or another user is changing the key."""

    kind = Kind.CONFLICT
    code = "KEY_STATE"


class HookNotFoundError(OperatorError):
    """The id or prefix matches no hook, or more than one."""

    kind = Kind.NOT_FOUND
    code = "HOOK_NOT_FOUND"


class HookStateError(OperatorError):
    """The hook's state does not allow the change, or another user is changing the hook."""

    kind = Kind.CONFLICT
    code = "HOOK_STATE"


class CredentialsError(OperatorError):
    """There are no AWS credentials, or AWS rejects them."""

    kind = Kind.UNAUTHENTICATED
    code = "CREDENTIALS"


class PermissionDeniedError(OperatorError):
    """The AWS credentials lack a permission."""

    kind = Kind.FORBIDDEN
    code = "PERMISSION_DENIED"


class AwsUnavailableError(OperatorError):
    """AWS did not answer in time."""

    kind = Kind.UNAVAILABLE
    code = "AWS_UNAVAILABLE"


class TableMissingError(OperatorError):
    """A stage has no table in this account and region."""

    kind = Kind.NOT_FOUND
    code = "TABLE_MISSING"


class StackMissingError(OperatorError):
    """A stage has no stack in this account and region, or another program owns the stack of that name."""

    kind = Kind.NOT_FOUND
    code = "STACK_MISSING"


class LogGroupMissingError(OperatorError):
    """A stage has no log group in this account and region."""

    kind = Kind.NOT_FOUND
    code = "LOG_GROUP_MISSING"


class PreflightError(OperatorError):
    """The deployment cannot succeed in the current state. Nothing was changed."""

    kind = Kind.PREFLIGHT
    code = "PREFLIGHT_FAILED"


class DeploymentError(OperatorError):
    """The stack could not be created, changed or deleted."""

    kind = Kind.DEPLOYMENT
    code = "DEPLOYMENT_FAILED"


class BuildError(DeploymentError):
    """The artifact could not be built. Nothing was changed."""

    code = "BUILD_FAILED"


class ChecksFailedError(OperatorError):
    """A check of the live API or stack failed."""

    kind = Kind.CHECKS
    code = "CHECKS_FAILED"
