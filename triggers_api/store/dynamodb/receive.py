"""Receive: claim available events, in parallel with any number of other receives.

A receive reads a window of events that the index shows as available, and claims some of them, each by a
conditional write. If another receive was faster, the write is refused. To avoid that, each receive tries the
blocks of its window in random order. About half of the receives try redelivered events first, so that an
event whose lease has ended does not wait for its block. An event that has reached `max_deliveries` dies
instead.
"""

import random
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from triggers_api.core.events import DEAD, PENDING, Event
from triggers_api.core.leases import Receive, Received, too_many_deliveries
from triggers_api.core.paging import MAX_PAGE_BYTES, MAX_PAGE_SECONDS, encoded_size
from triggers_api.errors import DeadlineExceededError, TriggersError, value_of
from triggers_api.store.calls import unanswered_death_logged
from triggers_api.store.dynamodb.changes import (
    CLAIM,
    IS_PENDING,
    NOT_EXPIRED,
    NOT_HIDDEN,
    STATUSES,
    all_of,
    below,
    hidden_values,
    kill,
)
from triggers_api.store.dynamodb.client import ConditionFailedError
from triggers_api.store.dynamodb.items import load_item, readable_events
from triggers_api.store.dynamodb.table import EventTable
from triggers_api.store.dynamodb.window import Window

_WRITES_FACTOR = 4
"""A receive of `limit` events makes at most 4 x `limit` writes."""

_REDELIVERED_FIRST = 0.5
"""The share of receives that try redelivered events first. Not all: such events may fail every time."""

_IS_AVAILABLE = all_of(IS_PENDING, NOT_EXPIRED, NOT_HIDDEN)


def claim_events(table: EventTable, receive: Receive, windows: Iterator[Window]) -> Received:
    """Claim events of the windows, until there are enough or a bound is reached.

    Raises:
        TriggersError: A read or write failed, and no event was claimed or killed.
    """
    claimer = _Claimer(table, receive)
    more = False
    asked = 0
    try:
        for window in windows:
            asked += 1
            more = not claimer.claim_from(window) or window.more or more
            if not claimer.may_go_on:
                break
    except TriggersError as error:
        claimer.failures.append(error)
    return claimer.result(more=more or asked < table.shards.read)


