"""Run calls in parallel, in a bounded number of threads.

A batch is many calls of a few milliseconds each, and most of that time is waiting. All requests of the
process share the threads. With the threads of a server (`api/workers.py`) they are fewer than the connections
that the transport keeps.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from triggers_api.errors import TriggersError

Argument = TypeVar("Argument")
T = TypeVar("T")

THREADS = 16
"""How many calls are under way at a time."""


class Threads:
    """The threads of one store. They start when they are first needed."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb")

    def map(self, call: Callable[[Argument], T], arguments: Iterable[Argument]) -> list[T]:
        """Call with each argument, and return the results in the order of the arguments.

        Each call has a copy of the caller's context, and so the deadline of the request.
        """
        arguments = list(arguments)
        if len(arguments) == 1:
            return [call(arguments[0])]
        jobs = [self._executor.submit(copy_context().run, call, argument) for argument in arguments]
        return [job.result() for job in jobs]

    def map_outcomes(
        self, call: Callable[[Argument], T], arguments: Iterable[Argument]
    ) -> list[T | TriggersError]:
        """Call with each argument, as `map` does. The outcome of a call that fails is its error."""

        def attempt_one(argument: Argument) -> T | TriggersError:
            return attempt(call, argument)

        return self.map(attempt_one, arguments)


def attempt(call: Callable[[Argument], T], argument: Argument) -> T | TriggersError:
    """Return the result of a call, or its error."""
    try:
        return call(argument)
    except TriggersError as error:
        return error
