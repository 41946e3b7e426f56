"""Many clients at the same moment, and one that asks for health meanwhile."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import httpx

from tests.support.dev_server import KEY, DevServer
from tests.support.raw_http import RawAnswer, answers_in

SECONDS = 60.0


@dataclass(frozen=True)
class Timed:
    """An answer, and how long its client waited for it."""

    answer: RawAnswer
    seconds: float


@dataclass
class HealthChecks:
    """What was answered, how long each check took, and how long it takes on a machine without other work.

    With other work, the server waits for its turn, but it computes no longer.
    """

    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    undisturbed_seconds: list[float] = field(default_factory=list)


def request(method: str, path: str, body: bytes = b"", headers: str = "") -> bytes:
    """Return the bytes of a request with the key, after which the connection closes."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


def send_all(url: str, requests: Sequence[bytes]) -> list[Timed]:
    """Send all requests at the same moment, each over a connection of its own."""

    async def send() -> list[Timed]:
        return await asyncio.gather(*(_exchange(url, one) for one in requests))

    return asyncio.run(send())


@contextmanager
def health_checked(server: DevServer) -> Iterator[HealthChecks]:
    """Ask for health over and over, each time over a new connection."""
    checks, over, url = HealthChecks(), Event(), f"{server.url}/v1/health"

    def check() -> None:
        while not over.wait(0.05):
            began, computing = time.monotonic(), _computing_seconds(server)
            response = httpx.get(url, timeout=SECONDS, trust_env=False)
            checks.seconds.append(time.monotonic() - began)
            computed = _computing_seconds(server) - computing
            checks.undisturbed_seconds.append(min(computed, checks.seconds[-1]))
            checks.statuses.append(response.status_code)

    thread = Thread(target=check)
    thread.start()
    try:
        yield checks
    finally:
        over.set()
        thread.join()


def _computing_seconds(server: DevServer) -> float:
    """Return the CPU time of a server; the time of day if the system does not tell (macOS)."""
    try:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _exchange(url: str, sent: bytes) -> Timed:
    parts = urlsplit(url)
    began = time.monotonic()
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(sent)
        received = await reader.read()
        writer.close()
    (answer,) = answers_in(received, complete=True)
    return Timed(answer, time.monotonic() - began)
