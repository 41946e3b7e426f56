"""What every `EventStore` must do when events are requeued, purged and deleted."""

from dataclasses import replace

import pytest

from tests.contract.test_event_store import add, page
from tests.support.clock import FakeClock
from tests.support.consumer import Consumer
from tests.support.sample_events import NOW
from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.paging import EventQuery, Filter
from triggers_api.core.ports import EventStore
from triggers_api.errors import LeaseLostError

pytestmark = pytest.mark.promise(16)


@pytest.fixture
def consumer(store: EventStore, clock: FakeClock) -> Consumer:
    return Consumer(store, clock)


def make(status: str, consumer: Consumer, **fields: str | int) -> Event:
    """Return an event that has come to this status under a lease."""
    added = add(consumer.store, event_type=f"to be {status}", **fields)
    if status == ACKNOWLEDGED:
        consumer.ack(added, consumer.lease(added))
    elif status == DEAD:
        consumer.kill(added, "a reason")
    elif status == "leased":
        consumer.lease(added)
    elif status == "delayed":
        consumer.release(added, consumer.lease(added), delay_seconds=3600)
    return consumer.see(added)


def listed(consumer: Consumer, status: str) -> list[Event]:
    return list(consumer.store.page(EventQuery(Filter(status=status), 100, consumer.now_ms)).events)


@pytest.mark.promise(3)
@pytest.mark.parametrize("status", [ACKNOWLEDGED, DEAD])
def test_requeued_event_is_at_its_old_place_as_if_never_delivered(
    store: EventStore, consumer: Consumer, clock: FakeClock, status: str
) -> None:
    before, moved, after = add(store), make(status, consumer), add(store)
    clock.advance(days=2)
    assert consumer.requeue(moved) == [True]
    as_new = replace(
        moved,
        acknowledged_at=None,
        died_at=None,
        reason=None,
        deliveries=0,
        hidden_until=0,
        lease=None,
        requeued_at=consumer.at,
        expires_at=consumer.kept_until,
    )
    assert consumer.see(moved) == as_new
    assert listed(consumer, PENDING) == [before, as_new, after]
    assert listed(consumer, status) == []
    claimed, _ = consumer.receive_all()
    assert {one.event_id: one.deliveries for one in claimed} == {
        one.event_id: 1 for one in (before, moved, after)
    }


def test_requeued_event_is_available_at_once_whoever_acknowledged_or_released_it(
    store: EventStore, consumer: Consumer
) -> None:
    """A store may skip for a moment what it has just changed itself. Not then."""
    for status in (ACKNOWLEDGED, DEAD):
        moved = make(status, consumer)
        assert consumer.requeue(moved) == [True]
        assert [one.event_id for one in consumer.receive().events] == [moved.event_id]
        store.delete([moved.event_id], source=None)


@pytest.mark.parametrize("status", [ACKNOWLEDGED, DEAD])
def test_no_lease_outlives_a_requeue(consumer: Consumer, status: str) -> None:
    moved = make(status, consumer)
    assert moved.lease is not None
    consumer.requeue(moved)
    with pytest.raises(LeaseLostError):
        consumer.ack(moved, moved.lease)
    with pytest.raises(LeaseLostError):
        consumer.extend(moved, moved.lease)
    with pytest.raises(LeaseLostError):
        consumer.release(moved, moved.lease)
    assert consumer.see(moved).status == PENDING


@pytest.mark.promise(3, 4)
@pytest.mark.parametrize("status", [ACKNOWLEDGED, DEAD])
def test_requeue_leaves_alone_what_has_changed_since_it_was_seen(
    store: EventStore, consumer: Consumer, clock: FakeClock, status: str
) -> None:
    moved = make(status, consumer)
    clock.advance(seconds=1)
    first = consumer.at
    assert consumer.requeue(moved) == [True]
    clock.advance(seconds=1)
    consumer.ack(moved)
    done = consumer.see(moved)
    # The first call again, because its answer was lost: it has done its work, and undoes nothing.
    assert store.requeue([moved], at=first, expires_at=consumer.kept_until) == [True]
    assert consumer.see(moved) == done
    assert consumer.requeue(moved) == [False], "another call saw an event that is no more so"
    assert consumer.see(moved) == done
    assert consumer.requeue(done) == [True]


def test_requeue_of_what_is_gone_creates_nothing(store: EventStore, consumer: Consumer) -> None:
    gone = make(ACKNOWLEDGED, consumer)
    store.delete([gone.event_id], source=None)
    assert consumer.requeue(gone) == [False]
    assert store.get(gone.event_id, NOW) is None
    assert listed(consumer, PENDING) == []


def test_each_of_several_is_requeued_as_if_it_came_alone(store: EventStore, consumer: Consumer) -> None:
    done, dead, gone, other = (make(one, consumer) for one in (ACKNOWLEDGED, DEAD, DEAD, ACKNOWLEDGED))
    store.delete([gone.event_id], source=None)
    assert consumer.requeue(done, gone, dead) == [True, False, True]
    assert [one.event_id for one in listed(consumer, PENDING)] == [done.event_id, dead.event_id]
    assert listed(consumer, ACKNOWLEDGED) == [other]


