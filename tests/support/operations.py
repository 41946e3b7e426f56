"""Intake, inbox and maintenance over one store, with three principals."""

from typing import Any

from tests.support.clock import FakeClock
from triggers_api.core.access import Principal
from triggers_api.core.ids import EventIds
from triggers_api.core.inbox import Inbox
from triggers_api.core.intake import Intake, Receipt, Submission
from triggers_api.core.maintenance import Maintenance
from triggers_api.core.ports import EventStore
from triggers_api.core.retention import Retention

ANY = Principal("any", "digest of any")
SHOP = Principal("shop", "digest of shop", source="shop")
DEPOT = Principal("depot", "digest of depot", source="depot")

MAX_DELIVERIES = 3


class Operations:
    """What the endpoints work with."""

    def __init__(self, store: EventStore, clock: FakeClock, *, max_deliveries: int = MAX_DELIVERIES) -> None:
        retention = Retention(days=7)
        self.intake = Intake(store, ids=EventIds(clock), clock=clock, retention=retention)
        self.inbox = Inbox(store, clock=clock, retention=retention, max_deliveries=max_deliveries)
        self.maintenance = Maintenance(store, clock=clock, retention=retention)

    def ingest(self, key: Principal = ANY, **changes: Any) -> Receipt:
        """Ingest an event without an idempotency key."""
        return self.intake.ingest(key, submission(**{"idempotency_key": None, **changes}))

    def add(self, key: Principal = ANY, **changes: Any) -> str:
        """Ingest an event and return its id."""
        return self.ingest(key, **changes).event_id


def submission(**changes: Any) -> Submission:
    """Return what a producer sends, with an idempotency key."""
    fields: dict[str, Any] = {
        "source": "shop",
        "event_type": "order.paid",
        "payload": '{"order":1,"lines":[{"a":1,"b":2}]}',
        "metadata": {"priority": "normal"},
        "idempotency_key": "once",
    }
    return Submission(**{**fields, **changes})
