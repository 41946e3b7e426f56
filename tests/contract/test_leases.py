"""What every `EventStore` must do with leases: receive, acknowledge, extend, release, death."""

from dataclasses import replace

import pytest

from tests.conftest import shards_of_run
from tests.contract.test_event_store import add, page
from tests.support.clock import FakeClock
from tests.support.consumer import Consumer
from tests.support.sample_events import LATER, NOW, event
from triggers_api.core.events import DEAD, MAX_HIDDEN_SECONDS, PENDING, Event
from triggers_api.core.leases import Held
from triggers_api.core.paging import MAX_PAGE_BYTES, EventQuery, Filter, encoded_size
from triggers_api.core.ports import EventStore
from triggers_api.errors import ConflictError, LeaseLostError, NotFoundError, TriggersError

pytestmark = pytest.mark.promise(13)

HALF_A_DAY = MAX_HIDDEN_SECONDS


@pytest.fixture
def consumer(store: EventStore, clock: FakeClock) -> Consumer:
    return Consumer(store, clock)


def ids(events: list[Event] | tuple[Event, ...]) -> set[str]:
    found = [one.event_id for one in events]
    assert len(set(found)) == len(found), "an event is returned twice"
    return set(found)


def dead_ids(store: EventStore, now: int) -> set[str]:
    return ids(store.page(EventQuery(Filter(status=DEAD), 100, now * 1000)).events)


# --- Receive


def test_received_event_is_as_it_was_added_and_leased(store: EventStore, consumer: Consumer) -> None:
    added = add(store, source="ш", payload='{"a":[1,2.50,"\\u0001é😀"]}')
    received = consumer.receive(lease_seconds=60, token="a token")
    leased = replace(added, deliveries=1, hidden_until=NOW * 1000 + 60_000, lease="a token")
    assert received.events == (leased,)
    assert received.died == ()
    assert consumer.see(added) == leased
    assert page(store).events == (leased,), "it stays in the inbox"


def test_receive_from_an_empty_inbox_finds_nothing_and_promises_nothing(consumer: Consumer) -> None:
    received = consumer.receive()
    assert (received.events, received.died, received.more) == ((), (), False)


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_receives_until_no_more_is_promised_return_each_event_once(
    store: EventStore, consumer: Consumer, limit: int
) -> None:
    added = [add(store) for _ in range(20)]
    claimed, died = consumer.receive_all(limit)
    assert ids(claimed) == ids(added)
    assert died == []
    assert {one.deliveries for one in claimed} == {1}
    assert consumer.receive_all(limit) == ([], [])


def test_receive_takes_events_from_the_old_end_of_the_inbox(store: EventStore, consumer: Consumer) -> None:
    """Roughly oldest first: from the oldest `limit` * 10 of a shard, which a random block needs."""
    shards = shards_of_run()
    added = [add(store) for _ in range(50 * shards.read)]
    received = consumer.receive(limit=2)
    assert received.events
    for claimed in received.events:
        older = [one for one in added if one.event_id < claimed.event_id]
        key = shards.key(PENDING, claimed.event_id)
        assert len([one for one in older if shards.key(PENDING, one.event_id) == key]) < 20


