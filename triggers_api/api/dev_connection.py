"""One connection of `triggers dev`: uvicorn's h11 protocol, with the bounds that it lacks.

uvicorn drops the answer to a client that half-closes. It waits without end for the rest of a request, and for
a client that does not read its answer.

The other servers do worse: under httptools a POST that offers HTTP/2 loses its body, hypercorn and granian
answer invalid HTTP in plain text, and granian drops the requests of clients that half-close. None of them
bounds how long an answer may wait for its reader, or closes connections before file descriptors run out.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from triggers_api.api.context import header_values, new_request_id, shared_request_id
from triggers_api.api.dev_parser import DevParser
from triggers_api.api.errors import error_body
from triggers_api.api.web_access import WebAccess

logger = logging.getLogger("triggers_api.access")

HEAD_SECONDS = 10.0
"""How long a client may take to send the head of a request, after it connected or was answered.

uvicorn closes a connection earlier if nothing arrives in the 5 s after an answer.
"""
BODY_SECONDS = 15.0
"""How long a client may take to send a body, after the head."""
ANSWER_SECONDS = 60.0
"""How long a client may take to read an answer."""
LINGER_SECONDS = 5.0
"""How long a client may continue to send a request that has its answer."""

_READ_BYTES = 4096
"""How much is read at a time. All of it is parsed before other requests get a turn."""
_BODY_READ_BYTES = 32 * 1024
"""How much is read of a body with a length, which costs little to parse."""
_TINY_CHUNKS_READ_BYTES = 256
"""How much is read of a body in tiny chunks: they cost most."""
_MAX_STEPS = 100
"""How many events one read may hold before its chunks count as tiny."""


class DevConnection(H11Protocol):
    """A connection whose client may half-close, and cannot keep the server waiting without end."""

    conn: DevParser

    def __init__(self, config: uvicorn.Config, state: ServerState, access: WebAccess) -> None:
        super().__init__(config, state, {})
        self._access = access

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to wait for a request."""
        self.conn = DevParser()
        self._refused = False
        self._client_has_ended = False
        self._socket = cast("Any", transport)  # `max_size` is asyncio's, but not in its documentation
        self._socket.max_size = _READ_BYTES
        self.wait_for_client()
        super().connection_made(cast("asyncio.Transport", _Transport(transport, self)))

    def data_received(self, data: bytes) -> None:
        """Take data of the client, unless no further request can come from it."""
        if self.transport.is_closing() or self.conn.their_state is h11.MUST_CLOSE:
            return
        state, cycle, steps = self.conn.their_state, self.cycle, self.conn.steps
        super().data_received(data)
        if (self.conn.their_state, self.cycle) != (state, cycle):
            self.wait_for_client()
            has_length = self.headers and not header_values(self.headers, b"transfer-encoding")
            is_plain = self.conn.their_state is h11.SEND_BODY and has_length
            self._socket.max_size = _BODY_READ_BYTES if is_plain else _READ_BYTES
        if self.conn.steps - steps > _MAX_STEPS:
            self._socket.max_size = _TINY_CHUNKS_READ_BYTES

    def wait_for_client(self) -> None:
        """Start to measure how long the client takes."""
        self._since = self.loop.time()

    def eof_received(self) -> bool:  # type: ignore[override] # in uvicorn, every end closes the connection
        """Keep the connection open if an answer is due: a client that half-closes still reads it."""
        is_due = not self.transport.is_closing() and self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}
        if is_due:
            self._client_has_ended = True
            self._close_after_last_request()
        return is_due

    def on_response_complete(self) -> None:
        """Start to wait for the next request, or to answer one that has arrived."""
        super().on_response_complete()
        self.wait_for_client()
        if self._client_has_ended:
            self._close_after_last_request()

    def _close_after_last_request(self) -> None:
        """Let the connection end with the last whole request that the client has sent."""
        if not self.is_served:
            self.transport.close()
        elif not self.conn.trailing_data[0]:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text, in another shape
        """Refuse a request that cannot be parsed. No app sees it."""
        self._refuse(HTTPStatus.BAD_REQUEST, "VALIDATION_ERROR", self.conn.problem)

    @property
    def client_may_send(self) -> bool:
        """Whether more of a request that has its answer may come."""
        return self._refused or self.conn.their_state is h11.SEND_BODY

    @property
    def is_served(self) -> bool:
        """Whether the current request waits for its answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def seconds_waited(self, now: float) -> float:
        """Return how long the client has kept the server waiting; 0 if the server has to act."""
        reads = self.transport.get_write_buffer_size() > 0
        is_paused = self.flow.read_paused or (self.is_served and self.cycle.waiting_for_100_continue)
        sends = self.conn.their_state in {h11.IDLE, h11.SEND_BODY} and not is_paused
        if not (reads or sends or self.transport.is_closing()):
            self._since = now  # the client's time does not start before the server lets it continue
        return now - self._since

    def close_if_overdue(self, now: float) -> None:
        """Close the connection if its client has kept the server waiting for too long."""
        waited = self.seconds_waited(now)
        if self.transport.get_write_buffer_size():
            if waited > ANSWER_SECONDS:
                self.transport.abort()
        elif self.transport.is_closing():
            if waited > LINGER_SECONDS:
                self.transport.abort()
        elif waited > (BODY_SECONDS if self.conn.their_state is h11.SEND_BODY else HEAD_SECONDS):
            self._time_out()

    def _time_out(self) -> None:
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self.transport.close()  # no request has begun
            return
        message = f"The request did not arrive in time: {HEAD_SECONDS:.0f} s for its head, "
        self._refuse(
            HTTPStatus.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", f"{message}{BODY_SECONDS:.0f} s for its body."
        )

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        """Close, after an answer in the contract's error shape unless another answer has begun."""
        request_id, origins = new_request_id(), list[str]()
        if self.is_served:
            request_id = shared_request_id(self.cycle.scope)
            origins = header_values(self.cycle.scope["headers"], b"origin")
            self.cycle.disconnected = True  # the app waits for the body no longer
            self.cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = [
                (b"Content-Type", b"application/json"),
                (b"X-Request-ID", request_id.encode()),
                (b"Connection", b"close"),
                *self._access.answer_headers(origins),
            ]
            self._write_answer(status, headers, error_body(code, message, {}, request_id).encode())
            fields = {"request_id": request_id, "status": status.value, "reason": message}
            logger.info("refused", extra={"fields": fields})
        self._refused = True
        self.transport.close()

    def _write_answer(self, status: HTTPStatus, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        headers = [*headers, (b"Content-Length", str(len(body)).encode())]
        for event in (
            h11.Response(status_code=status, headers=headers, reason=status.phrase),
            h11.Data(data=b"" if self.conn.method == b"HEAD" else body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")


class _Transport:
    """A transport that does not cut off a client that is still sending (RFC 9112, 9.6).

    Closing a socket with unread data resets the connection, and the client may lose its answer. So the server
    ends its own side, and discards what comes until the client closes.
    """

    def __init__(self, transport: asyncio.BaseTransport, connection: DevConnection) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connection = connection
        self._has_ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Return whether the connection takes no further request."""
        return self._has_ended or self._transport.is_closing()

    def close(self) -> None:
        """Close the connection, once the client has sent its request."""
        if self.is_closing() or not self._connection.client_may_send:
            self._transport.close()
            return
        self._has_ended = True
        self._connection.wait_for_client()
        try:
            self._transport.write_eof()
        except OSError:  # the client has reset the connection
            self._transport.abort()
        else:
            self._connection.flow.resume_reading()
