"""The oracle of races and faults can fail: histories that no order explains, and some that an order does."""

from dataclasses import replace

import pytest

from tests.support.calls import (
    Ack,
    Delete,
    Extend,
    Get,
    Ingest,
    Page,
    Purge,
    Receive,
    Release,
    Requeue,
    Single,
)
from tests.support.key_model import Keys, Revoke, Rotate, Use, keys_step
from tests.support.models import (
    ACKNOWLEDGED,
    CONFLICT,
    DEAD,
    LEASE_LOST,
    Inbox,
    Stored,
    inbox_step,
)
from tests.support.orders import FAILED, UNKNOWN, Operation, Outcome, Told, explain, order_of
from tests.support.witness import Asked, Reply, Witness

pytestmark = pytest.mark.promise()

A, ONCE = Ingest("a"), Ingest("a", "key")
STORED, GONE = Told(201, "1"), Told(404)
REFUSED, LOST = Told(409, CONFLICT), Told(409, LEASE_LOST)
ACKED = Stored("a", "1", ACKNOWLEDGED, at="then")
PENDING = Stored("a", "1")
LEASED, TWICE = (Stored("a", "1", deliveries=number, hidden=True) for number in (1, 2))
RECEIVED, NOTHING = Told(200, (LEASED,)), Told(200, ())


def one_after_another(*calls: tuple[Single, Outcome]) -> list[Operation]:
    return [Operation(call, outcome, n, n + 0.5) for n, (call, outcome) in enumerate(calls)]


def at_once(before: list[Operation], *calls: tuple[Single, Outcome]) -> list[Operation]:
    return before + [Operation(call, outcome, 100, 101) for call, outcome in calls]


EXPLAINED = {
    "an ack": one_after_another((A, STORED), (Ack("a"), Told(200, "then")), (Get("a"), Told(200, ACKED))),
    "a loser": at_once(one_after_another((A, STORED)), (Ack("a"), REFUSED), (Ack("a"), Told(200, "then"))),
    "deleted first": at_once(one_after_another((A, STORED)), (Ack("a"), GONE), (Delete("a"), Told(200))),
    "unknown, and there": one_after_another((A, UNKNOWN), (Page(), Told(200, (PENDING,)))),
    "unknown, and not there": one_after_another((A, UNKNOWN), (Page(), Told(200, ()))),
    "unknown, and there later": one_after_another(
        (A, UNKNOWN), (Page(), Told(200, ())), (Page(), Told(200, (PENDING,)))
    ),
    "settled by the key": one_after_another((ONCE, UNKNOWN), (ONCE, STORED), (Page(), Told(200, (PENDING,)))),
    "acknowledged by the unanswered ack": one_after_another(
        (A, STORED), (Ack("a"), UNKNOWN), (Ack("a"), REFUSED), (Get("a"), Told(200, ACKED))
    ),
    "leased, and acknowledged under the lease twice": one_after_another(
        (A, STORED),
        (Receive("r"), RECEIVED),
        (Ack("a", "r"), Told(200, "then")),
        (Ack("a", "r"), Told(200, "then")),
        (Ack("a"), REFUSED),
    ),
    "leased by one of two": at_once(
        one_after_another((A, STORED)), (Receive("r"), NOTHING), (Receive("s"), RECEIVED)
    ),
    "leased by an unanswered receive": one_after_another(
        (A, STORED), (Receive("r"), UNKNOWN), (Page(), Told(200, (LEASED,))), (Receive("s"), NOTHING)
    ),
    "released, and leased again": one_after_another(
        (A, STORED),
        (Receive("r"), RECEIVED),
        (Release("a", "r"), Told(200, "pending")),
        (Receive("s"), Told(200, (TWICE,))),
        (Extend("a", "r"), LOST),
    ),
    "dead, and acknowledged late": one_after_another(
        (A, STORED),
        (Receive("r"), RECEIVED),
        (Release("a", "r", dead=True), Told(200, DEAD)),
        (Release("a", "r"), Told(200, DEAD)),
        (Extend("a", "r"), REFUSED),
        (Ack("a", "r"), Told(200, "then")),
    ),
    "requeued, and as if never delivered": one_after_another(
        (A, STORED),
        (Receive("r"), RECEIVED),
        (Ack("a", "r"), Told(200, "then")),
        (Requeue("a"), Told(200, 1)),
        (Ack("a", "r"), LOST),
        (Page(), Told(200, (PENDING,))),
        (Purge("pending"), Told(200, 1)),
        (Requeue("a"), Told(200, 0)),
    ),
}

