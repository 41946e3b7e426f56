"""Receive: claim available events, side by side with any number of other receives.

A receive reads a window of events that the index shows as available, and claims some of them, each by a
conditional write. If another receive was faster, the write is refused. Receives start at a random block of
their windows, so that they seldom meet. About half of them start with events that were delivered before, so
that an event whose lease has ended does not wait for its block. An event that was delivered too often dies.
"""

import random
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from triggers_api.core.events import DEAD, PENDING, Event
from triggers_api.core.leases import Claim, Received, reason_of
from triggers_api.core.paging import MAX_PAGE_BYTES, MAX_PAGE_SECONDS, encoded_size
from triggers_api.errors import DeadlineExceededError, TriggersError, value_of
from triggers_api.store.dynamodb.changes import (
    CLAIM,
    IS_PENDING,
    NOT_EXPIRED,
    NOT_HIDDEN,
    STATUSES,
    all_of,
    hidden_values,
    kill,
)
from triggers_api.store.dynamodb.client import ConditionFailedError
from triggers_api.store.dynamodb.items import load_item, readable_events
from triggers_api.store.dynamodb.table import EventTable
from triggers_api.store.dynamodb.window import Window

_WRITES = 4
"""How many times as many writes a receive makes at most as it claims."""

_RETURNED_FIRST = 0.5
"""How many receives start with events that were delivered before. Not all: such events may never succeed."""

_IS_AVAILABLE = all_of(IS_PENDING, NOT_EXPIRED, NOT_HIDDEN)


def claim_events(table: EventTable, claim: Claim, window: Window) -> Received:
    """Claim events of the window.

    Raises:
        TriggersError: A write failed, and nothing was claimed.
    """
    receive = _Receive(table, claim)
    left = deque(_in_order_of_claims(window.items, claim.limit))
    started = time.monotonic()
    writes = 0
    while left and receive.free_places and not receive.failures:
        size = min(receive.free_places, _WRITES * claim.limit - writes)
        if size == 0 or time.monotonic() - started > MAX_PAGE_SECONDS:
            break
        writes += receive.take([left.popleft() for _ in range(min(size, len(left)))])
    return receive.result(more=window.more or bool(left))


def _in_order_of_claims(items: list[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    """Yield the items in the order in which a receive tries to claim them."""
    if random.random() < _RETURNED_FIRST:  # noqa: S311 - no secret
        yield from _shuffled_blocks([item for item in items if "claims" in item], size)
        items = [item for item in items if "claims" not in item]
    yield from _shuffled_blocks(items, size)


def _shuffled_blocks(items: list[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    """Yield the items in blocks of consecutive ones, the blocks in random order."""
    starts = list(range(0, len(items), size))
    random.shuffle(starts)
    for start in starts:
        yield from items[start : start + size]


class _Receive:
    """What one receive has claimed so far."""

    def __init__(self, table: EventTable, claim: Claim) -> None:
        self._table = table
        self._claim = claim
        self._claimed: list[Event] = []
        self._died: list[Event] = []
        self._bytes = 0
        self._left_out = False
        self.failures: list[TriggersError] = []

    @property
    def free_places(self) -> int:
        """How many more events it claims."""
        return self._claim.limit - len(self._claimed)

    def take(self, items: list[dict[str, Any]]) -> int:
        """Claim the events of items if the answer has room for them. Return the number of writes."""
        try:
            events = list(self._fitting(readable_events(items)))
        except DeadlineExceededError as error:
            self.failures.append(error)
            return 0
        for outcome in self._table.threads.each(self._take_one, events):
            if isinstance(outcome, TriggersError):
                self.failures.append(outcome)
            elif outcome is not None and outcome.status == DEAD:
                self._died.append(outcome)
            elif outcome is not None:
                self._claimed.append(outcome)
                self._bytes += self._size(outcome)
        return len(events)

    def result(self, *, more: bool) -> Received:
        """Return what was claimed. A failure is reported only if nothing was."""
        more = more or self._left_out or bool(self.failures)
        if self.failures and not (self._claimed or self._died):
            value_of(self.failures.pop())
        claimed = sorted(self._claimed, key=lambda event: event.event_id)
        return Received(tuple(claimed), tuple(self._died), more)

    def _fitting(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that die, and those that fit into the answer. One event always fits."""
        planned = self._bytes
        for event in events:
            size = 0 if self._is_worn_out(event) else self._size(self._claimed_state(event))
            if planned and planned + size > MAX_PAGE_BYTES:
                self._left_out = True
            else:
                planned += size
                yield event

    def _size(self, event: Event) -> int:
        return encoded_size(event, self._claim.now_ms)

    def _is_worn_out(self, event: Event) -> bool:
        return 0 < self._claim.max_deliveries <= event.deliveries

    def _claimed_state(self, event: Event) -> Event:
        claim = self._claim
        return replace(event, deliveries=event.deliveries + 1, hidden_until=claim.until_ms, lease=claim.token)

    @property
    def _values(self) -> dict[str, str | int]:
        now_ms = self._claim.now_ms
        return {**STATUSES, **hidden_values(now_ms), "now": now_ms // 1000}

    def _take_one(self, event: Event) -> Event | None:
        """Claim or kill an event. Return its new state, None if it is not available any more."""
        return self._kill(event) if self._is_worn_out(event) else self._claim_one(event)

    def _claim_one(self, event: Event) -> Event | None:
        claim = self._claim
        values = {
            **self._values,
            "until": claim.until_ms,
            "token": claim.token,
            "one": 1,
            "max_deliveries": claim.max_deliveries,
        }
        condition = all_of(_IS_AVAILABLE, "NOT #claims >= :max_deliveries" if claim.max_deliveries else "")
        try:
            changed = self._table.update(
                event.event_id, CLAIM, condition=condition, values=values, returns="UPDATED_NEW"
            )
        except ConditionFailedError as refusal:
            if refusal.item.get("lease") != {"S": claim.token}:
                return None
            # An earlier attempt of this write claimed the event, and its answer was lost.
            event = load_item(refusal.item)
            return event if event.status == PENDING else None
        return replace(self._claimed_state(event), deliveries=int(changed["claims"]["N"]))

    def _kill(self, event: Event) -> Event | None:
        claim, reason = self._claim, reason_of(event.deliveries)
        values = {
            **self._values,
            "claims": event.deliveries,
            "died_at": claim.died_at,
            "dead_until": claim.dead_until,
            "reason": reason,
        }
        condition = all_of(_IS_AVAILABLE, "#claims = :claims")
        try:
            self._table.update(event.event_id, kill(reason), condition=condition, values=values)
        except ConditionFailedError as refusal:
            if refusal.item.get("died_at") != {"S": claim.died_at}:
                return None
        return replace(
            event, died_at=claim.died_at, reason=reason, expires_at=claim.dead_until, hidden_until=0
        )
