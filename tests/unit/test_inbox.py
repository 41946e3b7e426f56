"""The inbox's rules, over any store: whose events a key sees, what one request is, where a cursor leads."""

import json
from typing import Any

import pytest

from tests.support.clock import FakeClock
from tests.unit.memory_store import MemoryEventStore
from triggers_api.core.access import Principal
from triggers_api.core.idempotency import IDEMPOTENCY_SECONDS, IdempotencyClaim
from triggers_api.core.ids import EventIds, created_at
from triggers_api.core.inbox import Inbox, InboxPage, Receipt, Submission
from triggers_api.core.times import format_time
from triggers_api.errors import (
    ConflictError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    NotFoundError,
    ValidationError,
)

ANY = Principal("any", "digest of any")
SHOP = Principal("shop", "digest of shop", source="shop")
DEPOT = Principal("depot", "digest of depot", source="depot")


@pytest.fixture
def store() -> MemoryEventStore:
    return MemoryEventStore()


@pytest.fixture
def inbox(store: MemoryEventStore, clock: FakeClock) -> Inbox:
    return Inbox(store, ids=EventIds(clock), clock=clock, event_ttl_days=7)


def submission(**changes: Any) -> Submission:
    fields: dict[str, Any] = {
        "source": "shop",
        "event_type": "order.paid",
        "payload": '{"order":1,"lines":[{"a":1,"b":2}]}',
        "metadata": {"priority": "normal"},
        "idempotency_key": "once",
    }
    return Submission(**{**fields, **changes})


def ingest(inbox: Inbox, key: Principal = ANY, **changes: Any) -> Receipt:
    return inbox.ingest(key, submission(**{"idempotency_key": None, **changes}))


def page(
    inbox: Inbox,
    key: Principal = ANY,
    *,
    limit: int = 50,
    cursor: str | None = None,
    source: str | None = None,
    event_type: str | None = None,
) -> InboxPage:
    return inbox.page(key, limit=limit, cursor=cursor, source=source, event_type=event_type)


def ids_of(found: InboxPage) -> list[str]:
    return [event.event_id for event in found.events]


def claim_of(store: MemoryEventStore, inbox: Inbox, key: Principal = ANY, **changes: Any) -> IdempotencyClaim:
    inbox.ingest(key, submission(**changes))
    claim = store.claims.pop()
    assert claim is not None
    return claim


