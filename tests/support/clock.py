"""Clocks that stand still until a test moves them, and two that do not."""

import time
from itertools import count

from triggers_api.core.times import monotonic_clock, system_clock


class FakeClock:
    """A wall clock, and a monotonic clock that a step of the wall clock does not move.

    It starts at the real time: stores that expire by themselves must not think our events old.
    """

    def __init__(self) -> None:
        self.now = time.time_ns() // 1000
        self._stepped = 0

    def __call__(self) -> int:
        return self.now

    def monotonic(self) -> int:
        return self.now - self._stepped

    def advance(self, *, seconds: float = 0, days: float = 0) -> None:
        """Let time pass: both clocks show it."""
        self.now += _microseconds(seconds, days)

    def step(self, *, seconds: float = 0, days: float = 0) -> None:
        """Set the wall clock. No time passes."""
        self.now += _microseconds(seconds, days)
        self._stepped += _microseconds(seconds, days)

    def freeze(self, *, seconds: float) -> None:
        """Let time pass that the monotonic clock does not show."""
        self.step(seconds=seconds)


class TickingClock(FakeClock):
    """A clock that shows each caller another time, a microsecond later. Safe for several threads."""

    def __init__(self) -> None:
        super().__init__()
        self._ticks = count(1)

    def __call__(self) -> int:
        return self.now + next(self._ticks)

    def monotonic(self) -> int:
        return super().monotonic() + next(self._ticks)


class RealClock(FakeClock):
    """The machine's own clocks."""

    def __call__(self) -> int:
        return system_clock()

    def monotonic(self) -> int:
        return monotonic_clock()


def _microseconds(seconds: float, days: float) -> int:
    return int((seconds + days * 86400) * 1_000_000)
