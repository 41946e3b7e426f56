"""`triggers dev` that runs: what it says, where its data goes, and how it ends."""

import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.curl import read_answer
from tests.support.dev_server import on_folder, running
from tests.support.dynamodb_local import free_port


def in_shell(line: str) -> str:
    """Execute a line as it stands, as somebody who pastes it does."""
    return subprocess.run(
        line,
        shell=True,
        env=dev_server.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout


def test_the_banner_says_where_it_listens_the_key_the_data_and_the_docs(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path)) as server:
        banner = server.banner
        assert set(banner) == {"url", "data", "key", "docs", "try"}
        assert httpx.get(f"{banner['url']}/v1/health", trust_env=False).status_code == 200
        assert banner["url"].startswith("http://127.0.0.1:")
        assert banner["data"] == str(tmp_path / "triggers.sqlite3")
        assert Path(banner["data"]).is_file()
        assert banner["docs"] == f"{banner['url']}/docs"
        assert "Swagger" in httpx.get(banner["docs"], trust_env=False).text
        document = httpx.get(f"{banner['url']}/openapi.json", trust_env=False)
        assert document.headers["content-encoding"] == "gzip", "it has more than 1,024 bytes"
        assert document.json()["info"]["title"] == "Triggers API"
        with ApiClient(server.url, key=banner["key"]) as client:
            assert client.inbox() == []


def test_the_curl_line_of_the_banner_works_as_it_stands(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path)) as server:
        answer = read_answer(in_shell(f"{server.banner['try']} --silent --include"))
        assert answer.status == 201
        with ApiClient(server.url) as client:
            (event,) = client.inbox()
        assert event["event_id"] == answer.body["event_id"]
        assert event["payload"] == {"hello": "world"}


def test_head_is_answered_without_a_body_and_the_connection_stays_usable(tmp_path: Path) -> None:
    get = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\r\n\r\n"
    with running(*on_folder(tmp_path)) as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(get.replace(b"GET", b"HEAD") + get)
            received = b""
            while not received.endswith(b"}"):
                received += connection.recv(65_536)
    head, between, answer = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert (between, answer[:13]) == (b"\r\n\r\n", b"HTTP/1.1 200 "), "the next answer follows at once"
    lengths = {line for line in received.splitlines() if line.lower().startswith(b"content-length:")}
    assert len(lengths) == 1, "HEAD has the length of GET"


