"""What a check of the smoke test is, and what it works with: its requests, its events, its request ids.

A check is one function and its `Check` in the `CHECKS` of the same module. The function gets a `CheckContext`
and raises `CheckError` if the API does not do what the contract says.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import httpx

from triggers_api.core.ids import REQUEST_ID, parse_event_id
from triggers_api.ops.http_client import read_body
from triggers_api.ops.smoke.api_response import ApiResponse, parse_object
from triggers_api.ops.smoke.check_errors import CheckError, explain_no_response
from triggers_api.ops.smoke.smoke_hook import SmokeHook

EVENT_TYPE = "smoke.checked"
PAYLOAD: Mapping[str, Any] = {
    "text": 'Grüße, 世界 \u2028 "quoted"',
    "integer": 9_007_199_254_740_993,  # a double cannot hold it
    "number": 0.1,
    "list": [True, False, None, {}, []],
    "empty": "",
}

_REFUSALS = range(300, 500)
"""The statuses of requests that stored nothing."""
_GRACE_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the API.

    Each check has its own source and creates the events that it needs, so that one defect fails one check.
    """

    name: str
    expected: str
    run: Callable[["CheckContext"], Awaitable[None]]
    """Raises `CheckError` if the API does not do what is `expected`."""
    covers: tuple[str, ...] = ()
    """The endpoints that the check is about, as the OpenAPI document names them: `POST /v1/events`."""
    needs_key: bool = True
    scope: str | None = None
    """A scope that the check needs, and that a given key may lack: then the check is left out."""
    needs_hook: bool = False
    """Whether the check needs the hook that a run creates together with its key; else it is left out."""
    group: str = ""
    """The group of its finding."""


@dataclass(frozen=True, slots=True, eq=False)
class PendingIngest:
    """An ingest without a known outcome: the source of its event, and when it was sent (event loop time)."""

    source: str
    sent_at: float


@dataclass(slots=True)
class CreatedEvents:
    """The events that a run has created, or may have created. The clean-up removes them."""

    event_ids: set[str] = field(default_factory=set)
    unanswered: list[PendingIngest] = field(default_factory=list)


