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
from triggers_api.ops.smoke.answer import Answer, parsed
from triggers_api.ops.smoke.failures import UnexpectedError, broken

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
    unanswered: list[str] = field(default_factory=list)
    """The source of each ingest of which it is not known whether it made an event."""


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
        except (httpx.HTTPError, UnicodeError) as error:  # the latter: of a host that no name server knows
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
        self._made.unanswered.append(source)
        answer = await self.call("POST", "/v1/events", body=body, with_key=with_key, headers=headers)
        if event_id := parse_event_id(answer.text("event_id")):
            self._made.event_ids.add(event_id)
        if event_id or answer.status < httpx.codes.INTERNAL_SERVER_ERROR:
            self._made.unanswered.remove(source)  # after a 5xx the outcome may be either
        return answer

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
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise httpx.DecodingError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
