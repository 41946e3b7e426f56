"""Two small web servers on loopback: a gateway that strips its prefix, and a page of another origin."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class WebServer:
    """Where it is, and the paths that were asked for, in order."""

    url: str
    paths: list[str] = field(default_factory=list)


@contextmanager
def stripping(prefix: str, target: str) -> Iterator[WebServer]:
    """Serve `target` under the prefix, as API Gateway does under a stage. Other paths are a 404."""
    paths: list[str] = []

    class Gateway(_Quiet):
        def do_GET(self) -> None:
            paths.append(self.path)
            if not self.path.startswith(f"{prefix}/"):
                self.answer(404, {}, b"not under the prefix")
                return
            connection = http.client.HTTPConnection(urlsplit(target).netloc, timeout=20)
            connection.request("GET", self.path.removeprefix(prefix))
            response = connection.getresponse()
            headers = {
                name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP
            }
            self.answer(response.status, headers, response.read())
            connection.close()

    with _serving(Gateway) as url:
        yield WebServer(url, paths)


@contextmanager
def page(html: str) -> Iterator[WebServer]:
    """Serve one page at every path."""
    paths: list[str] = []

    class Page(_Quiet):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.answer(200, {"Content-Type": "text/html; charset=utf-8"}, html.encode())

    with _serving(Page) as url:
        yield WebServer(url, paths)


class _Quiet(BaseHTTPRequestHandler):
    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        pass


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)
