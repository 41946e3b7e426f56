"""Change events that a consumer has received: acknowledge, extend, release.

Each change is a conditional write. If DynamoDB refuses the write, it returns the existing item:

    ack A ── update if pending or dead ──────► acknowledged, nonce A     the answer is lost
    ack A, repeated by the SDK ────► refused: acknowledged, nonce A  ──► this call did it
    ack B ─────────────────────────► refused: acknowledged, nonce A  ──► another call did it: conflict
                                     refused: no item                ──► not found

An ack repeated with the same lease token returns the time of the first ack.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event, event_not_found
from triggers_api.core.leases import Held, Release, lease_lost, too_many_deliveries
from triggers_api.errors import ConflictError, TriggersError
from triggers_api.store.calls import unanswered_death_logged
from triggers_api.store.dynamodb.changes import (
    ACKNOWLEDGE,
    HIDE,
    IS_NOT_ACKNOWLEDGED,
    IS_PENDING,
    NOT_EXPIRED,
    SHOW,
    STATUSES,
    all_of,
    below,
    kill,
    of_source,
)
from triggers_api.store.dynamodb.client import ConditionFailedError
from triggers_api.store.dynamodb.expressions import Values
from triggers_api.store.dynamodb.items import load_item
from triggers_api.store.dynamodb.table import EventTable


def acknowledge(
    table: EventTable, events: Sequence[Held], *, at: str, nonce: str, now: int, source: str | None
) -> list[str | TriggersError]:
    """Acknowledge each event that is pending or dead."""

    def acknowledge_one(held: Held) -> str:
        guarded = _GuardedEvent(held.event_id, held.lease, now, source)
        try:
            guarded.update(
                table,
                ACKNOWLEDGE,
                {"at": at, "nonce": nonce},
                condition=IS_NOT_ACKNOWLEDGED,
                to_status=ACKNOWLEDGED,
            )
        except ConditionFailedError as refusal:
            if refusal.item.get("ack_nonce") == {"S": nonce}:
                return at
            event = guarded.load(refusal.item)
            if held.lease is None or event.acknowledged_at is None:
                raise ConflictError("This event is already acknowledged.") from None
            return event.acknowledged_at
        return at

    return table.threads.map_outcomes(acknowledge_one, events)


def extend(
    table: EventTable, events: Sequence[Held], *, until_ms: int, now_ms: int, source: str | None
) -> list[TriggersError | None]:
    """Hide each event until the new end of its lease."""

    def extend_one(held: Held) -> None:
        guarded = _GuardedEvent(held.event_id, held.lease or "", now_ms // 1000, source)
        try:
            guarded.update(table, HIDE, {"until": until_ms}, condition=IS_PENDING)
        except ConditionFailedError as refusal:
            raise _not_pending(guarded.load(refusal.item)) from None

    return table.threads.map_outcomes(extend_one, events)


def release(
    table: EventTable, events: Sequence[Held], release: Release, *, source: str | None
) -> list[Event | TriggersError]:
    """Make each event available now, available after the delay, or dead.

    If the event has reached `max_deliveries`, the first write is refused and returns the item. A second write
    makes it dead.
    """

    def release_one(held: Held) -> Event:
        guarded = _GuardedEvent(held.event_id, held.lease or "", release.now_ms // 1000, source)
        if release.dead:
            return _kill(table, guarded, release, release.reason)
        try:
            return _make_available(table, guarded, release)
        except ConditionFailedError as refusal:
            event = guarded.load(refusal.item)
        if event.status != PENDING:
            return _require_dead(event)
        reason = too_many_deliveries(event.deliveries) if release.reason is None else release.reason
        return _kill(table, guarded, release, reason)

    return table.threads.map_outcomes(release_one, events)


@dataclass(frozen=True, slots=True)
class _GuardedEvent:
    """An event id, with the conditions under which the caller may change the event.

    Attributes:
        event_id: The id.
        lease: The token that the event must have. None: the token is not checked. Empty: it matches no event.
        now: The time in seconds since 1970. An event that expired by then does not exist.
        source: An event of another source does not exist. None: the source is not checked.
    """

    event_id: str
    lease: str | None
    now: int
    source: str | None

    def update(
        self,
        table: EventTable,
        change: str,
        values: Values,
        *,
        condition: str,
        to_status: str = "",
        returns: str = "NONE",
    ) -> dict[str, Any]:
        """Change the event if it exists for the caller, has the lease, and meets the condition.

        Raises:
            ConditionFailedError: The write was refused.
        """
        lease_condition = "" if self.lease is None else "#lease = :lease"
        known: Values = {"now": self.now, "source": self.source or "", "lease": self.lease or ""}
        return table.update(
            self.event_id,
            change,
            condition=all_of(condition, NOT_EXPIRED, of_source(self.source), lease_condition),
            values={**STATUSES, **known, **values},
            to_status=to_status,
            returns=returns,
        )

    def load(self, item: dict[str, Any]) -> Event:
        """Return the event that a refused write returned.

        Raises:
            NotFoundError: There is no such event for the caller.
            LeaseLostError: The event has another lease.
            CorruptRecordError: The item is damaged.
        """
        event = load_item(item) if item else None
        if event is None or event.expires_at <= self.now or self.source not in (None, event.source):
            raise event_not_found()
        if self.lease not in (None, event.lease):
            raise lease_lost()
        return event


def _make_available(table: EventTable, guarded: _GuardedEvent, release: Release) -> Event:
    """Make an event available, now or when the delay ends, unless it has reached `max_deliveries`.

    Raises:
        ConditionFailedError: The event has reached `max_deliveries`, or the caller may not change it.
    """
    max_deliveries = release.death.max_deliveries
    item = guarded.update(
        table,
        HIDE if release.until_ms else SHOW,
        {"until": release.until_ms, "max_deliveries": max_deliveries},
        condition=all_of(IS_PENDING, below(max_deliveries)),
        returns="ALL_NEW",
    )
    return load_item(item)


def _kill(table: EventTable, guarded: _GuardedEvent, release: Release, reason: str | None) -> Event:
    """Make an event dead. Return it unchanged if it is dead already."""
    death = release.death
    values: Values = {"died_at": death.died_at, "dead_until": death.expires_at, "reason": reason or ""}
    try:
        with unanswered_death_logged(guarded.event_id):
            item = guarded.update(
                table, kill(reason), values, condition=IS_PENDING, to_status=DEAD, returns="ALL_NEW"
            )
    except ConditionFailedError as refusal:
        return _require_dead(guarded.load(refusal.item))
    return load_item(item)


def _require_dead(event: Event) -> Event:
    """Return the event if it is dead.

    Raises:
        ConflictError: The event is not dead.
    """
    if event.status != DEAD:
        raise _not_pending(event)
    return event


def _not_pending(event: Event) -> ConflictError:
    return ConflictError(f"This event is {event.status}.")
