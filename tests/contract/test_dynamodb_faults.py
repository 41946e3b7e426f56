"""DynamoDB behind a network that fails: how often it is tried, and that there is always an end.

What is answered then, and what is there afterwards, is in `tests/promises/test_faults.py`.
"""

import time
from collections.abc import Iterator

import pytest

from tests.contract.test_event_store import LATER, NOW, ack, add, add_one, claim, event, page
from tests.support.faulty_proxy import FALSE_REPLIES, Fault, FaultyProxy
from triggers_api.core import deadline
from triggers_api.core.paging import PendingQuery
from triggers_api.core.ports import EventStore
from triggers_api.errors import DeadlineExceededError, StoreUnavailableError


@pytest.fixture(autouse=True)
def _no_deadline_left_over() -> Iterator[None]:
    yield
    deadline.start(float("inf"))


@pytest.mark.parametrize("fault", ["lose reply", "reset", "throttle"])
def test_a_store_that_keeps_failing_is_unavailable_after_three_attempts(
    proxied: EventStore, proxy: FaultyProxy, fault: Fault
) -> None:
    proxy.plan(forever=fault)
    with pytest.raises(StoreUnavailableError):
        proxied.get(event().event_id, NOW)
    assert proxy.requests == 3


@pytest.mark.promise(10)
@pytest.mark.parametrize("fault", ["hang", "drip head", "drip body"])
def test_a_reply_that_does_not_end_is_ended_at_the_deadline(
    proxied: EventStore, proxy: FaultyProxy, fault: Fault
) -> None:
    added = add(proxied, payload='{"text":"long enough to drip for a minute"}', expires_at=LATER)
    proxy.plan(forever=fault)
    deadline.start(1.0)
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        proxied.get(added.event_id, NOW)
    assert time.monotonic() - began < 1.0 + 2.0  # what is promised: the deadline and one read's time-out


def test_throttling_that_asks_for_a_minutes_patience_is_not_waited_for(
    proxied: EventStore, proxy: FaultyProxy
) -> None:
    proxy.plan(forever="throttle")
    deadline.start(1.0)
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        proxied.get(event().event_id, NOW)
    assert time.monotonic() - began < 1.0 + 3.0  # the deadline, and at most botocore's own two pauses


def test_a_page_of_many_reads_ends_at_the_deadline_with_what_it_has(
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


def test_a_request_whose_time_is_up_makes_no_call(proxied: EventStore, proxy: FaultyProxy) -> None:
    deadline.start(-1)
    with pytest.raises(DeadlineExceededError):
        page(proxied)
    assert proxy.requests == 0


@pytest.mark.promise(5)
def test_an_answer_without_the_list_that_was_asked_for_is_no_empty_page(
    proxied: EventStore, proxy: FaultyProxy
) -> None:
    proxy.plan(forever="empty answer")
    with pytest.raises(StoreUnavailableError):
        page(proxied)


@pytest.mark.promise(1)
@pytest.mark.parametrize("fault", FALSE_REPLIES)
def test_what_is_not_dynamodbs_own_reply_is_not_taken_for_an_answer(
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
