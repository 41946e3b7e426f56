"""Give way to other threads between two steps of a long computation.

A step in C, such as parsing a payload, takes up to 50 ms in which no other thread runs. Between two such
steps an event loop in the same process gets one moment, and it needs many. So a long computation gives way:
it waits until the event loop has done what was ready.
"""

from collections.abc import Callable
from contextvars import ContextVar


def _go_on() -> None:
    return


_give_way: ContextVar[Callable[[], None]] = ContextVar("give way", default=_go_on)


def on_give_way(wait: Callable[[], None]) -> None:
    """Set how a computation in this context gives way. By default it just goes on."""
    _give_way.set(wait)


def give_way() -> None:
    """Let others run, if there are any."""
    _give_way.get()()
