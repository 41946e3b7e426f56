"""What every `EventStore` must show: pages by any filter and order, counts, and what waits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.contract.test_event_store import add
from tests.support.clock import FakeClock
from tests.support.consumer import Consumer
from tests.support.sample_events import NOW
from tests.unit.memory_store import MemoryEventStore
from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.paging import EventQuery, Filter, PendingStats
from triggers_api.core.ports import EventStore

pytestmark = pytest.mark.promise(5, 14)


@pytest.fixture
def consumer(store: EventStore, clock: FakeClock) -> Consumer:
    return Consumer(store, clock)


def walk(store: EventStore, query: EventQuery) -> list[Event]:
    """Return the events of all pages."""
    found: list[Event] = []
    for _ in range(100):
        page = store.page(query)
        found += page.events
        if page.next is None:
            return found
        query = replace(query, after=page.next)
    raise AssertionError("the walk does not end")


@dataclass(frozen=True)
class Population:
    """Events of every kind, and a store that is right about them."""

    events: list[Event]
    right: MemoryEventStore


@pytest.fixture
def population(store: EventStore, consumer: Consumer, clock: FakeClock) -> Population:
    """Add events of each source, type and status; some are leased, delayed, requeued or expired."""
    statuses = [PENDING, ACKNOWLEDGED, DEAD, "leased", "delayed", "requeued", "expired"]
    added = list[Event]()
    for number, status in enumerate(statuses * 3):
        clock.advance(seconds=1)
        expires_at = NOW + 100 if status == "expired" else NOW + 86_400
        one = add(store, source="ab"[number % 2], event_type=str(number), expires_at=expires_at)
        if status in {ACKNOWLEDGED, "requeued"}:
            consumer.ack(one)
        if status == DEAD:
            consumer.kill(one)
        if status == "leased":
            consumer.lease(one, seconds=3600)
        if status == "delayed":
            consumer.release(one, consumer.lease(one), delay_seconds=3600)
        if status == "requeued":
            consumer.requeue(consumer.see(one))
        added.append(one)
    right = MemoryEventStore()
    for one in added:
        right.events[one.event_id] = consumer.see(one)
    clock.advance(seconds=100)
    return Population(added, right)


def filters(events: list[Event], right: MemoryEventStore) -> Iterator[Filter]:
    made = [one.created_at for one in events]
    some_types = tuple(sorted(str(number) for number in range(0, 21, 2)))
    done = sorted(one.acknowledged_at for one in right.events.values() if one.acknowledged_at)
    for status in (PENDING, ACKNOWLEDGED, DEAD):
        yield Filter(status=status)
        yield Filter(status=status, source="a")
        yield Filter(status=status, event_types=("4",))
        yield Filter(status=status, event_types=some_types)
        yield Filter(status=status, source="b", event_types=some_types)
        yield Filter(status=status, since=made[4])
        yield Filter(status=status, until=made[9])
        yield Filter(status=status, since=made[4], until=made[15])
        yield Filter(status=status, source="a", since=made[4], until=made[15])
        yield Filter(status=status, event_types=some_types, since=made[7], until=made[7])
        yield Filter(status=status, since="2000-01-01T00:00:00.000000Z", until="9999-01-01T00:00:00.000000Z")
        yield Filter(status=status, since="9000-01-01T00:00:00.000000Z")
    yield Filter(status=ACKNOWLEDGED, acknowledged_since=done[1])
    yield Filter(status=ACKNOWLEDGED, acknowledged_until=done[1])
    yield Filter(status=ACKNOWLEDGED, acknowledged_since=done[1], acknowledged_until=done[2], source="a")


def test_pages_show_what_the_filter_names_in_order(
    store: EventStore, consumer: Consumer, population: Population
) -> None:
    for wanted in filters(population.events, population.right):
        for newest_first in (False, True):
            query = EventQuery(wanted, 2, consumer.now_ms, newest_first=newest_first)
            expected = walk(population.right, query)
            assert walk(store, query) == expected, query
            assert walk(store, replace(query, limit=100)) == expected, query


def test_pages_of_available_events_leave_out_what_is_leased_or_delayed(
    store: EventStore, consumer: Consumer, population: Population, clock: FakeClock
) -> None:
    def available(wanted: Filter, *, newest_first: bool = False) -> list[Event]:
        query = EventQuery(wanted, 2, consumer.now_ms, newest_first=newest_first, only_available=True)
        expected = walk(population.right, query)
        assert walk(store, query) == expected, query
        return expected

    for wanted in (Filter(), Filter(source="a"), Filter(event_types=tuple("0123456789"))):
        free = available(wanted)
        assert free[::-1] == available(wanted, newest_first=True)
        assert not any(one.is_hidden(consumer.now_ms) for one in free)
    clock.advance(seconds=3600)
    assert len(available(Filter())) == 12, "leases and delays have ended"


def test_expired_events_are_shown_only_if_they_are_asked_for(
    store: EventStore, consumer: Consumer, population: Population
) -> None:
    for wanted in (Filter(), Filter(source="a"), Filter(event_types=("6",)), Filter(status=DEAD)):
        query = EventQuery(wanted, 2, consumer.now_ms, with_expired=True)
        assert walk(store, query) == walk(population.right, query), query


def test_counts_are_those_of_the_pages(store: EventStore, consumer: Consumer, population: Population) -> None:
    for wanted in filters(population.events, population.right):
        for with_expired in (False, True):
            query = EventQuery(wanted, 1_000_000, consumer.now_ms, with_expired=with_expired)
            assert store.count(query) == population.right.count(query), query


def test_stats_are_those_of_the_pages(store: EventStore, consumer: Consumer, population: Population) -> None:
    for wanted in (
        Filter(),
        Filter(source="a"),
        Filter(source="nobody"),
        Filter(event_types=("0", "3", "4")),
        Filter(source="b", event_types=("0", "1", "2", "3")),
    ):
        query = EventQuery(wanted, 1_000_000, consumer.now_ms)
        assert store.pending_stats(query) == population.right.pending_stats(query), query
        of_dead = replace(query, filter=replace(wanted, status=DEAD))
        assert store.dead_stats(of_dead) == population.right.dead_stats(of_dead), query


def stats(store: EventStore, consumer: Consumer) -> PendingStats:
    return store.pending_stats(EventQuery(Filter(), 1_000_000, consumer.now_ms))


def test_stats_of_an_empty_inbox_have_no_oldest_event(store: EventStore, consumer: Consumer) -> None:
    assert stats(store, consumer) == PendingStats(0, False, 0, None, None)
    dead = store.dead_stats(EventQuery(Filter(status=DEAD), 1_000_000, consumer.now_ms))
    assert (dead.count, dead.capped, dead.oldest_created_at) == (0, False, None)


def test_age_of_a_requeued_event_counts_from_its_requeue(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    old = add(store)
    consumer.ack(old)
    clock.advance(seconds=10)
    consumer.requeue(consumer.see(old))
    assert stats(store, consumer).oldest_since == consumer.at
    assert stats(store, consumer).oldest_created_at == old.created_at
    waiting = add(store)
    assert waiting.created_at < consumer.at
    assert stats(store, consumer).oldest_since == waiting.created_at


def test_stats_skip_expired_events_and_count_leased_ones(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    add(store, expires_at=NOW + 10)
    leased = add(store)
    add(store)
    clock.advance(seconds=10)
    consumer.receive(1)
    consumer.receive(1)
    found = stats(store, consumer)
    assert (found.count, found.capped, found.leased) == (2, False, 2)
    assert (found.oldest_created_at, found.oldest_since) == (leased.created_at, leased.created_at)


def test_event_that_changes_its_status_during_a_walk_is_in_no_wrong_page(
    store: EventStore, consumer: Consumer
) -> None:
    first, second, third = (add(store) for _ in range(3))
    query = EventQuery(Filter(), 1, consumer.now_ms)
    following = store.page(query).next
    consumer.ack(second)
    assert store.page(replace(query, after=following)).events == (third,)
    consumer.ack(first)
    newest = replace(query, filter=Filter(status=ACKNOWLEDGED), newest_first=True)
    assert [one.event_id for one in walk(store, newest)] == [second.event_id, first.event_id]


def test_event_has_exactly_one_status_whatever_happens_to_it(
    store: EventStore, consumer: Consumer, clock: FakeClock
) -> None:
    added = add(store)

    def lists() -> list[str]:
        return [
            status
            for status in (PENDING, ACKNOWLEDGED, DEAD)
            if walk(store, EventQuery(Filter(status=status), 100, consumer.now_ms))
        ]

    assert lists() == [PENDING]
    lease = consumer.lease(added)
    assert lists() == [PENDING]
    consumer.release(added, lease, delay_seconds=5)
    assert lists() == [PENDING]
    clock.advance(seconds=5)
    consumer.kill(added)
    assert lists() == [DEAD]
    consumer.ack(added)
    assert lists() == [ACKNOWLEDGED]
    consumer.requeue(consumer.see(added))
    assert lists() == [PENDING]
    consumer.kill(added)
    clock.advance(seconds=1)
    consumer.requeue(consumer.see(added))
    assert lists() == [PENDING]
