"""Send bytes that no HTTP client would send, and read the answers."""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

SECONDS = 20.0
_CONTINUE = b"HTTP/1.1 100 \r\n\r\n"


@dataclass(frozen=True)
class RawAnswer:
    """One answer as it came; header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the one header of that name; a header that comes twice fails the test at once."""
        (value,) = [value for one, value in self.headers if one == name]
        return value


def exchange(url: str, sent: bytes, *, answers: int) -> list[RawAnswer]:
    """Send bytes, wait for a number of answers, hang up, and return all answers, including further ones.

    A server that closes has said all it will, and so has one that says nothing for `SECONDS`, which fails.
    """
    parts = urlsplit(url)
    received = b""
    with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=SECONDS) as client:
        # It may have heard enough, and closed; its answer is there all the same.
        with suppress(ConnectionError):
            client.sendall(sent)
        while len(answers_in(received)) < answers and (chunk := _chunk(client)):
            received += chunk
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        while chunk := _chunk(client):
            received += chunk
    return answers_in(received, complete=True)


def answers_in(received: bytes, *, complete: bool = False) -> list[RawAnswer]:
    """Parse the answers of a server. Fail on anything but HTTP/1.1 and on a truncated last answer."""
    found = []
    while received:
        received = received.removeprefix(_CONTINUE)
        head, _, rest = received.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = tuple((one.partition(": ")[0].lower(), one.partition(": ")[2]) for one in lines)
        length = int(dict(headers).get("content-length", 0))
        if len(received) < len(head) + 4 + length:
            assert not complete, f"cut off: {received[:300]!r}"
            break
        status = re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Za-z -]*", line)
        assert status, line
        found.append(RawAnswer(int(status[1]), headers, rest[:length]))
        received = rest[length:]
    return found


def _chunk(client: socket.socket) -> bytes:
    try:
        return client.recv(65_536)
    except ConnectionResetError:
        return b""
