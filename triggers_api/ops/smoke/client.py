"""A check's conversation with a live API: its requests, its events, its request ids.

Time is bounded where a check is run, not here: a server that drips is never silent for long. Redirects are
not followed, for they would carry the key to another place.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import httpx

from triggers_api.core.ids import REQUEST_ID, parse_event_id
from triggers_api.errors import ConfigurationError
from triggers_api.ops.smoke.answer import Answer, parsed
from triggers_api.ops.smoke.failures import UnexpectedError, broken
from triggers_api.ops.smoke.urls import is_loopback
from triggers_api.version import VERSION

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Far more than the contract's largest page: what is larger is not ours, and is not read to its end."""

EVENT_TYPE = "smoke.checked"
PAYLOAD: Mapping[str, Any] = {
    "text": 'Grüße, 世界 \u2028 "quoted"',
    "integer": 9_007_199_254_740_993,  # one that a double does not hold
    "number": 0.1,
    "list": [True, False, None, {}, []],
    "empty": "",
}

_GRACE_SECONDS = 2.0
_IDLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """A check: `run` raises `UnexpectedError` where the API does not do what is `expected`.

    Each has a source of its own and makes what it needs itself, so that one defect fails one check.
    """

    name: str
    expected: str
    run: Callable[["Visit"], Awaitable[None]]
    needs_key: bool = True


