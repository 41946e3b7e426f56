"""Read the events of a log group, and survive the failures that occur while a log is followed for hours.

Throttling, a lost network, renewed credentials, an expired page token and a log group that does not exist yet
are waited out. Errors that waiting cannot fix are raised.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from triggers_api.errors import LogGroupMissingError, OperatorError, TriggersError
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import is_expired, operator_error
from triggers_api.ops.logs.window import Event, Window

PATIENCE = 6
"""How often a failed call is repeated if the log is not followed: about a minute in all."""

_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_MAX_RESTARTS = 3
_BUSY = {
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_STALE = {"InvalidNextTokenException", "InvalidParameterException"}
_SERVER_ERROR = 500
_NETWORK = (NoConnectionError, HTTPClientError, IncompleteReadError)


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for an operator who waits for log lines."""

    message: str


class _StaleTokenError(Exception):
    """CloudWatch no longer accepts one of its page tokens, with the error `refusal`."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__()
        self.refusal = refusal


class LogGroup:
    """The log group of a stage.

    Args:
        aws: The account and region of the log group.
        follow: Wait as long as it takes, instead of giving up after `PATIENCE` attempts.
        sleep: Waits, for a number of seconds.
        client: A client of CloudWatch Logs that has received an answer before. Without one, a network failure
            before the first answer is raised at once: then a setting is wrong, and waiting cannot fix it.
    """

    def __init__(self, aws: Aws, *, follow: bool, sleep: Callable[[float], None], client: Any = None) -> None:
        self._aws, self._follow, self._sleep, self._client = aws, follow, sleep, client
        self._has_answered = client is not None
        self._is_failing = self._is_missing = self._has_renewed = False

    def scan(self, window: Window, *, now: int) -> Iterator[list[Event] | Notice]:
        """Yield the new events since the window's start, page by page, and move the window on at the end.

        The pages are in order of time, as `FilterLogEvents` documents. An empty page is not the last one.

        Raises:
            LogGroupMissingError: The log group does not exist, and is not followed.
            CredentialsError: The credentials are missing or rejected.
            PermissionDeniedError: The credentials lack logs:FilterLogEvents.
            AwsUnavailableError: CloudWatch Logs does not answer, or refuses the request.
        """
        token: str | None = None
        restarts = 0
        window.start_scan(now)
        while True:
            try:
                page = yield from self._fetch_page(window.start, token)
            except _StaleTokenError as error:
                restarts += 1
                if restarts > _MAX_RESTARTS:
                    raise self._explained(error.refusal) from error
                token = None
                window.start_scan(now)
                continue
            if page is None:
                return
            yield window.new_events(page["events"])
            token = page.get("nextToken")
            if not token:
                window.finish_scan()
                return

    def _fetch_page(self, start: int, token: str | None) -> Generator[Notice, None, dict[str, Any] | None]:
        """Return a page, after as many attempts as it takes; None if the log group does not exist yet."""
        attempt = 0
        while True:
            try:
                page = self._request_page(start, token)
            except (ClientError, BotoCoreError, OSError, ValueError) as error:
                if _code(error) == "ResourceNotFoundException":
                    yield from self._wait_for_group(error)
                    return None
                pause = self._pause_after(error, attempt, token)
                if pause and not self._is_failing:
                    self._is_failing = True
                    problem = self._explained(error)
                    yield Notice(f"{problem.message} Trying again. ({problem.reason})")
                self._sleep(pause)
                attempt += 1
            else:
                yield from self._recover()
                return page

    def _request_page(self, start: int, token: str | None) -> dict[str, Any]:
        more = {} if token is None else {"nextToken": token}
        try:
            if self._client is None:
                self._client = self._aws.client("logs")
            page: dict[str, Any] = self._client.filter_log_events(
                logGroupName=self._aws.target.log_group, startTime=start, **more
            )
        except OperatorError as error:  # the credentials could not be renewed, perhaps only now
            if isinstance(error.__cause__, ClientError | BotoCoreError):
                raise error.__cause__ from None
            raise
        return page

    def _pause_after(self, error: Exception, attempt: int, token: str | None) -> float:
        """Return the seconds to wait before the next attempt. Raise the error if waiting cannot fix it."""
        code = _code(error)
        if is_expired(error) and not self._has_renewed:
            self._has_renewed, self._client = True, None
            self._aws.renew()
            return 0
        if token is not None and code in _STALE:
            raise _StaleTokenError(error) from error
        is_temporary = _is_busy(error) or (isinstance(error, _NETWORK) and self._has_answered)
        if is_temporary and (self._follow or attempt < PATIENCE):
            return _PAUSES[min(attempt, len(_PAUSES) - 1)]
        raise self._explained(error) from error

    def _recover(self) -> Iterator[Notice]:
        if self._is_failing:
            yield Notice("CloudWatch Logs is available again.")
        if self._is_missing:
            yield Notice(f"The log group {self._aws.target.log_group} exists now.")
        self._has_answered = True
        self._is_failing = self._is_missing = self._has_renewed = False

    def _wait_for_group(self, error: Exception) -> Iterator[Notice]:
        """Report once that the log group does not exist. Raise LogGroupMissingError unless it is followed."""
        name, stage = self._aws.target.log_group, self._aws.target.stage.value
        missing = f"The stage {stage} has no log group {name} in {self._aws.region}."
        if not self._follow:
            raise LogGroupMissingError(
                missing,
                reason="the stage is not deployed there, or the stage, region or account is wrong",
                hint="Check --stage, --region and --profile, or deploy the stage. --follow waits for it.",
            ) from error
        self._has_answered, self._has_renewed = True, False
        if not self._is_missing:
            self._is_missing = True
            yield Notice(f"{missing} Waiting for it.")

    def _explained(self, error: Exception) -> TriggersError:
        return operator_error(error, self._aws.target, self._aws.region)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _is_busy(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _code(error) in _BUSY or status >= _SERVER_ERROR
