"""The inbox over any store: whose events a key sees, where a cursor leads, what a lease is good for."""

import logging
from collections.abc import Iterator, Sequence

import pytest

from tests.support.clock import FakeClock
from tests.support.operations import ANY, DEPOT, MAX_DELIVERIES, SHOP, Operations
from tests.unit.memory_store import MemoryEventStore
from triggers_api.core.access import Principal
from triggers_api.core.events import Event
from triggers_api.core.ids import EventIds
from triggers_api.core.inbox import Delivery, InboxPage
from triggers_api.core.leases import Held
from triggers_api.core.paging import Filter
from triggers_api.core.times import format_time
from triggers_api.errors import (
    ConflictError,
    ForbiddenError,
    LeaseLostError,
    NotFoundError,
    TriggersError,
    ValidationError,
    value_of,
)


@pytest.fixture
def store() -> MemoryEventStore:
    return MemoryEventStore()


@pytest.fixture
def operations(store: MemoryEventStore, clock: FakeClock) -> Operations:
    return Operations(store, clock)


def page(
    operations: Operations,
    key: Principal = ANY,
    *,
    limit: int = 50,
    cursor: str | None = None,
    source: str | None = None,
    event_type: str | None = None,
) -> InboxPage:
    wanted = Filter(source=source, event_types=() if event_type is None else (event_type,))
    return operations.inbox.page(key, wanted, limit=limit, cursor=cursor)


def receive(
    operations: Operations,
    key: Principal = ANY,
    *,
    limit: int = 10,
    lease_seconds: int = 30,
    source: str | None = None,
    event_type: str | None = None,
) -> Delivery:
    return operations.inbox.receive(
        key, limit=limit, lease_seconds=lease_seconds, source=source, event_type=event_type
    )


def ack(operations: Operations, key: Principal, event_id: str, lease: str | None = None) -> str:
    (outcome,) = operations.inbox.acknowledge(key, [Held(event_id, lease)])
    return value_of(outcome)


def delete(operations: Operations, key: Principal, event_id: str) -> None:
    assert operations.inbox.delete(key, [event_id]) == [None]


def ids_of(found: InboxPage | Delivery) -> list[str]:
    return [event.event_id for event in found.events]


def kinds(outcomes: Sequence[object]) -> list[type | None]:
    """Return the class of each error, None for a success."""
    return [type(one) if isinstance(one, TriggersError) else None for one in outcomes]


def test_a_bound_key_may_not_filter_by_another_source(
    operations: Operations, store: MemoryEventStore
) -> None:
    event_id = operations.add(source="depot")
    for other in ("depot", "Shop", ""):
        with pytest.raises(ForbiddenError):
            page(operations, SHOP, source=other)
        with pytest.raises(ForbiddenError):
            receive(operations, SHOP, source=other)
        with pytest.raises(ForbiddenError):
            operations.inbox.stats(SHOP, source=other, event_types=())
    assert store.queries == []
    assert store.events[event_id].deliveries == 0


def test_a_bound_key_lists_its_own_events_with_and_without_a_filter(operations: Operations) -> None:
    mine = [operations.add(source=source) for source in ("shop", "depot", "shop")][::2]
    assert ids_of(page(operations, SHOP)) == ids_of(page(operations, SHOP, source="shop")) == mine
    assert len(page(operations).events) == 3


@pytest.mark.promise(7, 17)
def test_an_event_of_another_source_does_not_exist_for_a_bound_key(
    operations: Operations, store: MemoryEventStore
) -> None:
    event_id = operations.add(source="depot")
    with pytest.raises(NotFoundError) as hidden:
        operations.inbox.get(SHOP, event_id)
    with pytest.raises(NotFoundError) as absent:
        operations.inbox.get(SHOP, EventIds().new())
    assert (hidden.value.message, hidden.value.details) == (absent.value.message, absent.value.details)
    lease = receive(operations).token
    before = dict(store.events)
    held = [Held(event_id, lease)]
    assert kinds(operations.inbox.acknowledge(SHOP, held)) == [NotFoundError]
    assert kinds(operations.inbox.acknowledge(SHOP, [Held(event_id, None)])) == [NotFoundError]
    assert kinds(operations.inbox.extend(SHOP, held, lease_seconds=9)[1]) == [NotFoundError]
    assert kinds(operations.inbox.release(SHOP, held)) == [NotFoundError]
    delete(operations, SHOP, event_id)
    assert store.events == before


