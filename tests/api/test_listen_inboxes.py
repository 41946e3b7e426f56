"""The two inboxes of `triggers listen`, a store's and an API's, behave in the same way."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.api.driver import Api
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.listening import inbox_event, inbox_webhook
from tests.support.sample_events import webhook_event
from triggers_api.core.paging import Filter
from triggers_api.core.ports import NewEvent
from triggers_api.core.times import seconds
from triggers_api.errors import (
    ConflictError,
    ForbiddenError,
    LeaseLostError,
    NotFoundError,
    StoreUnavailableError,
    TriggersError,
    UnauthorizedError,
)
from triggers_api.ops.listen.http_inbox import HttpInbox
from triggers_api.ops.listen.inboxes import EventInbox, InboxEvent
from triggers_api.ops.listen.store_inbox import StoreInbox
from triggers_api.settings import Settings

PAYLOAD = {"text": 'Grüße 🙂 "x"', "list": [1, 2.50, None], "nested": {"events": [{"a": []}]}}
URL = "http://api.example"


@pytest.fixture(params=["store", "http"])
def make_inbox(request: pytest.FixtureRequest, local_api: Api, clock: FakeClock) -> Callable[..., EventInbox]:
    def make(wanted: Filter | None = None) -> EventInbox:
        wanted = wanted or Filter()
        if request.param == "http":
            transport = httpx.ASGITransport(local_api.app)
            return HttpInbox(URL, local_api.key, wanted, transport=transport)
        settings = Settings.from_environment({"MAX_DELIVERIES": "10"})
        store = local_api.stores.events
        return StoreInbox(store, wanted, settings, clock=clock, explain=nullcontext)

    return make


@pytest.fixture
def inbox(make_inbox: Callable[..., EventInbox]) -> EventInbox:
    return make_inbox()


def test_events_have_their_payload_as_it_was_sent(inbox: EventInbox, local_api: Api) -> None:
    body = b'{"source":"a","event_type":"b","payload":{"n": 1.10,"big":1e300,"s":"\\u00e9 \\"]"}}'
    local_api.post("/v1/events", body=body)
    local_api.add(PAYLOAD, metadata={"correlation_id": "ü", "priority": "high"})

    async def read() -> None:
        listed = (await inbox.page(None)).events
        received = (await inbox.receive(10, 30, None)).events
        assert listed[0].payload == received[0].payload == '{"n":1.10,"big":1e300,"s":"\\u00e9 \\"]"}'
        assert (listed[1].source, listed[1].event_type) == ("shop", "order.paid")
        assert (listed[1].deliveries, received[1].deliveries) == (0, 1)
        assert (listed[1].lease, bool(received[1].lease)) == (None, True)
        assert '"correlation_id":"ü"' in listed[1].metadata
        assert listed[1].created_at == received[1].created_at

    asyncio.run(read())


def test_pages_are_walked_to_their_end_with_the_filter(
    make_inbox: Callable[..., EventInbox], local_api: Api, clock: FakeClock
) -> None:
    ids = []
    for number in range(8):
        clock.advance(seconds=1)
        ids.append(local_api.add(source=f"s{number % 2}", event_type=f"t{number % 4}"))
    since = local_api.get(f"/v1/events/{ids[2]}").json["created_at"]
    inbox = make_inbox(Filter(source="s0", event_types=("t0", "t2"), since=since))

    async def walk() -> list[str]:
        found, cursor = [], None
        while True:
            page = await inbox.page(cursor, limit=1)
            found += [event.event_id for event in page.events]
            cursor = page.next_cursor
            if cursor is None:
                return found

    assert asyncio.run(walk()) == [ids[2], ids[4], ids[6]]


def test_receive_takes_source_type_and_number(make_inbox: Callable[..., EventInbox], local_api: Api) -> None:
    local_api.add(source="other")
    wanted = [local_api.add(source="shop", event_type="a") for _ in range(3)]
    local_api.add(source="shop", event_type="b")
    inbox = make_inbox(Filter(source="shop"))
    received = asyncio.run(inbox.receive(2, 30, "a"))
    assert {event.event_id for event in received.events} < set(wanted)
    assert len(received.events) == 2


def test_event_is_acknowledged_extended_and_released_under_its_lease(
    inbox: EventInbox, local_api: Api, clock: FakeClock
) -> None:
    first, second = local_api.add(), local_api.add()

    async def work() -> None:
        events = {one.event_id: one for one in (await inbox.receive(2, 30, None)).events}
        await inbox.extend(events[second], 600)
        clock.advance(seconds=100)
        assert [one.event_id for one in (await inbox.receive(2, 30, None)).events] == [first]
        await inbox.acknowledge(events[second])
        await inbox.acknowledge(events[second])
        with pytest.raises(LeaseLostError):
            await inbox.acknowledge(events[first])
        with pytest.raises(LeaseLostError):
            await inbox.release(events[first], 5)
        with pytest.raises(ConflictError):
            await inbox.extend(events[second], 5)

    asyncio.run(work())
    assert local_api.get(f"/v1/events/{second}").json["status"] == "acknowledged"


def test_released_event_is_available_after_the_delay_and_dies_in_the_end(
    inbox: EventInbox, local_api: Api, clock: FakeClock
) -> None:
    event_id = local_api.add()

    async def work() -> list[bool]:
        died = []
        for _ in range(10):
            (event,) = (await inbox.receive(1, 30, None)).events
            died.append(await inbox.release(event, 60))
            assert (await inbox.receive(1, 30, None)).events == []
            clock.advance(seconds=61)
        return died

    assert asyncio.run(work()) == [False] * 9 + [True]
    assert local_api.get(f"/v1/events/{event_id}").json["status"] == "dead"


def test_event_that_was_deleted_is_not_found(inbox: EventInbox, local_api: Api) -> None:
    event_id = local_api.add()
    (event,) = asyncio.run(inbox.receive(1, 30, None)).events
    local_api.delete(f"/v1/events/{event_id}")
    with pytest.raises(NotFoundError):
        asyncio.run(inbox.acknowledge(event))


def test_store_that_fails_is_explained_in_the_thread(sqlite_stores: Stores, clock: FakeClock) -> None:
    class Explained(AbstractContextManager[None]):
        def __exit__(self, *_: object) -> None:
            raise StoreUnavailableError("explained")

    settings = Settings.from_environment({})
    inbox = StoreInbox(sqlite_stores.events, Filter(), settings, clock=clock, explain=Explained)
    with pytest.raises(StoreUnavailableError, match="explained"):
        asyncio.run(inbox.page(None))


@pytest.mark.parametrize("body", [b'{ "n": 1.50 }', b"\xff\x00", b""])
def test_webhook_has_its_details_and_its_body(
    inbox: EventInbox, local_api: Api, clock: FakeClock, body: bytes
) -> None:
    event = webhook_event(body, expires_at=seconds(clock()) + 100)
    assert local_api.stores.events.add([NewEvent(event)], now=seconds(clock())) == [event.event_id]
    local_api.add(source="zoo")

    async def read() -> None:
        for found in ((await inbox.page(None)).events, (await inbox.receive(10, 30, None)).events):
            webhook, plain = sorted(found, key=lambda one: one.source)
            assert event.webhook is not None
            assert json.loads(str(webhook.webhook)) == json.loads(event.webhook.details)
            assert webhook.payload == event.payload
            assert (await inbox.with_body(webhook)).body == body
            assert (plain.webhook, plain.body) == (None, None)
            assert await inbox.with_body(plain) == plain

    asyncio.run(read())


# HTTP alone


@asynccontextmanager
async def over(response: httpx.Response | Exception) -> AsyncIterator[HttpInbox]:
    def handler(_: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        return response

    inbox = HttpInbox(URL, "s3cret-key", Filter(), transport=httpx.MockTransport(handler))
    try:
        yield inbox
    finally:
        await inbox.close()


class Stream(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> Any:
        yield self._content


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (401, b"{}", UnauthorizedError),
        (403, b"{}", ForbiddenError),
        (404, b"<html>", StoreUnavailableError),
        (503, b"{}", StoreUnavailableError),
        (302, b"", StoreUnavailableError),
        (200, b"<html>", StoreUnavailableError),
        (200, b"[]", StoreUnavailableError),
        (200, b"\xff", StoreUnavailableError),
        (200, b'{"events":[{}]}', StoreUnavailableError),
        (200, b'{"events":[1]}', StoreUnavailableError),
    ],
    ids=str,
)
def test_other_answer_is_an_error_without_the_key(
    status: int, content: bytes, error: type[TriggersError]
) -> None:
    async def read() -> None:
        async with over(httpx.Response(status, stream=Stream(content))) as inbox:
            await inbox.page(None)

    with pytest.raises(error) as caught:
        asyncio.run(read())
    assert type(caught.value) is error
    assert caught.value.hint
    assert "s3cret" not in f"{caught.value.message}{caught.value.reason}{caught.value.hint}"


def test_api_that_cannot_be_reached_is_an_error_that_a_repeat_may_end() -> None:
    async def read() -> None:
        async with over(httpx.ConnectError("refused")) as inbox:
            await inbox.receive(1, 30, None)

    with pytest.raises(StoreUnavailableError):
        asyncio.run(read())


@pytest.mark.parametrize("body", [b'{ "n": 1.50 }', b"\xff\x00", b""])
def test_body_of_a_webhook_is_read_by_one_call_more(body: bytes) -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append((request.method, request.url.path, request.headers["x-api-key"]))
        return httpx.Response(200, headers={"content-type": "text/plain"}, stream=Stream(body))

    async def read() -> None:
        inbox = HttpInbox(URL, "a-key", Filter(), transport=httpx.MockTransport(handler))
        webhook, plain = replace(inbox_webhook(), body=None), inbox_event()
        assert await inbox.with_body(webhook) == replace(webhook, body=body)
        assert await inbox.with_body(plain) == plain
        assert calls == [("GET", f"/v1/events/{webhook.event_id}/body", "a-key")]
        await inbox.close()

    asyncio.run(read())


def test_api_without_the_body_leaves_the_payload_to_forward() -> None:
    webhook = replace(inbox_webhook(), body=None)

    async def read(status: int) -> InboxEvent:
        async with over(httpx.Response(status, stream=Stream(b"{}"))) as inbox:
            return await inbox.with_body(webhook)

    assert asyncio.run(read(404)) == webhook
    for status, error in ((503, StoreUnavailableError), (401, UnauthorizedError), (403, ForbiddenError)):
        with pytest.raises(error):
            asyncio.run(read(status))


@pytest.mark.parametrize(
    "content", [b"{}", b'{"results":[]}', b'{"results":[{"status":"x"}]}', b'{"results":[1]}']
)
def test_result_that_cannot_be_read_is_an_error(content: bytes) -> None:
    async def change() -> None:
        async with over(httpx.Response(200, stream=Stream(content))) as inbox:
            await inbox.acknowledge(inbox_event())

    with pytest.raises(StoreUnavailableError):
        asyncio.run(change())
