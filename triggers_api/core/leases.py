"""Leases: what a receive claims, and what is done with a lease afterwards.

A receive hides the events that it returns from every other receive until the lease ends. The token of the
lease stays good until another receive claims the event, or the event is requeued or deleted: a consumer that
is late may still acknowledge.

Times are in milliseconds since 1970 if their name ends in `_ms`, else texts in UTC.
"""

from dataclasses import dataclass, field

from triggers_api.core.events import Event


@dataclass(frozen=True, slots=True)
class Claim:
    """A receive.

    Attributes:
        limit: How many events it claims at most.
        token: The token of the lease, the same for all its events.
        now_ms: The time.
        until_ms: When the lease ends.
        source: Only events of this source.
        event_type: Only events of this type.
        max_deliveries: An event that was claimed so often is not claimed but dies. 0: never.
        died_at: The time of such a death.
        dead_until: When such an event expires, in seconds since 1970.
    """

    limit: int
    token: str = field(repr=False)
    now_ms: int
    until_ms: int
    source: str | None
    event_type: str | None
    max_deliveries: int
    died_at: str
    dead_until: int


@dataclass(frozen=True, slots=True)
class Received:
    """What a receive has claimed; the events that died instead; whether another receive may find more."""

    events: tuple[Event, ...]
    died: tuple[Event, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Held:
    """An event, and the token of the lease under which the caller holds it. None: the caller has none."""

    event_id: str
    lease: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """How events are given back.

    Attributes:
        now_ms: The time.
        until_ms: When the delay ends; 0 for an event that is available at once.
        dead: Move the events to the dead ones instead.
        reason: Why, as the client says.
        max_deliveries: An event that was claimed so often is moved to the dead ones too. 0: never.
        died_at: The time of such a death.
        dead_until: When such an event expires, in seconds since 1970.
    """

    now_ms: int
    until_ms: int
    dead: bool
    reason: str | None = field(repr=False)
    max_deliveries: int
    died_at: str
    dead_until: int

    def kills(self, event: Event) -> bool:
        """Return whether the release moves an event to the dead ones."""
        return self.dead or 0 < self.max_deliveries <= event.deliveries


DELIVERED_TOO_OFTEN = "delivered {} times without an acknowledgement"
"""The reason of an event that died because it was claimed too often."""


def reason_of(deliveries: int) -> str:
    """Return the reason of an event that died because it was claimed so often."""
    return DELIVERED_TOO_OFTEN.format(deliveries)
