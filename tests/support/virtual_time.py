"""An event loop whose time passes only while nothing can run: a test of time-outs takes no time."""

import asyncio
import selectors


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer instead of waiting for it. Work must be done in the loop, not in threads."""

    def __init__(self) -> None:
        self._timeline = _Timeline()
        super().__init__(self._timeline)

    def time(self) -> float:
        return self._timeline.now


class _Timeline(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("the event loop waits for something that can never happen")
        if not ready and timeout:
            self.now += timeout
        return ready
