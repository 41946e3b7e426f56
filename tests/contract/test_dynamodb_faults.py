"""DynamoDB behind a failing network: the number of attempts, and that every call ends.

`tests/promises/test_faults.py` tests the answers, and what is stored afterwards.
"""

import time
from collections.abc import Iterator

import pytest

from tests.contract.test_event_store import LATER, NOW, ack, add, add_one, claim, event, page
from tests.support.faulty_proxy import FALSE_REPLIES, Fault, FaultyProxy
from triggers_api.core import deadline
from triggers_api.core.paging import PendingQuery
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.errors import DeadlineExceededError, StoreUnavailableError


@pytest.fixture(autouse=True)
def _no_deadline_left_over() -> Iterator[None]:
    yield
    deadline.start(float("inf"))


@pytest.mark.parametrize("fault", ["lose reply", "reset", "throttle"])
def test_failing_store_is_unavailable_after_three_attempts(
    proxied: EventStore, proxy: FaultyProxy, fault: Fault
) -> None:
    proxy.plan(forever=fault)
    with pytest.raises(StoreUnavailableError):
        proxied.get(event().event_id, NOW)
    assert proxy.requests == 3


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
    monkeypatch.setattr("triggers_api.store.dynamodb.events._MAX_QUERY_LIMIT", 1)
    added = [add(proxied) for _ in range(8)]
    proxy.plan(forever="slow")
    deadline.start(1.0)
    found = page(proxied)
    assert 1 < proxy.requests < 8
    assert 1 <= len(found.events) < 8
    proxy.plan()
    deadline.start(60)
    rest = proxied.pending(PendingQuery(50, NOW, found.next))
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
        lambda: proxied.delete(made.event_id, source=None),
    ):
        with pytest.raises(StoreUnavailableError):
            call()


@pytest.mark.promise(2, 4)
def test_entry_that_fails_leaves_the_other_entries_alone(proxied: EventStore, proxy: FaultyProxy) -> None:
    events = [event() for _ in range(3)]
    proxy.plan("none", "throttle", "throttle", "throttle")
    outcomes = proxied.add([NewEvent(one) for one in events], now=NOW)
    assert (outcomes[0], outcomes[2]) == (events[0].event_id, events[2].event_id)
    assert isinstance(outcomes[1], StoreUnavailableError)
    assert page(proxied).events == (events[0], events[2])


def test_entries_after_the_deadline_are_unavailable_without_a_call(
    proxied: EventStore, proxy: FaultyProxy
) -> None:
    events = [event() for _ in range(4)]
    proxy.plan(forever="hang")
    deadline.start(0.5)
    outcomes = proxied.add([NewEvent(one) for one in events], now=NOW)
    assert [type(outcome) for outcome in outcomes] == [DeadlineExceededError] * 4
    assert proxy.requests == 1
