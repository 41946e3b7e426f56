"""Forward events under a lease: acknowledge those that the handler accepts, and release the others.

A receive takes no more events than can be forwarded at once, and its lease is longer than an attempt can
take. So a lease has to be extended only if this process was stopped, or the machine asleep, before the
attempt.
"""

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial

from triggers_api.core.times import Clock, seconds
from triggers_api.errors import TriggersError
from triggers_api.ops.listen.forwarder import Attempt
from triggers_api.ops.listen.inboxes import InboxEvent, Received
from triggers_api.ops.listen.reports import Forwarded, Outcome
from triggers_api.ops.listen.run import Run

LEASE_MARGIN_SECONDS = 30
"""How much longer than an attempt a lease is."""

_LATE_SECONDS = 20
"""An attempt that starts later after its receive first extends the lease."""

_LONGEST_DELAY_SECONDS = 3600
_DUE_SECONDS = 0.5  # the clock of the inbox may be behind
_LONGEST_WAIT_SECONDS = 25
"""A run with `once` waits for events that it has released, but not for longer delays than this."""


def release_delay(deliveries: int) -> int:
    """Return the delay after a failed delivery, in seconds: 1, 5, 25, 125, 625, 3125, then an hour."""
    return int(min(5 ** min(max(deliveries - 1, 0), 6), _LONGEST_DELAY_SECONDS))


class Worker:
    """Receives events, forwards them, and acknowledges or releases each."""

    def __init__(self, run: Run, clock: Clock) -> None:
        """Prepare a worker.

        Args:
            run: The run.
            clock: A monotonic clock that goes on while the machine sleeps.
        """
        self._run = run
        self._clock = clock
        self._lease_seconds = run.options.timeout + LEASE_MARGIN_SECONDS
        self._event_types: deque[str | None] = deque(run.options.event_types or [None])
        self._retry_at = 0.0

    async def poll(self) -> None:
        """Forward events until the run ends.

        Raises:
            TriggersError: The inbox refuses the caller.
        """
        run = self._run
        pauses = run.idle_pauses()
        while await run.reach_handler():
            places = await run.free_places()
            if not places or not run.is_reachable:
                continue
            received = await self._receive(places)
            if received.events or received.more:
                pauses = run.idle_pauses()
            elif not run.options.once:
                await run.pause(next(pauses))
            elif not await self._more_is_due():
                return

    async def _receive(self, places: int) -> Received:
        """Receive events of each type in turn, until there are some, and start their deliveries."""
        run = self._run
        received = Received([], more=False)
        for _ in range(len(self._event_types)):
            self._event_types.rotate(-1)
            received, started = await run.reliably(lambda: self._receive_type(places, self._event_types[0]))
            for event in received.events:
                run.start(self._deliver(event, started))
            if received.events or received.more:
                break
        return received

    async def _receive_type(self, places: int, event_type: str | None) -> tuple[Received, int]:
        """Return what a receive found, and when it started."""
        started = seconds(self._clock())
        return await self._run.inbox.receive(places, self._lease_seconds, event_type), started

    async def _more_is_due(self) -> bool:
        """Wait until there may be more events of a run with `once`. Return False if there will be none."""
        run, now = self._run, asyncio.get_running_loop().time
        if await run.delivery_ended():
            return True
        if now() >= self._retry_at:
            return False
        await run.pause(self._retry_at - now())
        return True

    async def _deliver(self, event: InboxEvent, received_at: int) -> None:
        run = self._run
        try:
            if run.is_stopping:
                raise asyncio.CancelledError  # noqa: TRY301 - received after Ctrl-C: give it back
            event = await run.reliably(partial(run.inbox.with_body, event))
            if seconds(self._clock()) - received_at > _LATE_SECONDS:
                await run.reliably(lambda: run.inbox.extend(event, self._lease_seconds))
            attempt = await run.forwarder.send(event)
        except asyncio.CancelledError:
            if not run.is_exiting:
                with suppress(TriggersError):  # its lease ends by itself
                    await run.inbox.release(event, 0)
            raise
        except TriggersError:
            return  # another consumer has the lease, or the next poll reports that the inbox refuses
        run.count(event.event_id, attempt)
        if attempt.is_accepted:
            await self._acknowledge(event, attempt)
        else:
            await self._release(event, attempt)

    async def _acknowledge(self, event: InboxEvent, attempt: Attempt) -> None:
        run = self._run
        outcome, reason = Outcome.ACKNOWLEDGED, ""
        try:
            await run.reliably(lambda: run.inbox.acknowledge(event))
        except TriggersError as error:
            outcome, reason = Outcome.NOT_ACKNOWLEDGED, error.message
        run.report(Forwarded(event, event.deliveries, attempt, outcome, reason=reason))

    async def _release(self, event: InboxEvent, attempt: Attempt) -> None:
        run, delay = self._run, release_delay(event.deliveries)
        outcome, reason = Outcome.RELEASED, ""
        if attempt.is_unreachable:
            run.lose_handler(attempt.problem)
        try:
            if await run.reliably(lambda: run.inbox.release(event, delay)):
                outcome = Outcome.DEAD
            elif delay <= _LONGEST_WAIT_SECONDS:
                due = asyncio.get_running_loop().time() + delay + _DUE_SECONDS
                self._retry_at = max(self._retry_at, due)
        except TriggersError as error:
            outcome, reason = Outcome.LEFT_PENDING, error.message
        if not attempt.is_unreachable or outcome is Outcome.DEAD:
            retry_seconds = delay if outcome is Outcome.RELEASED else 0
            run.report(Forwarded(event, event.deliveries, attempt, outcome, retry_seconds, reason))
