"""What both kinds of a run share: pauses that Ctrl-C ends, concurrent deliveries, calls that are repeated.

A run polls the inbox and starts a delivery, a task, for each event that it finds. `stop` ends the polling.
Deliveries then get a moment to finish.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from triggers_api.errors import (
    ConflictError,
    CorruptRecordError,
    ForbiddenError,
    LeaseLostError,
    NotFoundError,
    TriggersError,
    UnauthorizedError,
    ValidationError,
)
from triggers_api.ops.listen.forwarder import Attempt, EventForwarder
from triggers_api.ops.listen.inboxes import EventInbox
from triggers_api.ops.listen.options import ListenOptions
from triggers_api.ops.listen.reports import Reachable, Reconnected, Reconnecting, Report, Waiting

T = TypeVar("T")

_EVENT_ERRORS = (NotFoundError, ConflictError, LeaseLostError, CorruptRecordError)
"""Errors of one event. A repeat of the call does not help."""

_REFUSALS = (UnauthorizedError, ForbiddenError, ValidationError)
"""Errors of the caller. A repeat of the call does not help."""

_RECONNECT_PAUSES = (1, 2, 5, 10, 30)
_PROBE_SECONDS = 1
_GIVE_BACK_SECONDS = 5


class Run:
    """The state of a run, and what both kinds of it do in the same way."""

    def __init__(
        self,
        inbox: EventInbox,
        forwarder: EventForwarder,
        options: ListenOptions,
        report: Callable[[Report], None],
    ) -> None:
        self.inbox, self.forwarder, self.options, self.report = inbox, forwarder, options, report
        self.accepted = 0
        self.failed: set[str] = set()
        self.problem = ""
        self.is_reachable = False
        """Whether the last connection to the handler could be made."""
        self.is_exiting = False
        """Whether even the clean-up has to end."""
        self.error: BaseException | None = None
        """The first error of a delivery."""
        self._stopping = asyncio.Event()
        self._stopped: asyncio.Task[Any] = asyncio.create_task(self._stopping.wait())
        self._deliveries: set[asyncio.Task[None]] = set()

    @property
    def is_stopping(self) -> bool:
        """Whether the run has to end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End the polling."""
        self._stopping.set()

    async def pause(self, seconds: float) -> None:
        """Wait, but not beyond `stop`."""
        await asyncio.wait({self._stopped}, timeout=seconds)

    def start(self, delivery: Coroutine[Any, Any, None]) -> None:
        """Start a delivery. If it raises, the run stops."""
        task = asyncio.create_task(delivery)
        self._deliveries.add(task)
        task.add_done_callback(self._stop_after_error)

    async def free_places(self) -> int:
        """Wait until another delivery may start. Return how many may, 0 if the run has to end."""
        while not self.is_stopping:
            self._remove_finished()
            if free := self.options.concurrency - len(self._deliveries):
                return free
            await asyncio.wait({*self._deliveries, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
        return 0

    async def finish(self, polling: asyncio.Task[None], grace: float) -> None:
        """Wait until the polling ends, or `stop` was called. Then give the deliveries a moment, and end them.

        Args:
            polling: The task that polls the inbox.
            grace: How long, in seconds, what is under way may take after `stop`.
        """
        await asyncio.wait({polling, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
        end = asyncio.get_running_loop().time() + grace
        await asyncio.wait({polling}, timeout=grace)  # it may still start deliveries
        left = max(0.0, end - asyncio.get_running_loop().time())
        _, late = await asyncio.wait({polling, *self._deliveries}, timeout=left)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_GIVE_BACK_SECONDS)

    async def delivery_ended(self) -> bool:
        """Wait until a delivery ends. Return False if there is none, or the run has to end."""
        self._remove_finished()
        if not self._deliveries or self.is_stopping:
            return False
        await asyncio.wait({*self._deliveries, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
        return True

    async def reach_handler(self) -> bool:
        """Wait until connections to the handler can be made. Return False if the run ends before."""
        while not self.is_reachable and not self.is_stopping:
            if self.problem:
                if self.options.once:
                    return False
                await self.pause(_PROBE_SECONDS)
            if problem := await self.forwarder.probe():
                self.lose_handler(problem)
                continue
            self.is_reachable = True
            if self.problem:
                self.problem = ""
                self.report(Reachable())
        return not self.is_stopping

    def lose_handler(self, problem: str) -> None:
        """Report, once, that no connection to the handler can be made."""
        self.is_reachable = False
        if not self.problem:
            self.problem = problem
            self.report(Waiting(problem))

    def count(self, event_id: str, attempt: Attempt) -> None:
        """Count the last attempt to forward an event."""
        if attempt.is_accepted:
            self.accepted += 1
            self.failed.discard(event_id)
        elif self.options.once:  # a run without end would collect them without end
            self.failed.add(event_id)

    async def reliably(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call the inbox, and repeat the call while the inbox fails, without end.

        Raises:
            TriggersError: A repeat does not help, or the run has to end.
        """
        pauses = iter(_RECONNECT_PAUSES)
        lost = False
        while True:
            try:
                result = await call()
            except (*_EVENT_ERRORS, *_REFUSALS):
                raise
            except TriggersError as error:
                if self.is_stopping:
                    raise
                seconds = next(pauses, 0)
                if seconds:  # from the longest pause on, nothing new is reported
                    self.report(Reconnecting(_describe(error), seconds))
                lost = True
                await self.pause(seconds or _RECONNECT_PAUSES[-1])
            else:
                if lost:
                    self.report(Reconnected())
                return result

    def idle_pauses(self) -> Iterator[int]:
        """Yield the pauses after polls that found nothing, which grow up to the longest."""
        for seconds in (1, 2, 5):
            yield min(seconds, self.options.longest_pause)
        while True:
            yield self.options.longest_pause

    def _remove_finished(self) -> None:
        self._deliveries = {one for one in self._deliveries if not one.done()}

    def _stop_after_error(self, delivery: asyncio.Task[None]) -> None:
        if not delivery.cancelled() and (error := delivery.exception()) is not None:
            self.error = self.error or error
            self.stop()


def _describe(error: TriggersError) -> str:
    reason = f" ({error.reason})" if error.reason else ""
    return f"{error.message}{reason} {error.hint}".rstrip()
