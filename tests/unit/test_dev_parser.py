"""The parser of `triggers dev`: the rules of RFC 9112 that h11 leaves to its caller."""

from collections.abc import Sequence
from typing import Any

import h11
import pytest

from triggers_api.api.dev_parser import MAX_HEAD_BYTES, DevParser

GET = b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


def events_of(parser: DevParser) -> list[Any]:
    found = []
    while (event := parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        found.append(event)
    return found


def request_in(data: bytes) -> h11.Request:
    parser = DevParser()
    parser.receive_data(data)
    request = parser.next_event()
    assert isinstance(request, h11.Request)
    return request


def refusal_of(*parts: bytes) -> str:
    parser = DevParser()
    with pytest.raises(h11.RemoteProtocolError):
        receive(parser, parts)
    return parser.problem


def receive(parser: DevParser, parts: Sequence[bytes]) -> None:
    for part in parts:
        parser.receive_data(part)
        events_of(parser)


def answer(parser: DevParser) -> None:
    parser.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
    parser.send(h11.EndOfMessage())
    parser.start_next_cycle()


@pytest.mark.parametrize("empty", [b"\r\n", b"\n", b"\r\n\r\n"])
def test_empty_lines_before_a_request_are_ignored(empty: bytes) -> None:
    assert request_in(empty + GET).target == b"/v1/health"


@pytest.mark.parametrize(
    "parts",
    [
        [POST + b"\r\n" + GET],
        [POST, b"\r\n" + GET],
        [POST + b"\r\n", GET],
        [POST, b"\r", b"\n", GET],
        [POST + b"\r", b"\n" + GET],
    ],
)
@pytest.mark.parametrize("is_answered_first", [True, False])
def test_empty_line_after_a_body_does_not_spoil_the_next_request(
    parts: list[bytes], is_answered_first: bool
) -> None:
    parser = DevParser()
    parser.receive_data(parts[0])
    assert [type(event) for event in events_of(parser)] == [h11.Request, h11.Data, h11.EndOfMessage]
    if is_answered_first:
        answer(parser)
    for part in parts[1:]:
        parser.receive_data(part)
    if not is_answered_first:
        answer(parser)
    assert [type(event) for event in events_of(parser)] == [h11.Request, h11.EndOfMessage]


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"http://b:8000/v1/inbox?limit=1", b"/v1/inbox?limit=1", b"b:8000"),
        (b"HTTPS://b/v1/inbox", b"/v1/inbox", b"b"),
        (b"http://b", b"/", b"b"),
        (b"http://b?limit=1", b"/?limit=1", b"b"),
        (b"http://[::1]:8000/", b"/", b"[::1]:8000"),
    ],
)
def test_absolute_target_becomes_a_path_and_its_host_replaces_the_header(
    target: bytes, path: bytes, host: bytes
) -> None:
    request = request_in(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nX-B: 1\r\n\r\n")
    assert request.target == path
    assert list(request.headers) == [(b"host", host), (b"x-b", b"1")]


@pytest.mark.parametrize("target", [b"http:///v1/inbox", b"http://user@b/v1/inbox", b"ftp://b/", b"*"])
def test_other_targets_stay_as_they_are(target: bytes) -> None:
    request = request_in(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert request.target == target
    assert list(request.headers) == [(b"host", b"a")]


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_request_whose_end_is_ambiguous_is_refused(head: bytes) -> None:
    assert "Transfer-Encoding" in refusal_of(head)


@pytest.mark.parametrize("version", [b"2.0", b"0.9", b"3.0"])
def test_other_versions_of_http_are_refused(version: bytes) -> None:
    assert "HTTP/1.0" in refusal_of(b"GET / HTTP/" + version + b"\r\nHost: a\r\n\r\n")


def test_large_head_is_refused_in_whatever_pieces_it_arrives() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: %b\r\n\r\n"
    small, large = head % (b"a" * (MAX_HEAD_BYTES - 100)), head % (b"a" * MAX_HEAD_BYTES)
    assert request_in(small).target == b"/"
    assert str(MAX_HEAD_BYTES) in refusal_of(large)
    assert str(MAX_HEAD_BYTES) in refusal_of(large[:-4], large[-4:])