def test_stdout_holds_the_banner_only_and_the_log_is_on_stderr(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        banner = server.output.read_text()
        assert server.log.read_text() == ""
        event_id = client.ingest({"secret": "hunter2"}).body["event_id"]
        server.interrupt()  # the line of a request is written after its answer
        (line,) = server.log.read_text().strip().splitlines()
        assert "route=/v1/events" in line
        assert "status=201" in line
        assert event_id in line
        assert "hunter2" not in line
        assert dev_server.KEY not in line
        assert server.output.read_text() == banner
        assert "\x1b" not in banner + line


def test_ctrl_c_ends_it_with_130_and_without_a_traceback(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        client.ingest({})
        started = time.monotonic()
        assert server.interrupt() == 130
        assert time.monotonic() - started < 5
        (line,) = server.log.read_text().strip().splitlines()
        assert "route=/v1/events" in line


@pytest.mark.slow("needs a server under load")
def test_ctrl_c_under_load_loses_nothing(tmp_path: Path) -> None:
    at_work = Event()

    def ingest_until_it_ends(url: str) -> list[str]:
        stored: list[str] = []
        with ApiClient(url) as client:
            while len(stored) < 100_000:
                try:
                    answer = client.ingest({"number": len(stored)})
                except httpx.TransportError:
                    return stored
                assert answer.status == 201, answer
                stored.append(answer.body["event_id"])
                if len(stored) > 5:
                    at_work.set()
        raise AssertionError("it never ended")

    with running(*on_folder(tmp_path)) as server, ThreadPoolExecutor(4) as pool:
        work = [pool.submit(ingest_until_it_ends, server.url) for _ in range(4)]
        assert at_work.wait(30)
        assert server.interrupt() == 130
        stored = [event_id for one in work for event_id in one.result(timeout=30)]
        assert "Traceback" not in server.log.read_text()

    with running(*on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        assert [event["event_id"] for event in client.inbox()] == sorted(stored)


def test_the_data_is_in_the_users_data_folder_by_default(tmp_path: Path) -> None:
    with running(variables={"HOME": str(tmp_path), "XDG_DATA_HOME": ""}) as server:
        data = Path(server.banner["data"])
        assert data.is_relative_to(tmp_path)
        assert data.name == "triggers.sqlite3"
        assert data.parent.name == "triggers-api"
        assert data.is_file()
        assert data.stat().st_mode & 0o077 == data.parent.stat().st_mode & 0o077 == 0


@pytest.mark.slow("starts several servers")
@pytest.mark.skipif(os.name != "posix" or os.uname().sysname != "Linux", reason="XDG is Linux's")
def test_xdg_data_home_is_respected(tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path / "home"), "XDG_DATA_HOME": str(tmp_path / "xdg")}
    with running(variables=variables) as server:
        assert server.banner["data"] == str(tmp_path / "xdg" / "triggers-api" / "triggers.sqlite3")


@pytest.mark.slow("starts several servers")
def test_triggers_data_dir_is_respected_and_the_option_goes_before_it(tmp_path: Path) -> None:
    variables = {"TRIGGERS_DATA_DIR": str(tmp_path / "variable"), "XDG_DATA_HOME": str(tmp_path / "xdg")}
    with running(variables=variables) as server:
        assert server.banner["data"] == str(tmp_path / "variable" / "triggers.sqlite3")
    with running(*on_folder(tmp_path / "option"), variables=variables) as server:
        assert server.banner["data"] == str(tmp_path / "option" / "triggers.sqlite3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["option", "variable"]


def test_dev_without_an_endpoint_uses_its_file_whatever_tables_the_environment_names(tmp_path: Path) -> None:
    tables = {
        "DYNAMODB_TABLE_EVENTS": "triggers-api-events-prod",
        "DYNAMODB_TABLE_KEYS": "triggers-api-keys-prod",
        "DYNAMODB_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
    }
    with running(*on_folder(tmp_path), variables=tables) as server, ApiClient(server.url) as client:
        assert server.banner["data"] == str(tmp_path / "triggers.sqlite3")
        assert client.ingest({}).status == 201
        assert len(client.inbox()) == 1


def test_uvicorn_serves_the_app_too(tmp_path: Path) -> None:
    port = free_port()
    uvicorn = str(Path(dev_server.TRIGGERS).with_name("uvicorn"))
    variables = {"TRIGGERS_DATA_DIR": str(tmp_path)}
    with dev_server.started(
        "triggers_api.main:app", "--port", str(port), program=(uvicorn,), variables=variables
    ) as server:
        url = f"http://127.0.0.1:{port}"
        health = httpx.Client(
            transport=httpx.HTTPTransport(retries=8), trust_env=False, base_url=url, timeout=10
        )
        with health, ApiClient(url) as client:
            assert health.get("/v1/health").status_code == 200
            assert client.ingest({}).status == 201
            assert len(client.inbox()) == 1
        assert (tmp_path / "triggers.sqlite3").is_file()
        server.process.terminate()
        server.process.wait(dev_server.STOP_SECONDS)


@pytest.mark.slow("waits for the end of a request")
def test_ctrl_c_with_a_request_half_sent(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path)) as server:
        address = httpx.URL(server.url)
        with socket.create_connection((address.host, address.port or 0), timeout=20) as client:
            client.sendall(
                b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nX-API-Key: test-api-key-12345\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            time.sleep(0.3)
            assert server.interrupt() == 130
            answer = client.recv(65536)
        assert "Traceback" not in server.log.read_text()
        assert answer == b"" or b"x-request-id" in answer.lower()


def test_a_small_answer_does_not_wait_for_a_delayed_ack(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        client.call("GET", "/v1/health")
        seconds = []
        for _ in range(30):
            started = time.perf_counter()
            client.call("GET", "/v1/health")
            seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[10] < 0.03, "40 ms: Nagle's algorithm is on"
