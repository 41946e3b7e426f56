"""The one format of times, the clocks that are injected everywhere, and how a step of a clock is noticed.

Times are UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`. The text sorts as the time does; the table's sort key and the
comparison with an expiry rely on that.

The wall clock may be wrong: it starts in 1970 on a machine without a battery, or a user sets it. A monotonic
clock is never set, but it may stand still while the process is frozen. On Lambda the wall clock is trusted:
AWS keeps it, and DynamoDB deletes expired items by its own clock.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

Clock = Callable[[], int]
"""Returns microseconds. The wall clock's are since 1970, UTC."""

EARLIEST_SECONDS = 1_577_836_800
"""2020-01-01. This program is newer, so a clock that shows an earlier time was never set."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: all of this module is UTC, and it prints faster
_FORMAT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

STEP_SECONDS = 60
"""By how much the wall clock must differ from the monotonic clock to count as set."""
_STEADY_SECONDS = 3600

# `time.monotonic` of Linux and macOS stands still while the machine sleeps. These clocks go on.
_RUNS_ON: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def system_clock() -> int:
    """Return the microseconds since 1970, UTC, by this machine's clock."""
    return time.time_ns() // 1000


def monotonic_clock() -> int:
    """Return the microseconds since some moment, by a clock that is never set."""
    return time.clock_gettime_ns(_RUNS_ON) // 1000


class ClockWatch:
    """Notices when the wall clock is set, by comparing it with a monotonic clock. Times are in seconds.

    Not safe for several threads.
    """

    def __init__(self, monotonic: Clock = monotonic_clock) -> None:
        self._monotonic = monotonic
        self._last: tuple[int, int] | None = None
        self._steady_since = 0

    def step(self, now: int) -> int:
        """Return by how much the wall clock was set ahead, or back if negative, since the last `accept`.

        A difference of up to a minute is none: a clock that is corrected slowly makes one.
        """
        if self._last is None:
            return 0
        wall, monotonic = self._last
        passed = max(0, seconds(self._monotonic()) - monotonic)
        step = (now - wall) - passed
        return step if abs(step) > STEP_SECONDS else 0

    def accept(self, now: int) -> bool:
        """Continue from this time. Return whether both clocks have agreed for an hour.

        They have not if this was not called for an hour: both may have been wrong meanwhile, because a
        machine that sleeps gets both from the same chip.
        """
        monotonic = seconds(self._monotonic())
        if self._last is None or self.step(now) or not 0 <= monotonic - self._last[1] <= _STEADY_SECONDS:
            self._steady_since = monotonic
        self._last = now, monotonic
        return monotonic - self._steady_since >= _STEADY_SECONDS


def format_time(microseconds: int) -> str:
    """Write a time. Raise OverflowError past the year 9999."""
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds") + "Z"


def is_time(text: str) -> bool:
    """Return whether a text is a time as `format_time` writes it."""
    if not _FORMAT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def seconds(microseconds: int) -> int:
    """Return whole seconds since 1970, as a table's TTL attribute counts."""
    return microseconds // 1_000_000
