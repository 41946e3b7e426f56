"""Forward events without a lease: look at the inbox, and change nothing there.

Each poll walks over the whole inbox. A cursor that is kept between polls would miss events that are committed
late, and those that are requeued.
"""

import asyncio
from functools import partial

from triggers_api.errors import TriggersError
from triggers_api.ops.listen.inboxes import InboxEvent
from triggers_api.ops.listen.memory import Memory
from triggers_api.ops.listen.reports import Forwarded, Full, Outcome
from triggers_api.ops.listen.run import Run

RETRY_SECONDS = (1, 5, 25)
"""The pauses after failed attempts. After the last attempt the event is left pending."""


class Peek:
    """Polls the inbox, and forwards each event once unless the handler fails."""

    def __init__(self, run: Run, memory: Memory | None = None) -> None:
        self._run = run
        self._memory = memory or Memory()
        self._is_full = False

    async def poll(self) -> None:
        """Forward events until the run ends.

        Raises:
            TriggersError: The inbox refuses the caller.
        """
        run, now = self._run, asyncio.get_running_loop().time
        pauses = run.idle_pauses()
        while await run.reach_handler():
            started = now()
            found = await self._walk()
            if run.options.once:
                while await run.delivery_ended():
                    pass
                if run.is_reachable:
                    return
            elif found:
                pauses = run.idle_pauses()
                await run.pause(next(pauses))
            else:  # a long inbox is read less often
                await run.pause(max(next(pauses), now() - started))

    async def _walk(self) -> bool:
        """Start a delivery for each event that is not remembered. Return whether there was one."""
        run, memory = self._run, self._memory
        memory.start_walk()
        found, cursor = False, None
        while True:
            page = await run.reliably(partial(run.inbox.page, cursor))
            for event in page.events:
                if memory.is_full:
                    self._report_full()
                    return found
                if memory.meet(event.event_id):
                    continue
                if not await run.free_places() or not run.is_reachable:
                    memory.forget(event.event_id)
                    return found
                found = True
                run.start(self._deliver(event))
            cursor = page.next_cursor
            if cursor is None or run.is_stopping:
                return found

    async def _deliver(self, event: InboxEvent) -> None:
        run = self._run
        try:
            event = await run.reliably(partial(run.inbox.with_body, event))
        except TriggersError:
            if run.is_stopping:
                return
            raise
        for number, seconds in enumerate((*RETRY_SECONDS, 0), start=1):
            attempt = await run.forwarder.send(event)
            if attempt.is_unreachable:
                self._memory.forget(event.event_id)
                run.lose_handler(attempt.problem)
                return
            run.count(event.event_id, attempt)
            if attempt.is_accepted:
                outcome = Outcome.DELIVERED
            else:
                outcome = Outcome.RETRYING if seconds else Outcome.LEFT_PENDING
            run.report(Forwarded(event, number, attempt, outcome, seconds))
            if outcome is not Outcome.RETRYING:
                return
            await run.pause(seconds)
            if run.is_stopping:
                return

    def _report_full(self) -> None:
        if not self._is_full:
            self._is_full = True
            self._run.report(Full(self._memory.limit))