class CheckContext:
    """The requests of one check, with the check's own source and request ids."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        key: str,
        hook: SmokeHook | None,
        created: CreatedEvents,
        source: str,
        patience: float,
    ) -> None:
        """Create the context of a check.

        Args:
            http: The client, with the API as its base URL.
            key: The API key of the run.
            hook: The hook of the run, if it has one.
            created: Receives every event that the check creates.
            source: The source of the check's events, and the start of its request ids.
            patience: How long, in seconds, the inbox may take to show a change.
        """
        self.source = source
        self.request_id = ""
        """The id of the latest request."""
        self.patience = patience
        self._waiting: list[str] = []
        self._http = http
        self._key = key
        self._hook = hook
        self._secrets = [key] if hook is None else [key, hook.hook_id, hook.secret]
        self._created = created
        self._deliveries: list[PendingIngest] = []
        self._requests = 0

    @property
    def hook(self) -> SmokeHook:
        """The hook of the run. Only a check with `needs_hook` may use it."""
        assert self._hook is not None  # noqa: S101 - the runner leaves out checks that need it
        return self._hook

    @property
    def waiting_for(self) -> str:
        """The oldest request without a response; empty if there is none."""
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
    ) -> ApiResponse:
        """Send a request and return the response.

        Raises:
            CheckError: There is no response, or the response cannot be read.
        """
        self._requests += 1
        sent = {"X-Request-ID": f"{self.source}-{self._requests}"} if with_id else {}
        self.request_id = sent.get("X-Request-ID", "")
        if with_key:
            sent["X-API-Key"] = self._key
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        request = f"{method} {self._shown(path)}"
        # Not removed when a time-out cancels the request: `waiting_for` then names what got no response.
        self._waiting.append(request)
        try:
            async with self._http.stream(method, path, headers=sent, params=params, content=body) as response:
                content = await read_body(response)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # UnicodeError: an impossible host
            self._waiting.remove(request)
            raise explain_no_response(error, request, self.request_id) from error
        self._waiting.remove(request)
        returned_id = response.headers.get("X-Request-ID", "")
        if REQUEST_ID.fullmatch(returned_id) and not any(one in returned_id for one in self._secrets):
            self.request_id = returned_id
        return ApiResponse(
            request, response.status_code, response.headers, parse_object(content), self.request_id, content
        )

    async def post(self, path: str, members: Mapping[str, Any]) -> ApiResponse:
        """Send a POST with a JSON object and return the response.

        Raises:
            CheckError: There is no response, or the response cannot be read.
        """
        return await self.call("POST", path, body=json.dumps(members).encode())

    async def ingest(
        self,
        *,
        source: str = "",
        event_type: str = EVENT_TYPE,
        payload: Mapping[str, Any] = PAYLOAD,
        body: bytes | None = None,
        with_key: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> ApiResponse:
        """Ask the API to store an event, and record what the clean-up has to remove.

        Raises:
            CheckError: There is no response, or the response cannot be read.
        """
        if body is None:
            event = self.new_event(source=source, event_type=event_type, payload=payload)
            body = json.dumps(event).encode()
        call = self.call("POST", "/v1/events", body=body, with_key=with_key, headers=headers)
        return await self._send_ingest(call, self._pending([source or self.source]))

    async def ingest_batch(self, events: Sequence[Mapping[str, Any]]) -> ApiResponse:
        """Ask the API to store events of the check's source, and record what the clean-up has to remove.

        Raises:
            CheckError: There is no response, or the response cannot be read.
        """
        call = self.post("/v1/events/batch", {"events": events})
        return await self._send_ingest(call, self._pending([self.source] * len(events)))

    async def deliver(self, headers: Mapping[str, str], body: bytes) -> ApiResponse:
        """Post a delivery to the run's hook, and record that the clean-up may have to remove its event.

        Raises:
            CheckError: There is no response, or the response cannot be read.
        """
        pending = self._pending([self.hook.source])
        self._deliveries += pending
        call = self.call("POST", f"/v1/hooks/{self.hook.hook_id}", with_key=False, headers=headers, body=body)
        return await self._send_ingest(call, pending)

    def record_deliveries(self, event_ids: Iterable[str]) -> None:
        """Record the events of this check's deliveries, whose responses do not name them."""
        self._created.event_ids.update(filter(None, map(parse_event_id, event_ids)))
        self._created.unanswered = [one for one in self._created.unanswered if one not in self._deliveries]

    def new_event(
        self, *, source: str = "", event_type: str = EVENT_TYPE, payload: Mapping[str, Any] = PAYLOAD
    ) -> Mapping[str, Any]:
        """Return an event to ingest."""
        return {"source": source or self.source, "event_type": event_type, "payload": payload}

    def _pending(self, sources: Sequence[str]) -> list[PendingIngest]:
        now = asyncio.get_running_loop().time()
        return [PendingIngest(source, now) for source in sources]

    def _shown(self, path: str) -> str:
        """Return a path without the id of the hook, which is a secret."""
        return path.replace(self._hook.hook_id, "{hook_id}") if self._hook is not None else path

    async def _send_ingest(
        self, call: Coroutine[Any, Any, ApiResponse], pending: Sequence[PendingIngest]
    ) -> ApiResponse:
        self._created.unanswered += pending
        task = asyncio.create_task(call)
        try:
            response = await asyncio.shield(task)
        except asyncio.CancelledError:  # a response that is about to arrive names the event to remove
            await asyncio.wait([task], timeout=_GRACE_SECONDS)
            if task.done() and task.exception() is None:
                self._record_outcome(task.result(), pending)
            task.cancel()
            raise
        self._record_outcome(response, pending)
        return response

    def _record_outcome(self, response: ApiResponse, pending: Sequence[PendingIngest]) -> None:
        whole = {"event_id": response.body.get("event_id"), "status": response.status}
        for one, result in zip(pending, response.results or [whole] * len(pending), strict=False):
            if event_id := parse_event_id(str(result.get("event_id"))):
                self._created.event_ids.add(event_id)
            # After a 5xx, or a success without an event id, the event may or may not be stored.
            if event_id or result.get("status") in _REFUSALS:
                self._created.unanswered.remove(one)

    async def create_event(
        self, *, source: str = "", event_type: str = EVENT_TYPE
    ) -> tuple[str, ApiResponse]:
        """Store an event; return its id and the response.

        Raises:
            CheckError: The API did not store the event.
        """
        response = await self.ingest(source=source, event_type=event_type)
        response.require_status(httpx.codes.CREATED)
        event_id = parse_event_id(response.text("event_id"))
        response.require(event_id is not None, "event_id, a UUID", "a response without one")
        return str(event_id), response

    async def inbox_pages(
        self, filters: Mapping[str, str], *, limit: int = 100
    ) -> AsyncIterator[ApiResponse]:
        """Yield the pages of the inbox, to its end. A cursor that repeats counts as the end.

        Raises:
            CheckError: A page could not be read.
        """
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

    async def find_in_inbox(self, event_id: str) -> Mapping[str, Any] | None:
        """Return the event as the inbox shows it, or None if the inbox does not have it.

        The request asks for the event's source, so that a long inbox need not be read, but the search does
        not rely on the filter.

        Raises:
            CheckError: A page could not be read.
        """
        async for page in self.inbox_pages({"source": self.source}):
            for event in page.events:
                if event.get("event_id") == event_id:
                    return event
        return None

    async def attempts(self) -> AsyncIterator[None]:
        """Yield at least once, then again until the patience ends: the inbox is eventually consistent."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience
        pause = _FIRST_PAUSE_SECONDS
        while True:
            yield
            if loop.time() + pause > end:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def fail(self, expected: str, saw: str, fix: str = "") -> NoReturn:
        """Fail the check.

        Raises:
            CheckError: Always.
        """
        raise CheckError(expected, saw, fix, self.request_id)
