"""An AWS that answers `GetCallerIdentity`, and refuses every other call."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACCOUNT = "210987654321"
_IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult>"
    f"<Account>{ACCOUNT}</Account><Arn>a</Arn><UserId>u</UserId>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
_IN_XML = "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


@dataclass
class FakeAws:
    url: str
    asked: list[str] = field(default_factory=list)
    """The calls: the operation of DynamoDB, or `sts` for those of other services."""


@contextmanager
def refusing(code: str, message: str = "no") -> Iterator[FakeAws]:
    """Run it; it answers DynamoDB's operations, and `DescribeStacks`, with this error."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            aws.asked.append(operation or "sts")
            if b"Action=DescribeStacks" in request:
                self._reply(403, _IN_XML.format(code=code, message=message))
                return
            body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})
            self._reply(400, body) if operation else self._reply(200, _IDENTITY)

        def _reply(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    aws = FakeAws(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
