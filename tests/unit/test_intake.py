"""Ingest over any store: what is kept, whose events a key may send, and which requests are the same."""

import json
from typing import Any

import pytest

from tests.support.clock import FakeClock
from tests.support.operations import ANY, SHOP, Operations, submission
from tests.unit.memory_store import MemoryEventStore
from triggers_api.core.access import Principal
from triggers_api.core.idempotency import IDEMPOTENCY_SECONDS, IdempotencyClaim
from triggers_api.core.ids import created_at
from triggers_api.core.intake import Receipt
from triggers_api.core.times import format_time
from triggers_api.errors import ForbiddenError, IdempotencyKeyReusedError


@pytest.fixture
def store() -> MemoryEventStore:
    return MemoryEventStore()


@pytest.fixture
def operations(store: MemoryEventStore, clock: FakeClock) -> Operations:
    return Operations(store, clock)


def claim_of(
    store: MemoryEventStore, operations: Operations, key: Principal = ANY, **changes: Any
) -> IdempotencyClaim:
    operations.intake.ingest(key, submission(**changes))
    claim = store.claims.pop()
    assert claim is not None
    return claim


@pytest.mark.parametrize(("days_behind", "expires"), [(0, True), (365, True), (20_000, False)])
def test_event_expires_unless_the_clock_was_never_set(
    operations: Operations, store: MemoryEventStore, clock: FakeClock, days_behind: int, expires: bool
) -> None:
    clock.step(days=-days_behind)
    kept = store.events[operations.ingest().event_id]
    a_week_later = clock.now // 1_000_000 + 7 * 86_400
    assert (kept.expires_at == a_week_later) is expires
    clock.step(days=days_behind + 36_500)
    assert (store.get(kept.event_id, clock.now // 1_000_000) is None) is expires


def test_event_is_kept_as_it_was_sent(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    payload = '{"é":[1,2.50,1E2,null,"\\u0041"],"":{}}'
    receipt = operations.ingest(payload=payload, metadata={"priority": "high", "correlation_id": "c"})
    kept = store.events[receipt.event_id]
    assert (kept.source, kept.event_type) == ("shop", "order.paid")
    assert kept.payload == payload
    assert json.loads(kept.metadata) == {"priority": "high", "correlation_id": "c"}
    assert kept.created_at == receipt.created_at == created_at(receipt.event_id) == format_time(clock.now)
    assert kept.expires_at == clock.now // 1_000_000 + 7 * 86400
    assert kept.status == "pending"
    assert (kept.deliveries, kept.hidden_until, kept.lease, kept.requeued_at) == (0, 0, None, None)
    assert not receipt.replayed


def test_a_bound_key_ingests_for_its_own_source_only(operations: Operations, store: MemoryEventStore) -> None:
    operations.ingest(SHOP, source="shop")
    for other in ("depot", "Shop", "shop ", ""):
        with pytest.raises(ForbiddenError):
            operations.ingest(SHOP, source=other)
    assert len(store.claims) == len(store.events) == 1


def test_without_an_idempotency_key_equal_requests_are_two_events(
    operations: Operations, store: MemoryEventStore
) -> None:
    assert operations.ingest().event_id != operations.ingest().event_id
    assert store.claims == [None, None]


def test_the_same_request_again_gets_the_first_answer(
    operations: Operations, store: MemoryEventStore, clock: FakeClock
) -> None:
    first = operations.intake.ingest(ANY, submission())
    clock.advance(seconds=IDEMPOTENCY_SECONDS - 1)
    again = operations.intake.ingest(ANY, submission())
    assert again == Receipt(first.event_id, first.created_at, replayed=True)
    assert len(store.events) == 1


def test_another_request_under_the_same_key_is_refused(
    operations: Operations, store: MemoryEventStore
) -> None:
    operations.intake.ingest(ANY, submission())
    with pytest.raises(IdempotencyKeyReusedError):
        operations.intake.ingest(ANY, submission(payload="{}"))
    assert len(store.events) == 1


def test_a_claim_lasts_24_hours(operations: Operations, store: MemoryEventStore, clock: FakeClock) -> None:
    assert claim_of(store, operations).expires_at == clock.now // 1_000_000 + 24 * 3600


def test_a_claim_names_neither_the_api_key_nor_the_idempotency_key(
    operations: Operations, store: MemoryEventStore
) -> None:
    claim = claim_of(store, operations, idempotency_key="order-4711")
    assert "order-4711" not in repr(claim)
    assert ANY.key_digest not in repr(claim)


def test_an_idempotency_key_belongs_to_its_api_key(operations: Operations, store: MemoryEventStore) -> None:
    names = [claim_of(store, operations, key).name for key in (ANY, SHOP)]
    names += [claim_of(store, operations, idempotency_key=key).name for key in ("Once", "once ", "twice")]
    assert len(set(names)) == 5
    assert claim_of(store, operations).name == names[0]


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
    operations: Operations, store: MemoryEventStore, same: dict[str, Any]
) -> None:
    assert claim_of(store, operations, **same).fingerprint == claim_of(store, operations).fingerprint


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
    operations: Operations, store: MemoryEventStore, other: dict[str, Any]
) -> None:
    assert claim_of(store, operations, **other).fingerprint != claim_of(store, operations).fingerprint


@pytest.mark.promise(15)
def test_each_of_several_events_is_ingested_as_if_it_were_sent_alone(
    operations: Operations, store: MemoryEventStore
) -> None:
    several = [
        submission(idempotency_key=None),
        submission(),
        submission(source="depot", idempotency_key="other"),
        submission(payload="{}"),
        submission(metadata={"priority": "normal", "correlation_id": "again"}),
        submission(idempotency_key=None),
    ]
    plain, first, foreign, other, again, last = operations.intake.ingest_all(SHOP, several)
    assert isinstance(foreign, ForbiddenError)
    assert isinstance(other, IdempotencyKeyReusedError)
    assert isinstance(plain, Receipt)
    assert isinstance(first, Receipt)
    assert isinstance(last, Receipt)
    assert again == Receipt(first.event_id, first.created_at, replayed=True)
    assert [plain.replayed, first.replayed, last.replayed] == [False, False, False]
    assert list(store.events) == [plain.event_id, first.event_id, last.event_id]


def test_no_events_at_all_are_ingested(operations: Operations, store: MemoryEventStore) -> None:
    assert operations.intake.ingest_all(ANY, []) == []
    assert store.events == {}
