"""A proxy in front of DynamoDB Local that does what networks do, to the requests that a test names."""

import http.client
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal[
    "none", "lose reply", "hang", "drip body", "drip head", "reset", "slow", "throttle", "web page"
]

_THROTTLED = b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}'


class FaultyProxy:
    """Forwards requests; the next ones suffer the faults that were planned, in order."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._plan: deque[Fault] = deque()
        self._forever: Fault = "none"
        self.requests = 0
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

    def plan(self, *faults: Fault, forever: Fault = "none") -> None:
        """Say what happens to the next requests, and to all after them."""
        self._plan, self._forever = deque(faults), forever
        self.requests = 0

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        self.targets.add(request.path)
        fault = self._plan.popleft() if self._plan else self._forever
        body = request.rfile.read(int(request.headers["Content-Length"]))
        request.close_connection = True
        if fault == "reset":
            return
        if fault == "hang":
            self.over.wait(60)
            return
        if fault == "slow":
            self.over.wait(0.4)
        if fault == "web page":
            self._reply(request, 200, {"Content-Type": "text/html"}, b"<html>It works!</html>", fault)
            return
        if fault == "throttle":
            self._reply(
                request,
                400,
                {"Content-Type": "application/x-amz-json-1.0", "x-amz-retry-after": "60000"},
                _THROTTLED,
                fault,
            )
            return
        connection = http.client.HTTPConnection(self._upstream.netloc, timeout=30)
        connection.request("POST", request.path, body, dict(request.headers))
        answer = connection.getresponse()
        reply = answer.read()
        connection.close()
        if fault != "lose reply":
            self._reply(request, answer.status, dict(answer.getheaders()), reply, fault)

    def _reply(
        self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, fault: Fault
    ) -> None:
        head = f"HTTP/1.1 {status} X\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items() if name.lower() != "transfer-encoding"
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
            pass  # the client has had enough: that is what the test is about

    def _drip(self, request: BaseHTTPRequestHandler, data: bytes) -> None:
        for byte in data:
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
            if self.over.is_set():
                return
            time.sleep(0.3)


@contextmanager
def in_front_of(upstream: str) -> Iterator[FaultyProxy]:
    """Run a proxy for a while."""
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
