"""DynamoDB behind a failing network: the number of attempts, and that every call ends.

`tests/promises/test_faults.py` tests the answers, and what is stored afterwards.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.conftest import REGION, Tables
from tests.contract.test_event_store import LATER, NOW, ack, add, add_one, claim, event, page
from tests.support.clock import FakeClock
from tests.support.consumer import Consumer
from tests.support.faulty_proxy import FALSE_REPLIES, Fault, FaultyProxy
from tests.support.sample_events import page_query
from triggers_api.core import deadline
from triggers_api.core.events import DEAD, Event
from triggers_api.core.leases import Received
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.errors import DeadlineExceededError, StoreUnavailableError, value_of
from triggers_api.store.dynamodb.client import DynamoDB, Patience
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.index import MAX_READS

CALLS_SIDE_BY_SIDE = 16


@pytest.mark.parametrize("fault", ["lose reply", "reset", "throttle"])
def test_failing_store_is_unavailable_after_three_attempts(
    proxied: EventStore, proxy: FaultyProxy, fault: Fault
) -> None:
    proxy.plan(forever=fault)
    with pytest.raises(StoreUnavailableError):
        proxied.get(event().event_id, NOW)
    assert proxy.requests == 3


@pytest.mark.parametrize(("patience", "requests"), [(Patience(6, 0.1), 6), (Patience(6, 5), 1)])
def test_patience_bounds_the_attempts_and_the_reads_of_a_reply(
    tables: Tables, proxy: FaultyProxy, patience: Patience, requests: int
) -> None:
    dynamodb = DynamoDB(region=REGION, endpoint_url=proxy.url, patience=patience)
    proxy.plan(forever="slow")  # each reply takes 0.3 s
    with suppress(StoreUnavailableError):
        assert DynamoEventStore(dynamodb, tables.events).get(event().event_id, NOW) is None
    assert proxy.requests == requests


@pytest.mark.slow("waits for deadlines")
@pytest.mark.promise(10)
@pytest.mark.parametrize("fault", ["hang", "drip head", "drip body"])
def test_endless_reply_is_given_up_at_the_deadline(
    proxied: EventStore, proxy: FaultyProxy, fault: Fault
) -> None:
    added = add(proxied, payload='{"text":"long enough to drip for a minute"}', expires_at=LATER)
    proxy.plan(forever=fault)
    deadline.start(1.0)
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        proxied.get(added.event_id, NOW)
    assert time.monotonic() - began < 1.0 + 2.0  # what is promised: the deadline and one read's time-out


def test_retry_after_a_minute_is_not_waited_for(proxied: EventStore, proxy: FaultyProxy) -> None:
    proxy.plan(forever="throttle")
    deadline.start(1.0)
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        proxied.get(event().event_id, NOW)
    assert time.monotonic() - began < 1.0 + 3.0  # the deadline, and at most botocore's own two pauses


def test_page_of_many_reads_ends_at_the_deadline_with_its_events_so_far(
    proxied: EventStore, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers_api.store.dynamodb.index.MAX_QUERY_LIMIT", 1)
    added = [add(proxied) for _ in range(MAX_READS + 1)]
    proxy.plan(forever="slow")
    deadline.start(2.5)
    found = page(proxied)
    assert 1 < proxy.requests < MAX_READS
    assert 1 <= len(found.events) < MAX_READS
    proxy.plan()
    monkeypatch.undo()
    deadline.start(60)
    rest = proxied.page(page_query(50, after=found.next))
    assert [*found.events, *rest.events] == added


def test_request_past_its_deadline_makes_no_call(proxied: EventStore, proxy: FaultyProxy) -> None:
    deadline.start(-1)
    with pytest.raises(DeadlineExceededError):
        page(proxied)
    assert proxy.requests == 0


@pytest.mark.promise(5)
def test_answer_without_items_is_not_an_empty_page(proxied: EventStore, proxy: FaultyProxy) -> None:
    proxy.plan(forever="empty answer")
    with pytest.raises(StoreUnavailableError):
        page(proxied)


@pytest.mark.slow("waits for retries")
@pytest.mark.promise(1)
@pytest.mark.parametrize("fault", FALSE_REPLIES)
def test_false_reply_is_not_accepted_as_an_answer(
    proxied: EventStore, proxy: FaultyProxy, fault: Fault
) -> None:
    made = event()
    proxy.plan(forever=fault)
    for call in (
        lambda: add_one(proxied, made),
        lambda: add_one(proxied, made, claim(made)),
        lambda: proxied.get(made.event_id, NOW),
        lambda: page(proxied),
        lambda: ack(proxied, made.event_id),
        lambda: value_of(proxied.delete([made.event_id], source=None)[0]),
    ):
        with pytest.raises(StoreUnavailableError):
            call()


@pytest.mark.promise(2, 4)
def test_entry_that_fails_leaves_the_other_entries_alone(proxied: EventStore, proxy: FaultyProxy) -> None:
    events = [event() for _ in range(3)]
    proxy.plan(forever="throttle", of=events[1].event_id.encode())
    outcomes = proxied.add([NewEvent(one) for one in events], now=NOW)
    assert (outcomes[0], outcomes[2]) == (events[0].event_id, events[2].event_id)
    assert isinstance(outcomes[1], StoreUnavailableError)
    proxy.plan()
    assert page(proxied).events == (events[0], events[2])


def test_entries_after_the_deadline_are_unavailable_without_a_call(
    proxied: EventStore, proxy: FaultyProxy
) -> None:
    events = [event() for _ in range(40)]
    proxy.plan(forever="hang")
    deadline.start(1)
    outcomes = proxied.add([NewEvent(one) for one in events], now=NOW)
    assert [type(outcome) for outcome in outcomes] == [DeadlineExceededError] * 40
    assert 0 < proxy.requests <= CALLS_SIDE_BY_SIDE


Change = Callable[[Consumer, Event], object]
"""What is done with an event that the consumer holds. Returns the outcome."""


def _receive_again(consumer: Consumer, held: Event) -> object:
    consumer.clock.advance(seconds=30)
    return consumer.receive(token="the same")


def _receive_worn_out(consumer: Consumer, held: Event) -> object:
    consumer.max_deliveries = 1
    return _receive_again(consumer, held)


def _release_worn_out(consumer: Consumer, held: Event) -> object:
    consumer.max_deliveries = 1
    return consumer.release(held, held.lease)


def _requeue(consumer: Consumer, held: Event) -> object:
    consumer.ack(held)
    return consumer.requeue(consumer.see(held))


CHANGES: dict[str, Change] = {
    "receive": _receive_again,
    "receive what dies": _receive_worn_out,
    "ack": lambda consumer, held: consumer.ack(held) == consumer.at,
    "ack under the lease": lambda consumer, held: consumer.ack(held, held.lease) == consumer.at,
    "extend": lambda consumer, held: consumer.extend(held, held.lease, seconds=100),
    "release": lambda consumer, held: consumer.release(held, held.lease),
    "release with a delay": lambda consumer, held: consumer.release(held, held.lease, delay_seconds=9),
    "release as dead": lambda consumer, held: consumer.release(held, held.lease, dead=True, reason="r"),
    "release what dies": _release_worn_out,
    "requeue": _requeue,
    "purge": lambda consumer, held: consumer.purge(held),
    "delete": lambda consumer, held: consumer.store.delete([held.event_id], source=None),
}


def _held(consumer: Consumer) -> Event:
    added = add(consumer.store, event_type="held")
    consumer.lease(added)
    return consumer.see(added)


def _without_identity(outcome: object) -> object:
    if isinstance(outcome, Event):
        return replace(outcome, event_id="", created_at="", lease="")
    if isinstance(outcome, Received):
        return [_without_identity(one) for one in (*outcome.events, *outcome.died)], outcome.more
    return outcome


@pytest.mark.slow("waits for retries")
@pytest.mark.promise(3, 13, 16)
@pytest.mark.parametrize("change", CHANGES)
def test_change_whose_reply_is_lost_is_made_once_and_answered_as_ever(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock, change: str
) -> None:
    consumer = Consumer(proxied, clock)
    outcomes, states = list[object](), list[object]()
    for faults in (["none"], ["lose reply"], ["lose reply", "lose reply"]):
        consumer = Consumer(proxied, clock)
        held = _held(consumer)
        proxy.plan(*faults, of=held.event_id.encode())  # type: ignore[arg-type]  # the literals above
        outcomes.append(_without_identity(CHANGES[change](consumer, held)))
        proxy.plan()
        states.append(_without_identity(proxied.get(held.event_id, consumer.now)))
        proxied.delete([held.event_id], source=None)
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert states[0] == states[1] == states[2]


@pytest.mark.promise(13, 14)
def test_receive_returns_what_it_claimed_whatever_else_fails(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock
) -> None:
    consumer = Consumer(proxied, clock)
    events = [add(proxied) for _ in range(3)]
    proxy.plan(forever="throttle", of=events[1].event_id.encode())
    received = consumer.receive()
    assert [one.event_id for one in received.events] == [events[0].event_id, events[2].event_id]
    assert received.more
    with pytest.raises(StoreUnavailableError):
        consumer.receive()
    proxy.plan()
    assert [one.deliveries for one in consumer.receive().events] == [1]


@pytest.mark.promise(14)
def test_death_whose_write_was_never_answered_is_logged(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = Consumer(proxied, clock)
    released, worn_out = add(proxied), add(proxied)
    leases = {one.event_id: one.lease for one in consumer.receive().events}
    proxy.plan(forever="lose reply", of=released.event_id.encode())
    with pytest.raises(StoreUnavailableError):
        consumer.release(released, leases[released.event_id], dead=True)
    consumer.release(worn_out, leases[worn_out.event_id])
    proxy.plan(forever="lose reply", of=worn_out.event_id.encode())
    with pytest.raises(StoreUnavailableError):
        Consumer(proxied, clock, max_deliveries=1).receive()
    lines = [record for record in caplog.records if record.message == "event may have died"]
    assert [vars(line)["fields"]["event_id"] for line in lines] == [released.event_id, worn_out.event_id]
    proxy.plan()
    assert {consumer.see(one).status for one in (released, worn_out)} == {DEAD}


@pytest.mark.promise(13)
def test_event_whose_claim_was_never_answered_comes_back_when_its_lease_ends(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock
) -> None:
    consumer = Consumer(proxied, clock)
    added = add(proxied)
    proxy.plan(forever="lose reply", of=added.event_id.encode())
    with pytest.raises(StoreUnavailableError):
        consumer.receive(lease_seconds=10)
    proxy.plan()
    assert consumer.receive().events == ()
    clock.advance(seconds=10)
    assert [one.deliveries for one in consumer.receive().events] == [2]


@pytest.mark.promise(3, 16)
def test_repeat_of_a_requeue_after_a_lost_answer_undoes_no_acknowledgement(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock
) -> None:
    consumer = Consumer(proxied, clock)
    added = add(proxied)
    consumer.ack(added)
    seen = consumer.see(added)
    proxy.plan(forever="lose reply", of=added.event_id.encode())
    with pytest.raises(StoreUnavailableError):
        consumer.requeue(seen)
    proxy.plan()
    clock.advance(seconds=1)
    consumer.ack(added)
    done = consumer.see(added)
    assert consumer.requeue(seen) == [False]
    assert consumer.see(added) == done


def test_receive_past_its_deadline_leaves_every_event_available(
    proxied: EventStore, proxy: FaultyProxy, clock: FakeClock
) -> None:
    consumer = Consumer(proxied, clock)
    added = [add(proxied) for _ in range(3)]
    proxy.plan(forever="hang", of=b"UpdateExpression")
    deadline.start(0.5)
    with pytest.raises(DeadlineExceededError):
        consumer.receive()
    proxy.plan()
    deadline.start(60)
    assert list(page(proxied).events) == added
    assert len(consumer.receive().events) == 3
