"""What `triggers smoke` says where there is no Triggers API: told apart, each with what to do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conftest import Stores
from tests.support.broken_api import KEY, HealthAlone, Reply, dripping, fixed, hanging, real_api, serving
from triggers_api.ops.results import Result
from triggers_api.ops.smoke.smoke import SmokeOptions, smoke

HTML = {"content-type": "text/html; charset=utf-8"}
JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def soon_nothing_comes_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ingest that nobody answered is waited for as long as API Gateway may take; here 1 second."""
    monkeypatch.setattr("triggers_api.ops.smoke.cleaning.LATEST_SECONDS", 1.0)


def nothing_run(url: str, *, timeout: float = 5) -> Result:
    """Return the result of health; every other check was not run, and none has passed."""
    health, *others = smoke(SmokeOptions(url, KEY, timeout=timeout))
    clean_up = others.pop()
    assert (health.check, health.passed) == ("health", False)
    assert (clean_up.check, clean_up.passed) == ("clean up", True)
    assert len(others) == 24
    assert {(one.passed, one.saw) for one in others} == {(False, f"not run: {health.saw}")}
    assert health.fix
    return health


def test_an_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")  # a proxy would answer for it
    health = nothing_run("http://no-such-host.invalid")
    assert health.saw == "the host is unknown"
    assert "Check the host" in health.fix


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    health = nothing_run(f"http://127.0.0.1:{port}")
    assert health.saw == "the connection is refused"
    assert "that the API runs" in health.fix


def test_a_certificate_that_nobody_vouches_for(sqlite_stores: Stores, tmp_path: Path) -> None:
    with serving(real_api(sqlite_stores), certificate=self_signed(tmp_path)) as url:
        health = nothing_run(url)
    assert health.saw == "TLS failed: self-signed certificate"
    assert "SSL_CERT_FILE" in health.fix


def test_https_where_the_server_has_no_tls(sqlite_stores: Stores) -> None:
    with serving(real_api(sqlite_stores)) as url:
        health = nothing_run(url.replace("http://", "https://"))
    assert health.saw.startswith("TLS failed: ")
    assert "without TLS needs http://" in health.fix


def test_http_where_the_server_has_tls(sqlite_stores: Stores, tmp_path: Path) -> None:
    with serving(real_api(sqlite_stores), certificate=self_signed(tmp_path)) as url:
        health = nothing_run(url.replace("https://", "http://"))
    assert health.saw.startswith("the connection broke")
    assert "Check http:// and https://" in health.fix


@pytest.mark.parametrize(
    ("reply", "saw", "fix"),
    [
        (Reply(200, HTML, b"<h1>Welcome</h1>"), "200 with HTML: not a Triggers API", "outputs --name ApiUrl"),
        (
            Reply(200, JSON, b'{"status": "healthy"}'),
            "200 with JSON of another kind",
            "outputs --name ApiUrl",
        ),
        (Reply(200, JSON, b"[" * 5000), "200 with JSON of another kind", "outputs --name ApiUrl"),
        (Reply(200, {}, b"\xff"), "200 with no JSON", "outputs --name ApiUrl"),
        (Reply(404, JSON, b'{"error": {}}'), "404 with JSON of another kind", "without /v1"),
        (Reply(403, JSON, b'{"message": "Forbidden"}'), "refused before the API", "ends with the stage"),
        (Reply(301, {"location": "/elsewhere"}), "301, a redirect", "Give the URL that it leads to"),
        (Reply(500, HTML, b"<h1>Oops</h1>"), "500 with HTML: a failure of the server", "see its log"),
        (Reply(502, JSON, b'{"message": "Internal"}'), "a failure of the server", "see its log"),
        (Reply(429, JSON, b"{}"), "throttled", "ThrottlingRateLimit"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else None,
)
def test_something_else_answers(reply: Reply, saw: str, fix: str) -> None:
    with serving(fixed(reply)) as url:
        health = nothing_run(url)
    assert saw in health.saw
    assert fix in health.fix


@pytest.mark.parametrize("app", [dripping(), hanging(fixed(Reply(200)))], ids=["drips", "hangs"])
def test_a_server_that_never_ends_its_answer_is_left_when_the_time_is_up(app: ASGIApp) -> None:
    with serving(app) as url:
        health = nothing_run(url, timeout=0.5)
    assert health.saw == "no answer to GET /v1/health within 0.5 s"
    assert "--timeout" in health.fix


def test_an_answer_without_an_end_that_comes_fast_is_not_read_into_memory() -> None:
    with serving(fixed(Reply(200, JSON, b" " * (17 * 1024 * 1024)))) as url:
        health = nothing_run(url)
    assert health.saw == "an answer that cannot be read"


def test_a_server_that_closes_without_an_answer() -> None:
    with _closing() as url:
        assert nothing_run(url).saw.startswith("the connection broke")


def test_an_api_of_which_only_the_health_check_works_fails_all_others(sqlite_stores: Stores) -> None:
    with serving(HealthAlone(real_api(sqlite_stores))) as url:
        results = {one.check: one for one in smoke(SmokeOptions(url, KEY, timeout=2))}
    passed = {name for name, one in results.items() if one.passed}
    assert passed == {"health", "request id given", "request id made"}
    assert results["ingest"].saw == "500 to POST /v1/events"
    assert "see its log" in results["ingest"].fix


def test_the_key_is_not_sent_before_the_api_is_known() -> None:
    told: list[bytes] = []
    with serving(_listening(told)) as url:
        nothing_run(url)
    assert told == []


def _listening(told: list[bytes]) -> ASGIApp:
    page = fixed(Reply(200, HTML, b"<h1>Welcome</h1>"))

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        told.extend(value for name, value in scope["headers"] if name == b"x-api-key")
        await page(scope, receive, send)

    return call


@contextmanager
def _closing() -> Iterator[str]:
    """Serve one connection that is closed at once, with what was sent still unread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1; return its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private
