"""What `triggers listen` sends to a handler: its signature, its headers, and what counts as an answer."""

import asyncio
import json
import ssl
import stat
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from standardwebhooks import Webhook

from tests.support.listening import inbox_event, inbox_webhook
from tests.support.virtual_time import VirtualTimeLoop
from triggers_api.cli import config
from triggers_api.errors import ConfigurationError, LocalEnvironmentError
from triggers_api.ops.listen.forwarder import Attempt, Forwarder
from triggers_api.ops.listen.inboxes import InboxEvent
from triggers_api.ops.listen.options import (
    ListenOptions,
    check_forward_url,
    parse_headers,
    parse_timeout,
    shown_url,
)
from triggers_api.ops.listen.signatures import FILE_NAME, Signer, check_secret, read_secret

T = TypeVar("T")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def forward(handler: Handler, event: InboxEvent | None = None, **options: Any) -> Attempt:
    async def send() -> Attempt:
        settings = ListenOptions("http://127.0.0.1:1/hook?token=1", acknowledge=True, **options)
        forwarder = Forwarder(settings, Signer(SECRET), transport=httpx.MockTransport(handler))
        try:
            return await forwarder.send(event or inbox_event())
        finally:
            await forwarder.close()

    return in_virtual_time(send())


def request_for(event: InboxEvent, **options: Any) -> httpx.Request:
    """Return the request that forwards an event."""
    seen = []

    async def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204, stream=Body(0))

    assert forward(handler, event, **options).is_accepted
    return seen[0]


