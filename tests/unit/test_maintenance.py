"""Requeue and purge over any store: what they move, what they leave alone, and that a walk ends."""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any

import pytest

from tests.support.clock import FakeClock
from tests.support.operations import ANY, SHOP, Operations
from tests.unit.memory_store import MemoryEventStore
from triggers_api.core.cursors import encode_change
from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.leases import Held
from triggers_api.core.maintenance import ANY as ANY_STATUS
from triggers_api.core.maintenance import Changed
from triggers_api.core.paging import Count, Filter, Position
from triggers_api.core.times import format_time
from triggers_api.errors import (
    CorruptRecordError,
    ForbiddenError,
    LeaseLostError,
    TriggersError,
    ValidationError,
    value_of,
)

pytestmark = pytest.mark.promise(16)


@pytest.fixture
def store() -> MemoryEventStore:
    return MemoryEventStore()


@pytest.fixture
def operations(store: MemoryEventStore, clock: FakeClock) -> Operations:
    return Operations(store, clock)


def acknowledged(operations: Operations, **changes: Any) -> str:
    event_id = operations.add(**changes)
    value_of(operations.inbox.acknowledge(ANY, [Held(event_id, None)])[0])
    return event_id


def leased(operations: Operations, **changes: Any) -> tuple[str, str]:
    """Add an event and lease it; return its id and its token."""
    event_id = operations.add(event_type="leased", **changes)
    found = operations.inbox.receive(ANY, limit=100, lease_seconds=30, source=None, event_type="leased")
    assert event_id in {event.event_id for event in found.events}
    return event_id, found.token


def dead(operations: Operations, **changes: Any) -> str:
    event_id, lease = leased(operations, **changes)
    value_of(operations.inbox.release(ANY, [Held(event_id, lease)], dead=True, reason="no")[0])
    return event_id


def statuses(store: MemoryEventStore) -> dict[str, str]:
    return {event.event_id: event.status for event in store.events.values()}


Change = Callable[[str | None], Changed]


def all_calls(change: Change) -> list[int]:
    """Make the calls of a walk to its end; return what each has changed."""
    changed, cursor = list[int](), None
    for _ in range(100):
        one = change(cursor)
        changed.append(one.count)
        if one.next_cursor is None:
            return changed
        cursor = one.next_cursor
    raise AssertionError("the walk does not end")


