"""Walks over several shards on DynamoDB: every matching event once, in order, while shards are added."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from random import Random
from threading import Lock
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REGION, Tables
from tests.support.forms import by_form, examples
from tests.support.sample_events import NOW, event
from tests.support.tables import empty
from triggers_api.core.events import Event
from triggers_api.core.ids import created_at
from triggers_api.core.leases import Held
from triggers_api.core.paging import EventQuery, Filter, Position
from triggers_api.core.ports import NewEvent
from triggers_api.errors import StoreUnavailableError, value_of
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.index import MAX_READS
from triggers_api.store.dynamodb.items import event_item
from triggers_api.store.dynamodb.shards import Shards

NUMBERS = (1, 2, 4, 8, 16)


def walk(stores: Iterator[DynamoEventStore], query: EventQuery) -> Iterator[tuple[Event, ...]]:
    """Yield the pages of a walk, each read by the next store."""
    after: Position | None = None
    for _ in range(10_000):
        page = next(stores).page(replace(query, after=after))
        yield page.events
        if page.next is None:
            return
        assert page.next != after, "the walk stands still"
        after = page.next
    raise AssertionError("the walk does not end")


UNITS_PER_SECOND = 20
OFFERED_PER_SECOND = 200
SECONDS = 10


class ThrottledPartitions(DynamoDB):
    """DynamoDB Local whose index takes a number of write units a second for each of its keys."""

    def __init__(self, endpoint_url: str) -> None:
        super().__init__(region=REGION, endpoint_url=endpoint_url)
        self._used: Counter[str] = Counter()
        self._lock = Lock()

    def start_second(self) -> None:
        self._used.clear()

    def call(self, method: str, *, expects: str | None = None, **arguments: Any) -> dict[str, Any]:
        if method == "put_item":
            key = arguments["Item"]["status"]["S"]
            with self._lock:
                if self._used[key] == UNITS_PER_SECOND:
                    raise StoreUnavailableError("throttled")
                self._used[key] += 1  # the items are smaller than 1 KB
        return super().call(method, expects=expects, **arguments)


def taken(tables: Tables, shards: int) -> int:
    """Return how many events a stage takes that is offered too many."""
    dynamodb = ThrottledPartitions(tables.endpoint_url)
    store = DynamoEventStore(dynamodb, tables.events, Shards(shards, shards))
    total = 0
    for _ in range(SECONDS):
        dynamodb.start_second()
        outcomes = store.add([NewEvent(event()) for _ in range(OFFERED_PER_SECOND)], now=NOW)
        total += sum(isinstance(outcome, str) for outcome in outcomes)
    return total


@pytest.mark.slow("stores a thousand events")
def test_four_shards_take_nearly_four_times_as_many_events(tables: Tables) -> None:
    assert taken(tables, 1) == SECONDS * UNITS_PER_SECOND
    assert taken(tables, 4) >= 3.5 * SECONDS * UNITS_PER_SECOND


class Metered(DynamoDB):
    """DynamoDB Local, with the queries and the read units that they consume."""

    def __init__(self, endpoint_url: str) -> None:
        super().__init__(region=REGION, endpoint_url=endpoint_url)
        self.queries = 0
        self.units = 0.0
        self._lock = Lock()

    def call(self, method: str, *, expects: str | None = None, **arguments: Any) -> dict[str, Any]:
        if method == "query":
            arguments["ReturnConsumedCapacity"] = "TOTAL"
        answer = super().call(method, expects=expects, **arguments)
        with self._lock:
            if method == "query":
                self.queries += 1
                self.units += answer["ConsumedCapacity"]["CapacityUnits"]
        return answer


def of_size(item_bytes: int) -> Event:
    """Return an event whose item has this size in the table."""
    plain = event(payload='{"text":""}')
    known = sum(len(name) + len(text) for name, one in event_item(plain).items() for text in one.values())
    text = "".join(f"{number:x}" for number in range(item_bytes))[: item_bytes - known]
    return event(payload=f'{{"text":"{text}"}}')


@pytest.mark.parametrize(("item_bytes", "units"), [(436, 10), (900, 26)])
def test_page_of_sixteen_shards_reads_a_few_items_of_each(
    tables: Tables, item_bytes: int, units: float
) -> None:
    dynamodb = Metered(tables.endpoint_url)
    store = DynamoEventStore(dynamodb, tables.events, Shards(16, 16))
    for _ in range(4):
        store.add([NewEvent(of_size(item_bytes)) for _ in range(100)], now=NOW)
    query, after = EventQuery(Filter(), 50, NOW * 1000), None
    for _ in range(6):
        dynamodb.queries, dynamodb.units = 0, 0.0
        page = store.page(replace(query, after=after))
        assert len(page.events) == 50
        assert dynamodb.queries <= MAX_READS + 16
        assert dynamodb.units <= units
        after = page.next


AT = "2027-01-02T03:04:05.000006Z"


def tied_event(millisecond: int, tail: int, is_shop: bool) -> Event:
    """Return an event whose time is one of a few."""
    event_id = f"019b7a3c-{millisecond:04x}-7000-8000-{tail:012x}"
    created = created_at(event_id)
    return event(event_id=event_id, created_at=created, source="shop" if is_shop else "depot")


EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2**20), st.booleans()),
    min_size=20,
    max_size=60,
    unique_by=lambda one: one[:2],
)


@pytest.mark.timeout(1800)  # for the long form
@examples(quick=8, full=150, long=2000)
@given(
    events=EVENTS,
    limit=st.integers(1, 12),
    newest_first=st.booleans(),
    numbers=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4).map(sorted),
    is_filtered=st.booleans(),
    data=st.data(),
)
def test_walk_shows_each_event_once_in_order_while_shards_are_added(
    shared_dynamodb: DynamoDB,
    tables: Tables,
    table_resources: tuple[object, object],
    events: list[tuple[int, int, bool]],
    limit: int,
    newest_first: bool,
    numbers: list[int],
    is_filtered: bool,
    data: st.DataObject,
) -> None:
    empty(table_resources[0], "event_id", "created_at")
    first = DynamoEventStore(shared_dynamodb, tables.events, Shards(numbers[0], numbers[0]))
    made = [tied_event(*one) for one in events]
    for outcome in first.add([NewEvent(one) for one in made], now=NOW):
        value_of(outcome)
    wanted = Filter(source="shop") if is_filtered else Filter()
    query = EventQuery(wanted, limit, NOW * 1000, newest_first=newest_first)

    written = len(made)

    def stores() -> Iterator[DynamoEventStore]:
        """Yield a process for each page: of any number, while events are acknowledged and arrive."""
        while True:
            number = data.draw(st.sampled_from(numbers))
            store = DynamoEventStore(shared_dynamodb, tables.events, Shards(number, number))
            yield store
            if data.draw(st.booleans()) and made:
                gone = made.pop(data.draw(st.integers(0, len(made) - 1)))
                value_of(
                    store.acknowledge([Held(gone.event_id, None)], at=AT, nonce="n", now=NOW, source=None)[0]
                )
            if data.draw(st.integers(0, 3)) == 0:
                arrived = tied_event(9 + data.draw(st.integers(0, 3)), data.draw(st.integers(0, 2**20)), True)
                value_of(store.add([NewEvent(arrived)], now=NOW)[0])

    pages = list(walk(stores(), query))
    assert all(len(page) <= limit for page in pages)
    seen = Counter(one.event_id for page in pages for one in page)
    assert set(seen.values()) <= {1}
    kept = {one.event_id for one in made if not is_filtered or one.source == "shop"}
    assert kept <= seen.keys()
    assert len(seen) <= written + len(pages)
    times = [one.created_at for page in pages for one in page]
    assert times == sorted(times, reverse=newest_first)


@pytest.mark.promise(5)
@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_walk_that_gets_no_further_does_not_go_back(
    shared_dynamodb: DynamoDB, tables: Tables, monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    """As if the time of each request were up after its first read of every shard."""
    monkeypatch.setattr("triggers_api.store.dynamodb.merge.MAX_READS", 0)
    store = DynamoEventStore(shared_dynamodb, tables.events, Shards(2, 2))
    for outcome in store.add([NewEvent(tied_event(1, tail, True)) for tail in range(40)], now=NOW):
        value_of(outcome)
    query = EventQuery(Filter(), 3, NOW * 1000, newest_first=newest_first)
    middle = tied_event(1, 20, True)
    after = Position(middle.created_at, middle.event_id, shards=2)
    page = store.page(replace(query, after=after))
    assert page.next is not None
    assert all((one.event_id < middle.event_id) == newest_first for one in page.events)
    assert page.next >= after if not newest_first else page.next <= after


@pytest.mark.forms
@pytest.mark.promise(5)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
@pytest.mark.parametrize("number", NUMBERS)
def test_long_walk_shows_each_pending_event_once(
    shared_dynamodb: DynamoDB, tables: Tables, number: int, newest_first: bool
) -> None:
    """A third of the events have the time of another one. Every seventh page an event is acknowledged."""
    store = DynamoEventStore(shared_dynamodb, tables.events, Shards(number, number))
    random = Random(number)
    wanted = by_form(quick=200, full=200, long=10_000)
    made = {
        one.event_id: one
        for one in (
            tied_event(random.randrange(wanted), random.randrange(2**40), True) for _ in range(wanted)
        )
    }
    left = list(made.values())
    for start in range(0, len(left), 100):
        for outcome in store.add([NewEvent(one) for one in left[start : start + 100]], now=NOW):
            value_of(outcome)
    query = EventQuery(Filter(), 50, NOW * 1000, newest_first=newest_first)
    seen: list[Event] = []
    gone: set[str] = set()
    for place, page in enumerate(walk(repeat(store), query)):
        seen += page
        if place % 7 == 0:
            acked = random.choice(left).event_id
            gone.add(acked)
            store.acknowledge([Held(acked, None)], at=AT, nonce="n", now=NOW, source=None)
    ids = [one.event_id for one in seen]
    assert len(ids) == len(set(ids))
    assert made.keys() - gone <= set(ids)
    assert [one.created_at for one in seen] == sorted((one.created_at for one in seen), reverse=newest_first)
