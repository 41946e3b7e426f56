"""The inbox of a stage for `triggers listen`, through its store.

A store blocks, so each call runs in a thread. The threads are daemons: one that hangs does not keep the
process alive after a second Ctrl-C.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TypeVar

from triggers_api.core.events import Event
from triggers_api.core.inbox import Inbox
from triggers_api.core.leases import Held
from triggers_api.core.paging import Filter
from triggers_api.core.ports import EventStore
from triggers_api.core.retention import Retention
from triggers_api.core.times import Clock
from triggers_api.errors import value_of
from triggers_api.ops.events.operator import OPERATOR
from triggers_api.ops.listen.inboxes import EventPage, InboxEvent, Received
from triggers_api.settings import Settings

T = TypeVar("T")


class StoreInbox:
    """The pending events of a store that match a filter."""

    def __init__(
        self,
        store: EventStore,
        wanted: Filter,
        settings: Settings,
        *,
        clock: Clock,
        explain: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Prepare the inbox.

        Args:
            store: The events of the stage.
            wanted: A filter of pending events.
            settings: The retention of the stage and its maximum of deliveries, for events that die.
            clock: The time.
            explain: Returns a context that explains the errors of the store.
        """
        retention = Retention(settings.event_ttl_days)
        self._inbox = Inbox(store, clock=clock, retention=retention, max_deliveries=settings.max_deliveries)
        self._wanted = wanted
        self._explain = explain

    async def page(self, cursor: str | None, *, limit: int = 100) -> EventPage:
        """List the pending events as `GET /v1/inbox` does."""
        page = await self._in_thread(
            lambda: self._inbox.page(OPERATOR, self._wanted, limit=limit, cursor=cursor)
        )
        return EventPage([_event(event, lease=None) for event in page.events], page.next_cursor)

    async def receive(self, limit: int, lease_seconds: int, event_type: str | None) -> Received:
        """Claim events as `POST /v1/inbox/receive` does."""
        delivery = await self._in_thread(
            lambda: self._inbox.receive(
                OPERATOR,
                limit=limit,
                lease_seconds=lease_seconds,
                source=self._wanted.source,
                event_type=event_type,
            )
        )
        return Received([_event(event, lease=delivery.token) for event in delivery.events], delivery.more)

    async def with_body(self, event: InboxEvent) -> InboxEvent:
        """Return the event: the store reads the body with the rest."""
        return event

    async def acknowledge(self, event: InboxEvent) -> None:
        """Acknowledge an event under its lease."""
        await self._in_thread(lambda: value_of(self._inbox.acknowledge(OPERATOR, [_held(event)])[0]))

    async def extend(self, event: InboxEvent, lease_seconds: int) -> None:
        """Set the end of a lease."""

        def extend() -> None:
            _, (outcome,) = self._inbox.extend(OPERATOR, [_held(event)], lease_seconds=lease_seconds)
            value_of(outcome)

        await self._in_thread(extend)

    async def release(self, event: InboxEvent, delay_seconds: int) -> bool:
        """Give back an event, which dies if it was received as often as the settings of the stage allow."""
        outcomes = await self._in_thread(
            lambda: self._inbox.release(OPERATOR, [_held(event)], delay_seconds=delay_seconds)
        )
        return value_of(outcomes[0]).died_at is not None

    async def close(self) -> None:
        """Leave the store open: the context that opened it closes it."""

    async def _in_thread(self, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def finish(result: T | None, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(result)  # type: ignore[arg-type] # None only if T is
            else:
                done.set_exception(error)

        def run() -> None:
            outcome: tuple[T | None, BaseException | None]
            try:
                with self._explain():
                    outcome = call(), None
            except BaseException as error:  # noqa: BLE001 - raised in the event loop
                outcome = None, error
            with suppress(RuntimeError):  # the event loop is closed: the command has ended
                loop.call_soon_threadsafe(finish, *outcome)

        threading.Thread(target=run, daemon=True).start()
        return await done


def _held(event: InboxEvent) -> Held:
    return Held(event.event_id, event.lease)


def _event(event: Event, *, lease: str | None) -> InboxEvent:
    return InboxEvent(
        event.event_id,
        event.created_at,
        event.source,
        event.event_type,
        event.payload,
        event.metadata,
        event.deliveries,
        lease,
        webhook=None if event.webhook is None else event.webhook.details,
        body=None if event.webhook is None else event.webhook.body,
    )
