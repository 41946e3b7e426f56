"""One deadline for a request, charged with everything that is done for it.

Time-outs are per read and per call: three attempts of six seconds, times the calls of a filtered page, pass
the gateway's 29 s with ease, and a reply that drips a byte a second never times out at all. So the request's
end is set once, at the door, and every call, retry and read looks at it (DESIGN: an answer within 15 s).

A context variable, because what must look at it (a socket's read) is far below every parameter list. Worker
threads of the event loop get a copy of the context, and so the same deadline.
"""

import time
from contextvars import ContextVar
from math import inf

from triggers_api.errors import DeadlineExceededError

REQUEST_SECONDS = 12.0
"""What a request may take. A read that has begun may add its own 2 s: that is still under 15."""

_end: ContextVar[float] = ContextVar("deadline", default=inf)


def start(seconds: float = REQUEST_SECONDS) -> None:
    """Set the end of the current request, `seconds` from now."""
    _end.set(time.monotonic() + seconds)


def extend(seconds: float) -> None:
    """Put off the end of the current request: its client, not the store, took this long."""
    _end.set(_end.get() + seconds)


def remaining() -> float:
    """Return the seconds left, infinite outside a request; `DeadlineExceededError` where none are."""
    left = _end.get() - time.monotonic()
    if left <= 0:
        raise DeadlineExceededError("The request's time is up.")
    return left