def test_requeue_by_id_puts_events_back_at_their_places_as_if_never_delivered(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    done, waiting, died = acknowledged(operations), operations.add(), dead(operations)
    clock.advance(days=3)
    before = dict(store.events)
    assert operations.maintenance.requeue(ANY, [died, done]) == 2
    assert [event.event_id for event in operations.inbox.page(ANY, Filter(), limit=9).events] == [
        done,
        waiting,
        died,
    ]
    for event_id in (done, died):
        event = store.events[event_id]
        assert (event.deliveries, event.hidden_until, event.lease, event.reason) == (0, 0, None, None)
        assert (event.acknowledged_at, event.died_at) == (None, None)
        assert event.requeued_at == format_time(clock.now)
        assert event.expires_at == clock.now // 1_000_000 + 7 * 86_400
    assert store.events[waiting] == before[waiting]


def test_requeue_by_id_leaves_alone_what_is_pending_gone_or_foreign(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    pending, foreign = operations.add(), acknowledged(operations, source="depot")
    (held, _), expired = leased(operations), acknowledged(operations)
    gone = operations.add()
    operations.inbox.delete(ANY, [gone])
    before = dict(store.events)
    assert operations.maintenance.requeue(SHOP, [pending, foreign, held, gone]) == 0
    clock.advance(days=7)
    assert operations.maintenance.requeue(ANY, [expired]) == 0
    assert store.events == before


def test_requeue_by_id_reports_a_damaged_event_and_requeues_the_others(clock: FakeClock) -> None:
    class Damaged(MemoryEventStore):
        def get_several(self, event_ids: Sequence[str], now: int) -> list[Event | TriggersError | None]:
            found = super().get_several(event_ids, now)
            return [CorruptRecordError("damaged"), *found[1:]]

    store = Damaged()
    operations = Operations(store, clock)
    damaged, sound = acknowledged(operations), acknowledged(operations)
    with pytest.raises(CorruptRecordError):
        operations.maintenance.requeue(ANY, [damaged, sound])
    assert statuses(store) == {damaged: ACKNOWLEDGED, sound: PENDING}


def test_repeated_requeue_after_a_consumers_ack_takes_back_only_what_it_sees(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    """By id the caller means the event as it is now: the repeat is a new decision of a manager."""
    event_id = acknowledged(operations)
    seen = store.events[event_id]
    clock.advance(seconds=1)
    first_call = format_time(clock.now)
    assert operations.maintenance.requeue(ANY, [event_id]) == 1
    clock.advance(seconds=1)
    acknowledged_at = value_of(operations.inbox.acknowledge(ANY, [Held(event_id, None)])[0])
    assert store.requeue([seen], at=format_time(clock.now), expires_at=seen.expires_at) == [False]
    assert store.events[event_id].acknowledged_at == acknowledged_at
    assert store.events[event_id].requeued_at == first_call


def test_requeue_by_filter_takes_back_what_matches_and_nothing_else(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    wanted = [acknowledged(operations), acknowledged(operations)]
    acknowledged(operations, source="depot")
    acknowledged(operations, event_type="order.sent")
    dead(operations)
    leased(operations)
    before = statuses(store)
    clock.advance(seconds=1)
    matching = Filter(status=ACKNOWLEDGED, source="shop", event_types=("order.paid",))
    assert operations.maintenance.count(ANY, matching, with_expired=False) == Count(2, capped=False)
    assert statuses(store) == before, "a dry run changes nothing"
    assert all_calls(
        lambda at: operations.maintenance.requeue_matching(ANY, matching, limit=9, cursor=at)
    ) == [2]
    assert statuses(store) == before | dict.fromkeys(wanted, PENDING)


def test_requeue_by_filter_takes_the_time_of_the_acknowledgement(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    made = list[str]()
    times = list[str]()
    for _ in range(4):
        clock.advance(seconds=10)
        made.append(acknowledged(operations))
        times.append(format_time(clock.now))
    matching = Filter(status=ACKNOWLEDGED, acknowledged_since=times[1], acknowledged_until=times[3])
    assert operations.maintenance.requeue_matching(ANY, matching, limit=9, cursor=None).count == 2
    assert [store.events[one].status for one in made] == [ACKNOWLEDGED, PENDING, PENDING, ACKNOWLEDGED]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_purge_of_any_status_goes_through_all_of_them(
    operations: Operations, store: MemoryEventStore, clock: FakeClock, limit: int
) -> None:
    kept = operations.add(source="depot")
    for _ in range(3):
        operations.add()
    acknowledged(operations)
    dead(operations)
    leased(operations)
    wanted = Filter(status=ANY_STATUS, source="shop")
    clock.advance(seconds=1)
    assert operations.maintenance.count(ANY, wanted, with_expired=True) == Count(6, capped=False)
    changed = all_calls(lambda at: operations.maintenance.purge(ANY, wanted, limit=limit, cursor=at))
    assert sum(changed) == 6
    assert max(changed) <= limit
    assert list(store.events) == [kept]


def test_purge_takes_leased_delayed_and_expired_events_too(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    operations.add()
    clock.advance(days=7)
    leased(operations)
    delayed, lease = leased(operations)
    operations.inbox.release(ANY, [Held(delayed, lease)], delay_seconds=30)
    clock.advance(seconds=1)
    assert operations.maintenance.count(ANY, Filter(), with_expired=True) == Count(3, capped=False)
    assert operations.maintenance.purge(ANY, Filter(), limit=9, cursor=None).count == 3
    assert store.events == {}


def test_purge_ends_while_events_arrive(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    for _ in range(5):
        operations.add()
    clock.advance(seconds=1)
    later = list[str]()

    def one_call(cursor: str | None) -> Changed:
        changed = operations.maintenance.purge(ANY, Filter(), limit=2, cursor=cursor)
        later.extend(operations.add() for _ in range(3))
        clock.advance(seconds=1)
        return changed

    assert sum(all_calls(one_call)) == 5
    assert list(store.events) == later


def test_requeue_does_not_take_back_what_consumers_acknowledge_while_it_walks(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    made = [acknowledged(operations) for _ in range(5)]
    clock.advance(seconds=1)
    matching = Filter(status=ACKNOWLEDGED)

    def one_call(cursor: str | None) -> Changed:
        changed = operations.maintenance.requeue_matching(ANY, matching, limit=2, cursor=cursor)
        clock.advance(seconds=1)
        for event in operations.inbox.page(ANY, Filter(), limit=9).events:
            value_of(operations.inbox.acknowledge(ANY, [Held(event.event_id, None)])[0])
        return changed

    assert sum(all_calls(one_call)) == 5
    assert set(statuses(store).values()) == {ACKNOWLEDGED}
    assert len(made) == 5


def test_purge_of_any_status_deletes_what_consumers_acknowledge_while_it_walks(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    made = [operations.add() for _ in range(4)]
    clock.advance(seconds=1)

    def one_call(cursor: str | None) -> Changed:
        changed = operations.maintenance.purge(ANY, Filter(status=ANY_STATUS), limit=2, cursor=cursor)
        clock.advance(seconds=1)
        if cursor is None:
            value_of(operations.inbox.acknowledge(ANY, [Held(made[2], None)])[0])
        return changed

    assert sum(all_calls(one_call)) == 4
    assert store.events == {}


def test_time_of_a_filter_bounds_what_is_purged(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    made = list[str]()
    for _ in range(4):
        clock.advance(seconds=10)
        made.append(operations.add())
    since, until = (store.events[made[place]].created_at for place in (1, 3))
    clock.advance(seconds=1)
    wanted = Filter(since=since, until=until)
    assert operations.maintenance.purge(ANY, wanted, limit=9, cursor=None).count == 2
    assert list(store.events) == [made[0], made[3]]


def test_a_time_in_the_future_does_not_unbound_a_purge_of_arriving_events(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    """The caller names this end; the walk still ends, because it goes on in order."""
    operations.add()
    clock.advance(seconds=1)
    wanted = Filter(until=format_time(clock.now + 3_600_000_000))
    assert sum(all_calls(lambda at: operations.maintenance.purge(ANY, wanted, limit=1, cursor=at))) == 1
    assert store.events == {}


@pytest.mark.promise(7, 17)
@pytest.mark.parametrize("source", [None, "shop"])
def test_a_bound_key_moves_events_of_its_source_only(
    operations: Operations, store: MemoryEventStore, clock: FakeClock, source: str | None
) -> None:
    mine, foreign = acknowledged(operations), acknowledged(operations, source="depot")
    clock.advance(seconds=1)
    wanted = Filter(status=ACKNOWLEDGED, source=source)
    assert operations.maintenance.count(SHOP, wanted, with_expired=False).count == 1
    assert operations.maintenance.requeue_matching(SHOP, wanted, limit=9, cursor=None).count == 1
    assert statuses(store) == {mine: PENDING, foreign: ACKNOWLEDGED}
    clock.advance(seconds=1)
    wanted = Filter(status=ANY_STATUS, source=source)
    assert sum(all_calls(lambda at: operations.maintenance.purge(SHOP, wanted, limit=9, cursor=at))) == 1
    assert statuses(store) == {foreign: ACKNOWLEDGED}


@pytest.mark.promise(7, 17)
def test_a_bound_key_may_not_name_another_source(operations: Operations, store: MemoryEventStore) -> None:
    acknowledged(operations, source="depot")
    before = dict(store.events)
    wanted = Filter(status=ACKNOWLEDGED, source="depot")
    with pytest.raises(ForbiddenError):
        operations.maintenance.requeue_matching(SHOP, wanted, limit=9, cursor=None)
    with pytest.raises(ForbiddenError):
        operations.maintenance.purge(SHOP, wanted, limit=9, cursor=None)
    with pytest.raises(ForbiddenError):
        operations.maintenance.count(SHOP, wanted, with_expired=True)
    assert store.events == before


def test_a_cursor_leads_on_in_its_own_walk_only(operations: Operations, clock: FakeClock) -> None:
    for _ in range(3):
        acknowledged(operations)
    clock.advance(seconds=1)
    wanted = Filter(status=ACKNOWLEDGED)
    cursor = operations.maintenance.requeue_matching(ANY, wanted, limit=1, cursor=None).next_cursor
    assert cursor is not None
    other_walks = [
        (ANY, Filter(status=DEAD)),
        (ANY, Filter(status=ACKNOWLEDGED, source="shop")),
        (ANY, Filter(status=ACKNOWLEDGED, event_types=("order.paid",))),
        (ANY, Filter(status=ACKNOWLEDGED, until=format_time(clock.now))),
        (SHOP, wanted),
    ]
    for key, other in other_walks:
        with pytest.raises(ValidationError):
            operations.maintenance.requeue_matching(key, other, limit=1, cursor=cursor)
    with pytest.raises(ValidationError):
        operations.maintenance.purge(ANY, wanted, limit=1, cursor=cursor)
    for garbage in ("", "AQ", cursor[:-1], f"{cursor}A"):
        with pytest.raises(ValidationError):
            operations.maintenance.requeue_matching(ANY, wanted, limit=1, cursor=garbage)
    assert operations.maintenance.requeue_matching(ANY, wanted, limit=9, cursor=cursor).count == 2


@pytest.mark.parametrize(
    ("started", "status"), [("zzz", ACKNOWLEDGED), ("2026-01-02", ACKNOWLEDGED), ("", DEAD), (None, "gone")]
)
def test_a_cursor_that_a_client_made_up_is_refused(
    operations: Operations, clock: FakeClock, started: str | None, status: str
) -> None:
    """A cursor is not signed: anybody can make one."""
    wanted = Filter(status=ANY_STATUS)
    texts = [format_time(clock.now) if started is None else started, status]
    cursor = encode_change(texts, Position("2026-01-02", "an id"), ("purge", *astuple(wanted)))
    with pytest.raises(ValidationError):
        operations.maintenance.purge(ANY, wanted, limit=1, cursor=cursor)


def test_requeue_ends_every_lease_of_the_event(operations: Operations) -> None:
    event_id, lease = leased(operations)
    value_of(operations.inbox.acknowledge(ANY, [Held(event_id, lease)])[0])
    assert operations.maintenance.requeue(ANY, [event_id]) == 1
    (outcome,) = operations.inbox.acknowledge(ANY, [Held(event_id, lease)])
    assert isinstance(outcome, LeaseLostError)


def test_purge_keeps_an_event_whose_status_has_changed_since_it_was_seen(
    operations: Operations, store: MemoryEventStore
) -> None:
    event_id = operations.add()
    seen = store.events[event_id]
    value_of(operations.inbox.acknowledge(ANY, [Held(event_id, None)])[0])
    assert store.purge([seen]) == [False]
    assert statuses(store) == {event_id: ACKNOWLEDGED}
