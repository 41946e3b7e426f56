"""What a request has left in the function's log group, read line by line.

The lines are searched here and not by CloudWatch: its patterns match words, and what must be nowhere may be
a part of one. What goes wrong on the way, and passes, is for `LogGroup`, as it is for whoever follows a log.
"""

from collections.abc import Callable, Mapping
from typing import Any

from triggers_api.errors import AwsUnavailableError
from triggers_api.ops.aws import Aws
from triggers_api.ops.logs.group import LogGroup, Notice
from triggers_api.ops.logs.window import Window

_POLL_SECONDS = 3.0


class _TimeIsUpError(Exception):
    """The search has to end, though AWS is still waited for."""


class Traces:
    """The lines since a request: whether its mark is in one, and which of its secrets are in any.

    `since` is in seconds since 1970. `secrets` are by what to call them; `leaked` has those names. Only these
    and counts are ever told.
    """

    def __init__(
        self,
        aws: Aws,
        client: Any,
        *,
        since: float,
        mark: str,
        secrets: Mapping[str, str],
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._group = LogGroup(aws, follow=False, sleep=self._wait, client=client)
        self._since, self._mark, self._secrets = int(since * 1000), mark, secrets
        self._sleep, self._monotonic, self._end = sleep, monotonic, 0.0
        self._trouble = ""
        self.lines = 0
        self.found = False
        self.is_whole = False
        """Whether all lines were read once more after the mark was found: more may come after it."""
        self.leaked: set[str] = set()

    def search(self, seconds: float) -> None:
        """Read until the mark is found, then once more; or until the time is up.

        `AwsUnavailableError` where not one line could be read by then; else what `LogGroup` raises.
        """
        self._end = self._monotonic() + seconds
        while not self.is_whole:
            found_before = self.found
            try:
                self.is_whole = self._read() and found_before
                if not self.is_whole:
                    self._wait(_POLL_SECONDS)
            except _TimeIsUpError as error:
                if self._trouble and not self.lines:
                    raise AwsUnavailableError(
                        "The log group could not be read in time.",
                        reason=self._trouble,
                        hint="Verify again in a moment.",
                    ) from error
                return

    def _read(self) -> bool:
        """Read every line since the request; return False where the time did not allow all of them."""
        self.lines = 0
        # A window for each time: all lines are read again, for one may have come in between two others.
        for found in self._group.scan(Window(self._since), now=self._since):
            if isinstance(found, Notice):
                self._trouble = found.message
                continue
            self._trouble = ""
            for event in found:
                self._look_at(event.get("message", ""))
            if self._monotonic() >= self._end:
                return False
        return True

    def _wait(self, seconds: float) -> None:
        left = self._end - self._monotonic()
        if left <= 0:
            raise _TimeIsUpError
        self._sleep(min(seconds, left))

    def _look_at(self, message: str) -> None:
        self.lines += 1
        self.found = self.found or self._mark in message
        self.leaked |= {what for what, secret in self._secrets.items() if secret in message}
