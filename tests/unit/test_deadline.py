"""The deadline: none outside a request, and an error once it has passed."""

import asyncio
import contextvars
from math import inf

import pytest

from triggers_api.core import deadline
from triggers_api.errors import DeadlineExceededError, Kind, StoreUnavailableError


def within(seconds: float) -> float:
    """Return what remains of a request that was just given so many seconds, in a context of its own."""

    def request() -> float:
        deadline.start(seconds)
        return deadline.remaining()

    return contextvars.copy_context().run(request)


def test_outside_a_request_time_is_endless() -> None:
    assert contextvars.Context().run(deadline.remaining) == inf


def test_a_request_has_what_it_was_given() -> None:
    assert 9 < within(10) <= 10


def test_a_request_has_twelve_seconds_where_nothing_else_is_said() -> None:
    def request() -> float:
        deadline.start()
        return deadline.remaining()

    assert 11 < contextvars.copy_context().run(request) <= 12


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_request_whose_time_is_up_is_told_so(seconds: float) -> None:
    with pytest.raises(DeadlineExceededError):
        within(seconds)


def test_a_deadline_can_be_put_off_also_after_it_has_passed() -> None:
    def request() -> float:
        deadline.start(-1)
        deadline.extend(10)
        return deadline.remaining()

    assert 8 < contextvars.copy_context().run(request) <= 9


def test_putting_off_what_has_no_end_changes_nothing() -> None:
    def no_request() -> float:
        deadline.extend(10)
        return deadline.remaining()

    assert contextvars.Context().run(no_request) == inf


def test_a_deadline_that_has_passed_means_that_the_store_is_unavailable() -> None:
    assert issubclass(DeadlineExceededError, StoreUnavailableError)
    assert DeadlineExceededError.kind is Kind.UNAVAILABLE


def test_one_request_does_not_see_the_deadline_of_another() -> None:
    within(1)
    assert contextvars.copy_context().run(deadline.remaining) == inf


def test_a_worker_thread_of_the_loop_has_the_requests_deadline() -> None:
    async def request() -> float:
        deadline.start(10)
        return await asyncio.to_thread(deadline.remaining)

    assert 9 < asyncio.run(request()) <= 10