def answering(status: int, seconds: float = 0, **response: Any) -> Handler:
    async def handler(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(seconds)
        return httpx.Response(status, **{"stream": Body(1), **response})

    return handler


def raising(error: Exception) -> Handler:
    async def handler(_: httpx.Request) -> httpx.Response:
        raise error

    return handler


# Requests


def test_payload_is_sent_as_it_was_stored() -> None:
    payload = '{"amount":1.10,"big":12345678901234567890.0,"name":"Zoë \\u00e9"}'
    request = request_for(inbox_event(payload=payload))
    assert request.content == payload.encode()
    assert (request.method, str(request.url)) == ("POST", "http://127.0.0.1:1/hook?token=1")
    assert request.headers["content-type"] == "application/json"


def test_signature_is_verified_by_the_library_of_the_standard() -> None:
    event = inbox_event(payload='{"name":"Zoë 🙂","amount":10.0}')
    request = request_for(event)
    assert Webhook(SECRET).verify(request.content, dict(request.headers)) == json.loads(event.payload)
    assert request.headers["webhook-id"] == event.event_id
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60


def test_signature_is_that_of_the_published_example() -> None:
    headers = Signer(SECRET).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_headers_describe_the_event_in_ascii() -> None:
    event = inbox_event(
        source="Läden 100%", event_type="order.paid", metadata='{"priority":"high","correlation_id":"ü"}'
    )
    headers = request_for(event, headers=(("Authorization", "Bearer x"), ("User-Agent", "mine"))).headers
    assert headers["triggers-source"] == "L%C3%A4den 100%25"
    assert headers["triggers-event-type"] == "order.paid"
    assert headers["triggers-created-at"] == event.created_at
    assert json.loads(headers["triggers-metadata"]) == {"priority": "high", "correlation_id": "ü"}
    assert (headers["authorization"], headers.get_list("user-agent")) == ("Bearer x", ["mine"])


# Webhooks

SIGNED = {
    "x-hub-signature-256": "sha256=1f",
    "X-GitHub-Event": "push",
    "Webhook-Id": "the provider's",
    "webhook-timestamp": "1",
    "WEBHOOK-SIGNATURE": "v1,provider",
    "svix-id": "msg_1",
}
OF_THE_CONNECTION = {
    "Connection": "close",
    "Keep-Alive": "timeout=5",
    "Transfer-Encoding": "chunked",
    "TE": "trailers",
    "Trailer": "x",
    "Upgrade": "h2c",
    "Proxy-Authorization": "Basic x",
    "Expect": "100-continue",
    "Host": "provider.example",
    "Content-Length": "1",
    "Content-Encoding": "gzip",
    "Content-Type": "text/x-other",
    "triggers-source": "spoofed",
}


@pytest.mark.parametrize("body", [b'{ "n": 1.50 }\n', b"a=1&b=%00", b"\xff\x00", b"", b"[1]"])
def test_body_of_a_webhook_is_sent_byte_for_byte(body: bytes) -> None:
    event = inbox_webhook(body, content_type="application/x-www-form-urlencoded; charset=utf-8")
    request = request_for(event)
    assert request.content == body
    assert request.headers.get_list("content-type") == ["application/x-www-form-urlencoded; charset=utf-8"]
    timestamp = int(request.headers["webhook-timestamp"])
    assert dict(request.headers).items() >= Signer(SECRET).headers(event.event_id, timestamp, body).items()


def test_headers_of_a_webhook_are_sent_and_ours_replace_those_of_the_provider() -> None:
    event = inbox_webhook(b'{"a": 1}', headers={**SIGNED, **OF_THE_CONNECTION})
    request = request_for(event, headers=(("x-github-event", "mine"),))
    assert request.headers["x-hub-signature-256"] == "sha256=1f"
    assert request.headers["svix-id"] == "msg_1"
    assert request.headers.get_list("x-github-event") == ["mine"]
    assert request.headers.get_list("webhook-id") == [event.event_id]
    assert Webhook(SECRET).verify(request.content, dict(request.headers)) == {"a": 1}
    assert json.loads(request.headers["triggers-metadata"]) == {"priority": "normal"}


def test_headers_of_the_connection_are_not_forwarded() -> None:
    sent = request_for(inbox_webhook(b"{}", headers=OF_THE_CONNECTION)).headers
    plain = request_for(inbox_webhook(b"{}", headers=None)).headers
    ours = {"triggers-created-at", "webhook-id", "webhook-timestamp", "webhook-signature"}
    assert {one: sent[one] for one in sent if one not in ours} == {
        one: plain[one] for one in plain if one not in ours
    }


@pytest.mark.parametrize("value", ["Zoë", "a\r\nb: c", "a\x00", "\x7f", "\x85", "🙂"])
def test_header_that_http_cannot_carry_is_left_out(value: str) -> None:
    headers = {"x-odd": value, "x odd": "a", "": "a", "x-ö": "a", "x-good": " a\tb "}
    request = request_for(inbox_webhook(b"{}", headers=headers, content_type=value))
    assert {"x-odd", "x odd", "", "content-type"}.isdisjoint(request.headers)
    assert not any("ö" in name or value in text for name, text in request.headers.items())
    assert request.headers["x-good"] == "a\tb"


@pytest.mark.parametrize("details", ['{"headers":[],"content_type":1}', '{"headers":{"a":1}}', "[]", "{}"])
def test_details_of_another_version_do_not_end_the_run(details: str) -> None:
    request = request_for(replace(inbox_webhook(b"x"), webhook=details))
    assert request.content == b"x"
    assert "content-type" not in request.headers


def test_webhook_whose_body_was_not_read_is_sent_as_its_payload() -> None:
    request = request_for(replace(inbox_webhook(b'{ "a": 1 }', headers=SIGNED), body=None))
    assert (request.content, request.headers["content-type"]) == (b'{"a":1}', "application/json")
    assert "x-hub-signature-256" not in request.headers


def test_metadata_header_leaves_the_webhook_out() -> None:
    event = replace(inbox_webhook(), metadata='{"priority":"low","webhook":{"hook":"hook_abcd"}}')
    assert json.loads(request_for(event).headers["triggers-metadata"]) == {"priority": "low"}


# Answers


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_success_is_accepted(status: int) -> None:
    assert forward(answering(status, 0.25)) == Attempt(status, "", 250)


@pytest.mark.parametrize("status", [300, 400, 404, 410, 429, 500, 503])
def test_other_status_is_not_accepted(status: int) -> None:
    attempt = forward(answering(status))
    assert (attempt.status, attempt.is_accepted, attempt.is_unreachable) == (status, False, False)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed_and_reported(status: int) -> None:
    calls = []

    async def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(status, headers={"location": "http://127.0.0.1:1/other"}, stream=Body(0))

    assert forward(handler) == Attempt(status, "redirects are not followed", 0)
    assert len(calls) == 1


def test_handler_that_is_too_slow_has_failed() -> None:
    assert forward(answering(200, 31)) == Attempt(None, "no response within 30 s", 30_000)
    assert forward(answering(200, 31), timeout=60).is_accepted


class Body(httpx.AsyncByteStream):
    """A body in pieces, each after a pause. It may break off."""

    def __init__(self, pieces: int, seconds: float = 0, *, size: int = 100_000, breaks: bool = False) -> None:
        self._pieces, self._seconds, self._size, self._breaks = pieces, seconds, size, breaks

    async def __aiter__(self) -> Any:
        for _ in range(self._pieces):
            await asyncio.sleep(self._seconds)
            yield b"x" * self._size
        if self._breaks:
            raise httpx.ReadError("broken")


@pytest.mark.parametrize(
    "body", [Body(10**9), Body(10**9, 1, size=1), Body(1, breaks=True)], ids=["long", "slow", "broken"]
)
def test_status_counts_whatever_becomes_of_the_body(body: Body) -> None:
    assert forward(answering(200, stream=body)) == Attempt(200, "", 0)


REFUSED = httpx.ConnectError("refused")
REFUSED.__cause__ = ConnectionRefusedError()
UNTRUSTED = httpx.ConnectError("TLS")
UNTRUSTED.__cause__ = ssl.SSLError(1, "[SSL] wrong version number")


@pytest.mark.parametrize(
    ("error", "problem", "is_unreachable"),
    [
        (REFUSED, "refuses connections", True),
        (UNTRUSTED, "fails at TLS: ", True),
        (httpx.ConnectTimeout("slow"), "cannot be reached", True),
        (httpx.ReadError("gone"), "the connection broke (ReadError)", False),
        (httpx.RemoteProtocolError("no HTTP"), "the connection broke (RemoteProtocolError)", False),
    ],
    ids=str,
)
def test_missing_response_is_explained(error: Exception, problem: str, is_unreachable: bool) -> None:
    attempt = forward(raising(error))
    assert attempt.problem.startswith(problem)
    assert (attempt.status, attempt.is_accepted, attempt.is_unreachable) == (None, False, is_unreachable)


def test_proxy_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections, whatever becomes of the handler."""

    def probe(url: str) -> str:
        forwarder = Forwarder(ListenOptions(url, acknowledge=True), Signer(SECRET))

        async def work() -> str:
            try:
                return await forwarder.probe()
            finally:
                await forwarder.close()

        return asyncio.run(work())

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert probe("http://handler.invalid/") == ""
    assert probe("http://127.0.0.1:9/") == "refuses connections"
    monkeypatch.setenv("no_proxy", "handler.invalid")
    assert probe("http://handler.invalid/") == "has an unknown host"


# Options


@pytest.mark.parametrize(
    "url", ["http://localhost:3000", "https://a.example/hook?token=1", "http://[::1]:3000/a/b", "HTTP://a"]
)
def test_url_of_a_handler_is_accepted(url: str) -> None:
    assert check_forward_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "3000",
        "localhost:3000",
        "ftp://a.example",
        "file:///s3cret",
        "http://",
        "http://anna:s3cret@a.example",
        "http://s3cret@a.example",
        "http://a.example/#s3cret",
        "http://a.example:0",
        "http://a.example:99999",
        "http://a.example/ s3cret",
        "http://a.example/\n",
        "http://[::1",
    ],
)
def test_other_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_forward_url(url)
    assert "--forward-to" in caught.value.message
    assert caught.value.hint
    assert "s3cret" not in f"{caught.value.message}{caught.value.reason}{caught.value.hint}"


def test_shown_url_has_no_query() -> None:
    assert shown_url("http://a.example/hook?token=s3cret") == "http://a.example/hook"


def test_headers_are_read() -> None:
    assert parse_headers(["Authorization: Bearer a:b", "x-empty:"]) == (
        ("Authorization", "Bearer a:b"),
        ("x-empty", ""),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3cret",
        ": s3cret",
        "a b: s3cret",
        "a: s3cret\r\nb: c",
        "a: s3cretü",
        "Content-Type: s3cret",
        "webhook-signature: s3cret",
        "Triggers-Source: s3cret",
        "transfer-encoding: chunked",
    ],
)
def test_wrong_header_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_headers([text])
    assert "s3cret" not in f"{caught.value.message}{caught.value.reason}{caught.value.hint}"


@pytest.mark.parametrize("text", ["0s", "61m", "2h", "30", ""])
def test_wrong_timeout_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_timeout(text)
    assert parse_timeout("90s") == 90


# The secret


def test_secret_is_created_once_for_its_owner_only(tmp_path: Path) -> None:
    secret = read_secret(tmp_path / "data")
    assert read_secret(tmp_path / "data") == secret
    assert read_secret(tmp_path / "other") != secret
    file = tmp_path / "data" / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == [FILE_NAME]
    assert check_secret(secret) == secret
    Webhook(secret)


def test_processes_that_start_together_get_the_same_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(read_secret, [tmp_path] * 8))) == 1


@pytest.mark.parametrize("content", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_????", "s3cret"])
def test_damaged_secret_is_an_error_with_its_fix(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(LocalEnvironmentError) as caught:
        read_secret(tmp_path)
    assert "Delete the file" in caught.value.hint
    assert "s3cret" not in f"{caught.value.message}{caught.value.reason}"


def test_folder_that_cannot_be_used_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalEnvironmentError) as caught:
        read_secret(tmp_path / "file" / "data")
    assert "TRIGGERS_WEBHOOK_SECRET" in caught.value.hint


def test_secret_of_the_variable_is_checked_and_not_repeated() -> None:
    assert config.webhook_secret(variables={}) is None
    assert config.webhook_secret(variables={"TRIGGERS_WEBHOOK_SECRET": SECRET}) == SECRET
    with pytest.raises(ConfigurationError) as caught:
        check_secret("whsec_s3cret")
    assert "s3cret" not in f"{caught.value.message}{caught.value.reason}{caught.value.hint}"


def test_signer_shows_no_secret() -> None:
    signer = Signer(SECRET)
    assert SECRET.removeprefix("whsec_") not in f"{signer!r}{signer}"
