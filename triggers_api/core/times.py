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
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]
"""Returns microseconds. The wall clock's are since 1970, UTC."""

Reading = tuple[int, int]
"""What the wall clock and the monotonic clock showed at one moment, in seconds."""

EARLIEST_SECONDS = 1_577_836_800
"""2020-01-01. This program is newer, so a clock that shows an earlier time was never set."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: all of this module is UTC, and it prints faster
_HOUR = r"(?:[01]\d|2[0-3])"  # Python 3.14 reads 24:00 too
_RFC_3339 = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)[Tt]({_HOUR}:\d\d:\d\d(?:\.\d{{1,6}})?)([Zz]|[+\- ]{_HOUR}:[0-5]\d)", re.ASCII
)
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
        self._last: Reading | None = None
        self._steady_since = 0

    def step(self, now: int) -> int:
        """Return by how much the wall clock was set ahead, or back if negative, since the last `accept`.

        A difference of up to a minute is none: a clock that is corrected slowly makes one.
        """
        return 0 if self._last is None else _step(self._last, self.reading(now))

    def was_noticed(self, now: int, by_another: Reading) -> bool:
        """Return whether another watch has noticed this step since the last `accept` of this one.

        Args:
            now: The time.
            by_another: What the other watch read when it last noticed a step.
        """
        is_new = self._last is not None and by_another[1] >= self._last[1]
        return is_new and _step(by_another, self.reading(now)) == 0

    def reading(self, now: int) -> Reading:
        """Return what both clocks show."""
        return now, seconds(self._monotonic())

    def accept(self, now: int) -> bool:
        """Continue from this time. Return whether both clocks have agreed for an hour.

        They have not if this was not called for an hour: both may have been wrong meanwhile, because a
        machine that sleeps gets both from the same chip.
        """
        _, monotonic = reading = self.reading(now)
        if self._last is None or self.step(now) or not 0 <= monotonic - self._last[1] <= _STEADY_SECONDS:
            self._steady_since = monotonic
        self._last = reading
        return monotonic - self._steady_since >= _STEADY_SECONDS


def format_time(microseconds: int) -> str:
    """Write a time. Raise OverflowError past the year 9999."""
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> int:
    """Return the microseconds since 1970 of a time as `format_time` writes it."""
    return (datetime.fromisoformat(text.removesuffix("Z")) - _EPOCH) // timedelta(microseconds=1)


def is_time(text: str) -> bool:
    """Return whether a text is a time as `format_time` writes it."""
    if not _FORMAT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def normalise_time(text: str) -> str:
    """Return a time of RFC 3339, with any offset and up to six fractional digits, as `format_time` writes it.

    A `+` that a query string turned into a space counts as a `+`.

    Raises:
        ValueError: The text is no such time.
    """
    if not (match := _RFC_3339.fullmatch(text)):
        raise ValueError(text)
    date, clock, offset = match.groups()
    offset = "+00:00" if offset in {"Z", "z"} else offset.replace(" ", "+")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{offset}").astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def seconds_since(text: str, microseconds: int) -> int:
    """Return the whole seconds from a time, as `format_time` writes it, to another. 0 if it is ahead."""
    return max(0, seconds(microseconds - parse_time(text)))


def milliseconds(microseconds: int) -> int:
    """Return whole milliseconds since 1970, as leases count."""
    return microseconds // 1000


def seconds(microseconds: int) -> int:
    """Return whole seconds since 1970, as a table's TTL attribute counts."""
    return microseconds // 1_000_000


def _step(earlier: Reading, later: Reading) -> int:
    """Return by how much the wall clock was set between two readings."""
    passed = max(0, later[1] - earlier[1])
    step = (later[0] - earlier[0]) - passed
    return step if abs(step) > STEP_SECONDS else 0