@pytest.mark.parametrize("status", [PENDING, "leased", "delayed", ACKNOWLEDGED, DEAD])
def test_purge_deletes_what_it_names_and_nothing_else(
    store: EventStore, consumer: Consumer, status: str
) -> None:
    named, others = make(status, consumer), [make(one, consumer) for one in (PENDING, "leased", DEAD)]
    assert consumer.purge(named) == [True]
    assert store.get(named.event_id, NOW) is None
    assert [consumer.see(one) for one in others] == others
    assert consumer.purge(named) == [True], "it is gone"
    left = [one for each in (PENDING, ACKNOWLEDGED, DEAD) for one in listed(consumer, each)]
    assert sorted(left, key=lambda one: one.event_id) == others


def test_purge_keeps_what_has_another_status_by_now(store: EventStore, consumer: Consumer) -> None:
    acked, died, back = make(PENDING, consumer), make("leased", consumer), make(DEAD, consumer)
    consumer.ack(acked)
    consumer.release(died, died.lease, dead=True)
    consumer.requeue(back)
    now = [consumer.see(one) for one in (acked, died, back)]
    assert consumer.purge(acked, died, back) == [False] * 3
    assert [consumer.see(one) for one in (acked, died, back)] == now


def test_purge_deletes_an_event_that_was_leased_or_released_since_it_was_seen(
    store: EventStore, consumer: Consumer
) -> None:
    seen = make(PENDING, consumer)
    consumer.lease(seen)
    assert consumer.purge(seen) == [True]
    assert store.get(seen.event_id, NOW) is None


def test_purge_deletes_expired_events(store: EventStore, consumer: Consumer, clock: FakeClock) -> None:
    added = add(store, expires_at=NOW + 60)
    clock.advance(seconds=60)
    query = EventQuery(Filter(), 100, consumer.now_ms)
    assert store.page(query).events == ()
    assert store.page(replace(query, with_expired=True)).events == (added,)
    assert store.count(replace(query, with_expired=True)).count == 1
    assert consumer.purge(added) == [True]
    assert store.page(replace(query, with_expired=True)).events == ()


@pytest.mark.parametrize("status", [PENDING, "leased", "delayed", ACKNOWLEDGED, DEAD])
def test_delete_takes_an_event_of_any_status(store: EventStore, consumer: Consumer, status: str) -> None:
    named, kept = make(status, consumer), make(status, consumer)
    assert store.delete([named.event_id, named.event_id], source=None) == [None, None]
    assert store.get(named.event_id, NOW) is None
    assert consumer.see(kept) == kept


@pytest.mark.promise(7)
def test_several_are_deleted_of_one_source_only(store: EventStore) -> None:
    mine, foreign, mine_too = add(store), add(store, source="another"), add(store)
    outcomes = store.delete([one.event_id for one in (mine, foreign, mine_too)], source="shop")
    assert outcomes == [None] * 3
    assert page(store).events == (foreign,)


@pytest.mark.parametrize("status", [PENDING, "leased", "delayed", ACKNOWLEDGED, DEAD])
def test_restored_event_is_the_one_that_was_read(
    store: EventStore, consumer: Consumer, clock: FakeClock, status: str
) -> None:
    event = make(status, consumer)
    store.delete([event.event_id], source=None)
    assert store.restore([event]) == [True]
    assert consumer.see(event) == event
    assert listed(consumer, event.status) == [event]
    if status == "leased":
        clock.advance(days=1)
    if status in {PENDING, "leased"}:
        (claimed,), _ = consumer.receive_all()
        assert claimed.deliveries == event.deliveries + 1


def test_restored_event_keeps_a_large_payload_and_what_a_requeue_left(
    store: EventStore, consumer: Consumer
) -> None:
    event = make(DEAD, consumer, payload=f'{{"text":"{"é" * 50_000}","n":1.50e3}}')
    assert consumer.requeue(event) == [True]
    requeued = consumer.see(event)
    store.delete([event.event_id], source=None)
    assert store.restore([requeued]) == [True]
    assert consumer.see(event) == requeued
    assert requeued.requeued_at


def test_restore_leaves_alone_what_exists(store: EventStore, consumer: Consumer) -> None:
    acknowledged, missing = make(ACKNOWLEDGED, consumer), make(PENDING, consumer)
    store.delete([missing.event_id], source=None)
    as_new = replace(acknowledged, acknowledged_at=None, deliveries=0, lease=None)
    assert store.restore([as_new, missing]) == [False, True]
    assert store.restore([as_new, missing]) == [False, False]
    assert consumer.see(acknowledged) == acknowledged


def test_lease_of_a_restored_event_still_acknowledges_it(store: EventStore, consumer: Consumer) -> None:
    event = make(PENDING, consumer)
    token = consumer.lease(event)
    leased = consumer.see(event)
    store.delete([event.event_id], source=None)
    assert store.restore([leased]) == [True]
    consumer.ack(event, token)
    assert consumer.see(event).status == ACKNOWLEDGED
