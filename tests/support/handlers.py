"""A real web server that handles forwarded events, well or badly."""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

HANG_SECONDS = 20.0


@dataclass(frozen=True)
class Handled:
    """A request, and the status of its response. None: there was none."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int | None

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class HandlerServer:
    """The server. The path of a URL chooses what it does.

    | path | answer |
    |---|---|
    | `/ok` | 204 |
    | `/slow/SECONDS` | 200 after this time |
    | `/fail` | 500 |
    | `/flaky` | 500 to the first attempt of each event, then 200 |
    | `/often` | 500 to every twentieth request, else 200 |
    | `/redirect` | 307 to `/ok` |
    | `/hang` | none, until the client gives up |
    | `/close` | none: the connection is closed |
    | `/garbage` | no HTTP |
    | `/unlimited` | 200 with a body without end |
    """

    port: int = 0
    handled: list[Handled] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def requests(self, event_ids: set[str]) -> list[Handled]:
        """Return the requests for some events, in order. Other tests share the server."""
        with self.lock:
            return [one for one in self.handled if one.event_id in event_ids]

    def wait_for(self, event_ids: set[str], number: int, seconds: float = 20) -> list[Handled]:
        """Wait until a number of requests for some events has been handled."""
        end = time.monotonic() + seconds
        while len(found := self.requests(event_ids)) < number:
            assert time.monotonic() < end, f"{len(found)} of {number} requests within {seconds} s"
            time.sleep(0.02)
        return found


@contextmanager
def handler_server(port: int = 0, *, certificate: tuple[Path, Path] | None = None) -> Iterator[HandlerServer]:
    """Run a server on a free port, or on this one.

    With a certificate, the files of it and of its key, it speaks TLS.
    """
    server = HandlerServer()

    class Request(_Request):
        state = server

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    http = Server(("127.0.0.1", port), Request)
    server.port = http.server_port
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        http.shutdown()
        thread.join()
        http.server_close()


class _Request(BaseHTTPRequestHandler):
    state: HandlerServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = urlsplit(self.path).path
        behaviour, _, argument = path.strip("/").partition("/")
        with self.state.lock:
            counts = Counter(one.event_id for one in self.state.handled if one.path == self.path)
            number = counts[self.headers["webhook-id"]] + 1
            total = counts.total() + 1
            status = {"ok": 204, "fail": 500, "redirect": 307, "slow": 200, "unlimited": 200}.get(behaviour)
            if behaviour == "flaky":
                status = 500 if number == 1 else 200
            elif behaviour == "often":
                status = 500 if total % 20 == 0 else 200
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.state.handled.append(Handled(self.path, headers, body, status))
        self.close_connection = status is None
        if behaviour == "slow":
            self.state.ended.wait(float(argument))
        elif behaviour == "hang":
            self.state.ended.wait(HANG_SECONDS)
        elif behaviour == "garbage":
            self.wfile.write(b"what is HTTP?\r\n\r\n")
        if status is not None:
            self._answer(status, unlimited=behaviour == "unlimited")

    def _answer(self, status: int, *, unlimited: bool) -> None:
        try:
            self.send_response(status)
            if status == 307:
                self.send_header("Location", f"{self.state.url}/ok")
            if unlimited:
                self.send_header("Content-Length", str(10**12))
                self.end_headers()
                while not self.state.ended.is_set():
                    self.wfile.write(b"x" * 65_536)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:  # the client has gone
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Print nothing."""
