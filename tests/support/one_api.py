"""An API that answers every request in one way and records the requests: in process, or on loopback."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0.0
    """Seconds after each byte of the body; only on loopback."""


def unauthorized(request: Request) -> Reply:
    """Answer as the service answers an unknown key."""
    request_id = request.headers["x-request-id"]
    error = {"code": "UNAUTHORIZED", "message": "no", "details": {}, "request_id": request_id}
    headers = {"X-Request-ID": request_id, "Content-Type": "application/json"}
    return Reply(401, json.dumps({"error": error}).encode(), headers)


@dataclass
class OneApi:
    answer: Callable[[Request], Reply] = unauthorized
    """A test may replace it."""
    url: str = "https://api.example/dev"
    requests: list[Request] = field(default_factory=list)

    def handle(self, request: Request) -> Reply:
        self.requests.append(request)
        reply = self.answer(request)
        headers = {"Date": formatdate(usegmt=True), **reply.headers}
        return Reply(reply.status, reply.body, headers, reply.pause)

    @property
    def transport(self) -> httpx.MockTransport:
        """Sends the requests of an httpx client to this API, without a server."""

        def respond(asked: httpx.Request) -> httpx.Response:
            request = Request(asked.method, asked.url.path.removeprefix("/dev"), asked.headers, asked.read())
            reply = self.handle(request)
            stream = httpx.ByteStream(reply.body)  # not `content`: httpx then measures no `elapsed`
            return httpx.Response(reply.status, headers=dict(reply.headers), stream=stream)

        return httpx.MockTransport(respond)


@contextmanager
def running(answer: Callable[[Request], Reply] = unauthorized) -> Iterator[OneApi]:
    """Serve it on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = api.handle(Request(self.command, self.path, headers, body))
            self.send_response_only(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # the client may have closed the connection
                for byte in reply.body if reply.pause else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(reply.pause)
                if not reply.pause:
                    self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = OneApi(answer, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
