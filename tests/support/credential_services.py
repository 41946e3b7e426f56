"""The services of AWS that give out credentials, on this machine, and the profiles that use them.

`AWS_ENDPOINT_URL` leads every client there. A call that a test did not set is refused.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ACCOUNT = "210987654321"
TEMPORARY = "ASIATEMPORARY"
_REST = {"/federation/credentials": "GetRoleCredentials", "/v1/token": "CreateOAuth2Token"}


@dataclass(frozen=True)
class Reply:
    """A status and a body: the fields of an XML answer, or a JSON document."""

    status: int
    body: str


def later(hours: float = 1) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def refused(code: str, message: str = "no", status: int = 400) -> Reply:
    """Return the refusal of STS or CloudFormation."""
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return Reply(status, f"<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>")


def assumed(*, expires: str = "") -> Reply:
    """Return the answer to AssumeRole."""
    credentials = (
        f"<AccessKeyId>{TEMPORARY}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        f"<SessionToken>t</SessionToken><Expiration>{expires or later()}</Expiration>"
    )
    result = f"<AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult>"
    return Reply(200, f"<AssumeRoleResponse>{result}</AssumeRoleResponse>")


IDENTITY = Reply(
    200,
    "<GetCallerIdentityResponse><GetCallerIdentityResult>"
    f"<Account>{ACCOUNT}</Account><Arn>a</Arn><UserId>u</UserId>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>",
)
NO_STACK = refused("ValidationError", "Stack with id triggers-api-prod does not exist")


@dataclass
class CredentialServices:
    """The server. `asked` has each call with the access key that signed it."""

    url: str
    folder: Path
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def profiles(self, text: str) -> dict[str, str]:
        """Write a configuration file, and return the variables with which a command uses it."""
        config = self.folder / "config"
        config.write_text(text, encoding="utf-8")
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CONFIG_FILE": str(config),
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_MAX_ATTEMPTS": "1",
            "HOME": str(self.folder),
        }

    def program(self, script: str) -> Path:
        """Write a program in shell."""
        path = self.folder / "credentials"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path


@contextmanager
def running(folder: Path) -> Iterator[CredentialServices]:
    """Run the server. It knows the caller, and no stack."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(_REST.get(urlsplit(self.path).path, self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            rest = _REST.get(urlsplit(self.path).path)
            of_json = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            self._answer(rest or of_json or parse_qs(body).get("Action", [self.path])[0])

        def _answer(self, operation: str) -> None:
            signed = re.search(r"Credential=(\w+)/", self.headers.get("Authorization", ""))
            services.asked.append((operation, signed[1] if signed else ""))
            reply = services.replies.get(operation, Reply(400, json.dumps({"__type": "Unknown"})))
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("x-amzn-RequestId", "r")
            self.end_headers()
            self.wfile.write(reply.body.encode())

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    services = CredentialServices(f"http://127.0.0.1:{server.server_port}", folder)
    services.replies = {"GetCallerIdentity": IDENTITY, "DescribeStacks": NO_STACK}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