@dataclass(slots=True)
class Made:
    """What a run has made, or may have made: to be removed at its end."""

    event_ids: set[str] = field(default_factory=set)
    unanswered: list["Asked"] = field(default_factory=list)
    """Each ingest of which it is not known whether it made an event."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """An ingest that was asked for: the source of its event, and when, on the monotonic clock."""

    source: str
    asked_at: float = field(default_factory=time.monotonic)


def make_client(url: str) -> httpx.AsyncClient:
    """Return a client for an API; `ConfigurationError` where the environment's settings allow none."""
    settings: dict[str, Any] = {
        # Shorter than servers keep a connection: a request on one that is just being closed gets no answer.
        "limits": httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
    }
    try:
        if is_loopback(url):  # no proxy stands before this machine
            settings = {"transport": httpx.AsyncHTTPTransport(**settings)}
        return httpx.AsyncClient(
            base_url=url,
            headers={
                "User-Agent": f"triggers-smoke/{VERSION}",
                "Accept-Encoding": "identity",  # an answer has no more bytes than it shows
            },
            timeout=None,  # noqa: S113 - what is bounded is a check as a whole
            **settings,
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        # Its text may hold a proxy's password.
        raise ConfigurationError(
            "The settings of proxies or certificates in the environment cannot be used.",
            reason=type(error).__name__,
            hint="Check ALL_PROXY, HTTPS_PROXY, HTTP_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from error


class Visit:
    """The requests of one check. Its source, its event type and its request ids are its own."""

    def __init__(self, http: httpx.AsyncClient, *, key: str, made: Made, name: str, patience: float) -> None:
        """Begin a visit. `name` is `smoke-RUN-CHECK`; `patience`, in seconds, is for what may be late."""
        self.source = name
        self.request_id = ""
        """Of the latest request."""
        self.patience = patience
        self._waiting: list[str] = []
        self._http = http
        self._key = key
        self._made = made
        self._asked = 0

    @property
    def waiting_for(self) -> str:
        """The request that has no answer yet; empty where there is none."""
        return next(iter(self._waiting), "")

    async def call(
        self,
        method: str,
        path: str,
        *,
        with_key: bool = True,
        with_id: bool = True,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Make a request; `UnexpectedError` where no answer comes, or one without an end."""
        self._asked += 1
        sent = {"X-Request-ID": f"{self.source}-{self._asked}"} if with_id else {}
        self.request_id = sent.get("X-Request-ID", "")
        if with_key:
            sent["X-API-Key"] = self._key
        if body is not None:
            sent["Content-Type"] = "application/json"
        wanted = f"{method} {path}"
        self._waiting.append(wanted)
        sent.update(headers or {})
        try:
            async with self._http.stream(method, path, headers=sent, params=params, content=body) as response:
                content = await _read(response)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # the last: an unknown host
            self._waiting.remove(wanted)
            raise broken(error, wanted, self.request_id) from error
        self._waiting.remove(wanted)
        told = response.headers.get("X-Request-ID", "")
        if REQUEST_ID.fullmatch(told) and self._key not in told:
            self.request_id = told
        return Answer(wanted, response.status_code, response.headers, parsed(content), self.request_id)

    async def post(
        self,
        *,
        source: str = "",
        event_type: str = EVENT_TYPE,
        payload: Mapping[str, Any] = PAYLOAD,
        body: bytes | None = None,
        with_key: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask for an event to be stored, and note what may have to be removed for it."""
        source = source or self.source
        if body is None:
            body = json.dumps({"source": source, "event_type": event_type, "payload": payload}).encode()
        asked = Asked(source)
        self._made.unanswered.append(asked)
        call = self.call("POST", "/v1/events", body=body, with_key=with_key, headers=headers)
        task = asyncio.create_task(call)
        try:
            answer = await asyncio.shield(task)
        except asyncio.CancelledError:  # an answer that is just coming tells what has to be removed
            await asyncio.wait([task], timeout=_GRACE_SECONDS)
            if task.done() and task.exception() is None:
                self._note(task.result(), asked)
            task.cancel()
            raise
        self._note(answer, asked)
        return answer

    def _note(self, answer: Answer, asked: Asked) -> None:
        """Note what an ingest has made."""
        if event_id := parse_event_id(answer.text("event_id")):
            self._made.event_ids.add(event_id)
        # After a 5xx, or a success that names no event, the outcome may be either.
        if event_id or httpx.codes.is_client_error(answer.status) or httpx.codes.is_redirect(answer.status):
            self._made.unanswered.remove(asked)

    async def make(self, *, source: str = "", event_type: str = EVENT_TYPE) -> tuple[str, Answer]:
        """Store an event, and return its id; `UnexpectedError` where the API does not."""
        answer = await self.post(source=source, event_type=event_type)
        answer.require_status(httpx.codes.CREATED)
        event_id = parse_event_id(answer.text("event_id"))
        answer.require(event_id is not None, "event_id, a UUID", "an answer without one")
        return str(event_id), answer

    async def pages(self, filters: Mapping[str, str], *, limit: int = 100) -> AsyncIterator[Answer]:
        """Give the pages of the inbox, to its end; a cursor that comes again is taken for the end."""
        query: dict[str, str | int] = {"limit": limit, **filters}
        cursors = {""}
        while True:
            page = await self.call("GET", "/v1/inbox", params=query)
            page.require_status(httpx.codes.OK)
            yield page
            if page.next_cursor in cursors:
                return
            cursors.add(page.next_cursor)
            query["cursor"] = page.next_cursor

    async def listed(self, event_id: str) -> Mapping[str, Any] | None:
        """Return the event as the inbox shows it; None where the inbox does not have it.

        It asks for the event's source, so that a long inbox stays where it is, and relies on no filter.
        """
        async for page in self.pages({"source": self.source}):
            for event in page.events:
                if event.get("event_id") == event_id:
                    return event
        return None

    def fail(self, expected: str, saw: str, fix: str = "") -> NoReturn:
        """End the check: it has failed."""
        raise UnexpectedError(expected, saw, fix, self.request_id)

    async def looks(self) -> AsyncIterator[None]:
        """Give the looks at the inbox, one at least, that its eventually consistent index may need."""
        end = time.monotonic() + self.patience
        pause = 0.1
        while True:
            yield
            if time.monotonic() + pause > end:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)


async def _read(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise httpx.DecodingError("an answer in an encoding that was not asked for")
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise httpx.DecodingError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
