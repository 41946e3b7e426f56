"""`triggers logs tail` without a terminal: the lines of a stage's log, as they come, each once.

CloudWatch is polled (`FilterLogEvents`) for all lines of a window that moves on; which of them are shown is
decided here, where it is exact. While it follows, only what no waiting mends ends it: throttling, a network
that is away for a while, credentials that were renewed, and a log group that is not there yet do not.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from triggers_api.core.ids import REQUEST_ID
from triggers_api.core.times import Clock, system_clock
from triggers_api.errors import ConfigurationError
from triggers_api.ops.aws import Aws
from triggers_api.ops.keys.operations import seconds_of
from triggers_api.ops.logs.group import LogGroup, Notice
from triggers_api.ops.logs.lines import LEVELS, LogLine, parse
from triggers_api.ops.logs.request_lines import RequestLines
from triggers_api.ops.logs.window import Window

POLL_SECONDS = 2.0
"""Between two polls: an account may ask five times a second in all, and is not alone."""


@dataclass(frozen=True, slots=True)
class TailOptions:
    """What to show. `since` is in milliseconds since 1970; what is None, or empty, leaves nothing out."""

    since: int
    follow: bool = True
    request_id: str | None = None
    level: str | None = None
    text: str = ""

    def shows(self, line: LogLine) -> bool:
        """Tell whether a line is of the level or above it, and holds the text, in capitals or not."""
        return (self.level is None or line.is_at_least(self.level)) and (
            self.text.casefold() in line.raw.casefold()
        )


def make_options(
    *,
    since: str,
    follow: bool,
    request_id: str | None = None,
    level: str | None = None,
    text: str = "",
    clock: Clock = system_clock,
) -> TailOptions:
    """Return what was asked for on a command line; `ConfigurationError` names the option that is wrong."""
    if request_id is not None and not REQUEST_ID.fullmatch(request_id):
        raise ConfigurationError(
            "--request-id: that cannot be the id of a request.",
            reason="an id has 1 to 128 of A-Z a-z 0-9 . _ : -; to any other, the service prefers its own",
            hint="Take it from X-Request-ID of the answer.",
        )
    if level is not None and level.upper() not in LEVELS:
        raise ConfigurationError(
            f"--level: {level!r} is not a level.", hint=f"It is one of {', '.join(LEVELS)}."
        )
    return TailOptions(
        since=start_of(since, clock=clock),
        follow=follow,
        request_id=request_id,
        level=None if level is None else level.upper(),
        text=text,
    )


def start_of(since: str, *, clock: Clock = system_clock) -> int:
    """Return the milliseconds since 1970 that `10m` (before now) or `2026-11-22T08:00:00Z` stands for.

    `ConfigurationError` where it is neither, or a time to come.
    """
    now = clock() // 1000
    try:
        start = now - seconds_of(since) * 1000
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
            f"--since: {since!r} is a time to come.", hint="Give one before now; times are UTC."
        )
    return max(0, start)


def tail(
    aws: Aws,
    options: TailOptions,
    *,
    clock: Clock = system_clock,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine | Notice]:
    """Yield the lines that are there, and where `follow` is set, those that come, without end.

    Each line once, those of a poll by their time; one that CloudWatch shows late, within a minute of that.
    Raises `LogGroupMissingError`, `CredentialsError`, `PermissionDeniedError` or `AwsUnavailableError`.
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
            yield from filter(options.shows, lines if request is None else request.of(lines))
        if not options.follow:
            return
        sleep(POLL_SECONDS)
