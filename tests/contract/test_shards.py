"""Walks over several shards on DynamoDB: every matching event once, in order, while shards are added."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Tables
from tests.support.forms import examples
from tests.support.sample_events import NOW, event
from tests.support.tables import empty
from triggers_api.core.events import Event
from triggers_api.core.ids import created_at
from triggers_api.core.leases import Held
from triggers_api.core.paging import EventQuery, Filter, Position
from triggers_api.core.ports import NewEvent
from triggers_api.errors import value_of
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
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


@examples(quick=25, full=150, long=2000)
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
