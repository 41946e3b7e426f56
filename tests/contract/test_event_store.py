"""What every `EventStore` must do with single events and pages, on each store."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from threading import Barrier

import pytest

from tests.support.clock import FakeClock
from tests.support.sample_events import LATER, NOW, event, new_id, page_query, webhook_event
from triggers_api.core.events import Event
from triggers_api.core.idempotency import IdempotencyClaim
from triggers_api.core.leases import Held
from triggers_api.core.paging import Page
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.errors import ConflictError, IdempotencyKeyReusedError, NotFoundError, value_of

__all__ = ["LATER", "NOW", "event"]

ACKNOWLEDGED_AT = "2026-01-02T03:04:05.000006Z"


def claim(
    of: Event, *, name: str = "key", fingerprint: str = "2:request", first_wins: bool = False
) -> IdempotencyClaim:
    return IdempotencyClaim(name, fingerprint, of.event_id, NOW + 86400, first_wins)


def add(store: EventStore, **fields: str | int) -> Event:
    """Add a new event with these fields, and return it."""
    new = event(**fields)
    assert add_one(store, new) == new.event_id
    return new


def add_one(store: EventStore, new: Event, claim: IdempotencyClaim | None = None, *, now: int = NOW) -> str:
    """Add one event. Return the id that is stored, or raise the outcome's error."""
    (outcome,) = store.add([NewEvent(new, claim)], now=now)
    return value_of(outcome)


SET_LATER = {"acknowledged_at", "died_at", "reason", "lease", "requeued_at"}
"""Fields of an event that no ingest sets."""


def test_every_field_of_an_event_is_stored(store: EventStore) -> None:
    plain = webhook_event()
    optional = {one.name for one in fields(Event) if getattr(plain, one.name) is None} - SET_LATER
    full = replace(plain, **dict.fromkeys(optional, "text"))  # type: ignore[arg-type]  # by name
    add_one(store, full)
    assert store.get(full.event_id, NOW) == full


def ack(
    store: EventStore,
    event_id: str,
    *,
    lease: str | None = None,
    at: str = ACKNOWLEDGED_AT,
    nonce: str = "n",
    source: str | None = None,
    now: int = NOW,
) -> str:
    """Acknowledge one event. Return the time of its acknowledgement, or raise the outcome's error."""
    (outcome,) = store.acknowledge([Held(event_id, lease)], at=at, nonce=nonce, now=now, source=source)
    return value_of(outcome)


def delete(store: EventStore, event_id: str, *, source: str | None = None) -> None:
    assert store.delete([event_id], source=source) == [None]


def page(
    store: EventStore,
    *,
    limit: int = 50,
    source: str | None = None,
    event_type: str | None = None,
    now: int = NOW,
) -> Page:
    return store.page(page_query(limit, now=now, source=source, event_type=event_type))


def walk(
    store: EventStore, *, limit: int, source: str | None = None, event_type: str | None = None
) -> tuple[list[Event], int]:
    """Return all events of all pages, and how many pages there were."""
    found: list[Event] = []
    after, pages = None, 0
    while True:
        one = store.page(page_query(limit, after=after, source=source, event_type=event_type))
        found += one.events
        pages += 1
        if one.next is None:
            return found, pages
        after = one.next


@pytest.mark.promise(1)
def test_added_event_is_read_back_unchanged(store: EventStore) -> None:
    added = add(store, source="ш", payload='{"a":[1,2.5,"\\u0001é😀"],"":{}}')
    assert store.get(added.event_id, NOW) == added


@pytest.mark.promise(6)
@pytest.mark.parametrize("number", ["1" * 5000, "0." + "7" * 300_000, "1e-400", "-0", "1E+2"])
def test_number_is_read_back_digit_for_digit(store: EventStore, number: str) -> None:
    added = add(store, payload=f'{{"a":{number}}}')
    assert store.get(added.event_id, NOW) == added
    assert page(store).events == (added,)


@pytest.mark.promise(6)
def test_large_payload_is_read_back_unchanged(store: EventStore) -> None:
    added = add(store, payload='{"text":"' + "wort é😀 " * 20_000 + '"}')
    assert store.get(added.event_id, NOW) == added


def test_unknown_event_is_none(store: EventStore) -> None:
    assert store.get(new_id(), NOW) is None


@pytest.mark.parametrize(
    "foreign",
    [
        "7d444840-9dc0-11d1-b245-5ffdce74fad2",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
    ],
)
def test_id_of_another_form_is_not_found(store: EventStore, foreign: str) -> None:
    assert store.get(foreign, NOW) is None
    delete(store, foreign)
    with pytest.raises(NotFoundError):
        ack(store, foreign)


def test_inbox_is_oldest_first_and_ends(store: EventStore) -> None:
    added = [add(store) for _ in range(5)]
    assert page(store) == Page(tuple(added), None)


