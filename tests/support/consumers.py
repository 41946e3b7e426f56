"""Consumers that receive and acknowledge at the same time, and the record of what each was handed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Lock
from typing import Any

from tests.support.witness import Asked, Send


class NoAnswerError(Exception):
    """A call got no answer, or a 503."""


@dataclass(frozen=True)
class Delivery:
    """An event as a receive handed it out. The times are the service's own."""

    event_id: str
    token: str
    number: int
    claimed_at: datetime
    expires_at: datetime


@dataclass
class Record:
    """What the consumers were told. Safe for several threads."""

    deliveries: dict[str, list[Delivery]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: dict[str, str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def add(self, delivered: Iterable[Delivery]) -> None:
        with self.lock:
            for one in delivered:
                self.deliveries[one.event_id].append(one)

    def check_leases(self) -> None:
        """Fail if an event was handed out before its last lease had ended. No lease may have been changed."""
        for several in self.deliveries.values():
            ordered = sorted(several, key=lambda one: one.claimed_at)
            for first, second in pairwise(ordered):
                assert second.claimed_at >= first.expires_at, ("twice within a lease", first, second)
                assert second.number > first.number, ("a delivery is not counted", first, second)
                assert second.token != first.token, "a token comes again"

    @property
    def latest_return(self) -> timedelta:
        """How long after the end of its lease an event came again, at most."""
        late = timedelta()
        for several in self.deliveries.values():
            ordered = sorted(several, key=lambda one: one.claimed_at)
            for first, second in pairwise(ordered):
                late = max(late, second.claimed_at - first.expires_at)
        return late

    @property
    def duplicates(self) -> int:
        """How many deliveries there were beyond the first of each event."""
        return sum(len(several) - 1 for several in self.deliveries.values())


@dataclass(frozen=True)
class Consumer:
    """Calls the service in one way."""

    send: Send
    record: Record
    lease_seconds: int

    def ingest(self, payloads: list[Any]) -> list[str]:
        """Ingest events in one batch and return their ids."""
        events = [{"source": "shop", "event_type": "order.paid", "payload": payload} for payload in payloads]
        results = self._call("/v1/events/batch", {"events": events})["results"]
        if any(one["status"] == 503 for one in results):
            raise NoAnswerError
        assert {one["status"] for one in results} == {201}, results
        return [one["event_id"] for one in results]

    def receive(self, limit: int, *, lease_seconds: int | None = None) -> tuple[list[Delivery], bool]:
        """Receive events. Return them, and whether there may be more."""
        seconds = lease_seconds or self.lease_seconds
        answer = self._call("/v1/inbox/receive", {"max": limit, "lease_seconds": seconds})
        found = [_delivery(event, seconds) for event in answer["events"]]
        assert len({one.event_id for one in found}) == len(found) <= limit
        self.record.add(found)
        return found, answer["more"]

    def acknowledge(self, delivered: list[Delivery]) -> list[Delivery]:
        """Acknowledge events under their leases in one batch. Return those whose entry got a 503.

        A lease may be lost only after its end.
        """
        entries = [{"event_id": one.event_id, "lease": one.token} for one in delivered]
        results = self._call("/v1/inbox/ack", {"events": entries})["results"]
        unanswered = list[Delivery]()
        for one, result in zip(delivered, results, strict=True):
            if result["status"] == 503:
                unanswered.append(one)
                continue
            if result["status"] == 409:  # this consumer was too slow
                assert result["error"]["code"] == "LEASE_LOST", result
                assert datetime.now(UTC) >= one.expires_at, "the lease was lost before its end"
                continue
            assert result["status"] == 200, result
            with self.record.lock:
                earlier = self.record.acknowledged.setdefault(one.event_id, result["acknowledged_at"])
            assert earlier == result["acknowledged_at"], "acknowledged twice"
        return unanswered

    def get(self, event_id: str) -> dict[str, Any]:
        """Return an event; fail if it is gone."""
        status, _, answer = self.send(Asked("GET", f"/v1/events/{event_id}"))
        assert status == 200, "an event that was answered 201 is gone"
        return answer

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        status, _, answer = self.send(Asked("POST", path, body=body))
        if status in {0, 503}:
            raise NoAnswerError
        assert status == 200, answer
        return answer


def _delivery(event: dict[str, Any], seconds: int) -> Delivery:
    expires_at = datetime.fromisoformat(event["lease"]["expires_at"])
    return Delivery(
        event["event_id"],
        event["lease"]["token"],
        event["deliveries"],
        expires_at - timedelta(seconds=seconds),
        expires_at,
    )
