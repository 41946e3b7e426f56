"""The worker threads: bounded in number, and so is what waits for them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from triggers_api.api import workers
from triggers_api.api.context import RequestContext, current, request_id
from triggers_api.api.strict_request import StrictRequest
from triggers_api.api.workers import THREADS, Lane, Workers
from triggers_api.core import deadline
from triggers_api.errors import DeadlineExceededError, Kind, OverloadedError


@contextmanager
def occupied(pool: Workers, lane: Lane) -> Iterator[tuple[list[asyncio.Task[bool]], threading.Event]]:
    """Give each thread of a lane a call that ends when the event is set."""
    over = threading.Event()
    tasks = [asyncio.create_task(pool.run(lane, lambda: over.wait(30))) for _ in range(THREADS[lane])]
    try:
        yield tasks, over
    finally:
        over.set()


async def begin() -> None:
    """Let the calls that were created get their threads."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_call_has_the_context_of_its_request_and_another_thread() -> None:
    async def work() -> tuple[str, int]:
        current.set(RequestContext("one"))
        return await Workers().run(Lane.SHORT, lambda: (request_id(), threading.get_ident()))

    name, thread = asyncio.run(work())
    assert name == "one"
    assert thread != threading.get_ident()


def test_error_of_a_call_is_raised() -> None:
    def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(Workers().run(Lane.SHORT, fail))


@pytest.mark.parametrize("lane", Lane)
def test_lane_has_a_bounded_number_of_threads_and_leaves_the_others_alone(lane: Lane) -> None:
    async def work() -> None:
        pool = Workers()
        with occupied(pool, lane) as (tasks, over):
            waiting = asyncio.create_task(pool.run(lane, lambda: 7))
            await begin()
            for other in set(Lane) - {lane}:
                assert await pool.run(other, lambda: 8) == 8
            assert not waiting.done()
            over.set()
            assert await waiting == 7
            await asyncio.gather(*tasks)

    asyncio.run(work())


@pytest.mark.parametrize(("path_params", "lane"), [({}, Lane.READ), ({"event_id": "1"}, Lane.SHORT)])
def test_read_of_one_event_does_not_wait_behind_pages(path_params: dict[str, str], lane: Lane) -> None:
    scope = {"type": "http", "method": "GET", "path_params": path_params, "headers": []}
    assert StrictRequest(scope).lane(None) is lane


def test_request_is_refused_at_once_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MAX_WAITING", 1)

    async def work() -> None:
        pool = Workers()
        with occupied(pool, Lane.LARGE_BODY) as (_, over):
            waiting = asyncio.create_task(pool.run(Lane.LARGE_BODY, lambda: 7))
            await begin()
            with pytest.raises(OverloadedError) as caught:
                await pool.run(Lane.LARGE_BODY, lambda: 8)
            assert caught.value.kind is Kind.UNAVAILABLE
            over.set()
            assert await waiting == 7

    asyncio.run(work())


def test_last_requests_are_refused_as_soon_as_calls_prove_to_take_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of them takes longer than a request may wait, so all but the first cannot be served in time."""
    monkeypatch.setattr(workers, "MAX_WAIT_SECONDS", 0.0001)
    monkeypatch.setattr(workers, "_WEIGHT", 1)

    async def work() -> None:
        pool = Workers()
        gate = threading.Event()
        first = asyncio.create_task(pool.run(Lane.LARGE_BODY, lambda: gate.wait(30)))
        await begin()
        last = asyncio.create_task(pool.run(Lane.LARGE_BODY, lambda: 8))
        await begin()
        with pytest.raises(OverloadedError):
            await last
        gate.set()
        assert await first
        assert await pool.run(Lane.LARGE_BODY, lambda: 9) == 9, "a free thread is never refused"

    asyncio.run(work())


def test_call_is_abandoned_at_the_deadline() -> None:
    async def work() -> None:
        deadline.start(0.01)
        over = threading.Event()
        try:
            with pytest.raises(DeadlineExceededError):
                await Workers().run(Lane.SHORT, lambda: over.wait(30))
        finally:
            over.set()

    asyncio.run(work())


def test_request_whose_time_is_up_is_not_started() -> None:
    called = []

    async def work() -> None:
        deadline.start(-1)
        with pytest.raises(DeadlineExceededError):
            await Workers().run(Lane.SHORT, lambda: called.append(1))

    asyncio.run(work())
    assert called == []


def test_cancelled_request_is_cancelled_and_not_refused() -> None:
    """The server stops: `RequestBoundary` answers a cancelled request."""

    async def work() -> None:
        over = threading.Event()
        task = asyncio.create_task(Workers().run(Lane.SHORT, lambda: over.wait(30)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        over.set()

    asyncio.run(work())


def test_last_request_of_the_lane_that_is_most_behind_is_refused_on_demand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`triggers dev` asks for it if all connections are in use."""
    monkeypatch.setattr(workers, "_PATIENCE_SECONDS", 0)

    async def work() -> None:
        pool = Workers()
        pool.refuse_last()  # nothing waits
        with occupied(pool, Lane.LARGE_BODY) as (large, over_large), occupied(pool, Lane.SHORT) as (_, over):
            first, last = (asyncio.create_task(pool.run(Lane.LARGE_BODY, lambda: 7)) for _ in range(2))
            short = asyncio.create_task(pool.run(Lane.SHORT, lambda: 8))
            await begin()
            pool.refuse_last()
            with pytest.raises(OverloadedError):
                await last
            over_large.set()
            over.set()
            assert (await first, await short) == (7, 8)
            assert all(await asyncio.gather(*large)), "a running call is never refused"

    asyncio.run(work())


def test_request_is_not_refused_on_demand_if_its_lane_is_quick() -> None:
    async def work() -> None:
        pool = Workers()
        with occupied(pool, Lane.LARGE_BODY) as (_, over):
            waiting = asyncio.create_task(pool.run(Lane.LARGE_BODY, lambda: 7))
            await begin()
            pool.refuse_last()
            over.set()
            assert await waiting == 7

    asyncio.run(work())
