"""A proxy in front of DynamoDB Local that fails as networks do, for the requests that a test chooses.

It can stand in front of an emulated CloudFormation too.
"""

import http.client
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, get_args
from urllib.parse import urlsplit
from zlib import crc32

FalseReply = Literal[
    "cut body",
    "damaged body",
    "web page",
    "foreign answer",
    "foreign refusal",
    "foreign error",
    "foreign condition",
    "echo",
    "echo in the head",
]
"""Replies that arrive in time and look like answers, but are not what DynamoDB sent."""

FALSE_REPLIES: tuple[FalseReply, ...] = get_args(FalseReply)

Fault = (
    Literal[
        "none",
        "lose reply",
        "hold reply",
        "hang",
        "drip body",
        "drip head",
        "reset",
        "slow",
        "throttle",
        "throttled transaction",
        "empty answer",
        "quoting refusal",
    ]
    | FalseReply
)

_BEFORE_AN_ECHO: dict[Fault, bytes] = {
    "echo": b"",  # the body itself, and no HTTP
    "echo in the head": b"HTTP/1.1 200 OK\r\nno header: ",  # where headers are read until one is none
}

_TYPE = "com.amazonaws.dynamodb.v20120810#"
_THROTTLED = {"__type": f"{_TYPE}ThrottlingException", "message": "slow down"}
_CANCELLED = {
    "__type": f"{_TYPE}TransactionCanceledException",
    "Message": "Transaction cancelled [ThrottlingError, None]",
    "CancellationReasons": [{"Code": "ThrottlingError", "Message": "slow down"}, {"Code": "None"}],
}


class FaultyProxy:
    """Forwards requests; the next ones meet the planned faults, in order."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._plan: deque[Fault] = deque()
        self._forever: Fault = "none"
        self._of = b""
        self.requests = 0
        """The number of requests that matched the plan since it was set."""
        self.held = 0
        """The number of requests that are held without an answer."""
        self.targets: set[str] = set()
        self.over = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy._serve(self)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def plan(self, *faults: Fault, forever: Fault = "none", of: bytes = b"") -> None:
        """Set the faults of the next requests and of all after them, or of those that contain `of`."""
        self._plan, self._forever, self._of = deque(faults), forever, of
        self.requests = 0

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        self.targets.add(request.path)
        body = request.rfile.read(int(request.headers["Content-Length"]))
        fault: Fault = "none"
        if self._of in body:
            fault = self._plan.popleft() if self._plan else self._forever
            self.requests += 1
        request.close_connection = True
        if fault == "reset":
            return
        if fault == "hang":
            self._hold()
            return
        if fault in _BEFORE_AN_ECHO:
            request.wfile.write(_BEFORE_AN_ECHO[fault] + body)
        elif (made_up := _made_up(fault, body)) is not None:
            self._reply(request, *made_up, fault)
        else:
            self._forward(request, body, fault)

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes, fault: Fault) -> None:
        if fault == "slow":
            self.over.wait(0.4)
        connection = http.client.HTTPConnection(self._upstream.netloc, timeout=30)
        connection.request("POST", request.path, body, dict(request.headers))
        answer = connection.getresponse()
        reply = answer.read()
        connection.close()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if fault in {"cut body", "damaged body"}:
            del headers["content-length"]
        if fault == "cut body":  # by something that writes its own headers
            headers.pop("x-amz-crc32", None)  # which a refusal has not
            reply = reply[: len(reply) // 2]
        elif fault == "damaged body":
            reply = b'{"Damaged":1}'
        if fault == "hold reply":
            self._hold()
        if fault != "lose reply":
            self._reply(request, answer.status, headers, reply, fault)

    def _hold(self) -> None:
        self.held += 1
        self.over.wait(60)
        self.held -= 1

    def _reply(
        self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, fault: Fault
    ) -> None:
        # Without this header the client may reuse the connection before it sees its end: another fault.
        head = f"HTTP/1.1 {status} X\r\nConnection: close\r\n" + "".join(
            f"{name}: {value}\r\n"
            for name, value in headers.items()
            if name.lower() not in {"connection", "transfer-encoding"}
        )
        if "content-length" not in {name.lower() for name in headers}:
            head += f"Content-Length: {len(body)}\r\n"
        data = f"{head}\r\n".encode() + body
        try:
            if fault == "drip head":
                self._drip(request, data)
            elif fault == "drip body":
                request.wfile.write(data[: -len(body)])
                self._drip(request, body)
            else:
                request.wfile.write(data)
        except OSError:
            pass  # the client has hung up, which the test wants

    def _drip(self, request: BaseHTTPRequestHandler, data: bytes) -> None:
        for byte in data:
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
            if self.over.is_set():
                return
            time.sleep(0.3)


def _made_up(fault: Fault, asked: bytes) -> tuple[int, dict[str, str], bytes] | None:
    """Return the status, headers and body of a reply in DynamoDB's place, or None for DynamoDB's own."""
    aws = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-requestid": "1"}
    foreign = {"Content-Type": "application/json"}
    quoting = {"__type": f"{_TYPE}ValidationException", "message": f"wrong: {asked.decode()}"}
    replies: dict[Fault, tuple[int, dict[str, str], bytes]] = {
        "web page": (200, {"Content-Type": "text/html"}, b"<html>It works!</html>"),
        "empty answer": (200, {**aws, "x-amz-crc32": str(crc32(b"{}"))}, b"{}"),
        "foreign answer": (200, foreign, b'{"status":"ok"}'),
        "foreign refusal": (404, foreign, b'["no such page"]'),
        "foreign error": (404, foreign, b'{"__type":404}'),
        "foreign condition": (400, foreign, b'{"__type":"ConditionalCheckFailedException"}'),
        "throttle": (400, {**aws, "x-amz-retry-after": "60000"}, json.dumps(_THROTTLED).encode()),
        "throttled transaction": (400, aws, json.dumps(_CANCELLED).encode()),
        "quoting refusal": (400, aws, json.dumps(quoting).encode()),
    }
    return replies.get(fault)


@contextmanager
def in_front_of(upstream: str) -> Iterator[FaultyProxy]:
    """Run a proxy."""
    proxy = FaultyProxy(upstream)
    thread = threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.over.set()
        proxy.server.shutdown()
        thread.join()
        proxy.server.server_close()
