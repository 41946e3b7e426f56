"""A connection of `triggers dev`: how long its client may take, and how it ends."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from tests.support.raw_http import RawAnswer, answers_in
from tests.support.virtual_time import VirtualTimeLoop
from triggers_api.api.context import shared_request_id
from triggers_api.api.dev_connection import (
    ANSWER_SECONDS,
    BODY_SECONDS,
    HEAD_SECONDS,
    LINGER_SECONDS,
    DevConnection,
)
from triggers_api.api.web_access import LocalAccess

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n%bContent-Length: 4\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
KEY = b"chosen-by-an-operator"
TURNS = 20
"""Turns of the event loop, in which everything happens that need not wait."""


class FakeTransport(asyncio.Transport):
    """A socket whose client reads everything, or nothing."""

    def __init__(self, *, unread: int = 0, is_reset: bool = False) -> None:
        super().__init__()
        self.written = b""
        self.unread = unread
        self.is_reset = is_reset
        self.max_size = 256 * 1024
        self.calls: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        if self.is_reset:
            raise OSError(107, "Transport endpoint is not connected")
        self.calls.append("end")

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return self.unread

    @property
    def answers(self) -> list[RawAnswer]:
        return answers_in(self.written, complete=True)

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


async def read_and_answer(_: Scope, receive: Receive, send: Send) -> None:
    """Read the request to its end, and answer 200."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.request":
        await respond(send, 200)


async def refuse_at_once(_: Scope, receive: Receive, send: Send) -> None:
    """Answer 401, and leave the body unread."""
    await respond(send, 401)


