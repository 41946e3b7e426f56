"""A line between a service and DynamoDB that is listened to: which calls are made, and what each is billed.

On the wire, because what is counted there is what is paid for, whichever client makes the calls. Each request
is asked for its consumed capacity on the way, which changes neither its work nor its answer otherwise.
"""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Call:
    """A call to DynamoDB, and the units that it was billed, table and indexes together."""

    operation: str
    units: float


@dataclass(frozen=True)
class Wire:
    """Where a service is to send its calls, and those that went through so far."""

    url: str
    calls: list[Call] = field(default_factory=list)

    def taken(self) -> list[Call]:
        """Return the calls since the last look."""
        found = list(self.calls)
        self.calls.clear()
        return found


@contextmanager
def listening(target: str) -> Iterator[Wire]:
    """Forward calls to the DynamoDB at `target`."""
    calls: list[Call] = []

    class Line(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body["ReturnConsumedCapacity"] = "TOTAL"
            sent = {name: self.headers[name] for name in ("X-Amz-Target", "Content-Type", "Authorization")}
            connection = http.client.HTTPConnection(urlsplit(target).netloc, timeout=20)
            connection.request("POST", "/", json.dumps(body).encode(), sent)
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            calls.append(Call(sent["X-Amz-Target"].rpartition(".")[2], _units(json.loads(answer))))
            self.send_response(response.status)
            # By the last two the service knows DynamoDB's own reply, and that it is whole.
            for name in ("Content-Type", "Content-Length", "x-amzn-RequestId", "x-amz-crc32"):
                if name in response.headers:  # a refusal has no checksum
                    self.send_header(name, response.headers[name])
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Line)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Wire(f"http://127.0.0.1:{server.server_address[1]}", calls)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _units(answer: dict[str, Any]) -> float:
    consumed = answer.get("ConsumedCapacity", [])
    entries = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(entry["CapacityUnits"] for entry in entries))
