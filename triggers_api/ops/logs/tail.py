"""Read the log of a stage, and follow it, for `triggers logs tail`.

CloudWatch is polled with `FilterLogEvents` for all lines of a moving window. The lines to show are selected
here, which is exact. While a log is followed, only an error that waiting cannot fix ends it: throttling, a
network that is down for a while, renewed credentials and a log group that does not exist yet do not.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from triggers_api.core.ids import REQUEST_ID
from triggers_api.core.times import Clock, system_clock
from triggers_api.errors import ConfigurationError
from triggers_api.ops.aws import Aws
from triggers_api.ops.durations import parse_duration
from triggers_api.ops.keys.references import is_key_id
from triggers_api.ops.logs.group import LogGroup, Notice
from triggers_api.ops.logs.lines import LEVELS, LogLine, parse
from triggers_api.ops.logs.request_lines import RequestLines
from triggers_api.ops.logs.text import contains, text_of
from triggers_api.ops.logs.window import Window
from triggers_api.ops.shell_commands import triggers_command

POLL_SECONDS = 2.0
"""The time between two polls. An account is allowed five requests a second, for all its users together."""

_STATUS = re.compile(r"([1-5])(\d\d|xx)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TailOptions:
    """Which lines to show. An option that is None or empty excludes nothing.

    Attributes:
        since: The earliest time, in milliseconds since 1970.
        follow: Wait for new lines.
        request_id: The request id, or Lambda's id, of the only request to show.
        level: The lowest level to show.
        statuses: The HTTP statuses of the requests to show.
        key_id: The id, or the start of the id, of the only key whose requests to show.
        hook_id: The same of the only hook whose deliveries to show.
        text: A text that a line must contain, as it is shown, in upper or lower case.
        lambda_lines: Show Lambda's own lines too. Those that report a failure are always shown, and so are
            all lines of a `request_id`.
    """

    since: int
    follow: bool = True
    request_id: str | None = None
    level: str | None = None
    statuses: range | None = None
    key_id: str | None = None
    hook_id: str | None = None
    text: str = ""
    lambda_lines: bool = False

    def shows(self, line: LogLine) -> bool:
        """Return whether a line is to be shown, if it belongs to the request."""
        return (
            (self._shows_lambdas_lines or not line.is_lambdas_own or line.is_at_least("WARNING"))
            and (self.level is None or line.is_at_least(self.level))
            and (self.statuses is None or line.status in self.statuses)
            and _starts_with(line, "key_id", self.key_id)
            and _starts_with(line, "hook_id", self.hook_id)
            and (not self.text or contains(text_of(line), self.text))
        )

    @property
    def _shows_lambdas_lines(self) -> bool:
        return self.lambda_lines or self.request_id is not None


def _starts_with(line: LogLine, name: str, wanted: str | None) -> bool:
    return wanted is None or str(line.fields.get(name, "")).startswith(wanted)


def parse_options(
    *,
    since: str,
    follow: bool,
    request_id: str | None = None,
    level: str | None = None,
    status: str | None = None,
    key_id: str | None = None,
    hook_id: str | None = None,
    text: str = "",
    lambda_lines: bool = False,
    clock: Clock = system_clock,
) -> TailOptions:
    """Return the options of a command line.

    Raises:
        ConfigurationError: An option has a wrong value. The message names the option.
    """
    if request_id is not None and not REQUEST_ID.fullmatch(request_id):
        raise ConfigurationError(
            "--request-id: this cannot be a request id.",
            reason="a request id has 1 to 128 of A-Z a-z 0-9 . _ : -; the service replaces any other",
            hint="Copy it from the X-Request-ID header of the response.",
        )
    if level is not None and level.upper() not in LEVELS:
        raise ConfigurationError(
            f"--level: {level!r} is not a level.", hint=f"Use one of {', '.join(LEVELS)}."
        )
    for kind, short_id in (("key", key_id), ("hook", hook_id)):
        if short_id is not None and not is_key_id(short_id):  # ids of hooks have the same form
            raise ConfigurationError(
                f"--{kind}: this is not the id of a {kind}.",
                reason="an id, or the start of one, has 4 to 12 of 0-9 a-f",
                hint=f"List the ids with: {triggers_command(f'{kind}s list', '--all')}",
            )
    return TailOptions(
        since=parse_since(since, clock=clock),
        follow=follow,
        request_id=request_id,
        level=None if level is None else level.upper(),
        statuses=None if status is None else parse_status(status),
        key_id=key_id,
        hook_id=hook_id,
        text=text,
        lambda_lines=lambda_lines,
    )


def parse_status(status: str) -> range:
    """Return the HTTP statuses that `401`, or the class `4xx`, means.

    Raises:
        ConfigurationError: The text is neither a status nor a class.
    """
    found = _STATUS.fullmatch(status)
    if found is None:
        raise ConfigurationError(
            f"--status: {status!r} is not an HTTP status.",
            hint="Give a status such as 401, or a class such as 4xx.",
        )
    if found[2].isdigit():
        return range(int(status), int(status) + 1)
    return range(int(found[1]) * 100, int(found[1]) * 100 + 100)


def parse_since(since: str, *, clock: Clock = system_clock) -> int:
    """Return the time that `10m` (before now) or `2026-11-22T08:00:00Z` means, in milliseconds since 1970.

    Raises:
        ConfigurationError: The text is neither a duration nor a time, or the time is in the future.
    """
    now = clock() // 1000
    try:
        start = now - parse_duration(since) * 1000
    except ConfigurationError:
        try:
            moment = datetime.fromisoformat(since)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ConfigurationError(
                f"--since: {since!r} is neither a duration nor a UTC time.",
                hint="Write 30s, 10m, 2h or 3d, or a time such as 2026-11-22T08:00:00Z.",
            ) from None
        start = int(moment.timestamp() * 1000)
    if start > now:
        raise ConfigurationError(
            f"--since: {since!r} is in the future.", hint="Give an earlier time, in UTC."
        )
    return max(0, start)


def read_log(
    aws: Aws,
    options: TailOptions,
    *,
    clock: Clock = system_clock,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine | Notice]:
    """Yield the lines of the log, each once, and with `follow` the new lines, without end.

    The lines of one poll are in order of time. A line that CloudWatch delivers late is yielded within a
    minute of its delivery.

    Raises:
        LogGroupMissingError: The log group does not exist, and is not followed.
        CredentialsError: The credentials are missing or rejected.
        PermissionDeniedError: The credentials lack logs:FilterLogEvents.
        AwsUnavailableError: CloudWatch Logs does not answer, or refuses the request.
    """
    group = LogGroup(aws, follow=options.follow, sleep=sleep)
    window = Window(options.since)
    request = None if options.request_id is None else RequestLines(options.request_id)
    while True:
        for found in group.scan(window, now=clock() // 1000):
            if isinstance(found, Notice):
                yield found
                continue
            lines = map(parse, found)
            yield from filter(options.shows, lines if request is None else request.select(lines))
        if not options.follow:
            return
        sleep(POLL_SECONDS)
