"""The changes of an operator: what they leave out, and what they report."""

import pytest

from tests.support.clock import FakeClock
from tests.support.sample_events import event
from tests.unit.memory_store import MemoryEventStore
from triggers_api.core.events import ACKNOWLEDGED, PENDING
from triggers_api.core.maintenance import ANY
from triggers_api.core.paging import Filter
from triggers_api.core.ports import NewEvent
from triggers_api.core.times import format_time
from triggers_api.ops.events.changes import Change, Changes
from triggers_api.settings import Settings


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryEventStore:
    store = MemoryEventStore()
    later = clock.now // 1_000_000 + 86_400
    store.add([NewEvent(event(expires_at=later)) for _ in range(1200)], now=0)
    return store


@pytest.fixture
def changes(store: MemoryEventStore, clock: FakeClock) -> Changes:
    return Changes(store, Settings.from_environment({}), clock=clock)


def test_events_that_come_later_are_left_alone(
    changes: Changes, store: MemoryEventStore, clock: FakeClock
) -> None:
    clock.advance(seconds=60)
    wanted = changes.fix_in_time(Change.DELETE, Filter(ANY))
    assert wanted.until == format_time(clock.now)
    assert wanted.acknowledged_until is None
    pieces = list(changes.change_matching(Change.DELETE, wanted))
    assert [(one.status, one.count) for one in pieces if one.count] == [
        (PENDING, 500),
        (PENDING, 500),
        (PENDING, 200),
    ]
    assert [one.is_last for one in pieces] == [False] * (len(pieces) - 1) + [True]
    assert not store.events


def test_clock_that_is_behind_leaves_out_no_event(
    changes: Changes, store: MemoryEventStore, clock: FakeClock
) -> None:
    clock.step(seconds=-3600)
    wanted = changes.fix_in_time(Change.ACKNOWLEDGE, Filter(PENDING))
    assert sum(one.count for one in changes.change_matching(Change.ACKNOWLEDGE, wanted)) == 1200
    again = changes.fix_in_time(Change.REQUEUE, Filter(ACKNOWLEDGED))
    assert again.until == again.acknowledged_until == wanted.until
    assert {one.status for one in store.events.values()} == {ACKNOWLEDGED}


def test_given_times_stay(changes: Changes) -> None:
    given = Filter(
        ACKNOWLEDGED, until="2026-01-01T00:00:00.000000Z", acknowledged_until="2026-01-02T00:00:00.000000Z"
    )
    assert changes.fix_in_time(Change.REQUEUE, given) == given
