"""A clock that stands still until a test moves it."""

import time


class FakeClock:
    """Starts at the real time: stores that expire by themselves must not think our events old."""

    def __init__(self) -> None:
        self.now = time.time_ns() // 1000

    def __call__(self) -> int:
        return self.now

    def advance(self, *, seconds: float = 0, days: float = 0) -> None:
        self.now += int((seconds + days * 86400) * 1_000_000)