async def never_answer(_: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def answer_in_thirty_seconds(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the request after thirty seconds, as if the look-up of its key had taken them."""
    await asyncio.sleep(30)
    await read_and_answer(scope, receive, send)


async def respond(send: Send, status: int) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


App = Callable[[Scope, Receive, Send], Coroutine[None, None, None]]


class Client:
    """A connection, driven as asyncio and the server drive it."""

    def __init__(self, app: App, transport: FakeTransport | None = None) -> None:
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        self.transport = transport or FakeTransport()
        self.connection = DevConnection(config, ServerState(), LocalAccess(hosts=[], origins=[]))
        self.connection.connection_made(self.transport)

    async def send(self, data: bytes) -> None:
        self.connection.data_received(data)
        await self.settle()

    async def wait(self, seconds: float) -> None:
        """Let time pass; the server looks at its connections every second."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(min(1.0, seconds))
            self.connection.close_if_overdue(asyncio.get_running_loop().time())
        await self.settle()

    async def drip(self, data: bytes, seconds: float) -> None:
        """Send a few bytes each second, or none."""
        for _ in range(int(seconds)):
            await self.wait(1)
            if data:
                self.connection.data_received(data)

    async def settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(test())


@pytest.mark.parametrize("request_", [GET, POST % b"" + b"1234", b"GET / HTTP/1.0\r\n\r\n"])
def test_half_closed_client_gets_its_answer_and_then_the_end(request_: bytes) -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        client.connection.data_received(request_)
        assert client.connection.eof_received()
        await client.settle()
        assert client.transport.statuses == [200]
        assert client.transport.is_closing()

    run(test)


@pytest.mark.parametrize(
    ("sent", "answers"), [(GET * 20, 20), ((POST % b"" + b"1234") * 3, 3), (GET * 2 + GET[:9], 2)]
)
def test_half_closed_client_gets_the_answers_to_all_its_requests(sent: bytes, answers: int) -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        client.connection.data_received(sent)
        assert client.connection.eof_received()
        for _ in range(answers):
            await client.settle()
        assert client.transport.statuses == [200] * answers
        assert client.transport.is_closing()

    run(test)


@pytest.mark.parametrize("sent", [b"", GET[:-5], POST % b"" + b"12", GET])
def test_client_that_ends_with_no_answer_due_is_closed(sent: bytes) -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        if sent:
            await client.send(sent)
        assert not client.connection.eof_received()

    run(test)


@pytest.mark.parametrize("drip", [b"", b"\r\n"])
def test_connection_without_a_request_is_closed_in_time(drip: bytes) -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        await client.drip(drip, HEAD_SECONDS - 1)
        assert not client.transport.is_closing()
        await client.wait(2)
        assert client.transport.is_closing()
        assert client.transport.written == b""

    run(test)


@pytest.mark.parametrize(
    ("sent", "drip", "seconds"),
    [
        (GET[:-5], b"", HEAD_SECONDS),
        (GET[:-5], b"a", HEAD_SECONDS),
        (POST % b"", b"", BODY_SECONDS),
        (CHUNKED + b"fff\r\n", b"a", BODY_SECONDS),
    ],
)
@pytest.mark.parametrize("answered", [0, 1])
def test_half_request_is_refused_in_time(sent: bytes, drip: bytes, seconds: float, answered: int) -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        for _ in range(answered):
            await client.send(GET)
        await client.send(sent)
        await client.drip(drip, seconds - 1)
        assert client.transport.calls == []
        await client.wait(2)
        assert client.transport.statuses == [200] * answered + [408]
        assert client.transport.calls == ["end"]
        await client.wait(LINGER_SECONDS + 1)
        assert client.transport.is_closing()

    run(test)


def test_refusal_has_the_error_shape_and_the_request_id_of_the_client() -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        await client.send(POST % b"")
        await client.wait(BODY_SECONDS + 1)
        (answer,) = client.transport.answers
        assert answer.header("content-type") == "application/json"
        assert answer.header("x-request-id") == "mine"
        assert b'"code":"REQUEST_TIMEOUT"' in answer.body
        assert b'"request_id":"mine"' in answer.body

    run(test)


def test_client_that_waits_for_the_service_is_never_cut_off() -> None:
    async def test() -> None:
        client = Client(never_answer)
        await client.send(POST % b"" + b"1234")
        await client.wait(1000)
        assert not client.transport.is_closing()
        assert client.connection.seconds_waited(2000) == 0

    run(test)


def test_client_that_does_not_read_its_answer_is_cut_off() -> None:
    async def test() -> None:
        client = Client(read_and_answer, FakeTransport(unread=1))
        await client.send(GET)
        await client.wait(ANSWER_SECONDS - 2)
        assert "abort" not in client.transport.calls
        await client.wait(4)
        assert client.transport.calls[-1] == "abort"

    run(test)


@pytest.mark.parametrize("last", [b"", b"1234"])
def test_client_that_is_refused_while_it_sends_can_still_read_the_answer(last: bytes) -> None:
    async def test() -> None:
        client = Client(refuse_at_once)
        await client.send(POST % b"Connection: close\r\n")
        assert client.transport.statuses == [401]
        assert client.transport.calls == ["end"]
        client.connection.data_received(last)
        await client.wait(LINGER_SECONDS + 1)
        assert client.transport.statuses == [401]
        assert client.transport.calls[-1] == "abort"

    run(test)


def test_client_that_resets_the_connection_is_closed_at_once() -> None:
    async def test() -> None:
        client = Client(refuse_at_once, FakeTransport(is_reset=True))
        await client.send(POST % b"Connection: close\r\n")
        assert client.transport.calls[-1] == "abort"

    run(test)


def test_broken_chunk_after_an_early_answer_closes_without_a_second_answer() -> None:
    async def test() -> None:
        client = Client(refuse_at_once)
        await client.send(CHUNKED)
        client.connection.data_received(b"zz\r\n")
        await client.wait(LINGER_SECONDS + 1)
        assert client.transport.statuses == [401]
        assert client.transport.is_closing()

    run(test)


def test_data_after_the_last_request_is_ignored() -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        client.connection.data_received(POST % b"Connection: close\r\n" + b"1234")
        client.connection.data_received(b"\r\nJUNK")
        await client.settle()
        assert client.transport.statuses == [200]
        assert client.transport.is_closing()

    run(test)


def test_body_in_tiny_chunks_is_read_in_small_pieces() -> None:
    """h11 takes as long for a chunk of one byte as for a large one, and parses all of a read at once."""

    async def test() -> None:
        client = Client(read_and_answer)
        tiny = b"1\r\nx\r\n"
        sizes = [client.transport.max_size]
        for sent in (POST % b"", b"1234", CHUNKED, b"3e8\r\n" + b"x" * 1000 + b"\r\n", tiny * 600, tiny * 40):
            await client.send(sent)
            sizes.append(client.transport.max_size)
        assert sizes == [4096, 32_768, 4096, 4096, 4096, 256, 256]
        await client.send(b"0\r\n\r\n" + GET)
        assert client.transport.max_size == 4096
        assert client.transport.statuses == [200] * 3

    run(test)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", 400),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", 408),
    ],
)
def test_refused_head_request_is_answered_without_a_body(sent: bytes, status: int) -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        await client.send(sent)
        await client.wait(BODY_SECONDS + 1)
        head, _, body = client.transport.written.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert body == b""

    run(test)


