"""A server on loopback that answers every request in one way, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


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
    """Seconds after each byte of the body."""


@dataclass
class OneApi:
    url: str
    answer: Callable[[Request], Reply]
    """A test may put in another."""
    asked: list[Request] = field(default_factory=list)


def unauthorized(request: Request) -> Reply:
    """Answer as the service answers a key that it does not know."""
    request_id = request.headers["x-request-id"]
    error = {"code": "UNAUTHORIZED", "message": "no", "details": {}, "request_id": request_id}
    headers = {"X-Request-ID": request_id, "Content-Type": "application/json"}
    return Reply(401, json.dumps({"error": error}).encode(), headers)


@contextmanager
def running(answer: Callable[[Request], Reply] = unauthorized) -> Iterator[OneApi]:
    """Run it for a while."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            api.asked.append(request)
            reply = api.answer(request)
            self.send_response_only(reply.status)
            own = {"Content-Length": str(len(reply.body)), "Date": self.date_time_string()}
            for name, value in {**own, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # whoever asked may have had enough
                for byte in reply.body if reply.pause else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(reply.pause)
                if not reply.pause:
                    self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = OneApi(f"http://127.0.0.1:{server.server_port}", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
