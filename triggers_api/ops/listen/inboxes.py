"""What `triggers listen` needs of an inbox: a stage's store (`store_inbox`) or an API (`http_inbox`)."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

LONGEST_LEASE_SECONDS = 43_200


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """An event of an inbox.

    Attributes:
        payload: The JSON text of an object, as it was sent.
        metadata: The JSON text of an object.
        deliveries: How often a receive has claimed the event.
        lease: The token of the lease. None if the event was not received.
        webhook: `Webhook.details` of the webhook that the event came as. None if an API key posted it.
        body: The body of the webhook as it was sent. None if there is none, or it was not read yet.
    """

    event_id: str
    created_at: str
    source: str
    event_type: str
    payload: str = field(repr=False)
    metadata: str = field(repr=False)
    deliveries: int
    lease: str | None = field(default=None, repr=False)
    webhook: str | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)


class EventPage(NamedTuple):
    """Events in the order of their creation. `next_cursor` is None on the last page."""

    events: list[InboxEvent]
    next_cursor: str | None


class Received(NamedTuple):
    """The events of a receive. `more`: another receive may find more."""

    events: list[InboxEvent]
    more: bool


class EventInbox(Protocol):
    """The events that match a filter.

    Methods raise `UnauthorizedError`, `ForbiddenError` or `ValidationError` if the inbox refuses the caller
    for a reason that a repeat does not change. Any other `TriggersError` without a mention below means that
    the inbox failed, and that a repeat may succeed.
    """

    async def page(self, cursor: str | None, *, limit: int = 100) -> EventPage:
        """Return a page of the pending events, oldest first."""

    async def receive(self, limit: int, lease_seconds: int, event_type: str | None) -> Received:
        """Lease available events. `event_type`: only events of this type."""

    async def with_body(self, event: InboxEvent) -> InboxEvent:
        """Return the event, with the body of its webhook if there is one and the inbox has it."""

    async def acknowledge(self, event: InboxEvent) -> None:
        """Acknowledge a leased event. A repeat succeeds.

        Raises:
            NotFoundError: The event was deleted, or has expired.
            ConflictError: Another consumer acknowledged it.
            LeaseLostError: Another consumer has received it.
        """

    async def extend(self, event: InboxEvent, lease_seconds: int) -> None:
        """Let the lease of an event end so many seconds from now.

        Raises:
            NotFoundError: The event was deleted, or has expired.
            ConflictError: The event is not pending.
            LeaseLostError: Another consumer has received it.
        """

    async def release(self, event: InboxEvent, delay_seconds: int) -> bool:
        """Make a leased event available after a delay. Return whether it died: it was received too often.

        Raises:
            NotFoundError: The event was deleted, or has expired.
            ConflictError: The event is not pending.
            LeaseLostError: Another consumer has received it.
        """

    async def close(self) -> None:
        """Close the connections."""