def _in_random_order(items: list[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    """Yield the items in random blocks, those of redelivered events sometimes before the others."""
    if random.random() < _REDELIVERED_FIRST:  # noqa: S311 - no secret
        yield from _shuffled_blocks([item for item in items if "claims" in item], size)
        items = [item for item in items if "claims" not in item]
    yield from _shuffled_blocks(items, size)


def _shuffled_blocks(items: list[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    """Yield the items block by block, the blocks in random order."""
    starts = list(range(0, len(items), size))
    random.shuffle(starts)
    for start in starts:
        yield from items[start : start + size]


class _Claimer:
    """Claims events for one receive, and collects them."""

    def __init__(self, table: EventTable, receive: Receive) -> None:
        self._table = table
        self._receive = receive
        self._claimed: list[Event] = []
        self._died: list[Event] = []
        self._bytes = 0
        self._left_out = False
        self._writes_left = _WRITES_FACTOR * receive.limit
        self.failures: list[TriggersError] = []

    @property
    def _free_places(self) -> int:
        """How many more events the receive may claim."""
        return min(self._receive.limit - len(self._claimed), self._writes_left)

    @property
    def may_go_on(self) -> bool:
        """Whether the receive may claim more events."""
        return self._free_places > 0 and not self.failures

    def claim_from(self, window: Window) -> bool:
        """Claim events of a window. Return whether all of the window were tried."""
        left = deque(_in_random_order(window.items, self._receive.limit))
        started = time.monotonic()
        while left and self.may_go_on and time.monotonic() - started <= MAX_PAGE_SECONDS:
            self._claim([left.popleft() for _ in range(min(self._free_places, len(left)))])
        return not left

    def _claim(self, items: list[dict[str, Any]]) -> None:
        """Claim the events of items for which the answer has room."""
        try:
            events = list(self._fitting(readable_events(items)))
        except DeadlineExceededError as error:
            self.failures.append(error)
            return
        self._writes_left -= len(events)
        for outcome in self._table.threads.map_outcomes(self._claim_or_kill, events):
            if isinstance(outcome, TriggersError):
                self.failures.append(outcome)
            elif outcome is not None and outcome.status == DEAD:
                self._died.append(outcome)
            elif outcome is not None:
                self._claimed.append(outcome)
                self._bytes += self._size(outcome)

    def result(self, *, more: bool) -> Received:
        """Return the claimed and the killed events.

        Raises:
            TriggersError: A write failed, and there are no such events.
        """
        more = more or self._left_out or bool(self.failures)
        if self.failures and not (self._claimed or self._died):
            value_of(self.failures.pop())  # raises the failure
        claimed = sorted(self._claimed, key=lambda event: event.event_id)
        return Received(tuple(claimed), tuple(self._died), more)

    def _fitting(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that fit into the answer. One always fits. An event that dies takes no room."""
        planned_bytes = self._bytes
        for event in events:
            size = 0 if self._receive.death.is_due(event) else self._size(self._claimed_state(event))
            if planned_bytes and planned_bytes + size > MAX_PAGE_BYTES:
                self._left_out = True
            else:
                planned_bytes += size
                yield event

    def _size(self, event: Event) -> int:
        return encoded_size(event, self._receive.now_ms)

    def _claimed_state(self, event: Event) -> Event:
        until_ms, token = self._receive.until_ms, self._receive.token
        return replace(event, deliveries=event.deliveries + 1, hidden_until=until_ms, lease=token)

    @property
    def _values(self) -> dict[str, str | int]:
        """The values of `_IS_AVAILABLE`."""
        now_ms = self._receive.now_ms
        return {**STATUSES, **hidden_values(now_ms), "now": now_ms // 1000}

    def _claim_or_kill(self, event: Event) -> Event | None:
        """Claim or kill an event. Return its new state, None if it is not available any more."""
        return self._kill(event) if self._receive.death.is_due(event) else self._claim_one(event)

    def _claim_one(self, event: Event) -> Event | None:
        receive, max_deliveries = self._receive, self._receive.death.max_deliveries
        values = {
            **self._values,
            "until": receive.until_ms,
            "token": receive.token,
            "one": 1,
            "max_deliveries": max_deliveries,
        }
        condition = all_of(_IS_AVAILABLE, below(max_deliveries))
        try:
            changed = self._table.update(
                event.event_id, CLAIM, condition=condition, values=values, returns="UPDATED_NEW"
            )
        except ConditionFailedError as refusal:
            if refusal.item.get("lease") != {"S": receive.token}:
                return None
            # An earlier attempt of this write claimed the event, and its answer was lost.
            event = load_item(refusal.item)
            return event if event.status == PENDING else None
        # The index lags, so the number of deliveries may be higher than it shows.
        return replace(self._claimed_state(event), deliveries=int(changed["claims"]["N"]))

    def _kill(self, event: Event) -> Event | None:
        death, reason = self._receive.death, too_many_deliveries(event.deliveries)
        values = {
            **self._values,
            "claims": event.deliveries,
            "died_at": death.died_at,
            "dead_until": death.expires_at,
            "reason": reason,
        }
        condition = all_of(_IS_AVAILABLE, "#claims = :claims")
        try:
            with unanswered_death_logged(event.event_id):
                self._table.update(
                    event.event_id, kill(reason), condition=condition, values=values, to_status=DEAD
                )
        except ConditionFailedError as refusal:
            if refusal.item.get("died_at") != {"S": death.died_at}:
                return None
            # An earlier attempt of this write killed the event, and its answer was lost.
        return replace(
            event, died_at=death.died_at, reason=reason, expires_at=death.expires_at, hidden_until=0
        )
