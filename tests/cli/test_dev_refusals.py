"""`triggers dev` that cannot run: one clear message, the right exit code, and nothing is damaged."""

import os
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.dev_server import on_folder, run, running
from tests.support.dynamodb_local import free_port


def refusal(*arguments: str, code: int, variables: dict[str, str] | None = None) -> dict[str, str]:
    """Run `triggers dev`, which must fail with this code, and return the lines of its message by name."""
    done = run("dev", *arguments, variables=variables)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    told = dict(line.strip().split(": ", 1) for line in done.stderr.splitlines())
    assert set(told) <= {"error", "why", "fix"}
    assert next(iter(told)) == "error"
    assert len(told) == len(done.stderr.splitlines())
    return told


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        told = refusal(*on_folder(tmp_path), "--port", str(port), code=1)
    assert list(told) == ["error", "why", "fix"]
    assert str(port) in told["error"]
    assert "in use" in told["why"]
    assert "--port" in told["fix"]


def test_the_port_of_another_triggers_dev(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        port = server.url.rpartition(":")[2]
        assert list(refusal(*on_folder(tmp_path), "--port", port, code=1)) == ["error", "why", "fix"]
        assert client.ingest({}).status == 201


@pytest.mark.parametrize("below", ["", "folder", "folder/folder"])
def test_a_folder_under_a_regular_file(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("a file")
    told = refusal("--port", "0", *on_folder(file / below), code=1)
    assert str(file) in told["error"]
    assert "--data-dir" in told["fix"]
    assert file.read_text() == "a file"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_folder_that_cannot_be_made() -> None:
    told = refusal("--port", "0", "--data-dir", "/proc/triggers", code=1)
    assert "/proc/triggers" in told["error"]


@pytest.fixture(scope="module")
def good_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a data file of several pages, closed in order."""
    folder = tmp_path_factory.mktemp("good")
    with running(*on_folder(folder)) as server:
        with ApiClient(server.url) as client:
            for _ in range(20):
                assert client.ingest({"padding": "x" * 3000}).status == 201
        assert server.interrupt() == 130
    return (folder / "triggers.sqlite3").read_bytes()


def assert_refused_and_unchanged(folder: Path, content: bytes) -> None:
    file = folder / "triggers.sqlite3"
    file.write_bytes(content)
    mode = file.stat().st_mode
    told = refusal("--port", "0", *on_folder(folder), code=1)
    assert list(told) == ["error", "why", "fix"]
    assert str(file) in told["error"]
    assert file.read_bytes() == content
    assert file.stat().st_mode == mode
    assert [path.name for path in folder.iterdir()] == ["triggers.sqlite3"]


@pytest.mark.parametrize("size", [2, 100, 10_000])
def test_a_file_of_garbage(tmp_path: Path, size: int) -> None:
    assert_refused_and_unchanged(tmp_path, b"\xfe" + os.urandom(size - 1))


@pytest.mark.slow("starts a server for each size")
@pytest.mark.parametrize("pages_left", [0.5, 1, 1.5, 10])
def test_a_truncated_database(tmp_path: Path, good_file: bytes, pages_left: float) -> None:
    assert len(good_file) > 11 * 4096
    assert_refused_and_unchanged(tmp_path, good_file[: int(pages_left * 4096)])


def test_a_database_with_a_page_overwritten(tmp_path: Path, good_file: bytes) -> None:
    damaged = bytearray(good_file)
    damaged[8 * 4096 : 9 * 4096] = b"\xfe" * 4096
    assert_refused_and_unchanged(tmp_path, bytes(damaged))


def foreign_database(folder: Path, version: int) -> bytes:
    connection = sqlite3.connect(folder / "notes")
    connection.execute("CREATE TABLE notes (note TEXT)")
    connection.execute("INSERT INTO notes VALUES ('keep me')")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()
    return (folder / "notes").read_bytes()


@pytest.mark.parametrize("version", [0, 2, 17])
def test_a_database_of_another_program(tmp_path: Path, version: int) -> None:
    content = foreign_database(tmp_path, version)
    (tmp_path / "data").mkdir()
    assert_refused_and_unchanged(tmp_path / "data", content)


def test_an_endpoint_that_nobody_listens_at() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    told = refusal("--port", "0", "--dynamodb-endpoint", url, code=1)
    assert time.monotonic() - started < 15
    assert list(told) == ["error", "why", "fix"]
    assert url in told["error"]
    assert "--dynamodb-endpoint" in told["fix"]


def test_an_endpoint_that_is_no_dynamodb(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path)) as other:
        told = refusal("--port", "0", "--dynamodb-endpoint", other.url, code=1)
        assert other.url in told["error"]


@pytest.mark.parametrize("url", ["localhost", "localhost:8000", "http://127.0.0.1:99999", "http://:8000"])
def test_an_endpoint_that_is_no_url(url: str) -> None:
    assert "URL" in refusal("--dynamodb-endpoint", url, code=2)["error"]


def test_a_folder_and_an_endpoint_at_once(tmp_path: Path) -> None:
    told = refusal(*on_folder(tmp_path / "x"), "--dynamodb-endpoint", "http://127.0.0.1:9", code=2)
    assert "--data-dir" in told["error"]
    assert "--dynamodb-endpoint" in told["error"]
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "loud"),
        ("EVENT_TTL_DAYS", "0"),
        ("AUTH_CACHE_SECONDS", "-1"),
        ("CORS_ALLOW_ORIGIN", "example.com"),
        ("AWS_REGION", "moon"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    told = refusal(*on_folder(tmp_path / "x"), code=2, variables={name: value})
    assert told["error"].startswith(f"{name} ")
    assert not (tmp_path / "x").exists()


def test_the_value_of_a_wrong_setting_is_not_shown(tmp_path: Path) -> None:
    told = refusal(*on_folder(tmp_path), code=2, variables={"CORS_ALLOW_ORIGIN": "hunter2"})
    assert "hunter2" not in str(told)


def test_a_wrong_setting_stops_uvicorn_with_one_line_that_names_it() -> None:
    uvicorn = str(Path(dev_server.TRIGGERS).with_name("uvicorn"))
    done = run("triggers_api.main:app", program=(uvicorn,), variables={"LOG_LEVEL": "loud"})
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "LOG_LEVEL" in line


def test_a_host_that_cannot_be(tmp_path: Path) -> None:
    assert list(refusal(*on_folder(tmp_path), "--host", "a" * 64, code=1)) == ["error", "why", "fix"]


@pytest.mark.slow("waits for a time-out")
def test_an_endpoint_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        told = refusal("--port", "0", "--dynamodb-endpoint", url, code=1)
    assert time.monotonic() - started < 15
    assert url in told["error"]


def test_another_programs_database_of_our_version(tmp_path: Path) -> None:
    content = foreign_database(tmp_path, 1)
    (tmp_path / "data").mkdir()
    assert_refused_and_unchanged(tmp_path / "data", content)


@pytest.mark.parametrize("cut", [1, 1000])
def test_a_database_truncated_by_less_than_a_page(tmp_path: Path, good_file: bytes, cut: int) -> None:
    assert_refused_and_unchanged(tmp_path, good_file[:-cut])


def test_a_database_truncated_within_its_header(tmp_path: Path, good_file: bytes) -> None:
    assert_refused_and_unchanged(tmp_path, good_file[:81])


def test_a_file_of_one_byte(tmp_path: Path) -> None:
    assert_refused_and_unchanged(tmp_path, b"S")
