"""The one format of times, and the type of the clock that is injected everywhere.

Times are UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`. The text sorts as the time does; the table's sort key and the
comparison with an expiry rely on that.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

Clock = Callable[[], int]
"""Returns microseconds since 1970, UTC."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: all of this module is UTC, and it prints faster
_FORMAT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def system_clock() -> int:
    """Return the microseconds since 1970, UTC, by this machine's clock."""
    return time.time_ns() // 1000


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
