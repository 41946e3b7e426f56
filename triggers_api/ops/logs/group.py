"""The events of a log group, in the face of all that goes wrong where somebody waits for them for hours."""

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

from triggers_api.errors import LogGroupMissingError, TriggersError
from triggers_api.ops.aws import EXPIRED, Aws, explanation
from triggers_api.ops.logs.window import Event, Window

PATIENCE = 6
"""How often a call that may yet go through is repeated where nobody follows: about a minute."""

_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_RESTARTS = 3
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
    """Something that whoever waits for lines should know, in one sentence."""

    message: str


class _StaleTokenError(Exception):
    """CloudWatch does not know a token of its own any more; `refusal` is what it said."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__()
        self.refusal = refusal


class LogGroup:
    """The log group of a stage.

    Where it is followed, only what waiting does not mend is raised; else waiting has an end (`PATIENCE`). A
    network that never worked is no trouble that passes, but a wrong setting: `client` is one of an account
    that has answered.
    """

    def __init__(self, aws: Aws, *, follow: bool, sleep: Callable[[float], None], client: Any = None) -> None:
        self._aws, self._follow, self._sleep, self._client = aws, follow, sleep, client
        self._answered = client is not None
        self._in_trouble = self._missing = self._renewed = False

    def scan(self, window: Window, *, now: int) -> Iterator[list[Event] | Notice]:
        """Yield the new events from the window's start on, page by page, and move the window on at the end.

        The pages come in the order of time, as `FilterLogEvents` documents; an empty one does not end them.
        """
        token: str | None = None
        stale = 0
        window.begin(now)
        while True:
            try:
                page = yield from self._page(window.start, token)
            except _StaleTokenError as error:
                stale += 1
                if stale > _RESTARTS:
                    raise self._explained(error.refusal) from error
                token = None
                window.begin(now)
                continue
            if page is None:
                return
            yield window.new(page["events"])
            token = page.get("nextToken")
            if not token:
                window.finish()
                return

    def _page(self, start: int, token: str | None) -> Generator[Notice, None, dict[str, Any] | None]:
        """Return a page, sooner or later; None where there is no such group, and it is waited for."""
        attempt = 0
        while True:
            try:
                page = self._ask(start, token)
            except (ClientError, BotoCoreError, OSError, ValueError) as error:
                if _code(error) == "ResourceNotFoundException":
                    yield from self._wait_for_group(error)
                    return None
                pause = self._pause(error, attempt, token)
                if pause and not self._in_trouble:
                    self._in_trouble = True
                    said = self._explained(error)
                    yield Notice(f"{said.message} Trying again. ({said.reason})")
                self._sleep(pause)
                attempt += 1
            else:
                yield from self._recover()
                return page

    def _ask(self, start: int, token: str | None) -> dict[str, Any]:
        if self._client is None:
            self._client = self._aws.client("logs")
        more = {} if token is None else {"nextToken": token}
        page: dict[str, Any] = self._client.filter_log_events(
            logGroupName=self._aws.target.log_group, startTime=start, **more
        )
        return page

    def _pause(self, error: Exception, attempt: int, token: str | None) -> float:
        """Return how long to wait before the next attempt, in seconds; else raise what the error means."""
        code = _code(error)
        if code in EXPIRED and not self._renewed:
            self._renewed, self._client = True, None
            self._aws.renew()
            return 0
        if token is not None and code in _STALE:
            raise _StaleTokenError(error) from error
        passing = _is_busy(error) or (isinstance(error, _NETWORK) and self._answered)
        if passing and (self._follow or attempt < PATIENCE):
            return _PAUSES[min(attempt, len(_PAUSES) - 1)]
        raise self._explained(error) from error

    def _recover(self) -> Iterator[Notice]:
        if self._in_trouble:
            yield Notice("CloudWatch Logs answers again.")
        if self._missing:
            yield Notice(f"The log group {self._aws.target.log_group} is there.")
        self._answered = True
        self._in_trouble = self._missing = self._renewed = False

    def _wait_for_group(self, error: Exception) -> Iterator[Notice]:
        """Say that there is no such group yet, once; `LogGroupMissingError` where nobody waits for it."""
        name, stage = self._aws.target.log_group, self._aws.target.stage.value
        missing = f"The stage {stage} has no log group {name} in {self._aws.region}."
        if not self._follow:
            raise LogGroupMissingError(
                missing,
                reason="it is not deployed there, or the stage, the region or the account is another",
                hint="Check --stage, --region and --profile, or deploy the stage; --follow waits for it.",
            ) from error
        self._answered, self._renewed = True, False
        if not self._missing:
            self._missing = True
            yield Notice(f"{missing} Waiting for it.")

    def _explained(self, error: Exception) -> TriggersError:
        return explanation(error, self._aws.target, self._aws.region)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _is_busy(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _code(error) in _BUSY or status >= _SERVER_ERROR
