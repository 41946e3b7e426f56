"""One deadline per request, which every store call, retry and read of the request obeys.

Time-outs alone do not bound a request: they are per connection (1 s) and per read (2 s). Three attempts
for each call of a filtered page easily exceed the gateway's 29 s, and a reply that drips a byte a second
never times out at all. So the end of the request is set once, when it arrives, and the promise is an answer
within 15 s.

The deadline is a context variable, because the code that must look at it (the read of a socket) is far below
every parameter list. Worker threads of the event loop get a copy of the context, and so the same deadline.
"""

import time
from contextvars import ContextVar
from math import inf

from triggers_api.errors import DeadlineExceededError

REQUEST_SECONDS = 12.0
"""How long a request may take. A read that has started may add its own 2 s, which is still under 15."""

_end: ContextVar[float] = ContextVar("deadline", default=inf)


def start(seconds: float = REQUEST_SECONDS) -> None:
    """Set the end of the current request, `seconds` from now."""
    _end.set(time.monotonic() + seconds)


def extend(seconds: float) -> None:
    """Postpone the end of the current request, because the client took this long and not the store."""
    _end.set(_end.get() + seconds)


def check() -> None:
    """Raise if no time is left.

    Raises:
        DeadlineExceededError: No time is left.
    """
    remaining()


def remaining() -> float:
    """Return the seconds that are left, infinity outside a request.

    Raises:
        DeadlineExceededError: No time is left.
    """
    left = _end.get() - time.monotonic()
    if left <= 0:
        raise DeadlineExceededError("The request's time is up.")
    return left
