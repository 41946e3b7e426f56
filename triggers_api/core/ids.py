"""Event ids: UUIDv7 whose timestamp *is* the event's `created_at`. Also the form of a request id.

The key of the table is (`event_id`, `created_at`). Because `created_at` can be computed from the id, every
read, acknowledgement and delete addresses its item directly, in one call.

RFC 9562, section 6.2, method 3: 48 bits of milliseconds, then the 12 bits of `rand_a` hold the fraction of
the millisecond in units of 1/4096. A microsecond is more than four of these units, so none is lost.
"""

import re
import secrets
import threading
from uuid import UUID

from triggers_api.core.times import Clock, format_time, parse_time, system_clock

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
"""The request ids that the service accepts from a client. It replaces any other by a generated one."""

_CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_VARIANT = 0b10 << 62
_VERSION = 7 << 76
_FIXED_BITS = 0xF << 76 | 0b11 << 62
_CHARACTERS_OF_TIME = 18


MAX_SECONDS_AHEAD = 60
"""How far an id may be ahead of the clock."""


class EventIds:
    """Generates event ids, strictly increasing unless the clock is set back by more than a minute.

    Within a minute, ids continue after the last one. Beyond it they follow the clock: it was wrong before,
    and one id from the future must not date all later events. Events are listed in the order of their ids,
    so an event from the future is listed after later events, in this process and after a restart.

    Safe for several threads.
    """

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def new(self) -> str:
        """Return a new id. Its `created_at` is the clock's time, or just after that of the last id."""
        with self._lock:
            now = max(self._clock(), 0)
            is_from_the_future = self._last - now > MAX_SECONDS_AHEAD * 1_000_000
            self._last = now if is_from_the_future else max(now, self._last + 1)
            microseconds = self._last
        return _compose(microseconds, secrets.randbits(62))


def parse_event_id(text: str) -> str | None:
    """Return the id in lower case if `text` is a UUID of any version in its 36 characters, else None."""
    return text.lower() if _CANONICAL.fullmatch(text) else None


def boundary(created_at: str) -> str:
    """Return a text that sorts after the ids of all earlier events, and before those of this time and later.

    `created_at` is a time as `format_time` writes it.
    """
    return _compose(max(parse_time(created_at), 0), 0)[:_CHARACTERS_OF_TIME]


def created_at(event_id: str) -> str | None:
    """Return the creation time that a UUID holds, None if `EventIds` cannot have generated it."""
    number = UUID(event_id).int
    if number & _FIXED_BITS != _VERSION | _VARIANT:
        return None
    fraction = number >> 64 & 0xFFF
    microseconds = -(-fraction * 1000 // 4096)
    if microseconds * 4096 // 1000 != fraction:
        return None
    try:
        return format_time((number >> 80) * 1000 + microseconds)
    except OverflowError:
        return None


def _compose(microseconds: int, random_bits: int) -> str:
    milliseconds, rest = divmod(microseconds, 1000)
    fraction = rest * 4096 // 1000
    return str(UUID(int=milliseconds << 80 | _VERSION | fraction << 64 | _VARIANT | random_bits))
