"""The deadline: infinite outside a request, an error once it has passed."""

import asyncio
import contextvars
from math import inf

import pytest

from triggers_api.core import deadline
from triggers_api.errors import DeadlineExceededError, Kind, StoreUnavailableError


def within(seconds: float) -> float:
    """Return what remains of a request that was just given these seconds, in a separate context."""

    def request() -> float:
        deadline.start(seconds)
        return deadline.remaining()

    return contextvars.copy_context().run(request)


def test_remaining_is_infinite_outside_a_request() -> None:
    assert contextvars.Context().run(deadline.remaining) == inf


def test_remaining_is_what_the_request_was_given() -> None:
    assert 9 < within(10) <= 10


def test_request_has_twelve_seconds_by_default() -> None:
    def request() -> float:
        deadline.start()
        return deadline.remaining()

    assert 11 < contextvars.copy_context().run(request) <= 12


@pytest.mark.parametrize("seconds", [0, -1])
def test_remaining_raises_when_no_time_is_left(seconds: float) -> None:
    with pytest.raises(DeadlineExceededError):
        within(seconds)


def test_deadline_can_be_extended_after_it_has_passed() -> None:
    def request() -> float:
        deadline.start(-1)
        deadline.extend(10)
        return deadline.remaining()

    assert 8 < contextvars.copy_context().run(request) <= 9


def test_extending_changes_nothing_outside_a_request() -> None:
    def no_request() -> float:
        deadline.extend(10)
        return deadline.remaining()

    assert contextvars.Context().run(no_request) == inf


def test_exceeded_deadline_means_unavailable_store() -> None:
    assert issubclass(DeadlineExceededError, StoreUnavailableError)
    assert DeadlineExceededError.kind is Kind.UNAVAILABLE


def test_request_does_not_see_the_deadline_of_another_request() -> None:
    within(1)
    assert contextvars.copy_context().run(deadline.remaining) == inf


def test_worker_thread_of_the_event_loop_has_the_deadline_of_the_request() -> None:
    async def request() -> float:
        deadline.start(10)
        return await asyncio.to_thread(deadline.remaining)

    assert 9 < asyncio.run(request()) <= 10
