"""What a smoke test reports if there is no Triggers API at the URL: each cause, with its fix.

The tests that need a real connection use one; the others run in process.
"""

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
from tests.support.broken_api import KEY, OnlyHealthWorks, Reply, dripping, fixed, hanging, real_api, serving
from tests.support.smoke_in_process import run_smoke
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.smoke.check_runner import CHECKS
from triggers_api.ops.smoke.smoke_run import SmokeOptions, SmokeRun

HTML = {"content-type": "text/html; charset=utf-8"}
JSON = {"content-type": "application/json"}


def assert_unreachable(findings: list[Finding]) -> Finding:
    """Assert that no check passed, and that only health ran. Return the finding of health."""
    health, *others = findings
    clean_up = others.pop()
    assert (health.check, health.state) == ("health", State.FAILED)
    assert (clean_up.check, clean_up.state) == ("clean up", State.OK)
    assert len(others) == len(CHECKS)
    assert {(one.state, one.message) for one in others} == {(State.UNKNOWN, f"not run: {health.message}")}
    assert health.fix
    return health


def health_at(url: str) -> Finding:
    """Check a URL over the network."""
    findings: list[Finding] = []
    SmokeRun(SmokeOptions(url, KEY, timeout=5), report=findings.append).execute()
    return assert_unreachable(findings)


def health_of(app: ASGIApp, *, timeout: float = 5) -> Finding:
    """Check an app in process."""
    return assert_unreachable([*run_smoke(app, timeout=timeout).values()])


# --- No connection


def test_an_unknown_host_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")  # a proxy would answer for it
    health = health_at("http://no-such-host.invalid")
    assert health.message == "the host is unknown"
    assert "Check the host" in health.fix


def test_a_refused_connection_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    health = health_at(f"http://127.0.0.1:{port}")
    assert health.message == "the connection is refused"
    assert "that the API runs" in health.fix


def test_an_untrusted_certificate_is_reported(tmp_path: Path) -> None:
    with serving(fixed(Reply(200)), certificate=self_signed(tmp_path)) as url:
        health = health_at(url)
    assert health.message == "TLS failed: self-signed certificate"
    assert "SSL_CERT_FILE" in health.fix


def test_https_to_a_server_without_tls_is_reported() -> None:
    with serving(fixed(Reply(200))) as url:
        health = health_at(url.replace("http://", "https://"))
    assert health.message.startswith("TLS failed: ")
    assert "without TLS needs http://" in health.fix


def test_http_to_a_server_with_tls_is_reported(tmp_path: Path) -> None:
    with serving(fixed(Reply(200)), certificate=self_signed(tmp_path)) as url:
        health = health_at(url.replace("https://", "http://"))
    assert health.message.startswith("the connection broke")
    assert "Check http:// and https://" in health.fix


def test_a_connection_that_is_closed_without_a_response_is_reported() -> None:
    with _closing() as url:
        assert health_at(url).message.startswith("the connection broke")


# --- Another service


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
def test_another_service_is_reported(reply: Reply, saw: str, fix: str) -> None:
    health = health_of(fixed(reply))
    assert saw in health.message
    assert fix in health.fix


@pytest.mark.parametrize("app", [dripping(), hanging(fixed(Reply(200)))], ids=["drips", "hangs"])
def test_a_response_that_does_not_end_is_abandoned_at_the_time_out(app: ASGIApp) -> None:
    health = health_of(app)
    assert health.message == "no response to GET /v1/health within 5 s"
    assert "--timeout" in health.fix


def test_a_large_response_is_not_read_into_memory() -> None:
    health = health_of(fixed(Reply(200, JSON, b" " * (17 * 1024 * 1024))))
    assert health.message == "a response that cannot be read"


def test_the_key_is_not_sent_before_the_api_is_known() -> None:
    keys: list[bytes] = []
    health_of(_listening(keys))
    assert keys == []


def test_an_api_of_which_only_health_works_fails_the_other_checks(sqlite_stores: Stores) -> None:
    findings = run_smoke(OnlyHealthWorks(real_api(sqlite_stores)))
    passed = {name for name, one in findings.items() if one.was_run and one.passed}
    assert passed == {"health", "HEAD", "request id given", "request id made"}
    assert findings["ingest"].message == "500 to POST /v1/events"
    assert "see its log" in findings["ingest"].fix


def _listening(keys: list[bytes]) -> ASGIApp:
    page = fixed(Reply(200, HTML, b"<h1>Welcome</h1>"))

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        keys.extend(value for name, value in scope["headers"] if name == b"x-api-key")
        await page(scope, receive, send)

    return call


@contextmanager
def _closing() -> Iterator[str]:
    """Serve one connection, and close it before the request is read."""
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
    """Create a certificate for 127.0.0.1; return its file and the file of its key."""
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