def test_no_receive_returns_an_event_before_its_lease_ends(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    added = add(store)
    first = consumer.lease(added, seconds=30)
    clock.advance(seconds=29.999)
    assert consumer.receive() == consumer.receive(limit=100)
    assert consumer.receive().events == ()
    later = add(store)
    assert ids(consumer.receive().events) == {later.event_id}
    clock.advance(seconds=0.001)
    (again,) = consumer.receive().events
    assert (again.event_id, again.deliveries) == (added.event_id, 2)
    assert again.lease != first


@pytest.mark.parametrize("seconds", [1, 43_200])
def test_lease_of_any_length_ends(
    store: EventStore, consumer: Consumer, clock: FakeClock, seconds: int
) -> None:
    added = add(store)
    consumer.lease(added, seconds=seconds)
    clock.advance(seconds=seconds - 0.5)
    assert consumer.receive().events == ()
    clock.advance(seconds=0.5)
    assert ids(consumer.receive().events) == {added.event_id}


def test_lease_that_ends_far_beyond_12_hours_hides_nothing(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    """It is of a process whose clock is ahead."""
    added, normal = add(store), add(store, event_type="normal")
    consumer.lease(normal, seconds=HALF_A_DAY)
    consumer.lease(added, seconds=HALF_A_DAY + 120)
    clock.advance(seconds=10)
    assert not consumer.see(added).is_hidden(consumer.now_ms)
    free = store.page(EventQuery(Filter(), 100, consumer.now_ms, only_available=True))
    assert ids(free.events) == {added.event_id}
    assert store.pending_stats(EventQuery(Filter(), 100, consumer.now_ms)).leased == 1
    assert ids(consumer.receive().events) == {added.event_id}


@pytest.mark.parametrize(
    ("source", "event_type", "expected"),
    [("a", None, "ax ay"), (None, "x", "ax bx"), ("a", "y", "ay"), ("b", "z", ""), ("nobody", None, "")],
)
def test_receive_with_a_filter_claims_matching_events_only(
    store: EventStore, consumer: Consumer, source: str | None, event_type: str | None, expected: str
) -> None:
    added = {s + t: add(store, source=s, event_type=t) for _ in range(2) for s in "ab" for t in "xy"}
    received = consumer.receive(100, source=source, event_type=event_type)
    assert {one.source + one.event_type for one in received.events} == set(expected.split())
    for name, one in added.items():
        assert consumer.see(one).deliveries == (name in expected.split())


def test_receive_passes_over_leased_events_however_many(store: EventStore, consumer: Consumer) -> None:
    leased = [add(store) for _ in range(30)]
    assert ids(consumer.receive_all()[0]) == ids(leased)
    free = add(store)
    assert ids(consumer.receive_all()[0]) == {free.event_id}


def test_receive_leaves_out_what_is_acknowledged_dead_deleted_or_expired(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    done, dead, gone = add(store, event_type="1"), add(store, event_type="2"), add(store, event_type="3")
    expiring = add(store, expires_at=NOW + 60)
    consumer.ack(done)
    consumer.kill(dead)
    store.delete([gone.event_id], source=None)
    free = add(store, event_type="4")
    clock.advance(seconds=60)
    assert ids(consumer.receive_all()[0]) == {free.event_id}
    assert store.get(expiring.event_id, consumer.now) is None


@pytest.mark.promise(13, 14)
def test_receive_claims_no_more_than_its_answer_holds(store: EventStore, consumer: Consumer) -> None:
    added = [add(store, payload='{"text":"' + "é" * 195_000 + '"}') for _ in range(8)]
    received = consumer.receive(100)
    assert 1 <= len(received.events) < 8
    assert sum(encoded_size(one, consumer.now_ms) for one in received.events) <= MAX_PAGE_BYTES
    assert received.more
    claimed = {one.event_id for one in added if consumer.see(one).deliveries}
    assert claimed == ids(received.events), "what is claimed is in the answer"
    rest, _ = consumer.receive_all(100)
    assert claimed | ids(rest) == ids(added)
    assert not claimed & ids(rest)


def test_event_of_any_size_can_be_received(store: EventStore, consumer: Consumer) -> None:
    added = add(store, payload='{"text":"' + "é" * 195_000 + '"}')
    assert ids(consumer.receive(1).events) == {added.event_id}


# --- Acknowledge


@pytest.mark.promise(3)
def test_ack_under_the_lease_acknowledges_and_its_repeat_has_the_same_answer(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    added = add(store)
    lease = consumer.lease(added)
    at = consumer.ack(added, lease)
    assert at == consumer.at
    seen = consumer.see(added)
    assert (seen.status, seen.acknowledged_at, seen.deliveries) == ("acknowledged", at, 1)
    clock.advance(seconds=100)
    assert consumer.ack(added, lease) == at
    assert consumer.see(added).acknowledged_at == at
    with pytest.raises(ConflictError):
        consumer.ack(added)
    assert page(store).events == ()


@pytest.mark.promise(3)
def test_late_ack_is_good_until_another_receive_claims_the_event(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    late, lost = add(store, event_type="late"), add(store, event_type="lost")
    late_lease, lost_lease = consumer.lease(late, seconds=1), consumer.lease(lost, seconds=1)
    clock.advance(days=1)
    new_lease = consumer.lease(lost)
    before = consumer.see(lost)
    with pytest.raises(LeaseLostError):
        consumer.ack(lost, lost_lease)
    assert consumer.see(lost) == before
    assert consumer.ack(late, late_lease) == consumer.at
    assert consumer.ack(lost, new_lease) == consumer.at


def test_ack_without_a_lease_takes_an_event_that_somebody_holds(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    added = add(store)
    lease = consumer.lease(added)
    at = consumer.ack(added)
    clock.advance(seconds=1)
    assert consumer.ack(added, lease) == at, "the token is good, and the event is acknowledged"


@pytest.mark.parametrize("token", ["", "another", "x" * 256, "é😀", "token", " "])
def test_token_of_no_receive_is_a_lost_lease(store: EventStore, consumer: Consumer, token: str) -> None:
    never, leased, done = add(store, event_type="1"), add(store, event_type="2"), add(store, event_type="3")
    consumer.lease(leased)
    consumer.ack(done, consumer.lease(done))
    before = [consumer.see(one) for one in (never, leased, done)]
    for one in (never, leased, done):
        with pytest.raises(LeaseLostError):
            consumer.ack(one, token)
        with pytest.raises(LeaseLostError):
            consumer.extend(one, token)
        with pytest.raises(LeaseLostError):
            consumer.release(one, token)
    assert [consumer.see(one) for one in (never, leased, done)] == before


def test_token_is_compared_exactly(store: EventStore, consumer: Consumer) -> None:
    added = add(store)
    consumer.receive(token="aBc")
    for other in ("abc", "ABC", "aBc ", " aBc", "aB", "aBcd"):
        with pytest.raises(LeaseLostError):
            consumer.ack(added, other)
    consumer.ack(added, "aBc")


def test_token_of_another_event_of_the_same_receive_is_the_same(
    store: EventStore, consumer: Consumer
) -> None:
    one, other = add(store), add(store)
    received = consumer.receive()
    assert ids(received.events) == ids([one, other])
    (lease,) = {event.lease for event in received.events}
    consumer.ack(one, lease)
    assert consumer.see(other).status == PENDING


@pytest.mark.promise(3)
@pytest.mark.parametrize("with_lease", [True, False])
def test_ack_of_a_dead_event_acknowledges_it(
    store: EventStore, consumer: Consumer, clock: FakeClock, with_lease: bool
) -> None:
    added = add(store)
    lease = consumer.kill(added, "a reason")
    clock.advance(seconds=1)
    at = consumer.ack(added, lease if with_lease else None)
    seen = consumer.see(added)
    assert (seen.status, seen.acknowledged_at, seen.died_at, seen.reason) == ("acknowledged", at, None, None)
    assert dead_ids(store, consumer.now) == set()


# --- Extend


def test_extend_sets_the_end_of_a_lease_earlier_or_later(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    added = add(store)
    lease = consumer.lease(added, seconds=30)
    consumer.extend(added, lease, seconds=100)
    assert consumer.see(added).hidden_until == consumer.now_ms + 100_000
    clock.advance(seconds=99)
    assert consumer.receive().events == ()
    consumer.extend(added, lease, seconds=1)
    consumer.extend(added, lease, seconds=1)
    clock.advance(seconds=1)
    (again,) = consumer.receive().events
    assert again.deliveries == 2, "an extension is no delivery"


@pytest.mark.parametrize("ended_by", ["its end", "a release", "a release with a delay"])
def test_lease_that_has_ended_can_be_extended_until_another_receive_claims_the_event(
    store: EventStore, consumer: Consumer, clock: FakeClock, ended_by: str
) -> None:
    added = add(store)
    lease = consumer.lease(added, seconds=30)
    if ended_by == "its end":
        clock.advance(seconds=31)
    else:
        consumer.release(added, lease, delay_seconds=5 if "delay" in ended_by else 0)
    consumer.extend(added, lease, seconds=60)
    clock.advance(seconds=59)
    assert consumer.receive().events == ()
    clock.advance(seconds=1)
    consumer.lease(added)
    with pytest.raises(LeaseLostError):
        consumer.extend(added, lease)


def test_extend_of_what_is_not_pending_is_a_conflict_and_changes_nothing(
    store: EventStore, consumer: Consumer
) -> None:
    done, dead = add(store, event_type="1"), add(store, event_type="2")
    done_lease = consumer.lease(done)
    consumer.ack(done, done_lease)
    dead_lease = consumer.kill(dead)
    before = [consumer.see(done), consumer.see(dead)]
    for one, lease in ((done, done_lease), (dead, dead_lease)):
        with pytest.raises(ConflictError):
            consumer.extend(one, lease)
    assert [consumer.see(done), consumer.see(dead)] == before


# --- Release


@pytest.mark.promise(14)
def test_released_event_is_available_at_once_and_keeps_its_deliveries(
    store: EventStore, consumer: Consumer
) -> None:
    added = add(store)
    lease = consumer.lease(added, seconds=3600)
    released = consumer.release(added, lease)
    assert (released.status, released.deliveries) == (PENDING, 1)
    assert not released.is_hidden(consumer.now_ms)
    assert consumer.see(added) == released
    assert consumer.release(added, lease) == released, "an answer may be lost"
    (again,) = consumer.receive().events
    assert (again.event_id, again.deliveries) == (added.event_id, 2)
    with pytest.raises(LeaseLostError):
        consumer.release(added, lease)


def test_event_released_with_a_delay_is_available_after_it(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    added = add(store)
    lease = consumer.lease(added, seconds=1)
    released = consumer.release(added, lease, delay_seconds=100)
    assert released.hidden_until == consumer.now_ms + 100_000
    clock.advance(seconds=99.9)
    assert consumer.receive().events == ()
    clock.advance(seconds=0.1)
    assert ids(consumer.receive().events) == {added.event_id}


def test_reason_of_a_release_that_kills_nothing_is_not_kept(store: EventStore, consumer: Consumer) -> None:
    added = add(store)
    assert consumer.release(added, consumer.lease(added), reason="later").reason is None
    assert consumer.see(added).reason is None


@pytest.mark.promise(14)
@pytest.mark.parametrize("reason", [None, "", "the address é😀 does not exist"])
def test_event_released_as_dead_is_dead_with_a_new_retention(
    store: EventStore, consumer: Consumer, clock: FakeClock, reason: str | None
) -> None:
    added, other = add(store), add(store, event_type="other")
    lease = consumer.lease(added)
    clock.advance(days=2)
    dead = consumer.release(added, lease, dead=True, reason=reason)
    assert (dead.status, dead.died_at, dead.reason, dead.deliveries) == (DEAD, consumer.at, reason, 1)
    assert dead.expires_at == consumer.kept_until
    assert consumer.see(added) == dead
    assert ids(page(store, now=consumer.now).events) == {other.event_id}
    assert dead_ids(store, consumer.now) == {added.event_id}


def test_repeated_release_of_a_dead_event_returns_it_as_it_died(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    added = add(store)
    lease = consumer.lease(added)
    dead = consumer.release(added, lease, dead=True, reason="first")
    clock.advance(seconds=1)
    assert consumer.release(added, lease, dead=True, reason="second") == dead
    assert consumer.release(added, lease) == dead
    assert consumer.see(added) == dead


def test_release_of_an_acknowledged_event_is_a_conflict(store: EventStore, consumer: Consumer) -> None:
    added = add(store)
    lease = consumer.lease(added)
    consumer.ack(added, lease)
    before = consumer.see(added)
    with pytest.raises(ConflictError):
        consumer.release(added, lease)
    with pytest.raises(ConflictError):
        consumer.release(added, lease, dead=True)
    assert consumer.see(added) == before


# --- Death by count


@pytest.mark.promise(14)
def test_event_dies_at_the_first_receive_after_its_last_lease_has_ended(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    consumer.max_deliveries = 2
    added = add(store)
    for number in (1, 2):
        (received,) = consumer.receive().events
        assert received.deliveries == number
        assert consumer.receive().died == (), "its lease has not ended"
        clock.advance(seconds=31)
    assert consumer.see(added).status == PENDING
    received_then = consumer.receive()
    (dead,) = received_then.died
    assert received_then.events == ()
    assert (dead.event_id, dead.status, dead.died_at) == (added.event_id, DEAD, consumer.at)
    assert (dead.deliveries, dead.reason) == (2, "delivered 2 times without an acknowledgement")
    assert dead.expires_at == consumer.kept_until
    assert consumer.see(added) == dead
    assert dead_ids(store, consumer.now) == {added.event_id}
    assert consumer.receive_all() == ([], [])


def test_event_is_handed_out_as_often_as_it_may_before_it_dies(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    consumer.max_deliveries = 1
    doomed, fresh = add(store, event_type="doomed"), add(store, event_type="fresh")
    consumer.lease(doomed, seconds=1)
    clock.advance(seconds=2)
    claimed, died = consumer.receive_all()
    assert (ids(claimed), ids(died)) == ({fresh.event_id}, {doomed.event_id})


def test_nothing_dies_by_count_if_there_is_no_limit(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    consumer.max_deliveries = 0
    added = add(store)
    for number in range(20):
        (received,) = consumer.receive(lease_seconds=1).events
        assert received.deliveries == number + 1
        clock.advance(seconds=2)
    assert consumer.release(added, consumer.lease(added)).status == PENDING


def test_receive_kills_matching_events_only(store: EventStore, consumer: Consumer, clock: FakeClock) -> None:
    consumer.max_deliveries = 1
    added = [add(store, source=s, event_type=t) for s in "ab" for t in "xy"]
    consumer.receive_all(lease_seconds=1)
    clock.advance(seconds=2)
    assert ids(consumer.receive(source="a", event_type="x").died) == {added[0].event_id}
    assert ids(consumer.receive(source="a").died) == {added[1].event_id}
    assert ids(consumer.receive(event_type="x").died) == {added[2].event_id}
    assert consumer.see(added[3]).status == PENDING


def test_many_events_die_before_one_that_is_available(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    consumer.max_deliveries = 1
    doomed = [add(store) for _ in range(25)]
    consumer.receive_all(lease_seconds=1)
    clock.advance(seconds=2)
    free = add(store)
    claimed, died = consumer.receive_all(2)
    assert (ids(claimed), ids(died)) == ({free.event_id}, ids(doomed))


@pytest.mark.parametrize("reason", [None, "the client's"])
def test_event_dies_at_its_release_after_its_last_delivery(
    store: EventStore, consumer: Consumer, reason: str | None
) -> None:
    consumer.max_deliveries = 2
    added = add(store)
    assert consumer.release(added, consumer.lease(added), reason=reason).status == PENDING
    dead = consumer.release(added, consumer.lease(added), reason=reason, delay_seconds=60)
    assert (dead.status, dead.deliveries, dead.died_at) == (DEAD, 2, consumer.at)
    assert dead.reason == (reason or "delivered 2 times without an acknowledgement")
    assert consumer.see(added) == dead


@pytest.mark.promise(3)
def test_late_ack_saves_an_event_that_died_by_count(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    consumer.max_deliveries = 1
    added = add(store)
    lease = consumer.lease(added, seconds=1)
    clock.advance(seconds=2)
    assert ids(consumer.receive().died) == {added.event_id}
    assert consumer.ack(added, lease) == consumer.at
    assert consumer.see(added).status == "acknowledged"


# --- Who does not see the event, and several events at once


@pytest.mark.promise(7)
def test_event_that_does_not_exist_for_the_caller_is_not_found(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    unknown, foreign, expiring = event(), add(store, event_type="1"), add(store, expires_at=NOW + 60)
    lease, other_lease = consumer.lease(foreign), consumer.lease(expiring)
    before = consumer.see(foreign)
    stranger = replace(consumer, source="another")
    clock.advance(seconds=60)
    for caller, one, token in (
        (consumer, unknown, "t"),
        (stranger, foreign, lease),
        (stranger, foreign, "another token"),
        (consumer, expiring, other_lease),
    ):
        with pytest.raises(NotFoundError):
            caller.ack(one, token)
        with pytest.raises(NotFoundError):
            caller.extend(one, token)
        with pytest.raises(NotFoundError):
            caller.release(one, token)
        with pytest.raises(NotFoundError):
            caller.release(one, token, dead=True)
    assert consumer.see(foreign) == before
    assert stranger.receive().events == ()


@pytest.mark.promise(15)
def test_each_of_several_events_is_treated_as_if_it_came_alone(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    held, lost, done, dead, free = (add(store, event_type=str(number)) for number in range(5))
    foreign = add(store, source="another")
    leases = {one.event_id: consumer.lease(one, seconds=1) for one in (held, lost, done)}
    consumer.ack(done, leases[done.event_id])
    leases[dead.event_id] = consumer.kill(dead)
    done_at = consumer.see(done).acknowledged_at
    clock.advance(seconds=2)
    consumer.lease(lost)
    consumer.source = "shop"
    unknown = event()
    asked = [
        Held(one.event_id, leases.get(one.event_id, "t"))
        for one in (unknown, held, lost, done, dead, foreign, free)
    ]
    extended = store.extend(asked, until_ms=consumer.now_ms + 5, now_ms=consumer.now_ms, source="shop")
    assert kinds(extended) == [
        NotFoundError,
        None,
        LeaseLostError,
        ConflictError,
        ConflictError,
        NotFoundError,
        LeaseLostError,
    ]
    released = store.release(asked, consumer.make_release(), source="shop")
    assert kinds(released) == [
        NotFoundError,
        None,
        LeaseLostError,
        ConflictError,
        None,
        NotFoundError,
        LeaseLostError,
    ]
    acked = store.acknowledge(asked, at=consumer.at, nonce="n", now=consumer.now, source="shop")
    assert kinds(acked) == [
        NotFoundError,
        None,
        LeaseLostError,
        None,
        None,
        NotFoundError,
        LeaseLostError,
    ]
    assert [acked[1], acked[3], acked[4]] == [consumer.at, done_at, consumer.at]
    assert [consumer.see(one).status for one in (lost, foreign, free)] == [PENDING] * 3
    assert store.delete([one.event_id for one in asked], source="shop") == [None] * 7
    assert page(store, now=consumer.now).events == (consumer.see(foreign),)


def test_no_events_have_no_outcomes(store: EventStore, consumer: Consumer) -> None:
    assert store.acknowledge([], at=consumer.at, nonce="n", now=NOW, source=None) == []
    assert store.extend([], until_ms=1, now_ms=0, source=None) == []
    assert store.release([], consumer.make_release(), source=None) == []
    assert store.requeue([], at=consumer.at, expires_at=LATER) == []
    assert store.delete([], source=None) == []
    assert store.purge([]) == []


@pytest.mark.promise(15)
def test_a_hundred_events_are_acknowledged_released_and_deleted_at_once(
    store: EventStore, consumer: Consumer
) -> None:
    added = [add(store) for _ in range(100)]
    leases: dict[str, str | None] = {}
    for _ in range(10):
        leases |= {one.event_id: one.lease for one in consumer.receive(100).events}
    assert leases.keys() == ids(added)
    held = [Held(one.event_id, leases[one.event_id]) for one in added]
    released = store.release(held, consumer.make_release(delay_seconds=9), source=None)
    assert [one.event_id for one in released if isinstance(one, Event)] == [one.event_id for one in added]
    assert (
        store.extend(held, until_ms=consumer.now_ms + 9, now_ms=consumer.now_ms, source=None) == [None] * 100
    )
    acked = store.acknowledge(held, at=consumer.at, nonce="n", now=NOW, source=None)
    assert acked == [consumer.at] * 100
    assert store.delete([one.event_id for one in held], source=None) == [None] * 100
    assert [store.get(one.event_id, NOW) for one in added] == [None] * 100


def kinds(
    outcomes: list[str | TriggersError] | list[TriggersError | None] | list[Event | TriggersError],
) -> list[type | None]:
    """Return the class of each error, None for a success."""
    return [type(one) if isinstance(one, TriggersError) else None for one in outcomes]