@pytest.mark.parametrize(("days_behind", "expires"), [(0, True), (365, True), (20_000, False)])
def test_an_event_expires_unless_the_clock_was_never_set(
    inbox: Inbox, store: MemoryEventStore, clock: FakeClock, days_behind: int, expires: bool
) -> None:
    clock.step(days=-days_behind)
    kept = store.events[ingest(inbox).event_id]
    a_week_later = clock.now // 1_000_000 + 7 * 86_400
    assert (kept.expires_at == a_week_later) is expires
    clock.step(days=days_behind + 36_500)
    assert (store.get(kept.event_id, clock.now // 1_000_000) is None) is expires


def test_an_event_is_kept_as_it_was_sent(inbox: Inbox, store: MemoryEventStore, clock: FakeClock) -> None:
    payload = '{"é":[1,2.50,1E2,null,"\\u0041"],"":{}}'
    receipt = ingest(inbox, payload=payload, metadata={"priority": "high", "correlation_id": "c"})
    kept = store.events[receipt.event_id]
    assert (kept.source, kept.event_type) == ("shop", "order.paid")
    assert kept.payload == payload
    assert json.loads(kept.metadata) == {"priority": "high", "correlation_id": "c"}
    assert kept.created_at == receipt.created_at == created_at(receipt.event_id) == format_time(clock.now)
    assert kept.expires_at == clock.now // 1_000_000 + 7 * 86400
    assert kept.acknowledged_at is None
    assert not receipt.replayed


def test_a_bound_key_ingests_for_its_own_source_only(inbox: Inbox, store: MemoryEventStore) -> None:
    ingest(inbox, SHOP, source="shop")
    for other in ("depot", "Shop", "shop ", ""):
        with pytest.raises(ForbiddenError):
            ingest(inbox, SHOP, source=other)
    assert len(store.claims) == len(store.events) == 1


def test_a_bound_key_may_not_filter_by_another_source(inbox: Inbox, store: MemoryEventStore) -> None:
    for other in ("depot", "Shop", ""):
        with pytest.raises(ForbiddenError):
            page(inbox, SHOP, source=other)
    assert store.queries == []


def test_a_bound_key_lists_its_own_events_with_and_without_a_filter(inbox: Inbox) -> None:
    mine = [ingest(inbox, source=source).event_id for source in ("shop", "depot", "shop")][::2]
    assert ids_of(page(inbox, SHOP)) == ids_of(page(inbox, SHOP, source="shop")) == mine
    assert len(page(inbox).events) == 3


def test_an_event_of_another_source_does_not_exist_for_a_bound_key(
    inbox: Inbox, store: MemoryEventStore
) -> None:
    event_id = ingest(inbox, source="depot").event_id
    with pytest.raises(NotFoundError) as hidden:
        inbox.get(SHOP, event_id)
    with pytest.raises(NotFoundError) as absent:
        inbox.get(SHOP, EventIds().new())
    assert (hidden.value.message, hidden.value.details) == (absent.value.message, absent.value.details)
    with pytest.raises(NotFoundError):
        inbox.acknowledge(SHOP, event_id)
    inbox.delete(SHOP, event_id)
    assert store.events[event_id].acknowledged_at is None


def test_a_bound_key_gets_acknowledges_and_deletes_its_own_event(inbox: Inbox, clock: FakeClock) -> None:
    event_id = ingest(inbox, DEPOT, source="depot").event_id
    assert inbox.get(DEPOT, event_id).event_id == event_id
    clock.advance(seconds=1)
    assert inbox.acknowledge(DEPOT, event_id) == format_time(clock.now)
    assert inbox.get(DEPOT, event_id).acknowledged_at == format_time(clock.now)
    with pytest.raises(ConflictError):
        inbox.acknowledge(DEPOT, event_id)
    inbox.delete(DEPOT, event_id)
    with pytest.raises(NotFoundError):
        inbox.get(DEPOT, event_id)


def test_an_expired_event_is_gone(inbox: Inbox, clock: FakeClock) -> None:
    event_id = ingest(inbox).event_id
    clock.advance(days=7, seconds=-1)
    assert ids_of(page(inbox)) == [inbox.get(ANY, event_id).event_id]
    clock.advance(seconds=1)
    assert ids_of(page(inbox)) == []
    with pytest.raises(NotFoundError):
        inbox.get(ANY, event_id)


def test_without_an_idempotency_key_equal_requests_are_two_events(
    inbox: Inbox, store: MemoryEventStore
) -> None:
    assert ingest(inbox).event_id != ingest(inbox).event_id
    assert store.claims == [None, None]


def test_the_same_request_again_gets_the_first_answer(
    inbox: Inbox, store: MemoryEventStore, clock: FakeClock
) -> None:
    first = inbox.ingest(ANY, submission())
    clock.advance(seconds=IDEMPOTENCY_SECONDS - 1)
    again = inbox.ingest(ANY, submission())
    assert again == Receipt(first.event_id, first.created_at, replayed=True)
    assert len(store.events) == 1


def test_another_request_under_the_same_key_is_refused(inbox: Inbox, store: MemoryEventStore) -> None:
    inbox.ingest(ANY, submission())
    with pytest.raises(IdempotencyKeyReusedError):
        inbox.ingest(ANY, submission(payload="{}"))
    assert len(store.events) == 1


def test_a_claim_lasts_24_hours(inbox: Inbox, store: MemoryEventStore, clock: FakeClock) -> None:
    assert claim_of(store, inbox).expires_at == clock.now // 1_000_000 + 24 * 3600


def test_a_claim_names_neither_the_api_key_nor_the_idempotency_key(
    inbox: Inbox, store: MemoryEventStore
) -> None:
    claim = claim_of(store, inbox, idempotency_key="order-4711")
    assert "order-4711" not in repr(claim)
    assert ANY.key_digest not in repr(claim)


def test_an_idempotency_key_belongs_to_its_api_key(inbox: Inbox, store: MemoryEventStore) -> None:
    names = [claim_of(store, inbox, key).name for key in (ANY, SHOP)]
    names += [claim_of(store, inbox, idempotency_key=key).name for key in ("Once", "once ", "twice")]
    assert len(set(names)) == 5
    assert claim_of(store, inbox).name == names[0]


@pytest.mark.parametrize(
    "same",
    [
        {"payload": '{"lines":[{"b":2,"a":1}],"order":1}'},
        {"payload": '{"order":1.0,"lines":[{"a":10e-1,"\\u0062":2}]}'},
        {"metadata": {"priority": "normal", "idempotency_key": "once"}},
        {"metadata": {"idempotency_key": "once", "priority": "normal"}},
        {"metadata": {"priority": "normal", "correlation_id": "another trace"}},
    ],
    ids=["order of names", "notation", "key in the metadata", "key first", "correlation id"],
)
def test_a_request_is_the_same_if_it_has_the_same_values(
    inbox: Inbox, store: MemoryEventStore, same: dict[str, Any]
) -> None:
    assert claim_of(store, inbox, **same).fingerprint == claim_of(store, inbox).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"source": "depot"},
        {"event_type": "order.sent"},
        {"source": "order.paid", "event_type": "shop"},
        {"payload": '{"order":2,"lines":[{"a":1,"b":2}]}'},
        {"payload": '{"order":true,"lines":[{"a":1,"b":2}]}'},
        {"payload": '{"order":"1","lines":[{"a":1,"b":2}]}'},
        {"payload": '{"order":1.00000000000000000001,"lines":[{"a":1,"b":2}]}'},
        {"payload": '{"order":1,"lines":[{"a":2,"b":1}]}'},
        {"payload": '{"order":1,"lines":[{"a":1},{"b":2}]}'},
        {"metadata": {"priority": "high"}},
    ],
    ids=str,
)
def test_any_difference_makes_it_another_request(
    inbox: Inbox, store: MemoryEventStore, other: dict[str, Any]
) -> None:
    assert claim_of(store, inbox, **other).fingerprint != claim_of(store, inbox).fingerprint


def test_pages_lead_through_the_inbox_by_their_cursors(inbox: Inbox) -> None:
    made = [ingest(inbox).event_id for _ in range(5)]
    found, cursor = list[str](), None
    for _ in range(3):
        one = page(inbox, limit=2, cursor=cursor)
        found, cursor = found + ids_of(one), one.next_cursor
    assert found == made
    assert cursor is None


def test_a_cursor_is_for_the_source_that_the_key_is_bound_to(inbox: Inbox) -> None:
    made = [ingest(inbox, source=source).event_id for source in ("shop", "depot", "shop", "depot")]
    cursor = page(inbox, SHOP, limit=1).next_cursor
    assert cursor is not None
    for key, source in ((SHOP, None), (SHOP, "shop"), (ANY, "shop")):
        assert ids_of(page(inbox, key, cursor=cursor, source=source)) == [made[2]]
    for key, source in ((DEPOT, None), (DEPOT, "depot"), (ANY, None), (ANY, "depot")):
        with pytest.raises(ValidationError):
            page(inbox, key, cursor=cursor, source=source)
    with pytest.raises(ValidationError):
        page(inbox, SHOP, cursor=cursor, event_type="order.paid")
