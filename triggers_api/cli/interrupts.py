"""Ctrl-C in a command that must put things in order before it ends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.cli import console


@contextmanager
def interrupts_told() -> Iterator[None]:
    """Say at once that a Ctrl-C was heard: taking away what was made for the occasion needs a moment."""

    def tell(_number: int, _frame: object) -> None:
        console.say("Interrupted; putting things in order. Once more ends it at once.")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