@pytest.mark.promise(7, 13)
def test_a_bound_key_receives_its_own_events_only(operations: Operations) -> None:
    mine = [operations.add(source=source) for source in ("shop", "depot", "shop")][::2]
    assert ids_of(receive(operations, SHOP)) == mine
    assert ids_of(receive(operations, SHOP, source="shop")) == []
    assert len(receive(operations).events) == 1


def test_a_bound_key_gets_acknowledges_and_deletes_its_own_event(
    operations: Operations, clock: FakeClock
) -> None:
    event_id = operations.add(DEPOT, source="depot")
    assert operations.inbox.get(DEPOT, event_id).event_id == event_id
    clock.advance(seconds=1)
    assert ack(operations, DEPOT, event_id) == format_time(clock.now)
    assert operations.inbox.get(DEPOT, event_id).acknowledged_at == format_time(clock.now)
    with pytest.raises(ConflictError):
        ack(operations, DEPOT, event_id)
    delete(operations, DEPOT, event_id)
    with pytest.raises(NotFoundError):
        operations.inbox.get(DEPOT, event_id)


def test_an_expired_event_is_gone(operations: Operations, clock: FakeClock) -> None:
    event_id = operations.add()
    clock.advance(days=7, seconds=-1)
    assert ids_of(page(operations)) == [operations.inbox.get(ANY, event_id).event_id]
    clock.advance(seconds=1)
    assert ids_of(page(operations)) == ids_of(receive(operations)) == []
    with pytest.raises(NotFoundError):
        operations.inbox.get(ANY, event_id)


def test_pages_lead_through_the_inbox_by_their_cursors(operations: Operations) -> None:
    made = [operations.add() for _ in range(5)]
    found, cursor = list[str](), None
    for _ in range(3):
        one = page(operations, limit=2, cursor=cursor)
        found, cursor = found + ids_of(one), one.next_cursor
    assert found == made
    assert cursor is None


def test_pages_lead_through_the_inbox_newest_first(operations: Operations) -> None:
    made = [operations.add() for _ in range(5)]
    first = operations.inbox.page(ANY, Filter(), limit=3, newest_first=True)
    rest = operations.inbox.page(ANY, Filter(), limit=3, newest_first=True, cursor=first.next_cursor)
    assert ids_of(first) + ids_of(rest) == made[::-1]
    assert rest.next_cursor is None
    with pytest.raises(ValidationError):
        operations.inbox.page(ANY, Filter(), limit=3, cursor=first.next_cursor)


def test_a_page_of_available_events_leaves_out_what_is_leased(
    operations: Operations, clock: FakeClock
) -> None:
    operations.add()
    free = operations.add(event_type="free")
    receive(operations, event_type="order.paid", lease_seconds=30)
    assert ids_of(operations.inbox.page(ANY, Filter(), limit=9, only_available=True)) == [free]
    assert len(page(operations).events) == 2
    clock.advance(seconds=30)
    assert len(operations.inbox.page(ANY, Filter(), limit=9, only_available=True).events) == 2


