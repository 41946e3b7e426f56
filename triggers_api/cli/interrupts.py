"""Handle Ctrl-C in a command that cleans up before it exits."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from triggers_api.cli.exit_codes import INTERRUPTED
from triggers_api.cli.output import console

DEPLOYMENT_LEFTOVERS = "A change set may be left: check the stack in the CloudFormation console."
SMOKE_LEFTOVERS = "Events of this run may be left: their sources start with smoke-."
LISTEN_LEFTOVERS = "Events that were received are available again when their leases end."
CHANGE_LEFTOVERS = "A change of the last events may be made without being counted."

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]  # Windows has no SIGHUP


@contextmanager
def stop_between_pieces() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets. The command checks it after each piece of its work."""
    stopped = threading.Event()
    with handle_interrupts(CHANGE_LEFTOVERS, stop=stopped.set, work="Finishing the current piece"):
        yield stopped


@contextmanager
def handle_interrupts(
    leftovers: str, *, stop: Callable[[], None] | None = None, work: str = "Cleaning up"
) -> Iterator[None]:
    """Acknowledge the first Ctrl-C at once, because the work that follows takes a moment.

    The first SIGINT, SIGTERM or SIGHUP raises `KeyboardInterrupt`, so that a killed process and one whose
    terminal is gone clean up too. A second Ctrl-C raises `SystemExit`, which skips most of the cleanup.

    Args:
        leftovers: Printed at the second Ctrl-C: the resources that may be left behind.
        stop: Called at the first signal instead of raising `KeyboardInterrupt`, which must not interrupt an
            event loop, or a change of several events, at an arbitrary point.
        work: What follows the first signal.
    """
    handled = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]  # nohup ignores SIGHUP

    def interrupt(_number: int, _frame: object) -> None:
        for one in handled:
            signal.signal(one, exit_now if one is signal.SIGINT else signal.SIG_IGN)
        console.say(f"Interrupted. {work}; press Ctrl-C again to exit immediately.")
        if stop is None:
            raise KeyboardInterrupt
        stop()

    def exit_now(_number: int, _frame: object) -> None:
        console.say(f"Exited immediately. {leftovers}")
        sys.exit(INTERRUPTED)

    previous = {one: signal.signal(one, interrupt) for one in handled}
    try:
        yield
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)
