"""`triggers dev` and web pages: which origins and host names it accepts, and the options that add more."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.dev_server import KEY, DevServer, on_folder, run, running

OPTIONS = (
    *("--allowed-host", "triggers", "--allowed-host", "api.tunnel.example"),
    *("--cors-origin", "https://app.example.com", "--cors-origin", "http://other.test:3000"),
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running(*on_folder(tmp_path_factory.mktemp("plain"))) as server:
        yield server


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    folder = on_folder(tmp_path_factory.mktemp("opened"))
    variables = {"CORS_ALLOW_ORIGIN": "https://set.example.com"}
    with running(*folder, *OPTIONS, "--host", "0.0.0.0", variables=variables) as server:
        yield server


def ask(server: DevServer, method: str = "GET", path: str = "/v1/inbox", **headers: str) -> httpx.Response:
    sent = {"X-API-Key": KEY, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.request(method, f"{server.url}{path}", headers=sent, trust_env=False)


def test_page_of_this_machine_may_call_by_default_and_no_other(plain: DevServer) -> None:
    allowed = "access-control-allow-origin"
    local = "http://localhost:5173"
    assert ask(plain, Origin=local).headers[allowed] == local
    assert allowed not in ask(plain, Origin="https://evil.example").headers
    preflight = ask(plain, "OPTIONS", "/v1/events", Origin="https://evil.example")
    assert preflight.status_code == 200
    assert [name for name in preflight.headers if name.startswith("access-control-")] == []


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1/health", "/v1/inbox", "/docs", "/nothing"])
def test_host_of_a_page_is_refused(plain: DevServer, method: str, path: str) -> None:
    answer = ask(plain, method, path, Host="evil.example:8000")
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "MISDIRECTED_REQUEST"


def test_variable_of_every_origin_does_not_open_the_local_service(tmp_path: Path) -> None:
    with running(*on_folder(tmp_path), variables={"CORS_ALLOW_ORIGIN": "*"}) as server:
        answer = ask(server, Origin="https://evil.example")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://app.example.com", "http://other.test:3000", "https://set.example.com"]
)
def test_options_and_variable_name_more_origins(opened: DevServer, origin: str) -> None:
    assert ask(opened, Origin=origin).headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("host", ["triggers:8000", "api.tunnel.example", "localhost:1", "192.0.2.1:8000"])
def test_options_name_more_hosts_and_every_address_is_that_of_a_server_on_all(
    opened: DevServer, host: str
) -> None:
    assert ask(opened, Host=host).status_code == 200
    assert ask(opened, Host=f"not-{host}").status_code == 421


def test_notice_names_the_published_key_when_other_machines_can_connect(
    plain: DevServer, opened: DevServer
) -> None:
    assert "Notice" not in plain.log.read_text()
    (notice,) = [line for line in opened.log.read_text().splitlines() if line.startswith("Notice")]
    assert "published key" in notice


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--allowed-host", "http://triggers"),
        ("--allowed-host", "triggers:8000"),
        ("--allowed-host", ""),
        ("--allowed-host", "a b"),
        ("--cors-origin", "app.example.com"),
        ("--cors-origin", "https://app.example.com/"),
        ("--cors-origin", "null"),
        ("--cors-origin", ""),
        ("--cors-origin", "https://a.example https://b.example"),
    ],
)
def test_wrong_option_is_named(tmp_path: Path, option: str, value: str) -> None:
    done = run("dev", *on_folder(tmp_path / "data"), option, value)
    assert done.returncode == 2
    assert f"error: {option} must be " in done.stderr
    assert not (tmp_path / "data").exists()
