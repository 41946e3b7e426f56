"""Ctrl-C in a command that must put things in order before it ends."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from triggers_api.cli.exit_codes import INTERRUPTED
from triggers_api.cli.output import console

OF_A_DEPLOYMENT = "A change set may be left: see the stack in CloudFormation's console."
OF_A_SMOKE_TEST = "Events of this run may be left: their sources begin with smoke-."

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupts_told(what_may_be_left: str, *, stop: Callable[[], None] | None = None) -> Iterator[None]:
    """Say at once that a Ctrl-C was heard: taking away what was made for the occasion needs a moment.

    A process that is told to end in another way, or whose terminal is gone, tidies up too. A second Ctrl-C is
    a `SystemExit`, after which little is put in order, and the operator is told what may be left.

    With `stop`, the first Ctrl-C calls it instead of raising `KeyboardInterrupt`: an event loop must not be
    interrupted at an arbitrary point.
    """
    heard = [one for one in _ENDING if signal.getsignal(one) is not signal.SIG_IGN]  # nohup stays in force

    def tell(_number: int, _frame: object) -> None:
        for one in heard:
            signal.signal(one, end if one is signal.SIGINT else signal.SIG_IGN)
        console.say("Interrupted; putting things in order. Ctrl-C once more ends it at once.")
        if stop is None:
            raise KeyboardInterrupt
        stop()

    def end(_number: int, _frame: object) -> None:
        console.say(f"Ended at once. {what_may_be_left}")
        sys.exit(INTERRUPTED)

    before = {one: signal.signal(one, tell) for one in heard}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
