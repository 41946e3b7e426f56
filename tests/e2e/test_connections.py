"""Clients that half-close, stop halfway or offer HTTP/2, and a server that runs out of file descriptors."""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.dev_server import KEY, TRIGGERS, DevServer, on_folder
from tests.support.documents import DOCUMENTS
from tests.support.dynamodb_local import free_port
from tests.support.raw_http import RawAnswer, answers_in
from tests.support.tool_env import tool
from triggers_api.api.dev_connection import BODY_SECONDS

FILES = 256
"""The default of macOS."""
CLIENTS = 200
HALF_REQUESTS = 260

EVENT = b'{"source":"s","event_type":"t","payload":{}}'
HEADERS = b"Host: localhost\r\nX-API-Key: " + KEY.encode() + b"\r\nContent-Type: application/json\r\n"
GET = b"GET /v1/inbox?limit=1 HTTP/1.1\r\n" + HEADERS + b"\r\n"
POST = b"POST /v1/events HTTP/1.1\r\n" + HEADERS + b"Content-Length: %d\r\n\r\n%b" % (len(EVENT), EVENT)

JAVA = """
import java.net.URI;
import java.net.http.*;

public class Post {
    public static void main(String[] url) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (int number = 0; number < 3; number++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url[0]))
                .header("X-API-Key", "%s").header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("%s")).build();
            System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
        }
    }
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with dev_server.running(*on_folder(tmp_path_factory.mktemp("data"))) as server:
        yield server


@pytest.fixture
def limited_server(tmp_path: Path) -> Iterator[DevServer]:
    program = dev_server.with_open_files(FILES)
    with dev_server.started("--port", "0", *on_folder(tmp_path), program=program) as server:
        dev_server.wait_until_ready(server)
        yield server


@pytest.fixture(scope="module")
def uvicorn_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the app as the guide says, on a machine that has httptools."""
    (packages,) = tool("httptools==0.9.0", "python").parent.parent.glob("lib/python*/site-packages")
    variables = {"PYTHONPATH": str(packages), "TRIGGERS_DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    (line,) = set(re.findall(r"`uvicorn (.*triggers_api\.main:app)`", DOCUMENTS["deploy/guide/reference.md"]))
    arguments = (*line.split(), "--port", str(port := free_port()))
    program = (str(Path(TRIGGERS).with_name("uvicorn")),)
    with dev_server.started(*arguments, program=program, variables=variables) as server:
        end = time.monotonic() + dev_server.START_SECONDS
        while "running on" not in server.log.read_text() and time.monotonic() < end:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"


def port_of(server: DevServer) -> int:
    return int(server.url.rpartition(":")[2])


def half_close(server: DevServer, sent: bytes) -> list[RawAnswer]:
    """Let many clients send one request at once and half-close, and return all answers."""

    async def one() -> list[RawAnswer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        writer.write(sent)
        writer.write_eof()
        received = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return answers_in(received, complete=True)

    async def all_of_them() -> list[RawAnswer]:
        found = await asyncio.gather(*(one() for _ in range(CLIENTS)))
        return [answer for answers in found for answer in answers]

    return asyncio.run(all_of_them())


def post_with_curl(url: str, *options: str) -> str:
    """Post an event with curl, and return its status."""
    headers = ["-H", f"X-API-Key: {KEY}", "-H", "Content-Type: application/json"]
    written = ["--silent", "--show-error", "--max-time", "20", "--output", os.devnull, "--write-out"]
    done = subprocess.run(
        ["curl", *written, "%{http_code}", *options, *headers, "-d", EVENT, f"{url}/v1/events"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


@pytest.mark.promise(1)
def test_clients_that_half_close_are_answered_and_their_events_stored(server: DevServer) -> None:
    answers = half_close(server, POST)
    assert Counter(answer.status for answer in answers) == {201: CLIENTS}
    with ApiClient(server.url) as client:
        stored = {event["event_id"] for event in client.inbox()}
    assert {json.loads(answer.body)["event_id"] for answer in answers} <= stored
    assert Counter(answer.status for answer in half_close(server, GET)) == {200: CLIENTS}


def test_half_requests_are_closed_and_other_clients_are_served(limited_server: DevServer) -> None:
    server = limited_server
    halves = [b"", GET[:20], POST[:-20], POST[:1]]
    clients = [socket.create_connection(("127.0.0.1", port_of(server)), 5) for _ in range(HALF_REQUESTS)]
    started = time.monotonic()
    for number, client in enumerate(clients):
        client.sendall(halves[number % 4])
        client.setblocking(False)
    open_ones, drip = set(clients), iter(POST[1:])
    seconds = []
    with ApiClient(server.url) as api:
        while open_ones and time.monotonic() < started + BODY_SECONDS + 20:  # a busy machine is slow
            asked = time.monotonic()
            assert api.call("GET", "/v1/health").status == 200
            seconds.append(time.monotonic() - asked)
            dripped = bytes([next(drip)])
            for client in clients[3::4]:
                with suppress(OSError):
                    client.send(dripped)
            open_ones = {client for client in open_ones if is_open(client)}
            time.sleep(0.5)
    for client in clients:
        client.close()
    assert open_ones == set()
    assert max(seconds) < 5
    assert server.log.stat().st_size < 1_000_000


def is_open(client: socket.socket) -> bool:
    try:
        while client.recv(65_536):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


@pytest.mark.parametrize("options", [[], ["--http1.0"], ["--http2"]])
def test_curl_with_any_version_of_http_is_served(server: DevServer, options: list[str]) -> None:
    assert post_with_curl(server.url, *options) == "201"


def test_curl_that_takes_the_server_for_a_proxy_is_served(server: DevServer) -> None:
    assert post_with_curl(server.url, "--proxy", server.url, "--noproxy", "") == "201"


def test_curl_that_offers_http_2_is_served_by_uvicorn_too(uvicorn_url: str) -> None:
    assert post_with_curl(uvicorn_url, "--http2") == "201"


def test_java_client_is_served(server: DevServer, uvicorn_url: str, tmp_path: Path) -> None:
    if shutil.which("javac") is None:  # `java Post.java` compiles it
        if os.environ.get("CI"):
            pytest.fail("Java's HttpClient needs a JDK on PATH")
        pytest.skip("Java's HttpClient needs a JDK on PATH")
    source = tmp_path / "Post.java"
    source.write_text(JAVA % (KEY, EVENT.decode().replace('"', '\\"')))
    for url in (server.url, uvicorn_url):
        done = subprocess.run(
            ["java", str(source), f"{url}/v1/events"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stdout.split() == ["201"] * 3, done.stderr
