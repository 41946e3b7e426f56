"""Leases: the parameters and results of receive, acknowledge, extend and release.

A receive hides the events that it returns from every other receive until the lease ends. The token of the
lease stays valid until another receive claims the event, or the event is requeued or deleted: a consumer that
is late may still acknowledge.

Times are in milliseconds since 1970 if their name ends in `_ms`, else texts in UTC.
"""

from dataclasses import dataclass, field

from triggers_api.core.events import Event
from triggers_api.errors import LeaseLostError


@dataclass(frozen=True, slots=True)
class Death:
    """When a receive or a release makes an event dead, and what is stored then.

    Attributes:
        max_deliveries: An event that was delivered this often is not made available but dies. 0: no limit.
        died_at: The time of the death.
        expires_at: When the dead event expires, in seconds since 1970.
    """

    max_deliveries: int
    died_at: str
    expires_at: int

    def is_due(self, event: Event) -> bool:
        """Return whether an event has reached `max_deliveries`."""
        return 0 < self.max_deliveries <= event.deliveries


@dataclass(frozen=True, slots=True)
class Receive:
    """The parameters of a receive.

    Attributes:
        limit: How many events it claims at most.
        token: The token of the lease, the same for all its events.
        now_ms: The time of the call.
        until_ms: When the lease ends.
        source: Only events of this source. None: of any.
        event_type: Only events of this type. None: of any.
        death: An event that has reached `max_deliveries` is not claimed but dies.
    """

    limit: int
    token: str = field(repr=False)
    now_ms: int
    until_ms: int
    source: str | None
    event_type: str | None
    death: Death


@dataclass(frozen=True, slots=True)
class Received:
    """The result of a receive.

    Attributes:
        events: The claimed events.
        died: The events that died instead.
        more: Another receive may find more events.
    """

    events: tuple[Event, ...]
    died: tuple[Event, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Held:
    """An event id, and the token of the caller's lease. None: the caller has no lease."""

    event_id: str
    lease: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """The parameters of a release.

    Attributes:
        now_ms: The time of the call.
        until_ms: When the delay ends. 0: the events are available at once.
        dead: Make the events dead instead of available.
        reason: The client's reason, stored if an event dies. None: the client gave none.
        death: An event that has reached `max_deliveries` dies even if `dead` is False.
    """

    now_ms: int
    until_ms: int
    dead: bool
    reason: str | None = field(repr=False)
    death: Death

    def kills(self, event: Event) -> bool:
        """Return whether the release makes an event dead."""
        return self.dead or self.death.is_due(event)


def lease_lost() -> LeaseLostError:
    """Return the error for a token that is not valid for the event."""
    return LeaseLostError(
        "The lease token is not valid: another receive has claimed this event, or it was requeued.",
        hint="Discard the result, or make sure that it may exist twice. Receive again.",
    )


def too_many_deliveries(deliveries: int) -> str:
    """Return the reason of an event that dies because it has reached `max_deliveries`."""
    return f"delivered {deliveries} times without an acknowledgement"
