"""The worker threads of a process that serves many requests at a time.

Parsing a body, validating it and writing an answer takes half a second of computing at worst. On the event
loop it would delay every other request, and the health check. Threads take turns, and the loop is one of
them, so health stays quick while few threads compute. Hence the lanes: one or two threads for requests that
may compute for long, and more for the others, which mostly wait for the store.
"""

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

from triggers_api.core import deadline, turns
from triggers_api.errors import DeadlineExceededError, OverloadedError

T = TypeVar("T")

MAX_WAIT_SECONDS = 8.0
"""How long a request waits for a thread. It needs the rest of its time to be served."""

MAX_WAITING = 512
"""How many requests wait in a lane. Their bodies are in memory."""

_SECONDS_BETWEEN_PAUSES = 0.005
_MAX_PAUSE_SECONDS = 1.0

_PATIENCE_SECONDS = 0.25
"""How old the oldest request of a lane may be before `Workers.refuse_last` refuses the last one."""

_WEIGHT = 1 / 16
"""What the last call counts in the average duration: a single long one must not refuse the others."""


def tune_interpreter() -> None:
    """Prepare this process for threads that compute. Call it once, when everything is imported."""
    # How long the event loop waits for its turn, at each read and write. The default is 5 ms.
    sys.setswitchinterval(0.001)
    # A body of 400 KiB can be 200,000 objects. By default, garbage is searched for after each 700: two thirds
    # of the time of parsing, in pieces in which no other thread gets a turn.
    gc.freeze()
    gc.set_threshold(50_000)


class Lane(Enum):
    """A kind of request."""

    SHORT = auto()
    """Mostly waits for the store."""
    READ = auto()
    """Checks a page of stored payloads, and may compute for long."""
    LARGE_BODY = auto()
    """Parses a large body, and may compute for long."""


THREADS: Mapping[Lane, int] = {Lane.SHORT: 16, Lane.READ: 2, Lane.LARGE_BODY: 1}


class Workers:
    """The threads of all lanes."""

    def __init__(self) -> None:
        self._queues = {lane: _Queue(THREADS[lane], gives_way=lane is not Lane.SHORT) for lane in Lane}

    def refuse_last(self) -> None:
        """Refuse the request that came last to the lane that is most behind, if one is."""
        now = time.monotonic()
        queue = max(self._queues.values(), key=lambda queue: queue.seconds_behind(now))
        if queue.seconds_behind(now) > _PATIENCE_SECONDS:
            queue.refuse_last()

    async def run(self, lane: Lane, call: Callable[[], T]) -> T:
        """Make a call in a thread of a lane, with the context of the request.

        Raises:
            OverloadedError: More requests wait than can be served in time.
            DeadlineExceededError: The request's time is up. The thread is left to finish on its own.
        """
        return await self._queues[lane].run(call)


class _Queue:
    """Threads, and the calls that wait for them in order.

    The expected wait follows from the average duration of a call. If it is too long, the calls that came last
    are refused.
    """

    def __init__(self, threads: int, *, gives_way: bool) -> None:
        self._gives_way = gives_way
        self._executor = ThreadPoolExecutor(threads)
        self._threads = threads
        self._calls: dict[Future[Any], float] = {}  # running and waiting, oldest first, and when each came
        self._average_seconds = 0.0

    async def run(self, call: Callable[[], T]) -> T:
        if self._is_full(len(self._calls) + 1):
            raise _overloaded()
        seconds = deadline.remaining()
        loop = asyncio.get_running_loop()
        job: Future[T] = self._executor.submit(copy_context().run, partial(self._work, call, loop))
        self._calls[job] = time.monotonic()
        give_up = loop.call_later(MAX_WAIT_SECONDS, job.cancel)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            raise DeadlineExceededError("The request's time is up.") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # the server stops
            raise _overloaded() from None  # the call did not start
        finally:
            give_up.cancel()
            self._calls.pop(job, None)
            while self._is_full(len(self._calls)):
                self.refuse_last()
            del job  # its exception refers to this frame: a cycle would keep the request in memory

    def _work(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> T:
        started = time.monotonic()
        if self._gives_way:
            turns.on_give_way(_LoopFirst(loop))
            turns.give_way()
        try:
            return call()
        finally:
            self._average_seconds += (time.monotonic() - started - self._average_seconds) * _WEIGHT

    def _is_full(self, calls: int) -> bool:
        waiting = calls - self._threads
        return waiting > MAX_WAITING or waiting * self._average_seconds > MAX_WAIT_SECONDS * self._threads

    def seconds_behind(self, now: float) -> float:
        """Return the age of the oldest call; 0 if no call waits for a thread."""
        return now - next(iter(self._calls.values())) if len(self._calls) > self._threads else 0.0

    def refuse_last(self) -> None:
        job, _ = self._calls.popitem()
        job.cancel()  # no effect on a call that has started


class _LoopFirst:
    """Makes a computing thread wait until the event loop has done what is ready."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._last = 0.0

    def __call__(self) -> None:
        if time.monotonic() - self._last < _SECONDS_BETWEEN_PAUSES:
            return
        is_done = threading.Event()
        with suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(is_done.set)
            is_done.wait(_MAX_PAUSE_SECONDS)
        self._last = time.monotonic()


def _overloaded() -> OverloadedError:
    return OverloadedError("Too many requests are waiting.")
