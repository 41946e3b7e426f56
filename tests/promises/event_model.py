"""Events as the model knows them, and which of them a call means."""

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from triggers_api.core.times import format_time

PENDING, ACKNOWLEDGED, DEAD, ANY = "pending", "acknowledged", "dead", "any"


@dataclass(frozen=True)
class Sent:
    """A producer's request."""

    source: str
    event_type: str
    payload: dict[str, Any]
    metadata: dict[str, Any]

    @property
    def text(self) -> str:
        """The same for requests of equal values. The correlation id does not count."""
        priority = self.metadata.get("priority", "normal")
        text = json.dumps([self.source, self.event_type, self.payload, priority], sort_keys=True)
        return repr(json.loads(text, parse_int=Fraction, parse_float=Fraction))


@dataclass
class Event:
    """An event that was answered with 201. `hidden_until` is in microseconds."""

    event_id: str
    created_at: str
    sent: Sent
    metadata: dict[str, Any]
    expires: int
    acknowledged_at: str | None = None
    died_at: str | None = None
    reason: str | None = None
    deliveries: int = 0
    hidden_until: int = 0
    token: str | None = None
    waits_since: str = ""
    deleted: bool = False

    @property
    def status(self) -> str:
        return ACKNOWLEDGED if self.acknowledged_at else DEAD if self.died_at else PENDING

    def is_free(self, now: int) -> bool:
        return self.status == PENDING and now >= self.hidden_until

    def shown(self, now: int) -> dict[str, Any]:
        hidden = self.status == PENDING and not self.is_free(now)
        optional = {
            "acknowledged_at": self.acknowledged_at,
            "died_at": self.died_at,
            "reason": self.reason,
            "leased_until": format_time(self.hidden_until) if hidden else None,
        }
        return {
            "event_id": self.event_id,
            "created_at": self.created_at,
            "source": self.sent.source,
            "event_type": self.sent.event_type,
            "payload": self.sent.payload,
            "metadata": self.metadata,
            "status": self.status,
            "deliveries": self.deliveries,
            **{name: value for name, value in optional.items() if value is not None},
        }

    def change(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)


@dataclass(frozen=True)
class View:
    """Which events are meant, and in which order they are listed."""

    status: str = PENDING
    source: str | None = None
    event_types: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    newest: bool = False
    available: bool = False

    def within(self, source: str | None) -> "View":
        """Return what a key of this source sees of it; None is a key of any source."""
        return replace(self, source=self.source or source)

    def matches(self, event: Event) -> bool:
        return (
            self.status in {ANY, event.status}
            and self.source in (None, event.sent.source)
            and (not self.event_types or event.sent.event_type in self.event_types)
            and (self.since or "") <= event.created_at < (self.until or "Z")
        )
