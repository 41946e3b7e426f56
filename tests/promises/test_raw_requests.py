"""Bytes that no client would send, to `triggers dev` itself: each request has one answer in the one shape."""

import json
import re
from pathlib import Path

import pytest

from tests.support.api_client import ApiClient
from tests.support.dev_server import KEY, on_folder, running
from tests.support.promises import Tried
from tests.support.raw_http import exchange
from tests.support.wild_texts import CONTROLS

EVENT = b'{"source":"s","event_type":"t","payload":{}}'
KEYED = b"Host: localhost\r\nX-API-Key: " + KEY.encode() + b"\r\n"
Case = tuple[bytes, list[int]]


def get(target: bytes, headers: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + KEYED + headers + b"\r\n"


def post(headers: bytes, body: bytes = EVENT) -> bytes:
    return b"POST /v1/events HTTP/1.1\r\n" + KEYED + headers + b"\r\n" + body


def deliver(hook_id: bytes, headers: bytes = b"", body: bytes = b"{}") -> bytes:
    """Return a delivery to a hook, which has no key."""
    head = b"POST /v1/hooks/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % (hook_id, len(body))
    return head + headers + b"\r\n" + body


HEADERS: dict[str, Case] = {
    "a header that looks like two": (get(b"/v1/inbox", b"X-Request-ID: a\r\nX-Injected: b\r\n"), [200]),
    "a folded header": (get(b"/v1/inbox", b"X-Request-ID: a\r\n b\r\n"), [200]),
    "a lone CR": (get(b"/v1/inbox", b"X-Request-ID: a\rb\r\n"), [400]),
    "a lone LF": (get(b"/v1/inbox", b"X-Request-ID: a\nX-B: b\r\n"), [200]),
    "a NUL": (get(b"/v1/inbox", b"X-Request-ID: a\0b\r\n"), [400]),
    "a name with a space": (get(b"/v1/inbox", b"X Y: 1\r\n"), [400]),
    "a name that is not ASCII": (get(b"/v1/inbox", b"X\xff: 1\r\n"), [400]),
    "a header of 60 KB": (get(b"/v1/inbox", b"X-A: " + b"a" * 60_000 + b"\r\n"), [200]),
    "a header of 1 MB": (get(b"/v1/inbox", b"X-A: " + b"a" * 1_000_000 + b"\r\n"), [400]),
    "a key of 60 KB": (get(b"/v1/inbox", b"X-API-Key: " + b"a" * 60_000 + b"\r\n"), [401]),
    "5,000 headers": (get(b"/v1/inbox", b"".join(b"X-%d: 1\r\n" % n for n in range(5000))), [200]),
    "no host": (b"GET /v1/health HTTP/1.1\r\n\r\n", [400]),
    "two hosts": (b"GET /v1/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", [400]),
    **{
        f"a request id with {text!r}": (get(b"/v1/inbox", b"X-Request-ID: " + text.encode() + b"\r\n"), [200])
        for text in CONTROLS
    },
}
TARGETS: dict[str, Case] = {
    "5,000 parameters": (get(b"/v1/inbox?" + b"&".join(b"a%d=1" % n for n in range(5000))), [400]),
    "100 parameters": (get(b"/v1/inbox?" + b"&".join(b"a%d=1" % n for n in range(100))), [400]),
    "100 parameters of a monitor": (get(b"/v1/health?" + b"&".join(b"a%d=1" % n for n in range(100))), [200]),
    "one parameter 5,000 times": (get(b"/v1/inbox?" + b"&".join([b"limit=1"] * 5000)), [400]),
    "a query of 300 KB": (get(b"/v1/inbox?source=" + b"a" * 300_000), [400]),
    "encoded dots": (get(b"/v1/%2e%2e/v1/inbox"), [404]),
    "dots": (get(b"/v1/events/../inbox"), [404]),
    "double slashes": (get(b"//v1//inbox"), [404]),
    "an encoded slash in an id": (get(b"/v1/events/a%2Fb"), [404]),
    "an id of 8 KB": (get(b"/v1/events/" + b"a" * 8192), [422]),
    "an encoded NUL": (get(b"/v1/events/a%00b"), [422]),
    "encoded line breaks": (get(b"/v1/events/a%0d%0aX-Injected:%20b"), [422]),
    "a broken escape": (get(b"/v1/events/%zz%"), [422]),
    "an encoding that is not UTF-8": (get(b"/v1/events/%ff%fe"), [422]),
    "a NUL in the target": (get(b"/v1/events/a\0b"), [400]),
    "a target that is not ASCII": (get(b"/v1/events/\xff"), [400]),
    "a fragment": (get(b"/v1/inbox#x"), [404]),
    "a target for a proxy": (get(b"http://localhost/v1/inbox"), [200]),
    "a target without a slash": (get(b"v1/inbox"), [404]),
    "no target": (get(b""), [400]),
    "the server itself": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", [200]),
    "a tunnel": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", [404]),
}
HOOK_ID = b"hook_" + b"x" * 43
HOOKS: dict[str, Case] = {
    "an unknown hook": (deliver(HOOK_ID), [404]),
    "no hook": (deliver(b""), [404]),
    "a hook's id of 8 KB": (deliver(b"a" * 8192), [404]),
    "an encoded slash in a hook's id": (deliver(b"a%2F" + HOOK_ID), [404]),
    "a hook's id with an encoded line break": (deliver(HOOK_ID + b"%0d%0aX-Injected:%20b"), [404]),
    "a hook's id with an encoded line end": (deliver(HOOK_ID + b"%0a"), [404]),
    "a hook's id that is not UTF-8": (deliver(b"hook_" + b"%ff" * 43), [404]),
    "a delivery of any bytes": (deliver(HOOK_ID, body=bytes(range(256))), [404]),
    "a delivery with 5,000 parameters": (deliver(HOOK_ID + b"?" + b"&".join([b"a=1;b=%zz"] * 5000)), [404]),
    "a delivery that is no gzip": (deliver(HOOK_ID, b"Content-Encoding: gzip\r\n"), [404]),
    "a delivery in an unknown coding": (deliver(HOOK_ID, b"Content-Encoding: x\r\n"), [404]),
    "signatures of 60 KB": (deliver(HOOK_ID, b"X-Hub-Signature-256: " + b"," * 60_000 + b"\r\n"), [404]),
    "a signature that comes 500 times": (deliver(HOOK_ID, b"Webhook-Signature: v1,a\r\n" * 500), [404]),
}
FRAMING: dict[str, Case] = {
    "a method of 5 KB": (b"X" * 5000 + b" /v1/inbox HTTP/1.1\r\nHost: localhost\r\n\r\n", [405]),
    "HTTP/0.9": (b"GET /v1/health\r\n\r\n", [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "an offer of HTTP/2": (
        get(b"/v1/inbox", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"),
        [200],
    ),
    "a WebSocket": (
        get(
            b"/v1/inbox",
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ),
        [200],
    ),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"A" * 100 + b"\r\n\r\n", [400]),
    "every byte": (bytes(range(256)) * 10, [400]),
    "empty lines": (b"\r\n\r\n", []),
    "an empty line before a request": (b"\r\n" + get(b"/v1/inbox"), [200]),
    "an empty line after a body": (
        post(b"Content-Length: 2\r\n", b"{}") + b"\r\n" + get(b"/v1/inbox"),
        [400, 200],
    ),
    "junk after the last request": (get(b"/v1/inbox", b"Connection: close\r\n") + b"JUNK\r\n\r\n", [200]),
    "a negative length": (post(b"Content-Length: -1\r\n"), [400]),
    "a length that is no number": (post(b"Content-Length: x\r\n"), [400]),
    "two lengths": (post(b"Content-Length: 44\r\nContent-Length: 45\r\n"), [400]),
    "a length and chunks": (
        post(b"Content-Length: 44\r\nTransfer-Encoding: chunked\r\n", b"2c\r\n" + EVENT + b"\r\n0\r\n\r\n"),
        [400],
    ),
    "chunks in HTTP/1.0": (
        b"POST /v1/events HTTP/1.0\r\n" + KEYED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "an unknown transfer coding": (post(b"Transfer-Encoding: x\r\n"), [400]),
    "a compressed transfer coding": (post(b"Transfer-Encoding: gzip, chunked\r\n"), [400]),
    "a chunk's size that is no number": (
        post(b"Transfer-Encoding: chunked\r\n", b"zz\r\nab\r\n0\r\n\r\n"),
        [400],
    ),
    "a chunk's size beyond any": (post(b"Transfer-Encoding: chunked\r\n", b"f" * 40 + b"\r\nab"), [400]),
    "two requests and junk": (get(b"/v1/inbox") + get(b"/v1/health") + b"JUNK\r\n\r\n", [200, 200, 400]),
    "HTTP/1.0": (b"GET /v1/health HTTP/1.0\r\n" + KEYED + b"\r\n", [200]),
    "the end in the middle of a head": (b"GET /v1/in", []),
    "the end in the middle of a body": (post(b"Content-Length: 1000\r\n"), []),
    "nothing": (b"", []),
}
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{15}Z (INFO   |WARNING) [ -~]{1,1000}")


@pytest.mark.promise(9)
def test_raw_request_gets_one_well_formed_answer_and_the_server_survives(
    tmp_path: Path, tried: Tried
) -> None:
    cases = HEADERS | TARGETS | HOOKS | FRAMING
    got: dict[str, list[int]] = {}
    with running(*on_folder(tmp_path)) as server:
        for name, (sent, statuses) in cases.items():
            answers = exchange(server.url, sent, answers=len(statuses))
            got[name] = [answer.status for answer in answers]
            for answer in answers:
                body = json.loads(answer.body)
                assert body.get("error", body)["request_id"] == answer.header("x-request-id")
                assert answer.header("content-type") == "application/json"
                assert answer.header("cache-control") == "no-store"
                assert "x-injected" not in dict(answer.headers)
        assert got == {name: statuses for name, (_, statuses) in cases.items()}
        with ApiClient(server.url) as client:
            assert client.inbox() == [], "no request stored anything"
        lines = server.log.read_text().splitlines()
    assert [line for line in lines if not LOG_LINE.fullmatch(line)] == []
    tried(len(cases))