def test_a_cursor_is_for_the_source_that_the_key_is_bound_to(operations: Operations) -> None:
    made = [operations.add(source=source) for source in ("shop", "depot", "shop", "depot")]
    cursor = page(operations, SHOP, limit=1).next_cursor
    assert cursor is not None
    for key, source in ((SHOP, None), (SHOP, "shop"), (ANY, "shop")):
        assert ids_of(page(operations, key, cursor=cursor, source=source)) == [made[2]]
    for key, source in ((DEPOT, None), (DEPOT, "depot"), (ANY, None), (ANY, "depot")):
        with pytest.raises(ValidationError):
            page(operations, key, cursor=cursor, source=source)
    with pytest.raises(ValidationError):
        page(operations, SHOP, cursor=cursor, event_type="order.paid")


@pytest.mark.promise(13)
def test_a_lease_lasts_as_long_as_it_says(operations: Operations, clock: FakeClock) -> None:
    event_id = operations.add()
    first = receive(operations, lease_seconds=60)
    assert ids_of(first) == [event_id]
    assert first.lease_expires_at == format_time((clock.now // 1000 + 60_000) * 1000)
    assert first.events[0].deliveries == 1
    clock.advance(seconds=59.998)
    assert ids_of(receive(operations)) == []
    clock.advance(seconds=0.003)
    second = receive(operations)
    assert (ids_of(second), second.events[0].deliveries) == ([event_id], 2)
    assert second.token != first.token


def test_each_receive_has_a_token_that_cannot_be_guessed(operations: Operations) -> None:
    tokens = {receive(operations).token for _ in range(200)}
    assert len(tokens) == 200
    assert all(16 <= len(token) <= 256 and token.isascii() for token in tokens)
    assert not any(token in repr(receive(operations)) for token in tokens)


def test_a_lease_is_extended_from_now_on(operations: Operations, clock: FakeClock) -> None:
    event_id = operations.add()
    lease = receive(operations, lease_seconds=30).token
    clock.advance(seconds=20)
    expires_at, outcomes = operations.inbox.extend(ANY, [Held(event_id, lease)], lease_seconds=30)
    assert outcomes == [None]
    assert expires_at == format_time((clock.now // 1000 + 30_000) * 1000)
    clock.advance(seconds=29)
    assert ids_of(receive(operations)) == []
    clock.advance(seconds=1.001)
    assert ids_of(receive(operations)) == [event_id]


def test_a_lost_lease_is_told_for_each_event(operations: Operations, clock: FakeClock) -> None:
    lost, held = operations.add(event_type="lost"), operations.add(event_type="held")
    lease = receive(operations, lease_seconds=1).token
    clock.advance(seconds=2)
    assert ids_of(receive(operations, event_type="lost")) == [lost]
    both = [Held(lost, lease), Held(held, lease)]
    assert kinds(operations.inbox.extend(ANY, both, lease_seconds=5)[1]) == [LeaseLostError, None]
    assert kinds(operations.inbox.release(ANY, both)) == [LeaseLostError, None]
    assert kinds(operations.inbox.acknowledge(ANY, both)) == [LeaseLostError, None]


def test_a_released_event_is_available_after_its_delay(operations: Operations, clock: FakeClock) -> None:
    event_id = operations.add()
    lease = receive(operations).token
    (at_once,) = operations.inbox.release(ANY, [Held(event_id, lease)])
    assert isinstance(at_once, Event)
    assert at_once.status == "pending"
    second = receive(operations)
    assert ids_of(second) == [event_id]
    operations.inbox.release(ANY, [Held(event_id, second.token)], delay_seconds=10)
    clock.advance(seconds=9.9)
    assert ids_of(receive(operations)) == []
    clock.advance(seconds=0.2)
    assert ids_of(receive(operations)) == [event_id]


@pytest.fixture
def deaths() -> Iterator[list[dict[str, object]]]:
    """Give the fields of each death that is logged, as a list that fills."""
    found: list[dict[str, object]] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert record.getMessage() == "event died"
            found.append(record.__dict__["fields"])

    logger = logging.getLogger("triggers_api.core.inbox")
    handler = Collect()
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)


def line_of(event_id: str, deliveries: int) -> dict[str, object]:
    return {
        "event_id": event_id,
        "source": "shop",
        "event_type": "order.paid",
        "deliveries": deliveries,
    }


def test_an_event_dies_at_the_receive_after_its_last_delivery(
    operations: Operations, clock: FakeClock, deaths: list[dict[str, object]]
) -> None:
    event_id = operations.add()
    for number in range(MAX_DELIVERIES):
        assert [event.deliveries for event in receive(operations).events] == [number + 1]
        assert deaths == []
        clock.advance(seconds=31)
    assert operations.inbox.get(ANY, event_id).status == "pending", "nobody has met it yet"
    assert ids_of(receive(operations)) == []
    dead = operations.inbox.get(ANY, event_id)
    assert (dead.status, dead.died_at) == ("dead", format_time(clock.now))
    assert dead.reason == "delivered 3 times without an acknowledgement"
    assert dead.expires_at == clock.now // 1_000_000 + 7 * 86_400, "its retention starts anew"
    assert deaths == [line_of(event_id, 3)]


def test_an_event_dies_at_its_release_after_its_last_delivery(
    operations: Operations, deaths: list[dict[str, object]]
) -> None:
    event_id = operations.add()
    for _ in range(MAX_DELIVERIES):
        lease = receive(operations).token
        (released,) = operations.inbox.release(ANY, [Held(event_id, lease)])
    assert isinstance(released, Event)
    assert (released.status, released.reason) == ("dead", "delivered 3 times without an acknowledgement")
    assert deaths == [line_of(event_id, 3)]


def test_a_death_by_request_is_logged_once_without_its_reason(
    operations: Operations, clock: FakeClock, deaths: list[dict[str, object]]
) -> None:
    event_id = operations.add()
    held = [Held(event_id, receive(operations).token)]
    (dead,) = operations.inbox.release(ANY, held, dead=True, reason="a client's text")
    assert isinstance(dead, Event)
    assert (dead.status, dead.reason) == ("dead", "a client's text")
    clock.advance(seconds=1)
    assert operations.inbox.release(ANY, held, dead=True, reason="a client's text") == [dead]
    assert deaths == [line_of(event_id, 1)]


def test_nothing_dies_if_deliveries_have_no_limit(
    store: MemoryEventStore, clock: FakeClock, deaths: list[dict[str, object]]
) -> None:
    operations = Operations(store, clock, max_deliveries=0)
    event_id = operations.add()
    for number in range(50):
        (received,) = receive(operations, lease_seconds=1).events
        assert received.deliveries == number + 1
        clock.advance(seconds=2)
    assert operations.inbox.get(ANY, event_id).status == "pending"
    assert deaths == []


def test_stats_tell_what_waits_and_how_long(operations: Operations, clock: FakeClock) -> None:
    assert operations.inbox.stats(ANY, source=None, event_types=()).oldest_age_seconds is None
    oldest = operations.ingest()
    clock.advance(seconds=100)
    operations.add()
    doomed = operations.add(event_type="doomed", source="depot")
    lease = receive(operations, event_type="doomed").token
    operations.inbox.release(ANY, [Held(doomed, lease)], dead=True)
    receive(operations, limit=1)
    found = operations.inbox.stats(ANY, source=None, event_types=())
    assert (found.pending.count, found.pending.leased, found.pending.capped) == (2, 1, False)
    assert (found.pending.oldest_created_at, found.oldest_age_seconds) == (oldest.created_at, 100)
    assert (found.dead.count, found.dead.capped) == (1, False)
    of_shop = operations.inbox.stats(SHOP, source=None, event_types=())
    assert (of_shop.pending.count, of_shop.dead.count) == (2, 0)
    of_type = operations.inbox.stats(ANY, source=None, event_types=("doomed", "other"))
    assert (of_type.pending.count, of_type.oldest_age_seconds, of_type.dead.count) == (0, None, 1)