def test_empty_inbox_is_one_empty_page(store: EventStore) -> None:
    assert page(store) == Page((), None)


@pytest.mark.promise(5)
@pytest.mark.parametrize("limit", [1, 2, 5, 6, 7])
def test_pages_of_any_size_hold_every_event_once_in_order(store: EventStore, limit: int) -> None:
    added = [add(store) for _ in range(6)]
    found, pages = walk(store, limit=limit)
    assert found == added
    assert pages == -(-6 // limit)


def test_full_last_page_has_no_next(store: EventStore) -> None:
    for _ in range(3):
        add(store)
    assert page(store, limit=3).next is None


@pytest.mark.parametrize(
    ("source", "event_type"), [("a", None), (None, "x"), ("a", "x"), ("b", "y"), ("nobody", None)]
)
def test_filtered_page_is_filled_with_matching_events_only(
    store: EventStore, source: str | None, event_type: str | None
) -> None:
    added = [add(store, source=s, event_type=t) for _ in range(4) for s in "ab" for t in "xy"]
    expected = [e for e in added if source in (None, e.source) and event_type in (None, e.event_type)]
    found, _ = walk(store, limit=3, source=source, event_type=event_type)
    assert found == expected
    assert len(page(store, limit=3, source=source, event_type=event_type).events) == min(3, len(expected))


@pytest.mark.promise(5)
def test_next_page_continues_after_an_event_that_was_removed(store: EventStore) -> None:
    first, second, third = (add(store) for _ in range(3))
    following = page(store, limit=2).next
    ack(store, first.event_id)
    delete(store, second.event_id)
    assert store.page(page_query(2, after=following)).events == (third,)


def test_page_stops_before_it_exceeds_the_response_limit_of_lambda(store: EventStore) -> None:
    added = [add(store, payload='{"text":"' + "é" * 195_000 + '"}') for _ in range(6)]
    first = page(store)
    assert 1 < len(first.events) < 6
    assert first.next is not None
    found, _ = walk(store, limit=50)
    assert found == added


def test_expired_event_is_hidden_everywhere(store: EventStore) -> None:
    old, fresh = add(store, expires_at=NOW + 10), add(store)
    then = NOW + 10
    assert page(store, now=then).events == (fresh,)
    assert store.get(old.event_id, then) is None
    with pytest.raises(NotFoundError):
        ack(store, old.event_id, now=then)


def test_several_events_are_returned_in_the_order_of_their_ids(store: EventStore) -> None:
    first, expired, last = add(store), add(store, expires_at=NOW + 10), add(store)
    wanted = [last.event_id, event().event_id, expired.event_id, first.event_id]
    assert store.get_several(wanted, NOW + 10) == [last, None, None, first]
    assert store.get_several([], NOW) == []


@pytest.mark.promise(3)
def test_acknowledged_event_leaves_the_inbox_and_can_be_read(store: EventStore) -> None:
    added = add(store)
    ack(store, added.event_id)
    assert page(store).events == ()
    assert store.get(added.event_id, NOW) == replace(added, acknowledged_at=ACKNOWLEDGED_AT)


@pytest.mark.promise(3)
def test_second_acknowledgement_is_a_conflict_and_changes_nothing(store: EventStore) -> None:
    added = add(store)
    ack(store, added.event_id, nonce="first")
    with pytest.raises(ConflictError):
        ack(store, added.event_id, at="2027-01-01T00:00:00.000000Z", nonce="second")
    assert store.get(added.event_id, NOW) == replace(added, acknowledged_at=ACKNOWLEDGED_AT)


def test_acknowledgement_of_unknown_event_is_not_found(store: EventStore) -> None:
    event_id = new_id()
    with pytest.raises(NotFoundError):
        ack(store, event_id)
    assert store.get(event_id, NOW) is None


def test_delete_removes_an_event_and_repeating_it_is_no_error(store: EventStore) -> None:
    added = add(store)
    for _ in range(2):
        delete(store, added.event_id)
        assert store.get(added.event_id, NOW) is None
    assert page(store).events == ()


@pytest.mark.promise(7)
def test_event_of_another_source_is_neither_acknowledged_nor_deleted(store: EventStore) -> None:
    added = add(store, source="a")
    with pytest.raises(NotFoundError):
        ack(store, added.event_id, source="b")
    delete(store, added.event_id, source="b")
    assert store.get(added.event_id, NOW) == added
    ack(store, added.event_id, source="a")
    with pytest.raises(NotFoundError):
        ack(store, added.event_id, source="b", nonce="another call")
    delete(store, added.event_id, source="a")
    assert store.get(added.event_id, NOW) is None


@pytest.mark.promise(2)
def test_repeated_claim_returns_the_first_id_and_adds_nothing(store: EventStore) -> None:
    first, again = event(), event()
    assert add_one(store, first, claim(first)) == first.event_id
    assert add_one(store, again, claim(again)) == first.event_id
    assert page(store).events == (first,)


@pytest.mark.promise(2, 4)
def test_claim_of_another_request_is_refused_and_adds_nothing(store: EventStore) -> None:
    first, other = event(), event()
    add_one(store, first, claim(first))
    with pytest.raises(IdempotencyKeyReusedError):
        add_one(store, other, claim(other, fingerprint="2:another"))
    assert page(store).events == (first,)


@pytest.mark.promise(2)
def test_first_of_two_different_requests_wins_if_its_claim_does(
    store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    first, again, other = webhook_event(b"1"), webhook_event(b"1"), webhook_event(b"2")
    add_one(store, first, claim(first, first_wins=True))
    assert add_one(store, again, claim(again, first_wins=True)) == first.event_id
    assert caplog.record_tuples == []
    different = claim(other, fingerprint="2:another", first_wins=True)
    assert add_one(store, other, different) == first.event_id
    assert page(store).events == (first,)
    (line,) = caplog.records
    assert (line.levelname, line.message) == ("WARNING", "delivery differs from the first with its id")
    assert vars(line)["fields"] == {"event_id": first.event_id, "source": other.source}


@pytest.mark.promise(2, 4)
def test_claim_of_version_0_1_0_is_compared_as_that_version_did(store: EventStore) -> None:
    first, again, other = event(payload='{"a":0.10}'), event(payload='{"a":0.1}'), event(payload='{"a":1}')
    # What commit d9e11ad stored for this source, type and payload, with the default metadata.
    digest = "6daa3997e53c2052eb0c634d826da0a5b9ace3cb01c29dbef7bf03b700e57df6"
    add_one(store, first, claim(first, fingerprint=digest))
    assert add_one(store, again, claim(again)) == first.event_id
    with pytest.raises(IdempotencyKeyReusedError):
        add_one(store, other, claim(other))
    assert page(store).events == (first,)


def test_expired_claim_is_ignored(store: EventStore, clock: FakeClock) -> None:
    first, second = event(), event()
    add_one(store, first, claim(first))
    then = NOW + 86400
    clock.advance(days=1)
    renewed = replace(claim(second), expires_at=then + 86400)
    assert add_one(store, second, renewed, now=then) == second.event_id
    assert page(store, now=then).events == (first, second)


def test_claim_outlives_its_event(store: EventStore) -> None:
    first, again = event(), event()
    add_one(store, first, claim(first))
    delete(store, first.event_id)
    assert add_one(store, again, claim(again)) == first.event_id
    assert page(store).events == ()


@pytest.mark.promise(2, 4)
def test_several_entries_have_one_outcome_each_in_order(store: EventStore) -> None:
    first, other, again, last = event(), event(), event(), event()
    entries = [
        NewEvent(first, claim(first)),
        NewEvent(other, claim(other, fingerprint="2:another")),
        NewEvent(again, claim(again)),
        NewEvent(last),
    ]
    outcomes = store.add(entries, now=NOW)
    assert (outcomes[0], outcomes[2], outcomes[3]) == (first.event_id, first.event_id, last.event_id)
    assert isinstance(outcomes[1], IdempotencyKeyReusedError)
    assert page(store).events == (first, last)


def test_no_entries_have_no_outcome(store: EventStore) -> None:
    assert store.add([], now=NOW) == []


def _race(calls: list[Callable[[], object]]) -> list[object]:
    """Make all calls at once; return their results, or what they raised."""
    start = Barrier(len(calls))

    def outcome(call: Callable[[], object]) -> object:
        start.wait()
        try:
            return call()
        except (ConflictError, NotFoundError) as error:
            return type(error)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


@pytest.mark.promise(3)
def test_one_of_sixteen_concurrent_acknowledgements_succeeds(real_store: EventStore) -> None:
    added = add(real_store)
    outcomes = _race([lambda n=n: ack(real_store, added.event_id, nonce=str(n)) for n in range(16)])  # type: ignore[misc]  # mypy cannot type a lambda's default
    assert sorted(map(str, outcomes)) == sorted([ACKNOWLEDGED_AT] + [str(ConflictError)] * 15)


@pytest.mark.promise(2)
def test_one_of_sixteen_concurrent_adds_with_one_claim_adds(real_store: EventStore) -> None:
    events = [event() for _ in range(16)]
    outcomes = _race([lambda e=e: add_one(real_store, e, claim(e)) for e in events])  # type: ignore[misc]  # mypy cannot type a lambda's default
    (winner,) = set(outcomes)
    assert [one.event_id for one in page(real_store).events] == [winner]


@pytest.mark.promise(1)
def test_concurrent_adds_are_all_stored(real_store: EventStore) -> None:
    events = [event() for _ in range(32)]
    outcomes = _race([lambda e=e: add_one(real_store, e) for e in events])  # type: ignore[misc]  # mypy cannot type a lambda's default
    assert outcomes == [one.event_id for one in events]
    assert list(page(real_store).events) == events