@pytest.mark.parametrize(
    "sent", [POST % b"Expect: 100-continue\r\n", CHUNKED + b"11000\r\n" + b"x" * 0x10FFF]
)
def test_time_that_the_server_takes_does_not_count_as_the_clients(sent: bytes) -> None:
    async def test() -> None:
        client = Client(answer_in_thirty_seconds)
        await client.send(sent)
        await client.wait(30 + BODY_SECONDS - 2)
        assert client.transport.written in {b"", b"HTTP/1.1 100 Continue\r\n\r\n"}
        assert client.transport.calls == []
        await client.wait(4)
        assert b"408" in client.transport.written

    run(test)


def test_next_request_has_its_full_time_after_a_refused_one() -> None:
    """One packet ends the body of the first request and starts the second one."""
    apps = iter([refuse_at_once, read_and_answer])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await next(apps)(scope, receive, send)

    async def test() -> None:
        client = Client(app)
        await client.send(POST % b"")
        await client.send(b"1")
        await client.wait(BODY_SECONDS - 2)
        await client.send(b"234" + POST % b"")
        await client.wait(BODY_SECONDS - 2)
        assert client.transport.calls == []
        await client.send(b"1234")
        assert client.transport.statuses == [401, 200]

    run(test)


def test_client_may_linger_from_the_moment_when_the_server_stops() -> None:
    async def test() -> None:
        client = Client(refuse_at_once)
        await client.send(POST % b"")
        await client.send(b"1")
        await client.wait(BODY_SECONDS - 2)
        client.connection.shutdown()
        await client.wait(LINGER_SECONDS - 2)
        assert client.transport.calls == ["end"]
        await client.wait(4)
        assert client.transport.calls[-1] == "abort"

    run(test)


def test_refused_request_has_one_id_in_answer_and_log(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        ids.append(shared_request_id(scope))

    ids: list[str] = []

    async def test() -> None:
        client = Client(app)
        await client.send(CHUNKED + b"zz\r\n")
        (answer,) = client.transport.answers
        (line,) = (record.__dict__["fields"] for record in caplog.records if record.message == "refused")
        assert ids == [answer.header("x-request-id")] == [line["request_id"]]

    with caplog.at_level(logging.INFO, "triggers_api.access"):
        run(test)


def test_key_as_request_id_is_not_repeated_by_a_refusal() -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        await client.send(
            CHUNKED.replace(b"\r\n\r\n", b"\r\nX-API-Key: %b\r\nX-Request-ID: %b\r\n\r\n" % (KEY, KEY))
        )
        await client.send(b"zz\r\n")
        assert client.transport.statuses == [400]
        assert KEY not in client.transport.written

    run(test)


def test_page_of_this_machine_can_read_a_refusal() -> None:
    async def test() -> None:
        client = Client(read_and_answer)
        await client.send(POST % b"Origin: http://localhost:3000\r\n")
        await client.wait(BODY_SECONDS + 1)
        (answer,) = client.transport.answers
        assert answer.header("access-control-allow-origin") == "http://localhost:3000"
        assert "X-Request-ID" in answer.header("access-control-expose-headers")
        assert (answer.header("cache-control"), answer.header("vary")) == ("no-store", "Origin")

    run(test)
