"""What a run of `triggers listen` reports while it works."""

from dataclasses import dataclass
from enum import StrEnum

from triggers_api.ops.listen.forwarder import Attempt
from triggers_api.ops.listen.inboxes import InboxEvent


class Outcome(StrEnum):
    """What an attempt leads to.

    Attributes:
        DELIVERED: The handler accepted the event, which stays pending.
        ACKNOWLEDGED: The handler accepted the event, and it is acknowledged.
        NOT_ACKNOWLEDGED: The handler accepted the event, but it could not be acknowledged.
        RETRYING: The event is forwarded again after a pause.
        RELEASED: The event is available again after a delay.
        LEFT_PENDING: This run does not forward the event again.
        DEAD: The event was received too often.
    """

    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    RETRYING = "retrying"
    RELEASED = "released"
    LEFT_PENDING = "left_pending"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Ready:
    """The inbox answers, and forwarding starts."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """An attempt has ended.

    Attributes:
        event: The event.
        number: The number of the attempt: in this run, or of the event's deliveries if it is leased.
        attempt: The result.
        outcome: What the result leads to.
        retry_seconds: When the event is forwarded again, or available again.
        reason: Why the event could not be acknowledged or released.
    """

    event: InboxEvent
    number: int
    attempt: Attempt
    outcome: Outcome
    retry_seconds: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The handler cannot be reached. Reported once, until it accepts connections."""

    problem: str


@dataclass(frozen=True, slots=True)
class Reachable:
    """The handler accepts connections again."""


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The inbox failed. The call is repeated after a pause."""

    message: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The inbox answers again."""


@dataclass(frozen=True, slots=True)
class Full:
    """More events are pending than a run without leases can remember. The newest are not forwarded."""

    limit: int


Report = Ready | Forwarded | Waiting | Reachable | Reconnecting | Reconnected | Full


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of a run that has ended.

    Attributes:
        forwarded: How many events the handler accepted.
        failed: How many events it did not accept.
        problem: Why the run ended before all events were tried, empty if it did not.
    """

    forwarded: int
    failed: int
    problem: str = ""
