"""What a consumer does with events that it holds: acknowledge, extend, release.

Each is a conditional write. If DynamoDB refuses it, it returns the existing item:

    ack A ── update if pending or dead ──────► acknowledged, nonce A     the answer is lost
    ack A, repeated by the SDK ────► refused: acknowledged, nonce A  ──► this call did it
    ack B ─────────────────────────► refused: acknowledged, nonce A  ──► another call did it: conflict
                                     refused: no item                ──► not found

A lease does the same for a request that is repeated: under the lease of an acknowledged event, the answer is
the time of its acknowledgement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from triggers_api.core.events import DEAD, Event, event_not_found
from triggers_api.core.leases import Held, Release, reason_of
from triggers_api.errors import ConflictError, LeaseLostError, TriggersError
from triggers_api.store.dynamodb.changes import (
    ACKNOWLEDGE,
    HIDE,
    IS_PENDING,
    NOT_EXPIRED,
    SHOW,
    STATUSES,
    all_of,
    kill,
    of_source,
)
from triggers_api.store.dynamodb.client import ConditionFailedError
from triggers_api.store.dynamodb.expressions import Values
from triggers_api.store.dynamodb.items import load_item
from triggers_api.store.dynamodb.table import EventTable

_IS_OPEN = "#status IN (:pending, :dead)"


def acknowledge(
    table: EventTable, events: Sequence[Held], *, at: str, nonce: str, now: int, source: str | None
) -> list[str | TriggersError]:
    """Make each event acknowledged that is pending or dead."""

    def acknowledge_one(held: Held) -> str:
        holder = _Holder(held.event_id, held.lease, now, source)
        try:
            holder.update(table, ACKNOWLEDGE, {"at": at, "nonce": nonce}, condition=_IS_OPEN)
        except ConditionFailedError as refusal:
            if refusal.item.get("ack_nonce") == {"S": nonce}:
                return at
            event = holder.load(refusal.item)
            if held.lease is None or event.acknowledged_at is None:
                raise ConflictError("This event is already acknowledged.") from None
            return event.acknowledged_at
        return at

    return table.threads.each(acknowledge_one, events)


def extend(
    table: EventTable, events: Sequence[Held], *, until_ms: int, now_ms: int, source: str | None
) -> list[TriggersError | None]:
    """Hide each event until the new end of its lease."""

    def extend_one(held: Held) -> None:
        holder = _Holder(held.event_id, held.lease or "", now_ms // 1000, source)
        try:
            holder.update(table, HIDE, {"until": until_ms}, condition=IS_PENDING)
        except ConditionFailedError as refusal:
            raise _not_pending(holder.load(refusal.item)) from None

    return table.threads.each(extend_one, events)


def release(
    table: EventTable, events: Sequence[Held], wanted: Release, *, source: str | None
) -> list[Event | TriggersError]:
    """Show each event now or later, or make it dead.

    An event that was claimed too often takes two writes: the first one is refused, and shows the number.
    """

    def release_one(held: Held) -> Event:
        holder = _Holder(held.event_id, held.lease or "", wanted.now_ms // 1000, source)
        if wanted.dead:
            return _kill(table, holder, wanted, wanted.reason)
        try:
            return _show(table, holder, wanted)
        except ConditionFailedError as refusal:
            event = holder.load(refusal.item)
        if event.acknowledged_at or event.died_at:
            return _dead(event)
        reason = reason_of(event.deliveries) if wanted.reason is None else wanted.reason
        return _kill(table, holder, wanted, reason)

    return table.threads.each(release_one, events)


@dataclass(frozen=True, slots=True)
class _Holder:
    """A caller that holds an event. `lease`: None if it has none and needs none."""

    event_id: str
    lease: str | None
    now: int
    source: str | None

    def update(
        self, table: EventTable, change: str, values: Values, *, condition: str, returns: str = "NONE"
    ) -> dict[str, Any]:
        """Change the event if it exists for the caller, the lease is good, and the condition holds.

        Raises:
            ConditionFailedError: One of them does not hold.
        """
        has_lease = "" if self.lease is None else "#lease = :lease"
        known: Values = {"now": self.now, "source": self.source or "", "lease": self.lease or ""}
        return table.update(
            self.event_id,
            change,
            condition=all_of(condition, NOT_EXPIRED, of_source(self.source), has_lease),
            values={**STATUSES, **known, **values},
            returns=returns,
        )

    def load(self, item: dict[str, Any]) -> Event:
        """Return the event of a write that was refused.

        Raises:
            NotFoundError: There is no such event for the caller.
            LeaseLostError: The caller's lease is not good.
            CorruptRecordError: The item is damaged.
        """
        event = load_item(item) if item else None
        if event is None or event.expires_at <= self.now or self.source not in (None, event.source):
            raise event_not_found()
        if self.lease not in (None, event.lease):
            raise LeaseLostError("Another receive has claimed this event, or it was requeued.")
        return event


def _show(table: EventTable, holder: _Holder, wanted: Release) -> Event:
    """Make an event available, now or when the delay ends, unless it was claimed too often.

    Raises:
        ConditionFailedError: It was claimed too often, or the caller does not hold it.
    """
    may_live = "NOT #claims >= :max_deliveries" if wanted.max_deliveries else ""
    item = holder.update(
        table,
        HIDE if wanted.until_ms else SHOW,
        {"until": wanted.until_ms, "max_deliveries": wanted.max_deliveries},
        condition=all_of(IS_PENDING, may_live),
        returns="ALL_NEW",
    )
    return load_item(item)


def _kill(table: EventTable, holder: _Holder, wanted: Release, reason: str | None) -> Event:
    """Make an event dead, or return it as it is if it is dead already."""
    values: Values = {"died_at": wanted.died_at, "dead_until": wanted.dead_until, "reason": reason or ""}
    try:
        return load_item(holder.update(table, kill(reason), values, condition=IS_PENDING, returns="ALL_NEW"))
    except ConditionFailedError as refusal:
        return _dead(holder.load(refusal.item))


def _dead(event: Event) -> Event:
    """Return an event that is dead.

    Raises:
        ConflictError: It is not.
    """
    if event.status != DEAD:
        raise _not_pending(event)
    return event


def _not_pending(event: Event) -> ConflictError:
    return ConflictError(f"This event is {event.status}.")