NOT_EXPLAINED = {
    "a 201 for nothing": one_after_another((A, STORED), (Page(), Told(200, ()))),
    "two winners": at_once(
        one_after_another((A, STORED)), (Ack("a"), Told(200, "then")), (Ack("a"), Told(200, "now"))
    ),
    "a conflict with nobody": one_after_another((A, STORED), (Ack("a"), REFUSED)),
    "a conflict with what failed": one_after_another((A, STORED), (Ack("a"), FAILED), (Ack("a"), REFUSED)),
    "another time": one_after_another(
        (A, STORED), (Ack("a"), Told(200, "now")), (Get("a"), Told(200, ACKED))
    ),
    "back to pending": one_after_another(
        (A, STORED), (Ack("a"), Told(200, "then")), (Page(), Told(200, (PENDING,)))
    ),
    "back after its delete": one_after_another(
        (A, STORED), (Delete("a"), Told(200)), (Page(), Told(200, (PENDING,)))
    ),
    "two events of one key": one_after_another((ONCE, STORED), (ONCE, Told(201, "2"))),
    "two events of one request": one_after_another(
        (ONCE, UNKNOWN), (ONCE, STORED), (Page(), Told(200, (PENDING, Stored("a", "2"))))
    ),
    "the key's other request": one_after_another((ONCE, STORED), (Ingest("b", "key"), Told(201, "2"))),
    "what failed, and is there": one_after_another((A, FAILED), (Page(), Told(200, (PENDING,)))),
    "leased by two": at_once(
        one_after_another((A, STORED)), (Receive("r"), RECEIVED), (Receive("s"), Told(200, (TWICE,)))
    ),
    "leased and not hidden": one_after_another(
        (A, STORED), (Receive("r"), RECEIVED), (Page(), Told(200, (Stored("a", "1", deliveries=1),)))
    ),
    "a delivery that counts twice": one_after_another((A, STORED), (Receive("r"), Told(200, (TWICE,)))),
    "leased after its ack": one_after_another(
        (A, STORED), (Ack("a"), Told(200, "then")), (Receive("r"), RECEIVED)
    ),
    "leased by a receive that failed": one_after_another(
        (A, STORED), (Receive("r"), FAILED), (Get("a"), Told(200, LEASED))
    ),
    "a lost lease that nobody took": one_after_another(
        (A, STORED), (Receive("r"), RECEIVED), (Ack("a", "r"), LOST)
    ),
    "an ack under a lost lease": one_after_another(
        (A, STORED),
        (Receive("r"), RECEIVED),
        (Release("a", "r"), Told(200, "pending")),
        (Receive("s"), Told(200, (TWICE,))),
        (Ack("a", "r"), Told(200, "then")),
    ),
    "another time under the same lease": one_after_another(
        (A, STORED),
        (Receive("r"), RECEIVED),
        (Ack("a", "r"), Told(200, "then")),
        (Ack("a", "r"), Told(200, "now")),
    ),
    "pending and dead": one_after_another(
        (A, STORED),
        (Receive("r"), RECEIVED),
        (Release("a", "r", dead=True), Told(200, DEAD)),
        (Page(), Told(200, (PENDING,))),
    ),
    "requeued by two": at_once(
        one_after_another((A, STORED), (Ack("a"), Told(200, "then"))),
        (Requeue("a"), Told(200, 1)),
        (Requeue("a"), Told(200, 1)),
    ),
    "a requeue that leaves the deliveries": one_after_another(
        (A, STORED),
        (Receive("r"), RECEIVED),
        (Ack("a"), Told(200, "then")),
        (Requeue("a"), Told(200, 1)),
        (Get("a"), Told(200, Stored("a", "1", deliveries=1))),
    ),
    "a purge that leaves the event": one_after_another(
        (A, STORED), (Purge("pending"), Told(200, 1)), (Get("a"), Told(200, PENDING))
    ),
    "a purge of another status": one_after_another(
        (A, STORED), (Purge("acknowledged"), Told(200, 0)), (Page(), NOTHING)
    ),
    "there, and not, and there": one_after_another(
        (A, UNKNOWN), (Page(), Told(200, (PENDING,))), (Page(), Told(200, ()))
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_history_with_a_valid_order_is_explained(name: str) -> None:
    explain(EXPLAINED[name], Inbox(), inbox_step)


@pytest.mark.parametrize("name", NOT_EXPLAINED)
def test_history_without_a_valid_order_fails(name: str) -> None:
    with pytest.raises(AssertionError, match="no order"):
        explain(NOT_EXPLAINED[name], Inbox(), inbox_step)


def test_call_is_ordered_after_every_call_that_ended_before_it_began() -> None:
    used = Operation(Use("old"), Told(200), 2, 3)
    keys = Keys(frozenset({"old"}))
    assert order_of([Operation(Revoke("old"), Told(200), 0, 1), used], keys, keys_step) is None
    assert order_of([Operation(Revoke("old"), Told(200), 0, 2.5), used], keys, keys_step) is not None


def test_two_successful_rotations_of_one_key_have_no_valid_order() -> None:
    both = [Operation(Rotate("old", new), Told(200), 0, 1) for new in "bc"]
    assert order_of(both, Keys(frozenset({"old"})), keys_step) is None


def shut(_asked: Asked) -> Reply:
    return 503, {"retry-after": "1"}, {}


def test_final_read_without_an_answer_fails() -> None:
    witness = Witness(shut, "shop")
    assert witness.do(Ingest("a")).outcome is UNKNOWN
    with pytest.raises(AssertionError, match="the state is unknown"):
        witness.look("a")
    witness.explain()


@pytest.mark.parametrize("gone", ["a", "b"])
def test_pages_of_several_shards_may_each_see_another_event_first(gone: str) -> None:
    witness = Witness(shut, "shop")
    stored = {tag: Stored(tag, tag) for tag in "ab"}
    witness.history = [
        *(Operation(Ingest(tag), Told(201, tag), 0, 1) for tag in "ab"),
        *(Operation(Page(), Told(200, (stored[tag],)), 2, 5) for tag in "ab"),
        *(Operation(Ack(tag), Told(200, "then"), 3, 4) for tag in "ab"),
        Operation(Page(), Told(200, ()), 6, 7),
    ]
    with pytest.raises(AssertionError, match="no order"):
        witness.explain()
    witness.explain(shards=4)
    witness.history[-1] = Operation(Page(), Told(200, (stored[gone],)), 6, 7)
    with pytest.raises(AssertionError, match="no order"):
        witness.explain(shards=4)


def test_page_may_see_some_claims_of_a_receive_and_a_later_one_must_see_all() -> None:
    witness = Witness(shut, "shop")
    claimed = [Stored(tag, tag, deliveries=1, hidden=True) for tag in "ab"]
    half = Operation(Page(), Told(200, (claimed[0], Stored("b", "b"))), 2, 4)
    witness.history = [
        Operation(Ingest("a"), Told(201, "a"), 0, 1),
        Operation(Ingest("b"), Told(201, "b"), 0, 1),
        Operation(Receive("r"), Told(200, tuple(claimed)), 2, 3),
        half,
    ]
    witness.explain()
    witness.history[-1] = replace(half, began=3.5)
    with pytest.raises(AssertionError, match="no order"):
        witness.explain()
