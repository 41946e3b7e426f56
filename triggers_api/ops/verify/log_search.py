"""Search the function's log group, line by line, for what a request left there.

The lines are searched here and not by CloudWatch, whose patterns match words: a secret may be part of a word.
`LogGroup` handles temporary errors, as it does for `triggers logs tail`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from triggers_api.errors import AwsUnavailableError
from triggers_api.ops.aws import Aws
from triggers_api.ops.logs.group import LogGroup, Notice
from triggers_api.ops.logs.window import Window

_POLL_SECONDS = 3.0


class _TimeIsUpError(Exception):
    """The search must end, although AWS has not answered yet."""


class LogSearch:
    """Searches the lines since a request for its mark, and for secrets that must be in none of them.

    Only the names of secrets, and counts, are ever shown.

    Attributes:
        lines: How many lines the latest read found.
        found: The mark is in a line.
        is_complete: All lines were read once more after the mark was found: more lines may follow it.
        leaked: The names of the secrets that are in a line.
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
        """Prepare a search.

        Args:
            aws: The account and region.
            client: A client of CloudWatch Logs.
            since: When the request was sent, in seconds since 1970.
            mark: The text that shows that a line belongs to the request.
            secrets: The secrets by their names.
            sleep: Waits.
            monotonic: The clock of the search.
        """
        self._group = LogGroup(aws, follow=False, sleep=self._wait, client=client)
        self._since, self._mark, self._secrets = int(since * 1000), mark, secrets
        self._sleep, self._monotonic, self._end = sleep, monotonic, 0.0
        self._problem = ""
        self.lines = 0
        self.found = False
        self.is_complete = False
        self.leaked: set[str] = set()

    def run(self, seconds: float) -> None:
        """Read until the mark is found, then once more; or until the time is up.

        Raises:
            AwsUnavailableError: No line could be read in time.
            TriggersError: The log group is missing, or may not be read.
        """
        self._end = self._monotonic() + seconds
        while not self.is_complete:
            found_before = self.found
            try:
                self.is_complete = self._read() and found_before
                if not self.is_complete:
                    self._wait(_POLL_SECONDS)
            except _TimeIsUpError as error:
                if self._problem and not self.lines:
                    raise AwsUnavailableError(
                        "The log group could not be read in time.",
                        reason=self._problem,
                        hint="Verify again in a moment.",
                    ) from error
                return

    def _read(self) -> bool:
        """Read every line since the request; return False if there was no time for all of them."""
        self.lines = 0
        # A new window each time: all lines are read again, because a line may appear between two others.
        for page in self._group.scan(Window(self._since), now=self._since):
            if isinstance(page, Notice):
                self._problem = page.message
                continue
            self._problem = ""
            for event in page:
                self._inspect(event.get("message", ""))
            if self._monotonic() >= self._end:
                return False
        return True

    def _wait(self, seconds: float) -> None:
        remaining = self._end - self._monotonic()
        if remaining <= 0:
            raise _TimeIsUpError
        self._sleep(min(seconds, remaining))

    def _inspect(self, line: str) -> None:
        self.lines += 1
        self.found = self.found or self._mark in line
        self.leaked |= {name for name, secret in self._secrets.items() if secret in line}
