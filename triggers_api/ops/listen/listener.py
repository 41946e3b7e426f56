"""A run of `triggers listen`: poll a durable inbox, and forward its events to a handler.

    Listener(inbox, forwarder, options, report=print).execute()

Nothing is lost while this process is stopped, or the machine asleep: the inbox keeps the events. The run ends
at Ctrl-C, with `once` when nothing is left, if the inbox refuses the caller, or if `report` raises. It then
gives back the events that it holds, within a bound. `SystemExit`, the second Ctrl-C of the CLI, skips that.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from triggers_api.core.times import Clock, monotonic_clock
from triggers_api.ops.listen.forwarder import EventForwarder
from triggers_api.ops.listen.inboxes import EventInbox
from triggers_api.ops.listen.options import ListenOptions
from triggers_api.ops.listen.peek import Peek
from triggers_api.ops.listen.reports import Ready, Report, Summary
from triggers_api.ops.listen.run import Run
from triggers_api.ops.listen.worker import Worker

GRACE_SECONDS = 5
"""How long attempts may go on after Ctrl-C: a response that is about to arrive saves a second delivery."""


@dataclass(slots=True)
class _Started:
    run: Run
    loop: asyncio.AbstractEventLoop


class Listener:
    """One run."""

    def __init__(
        self,
        inbox: EventInbox,
        forwarder: EventForwarder,
        options: ListenOptions,
        *,
        report: Callable[[Report], None],
        clock: Clock = monotonic_clock,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            inbox: The events.
            forwarder: Sends events to the handler.
            options: How events are forwarded.
            report: Called with what happens.
            clock: A monotonic clock that goes on while the machine sleeps.
            loop_factory: Creates the event loop, which is also the clock of pauses and time-outs.
        """
        self._inbox, self._forwarder, self._options = inbox, forwarder, options
        self._report, self._clock, self._loop_factory = report, clock, loop_factory
        self._started: _Started | None = None
        self._is_interrupted = False

    def execute(self) -> Summary:
        """Forward events until the run ends.

        Raises:
            KeyboardInterrupt: `stop` was called.
            TriggersError: The inbox cannot be used at the start, or refuses the caller.
        """
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            try:
                return runner.run(self._execute())
            except SystemExit:  # the runner now cancels what is under way
                if self._started:
                    self._started.run.is_exiting = True
                raise

    def stop(self) -> None:
        """End the run: `execute` gives back the events that it holds, and raises `KeyboardInterrupt`.

        A signal handler should call this instead of raising `KeyboardInterrupt`, which in the midst of the
        event loop could lose a callback.
        """
        self._is_interrupted = True
        if self._started:
            self._started.loop.call_soon_threadsafe(self._started.run.stop)

    async def _execute(self) -> Summary:
        run = Run(self._inbox, self._forwarder, self._options, self._report)
        self._started = _Started(run, asyncio.get_running_loop())
        if self._is_interrupted:
            run.stop()
        polling = asyncio.create_task(self._poll(run))
        try:
            await run.finish(polling, GRACE_SECONDS if self._options.acknowledge else 0)
        finally:
            await self._inbox.close()
            await self._forwarder.close()
        if run.error is not None:
            raise run.error
        if self._is_interrupted:
            raise KeyboardInterrupt
        polling.result()
        return Summary(run.accepted, len(run.failed), run.problem)

    async def _poll(self, run: Run) -> None:
        await self._inbox.page(None, limit=1)
        self._report(Ready())
        await (Worker(run, self._clock) if self._options.acknowledge else Peek(run)).poll()
