"""What a request has left in the function's log group, read line by line.

The lines are searched here and not by CloudWatch: its patterns match words, and what must be nowhere may be
a part of one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

_POLL_SECONDS = 3.0
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "LimitExceededException"}


class Traces:
    """The lines since a request: whether its mark is in one, and which of its secrets are in any.

    `secrets` are by what to call them; `leaked` has those names. Only these and counts are ever told.
    """

    def __init__(
        self, logs: Any, log_group: str, *, since: float, mark: str, secrets: Mapping[str, str]
    ) -> None:
        self._logs, self._log_group = logs, log_group
        self._since, self._mark, self._secrets = since, mark, secrets
        self.lines = 0
        self.found = False
        self.is_whole = False
        """Whether all lines were read once more after the mark was found: more may come after it."""
        self.leaked: set[str] = set()

    def search(
        self, seconds: float, *, sleep: Callable[[float], None], monotonic: Callable[[], float]
    ) -> None:
        """Read until the mark is found, then once more; or until the time is up."""
        end = monotonic() + seconds
        while True:
            found_before = self.found
            to_the_end = self._read(end, monotonic)
            self.is_whole = found_before and to_the_end
            if self.is_whole or monotonic() >= end:
                return
            sleep(_POLL_SECONDS)

    def _read(self, end: float, monotonic: Callable[[], float]) -> bool:
        """Read every line since the request; return False where AWS or the time did not allow all of them."""
        asked: dict[str, Any] = {"logGroupName": self._log_group, "startTime": int(self._since * 1000)}
        self.lines = 0
        while True:
            try:
                page = self._logs.filter_log_events(**asked)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _THROTTLED:
                    raise
                return False
            for event in page.get("events", []):
                self._look_at(event.get("message", ""))
            # A page may be empty and yet not the last.
            if not (token := page.get("nextToken")):
                return True
            if monotonic() >= end:
                return False
            asked["nextToken"] = token

    def _look_at(self, message: str) -> None:
        self.lines += 1
        self.found = self.found or self._mark in message
        self.leaked |= {what for what, secret in self._secrets.items() if secret in message}
