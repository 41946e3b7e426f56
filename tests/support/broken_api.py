"""The service itself, whole or with one defect: a wrapper that changes its requests or its responses.

`serving` serves an app on loopback, for the tests that need a connection or another process.
"""

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid1, uuid4

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.conftest import Stores
from triggers_api.api.factory import Stores as ServiceStores
from triggers_api.api.factory import build_app, build_service
from triggers_api.api.web_access import WebAccess
from triggers_api.core.keys import LOCAL_KEY
from triggers_api.settings import Settings

KEY = LOCAL_KEY
_STOP_SECONDS = 10.0

Ask = Callable[[Scope], Awaitable["Reply"]]


def real_api(stores: Stores, *, cors_allow_origin: str = "*", access: WebAccess | None = None) -> ASGIApp:
    """Return the service over these stores."""
    settings = Settings.from_environment({"AUTH_CACHE_SECONDS": "0", "CORS_ALLOW_ORIGIN": cors_allow_origin})
    service = build_service(settings, stores=ServiceStores(stores.events, stores.keys, stores.hooks))
    # No threads: in virtual time, all work is done in the event loop.
    return build_app(settings, service=replace(service, workers=None), access=access)


@contextmanager
def serving(app: ASGIApp, *, certificate: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Serve an app on a free port; `certificate` is the file of a certificate and the file of its key."""
    listener = socket.create_server(("127.0.0.1", 0))
    public, private = certificate or (None, None)
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        ssl_certfile=public,
        ssl_keyfile=private,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        end = time.monotonic() + _STOP_SECONDS
        while not server.started and time.monotonic() < end:
            time.sleep(0.005)
        scheme = "https" if certificate else "http"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()


@dataclass(frozen=True)
class Reply:
    """A whole response; names of headers are in lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def saying(self, document: Any, *, status: int | None = None) -> "Reply":
        """Return the response with another body."""
        return replace(self, status=status or self.status, body=json.dumps(document).encode())

    def without(self, *names: str) -> "Reply":
        """Return the response without the headers that begin with these."""
        return replace(self, headers={k: v for k, v in self.headers.items() if not k.startswith(names)})


class Defect:
    """An API that asks the real one; a subclass changes the request or the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def ask(asked: Scope) -> Reply:
            messages: list[Message] = []

            async def keep(message: Message) -> None:
                messages.append(message)

            await self._app(asked, receive, keep)
            head, *rest = messages
            headers = {name.decode(): value.decode() for name, value in head["headers"]}
            return Reply(head["status"], headers, b"".join(one.get("body", b"") for one in rest))

        reply = await self.answer(scope, ask)
        headers = {**reply.headers, "content-length": str(len(reply.body))}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return await ask(scope)


def without_header(scope: Scope, name: bytes) -> Scope:
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != name]}


def with_query(scope: Scope, change: Callable[[dict[str, str]], dict[str, str]]) -> Scope:
    query = dict(parse_qsl(scope["query_string"].decode()))
    return {**scope, "query_string": urlencode(change(query)).encode()}


def is_delivery(scope: Scope) -> bool:
    return bool(scope["path"].startswith("/v1/hooks/"))


def is_inbox(scope: Scope) -> bool:
    return bool(scope["path"] == "/v1/inbox")


class KeyNotChecked(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        scope = without_header(scope, b"x-api-key")
        return await ask({**scope, "headers": [*scope["headers"], (b"x-api-key", KEY.encode())]})


class AnyKeyAccepted(KeyNotChecked):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        has_key = any(name == b"x-api-key" for name, _ in scope["headers"])
        return await super().answer(scope, ask) if has_key else await ask(scope)


class KeyNotCheckedOnDelete(KeyNotChecked):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return await super().answer(scope, ask) if scope["method"] == "DELETE" else await ask(scope)


class Answers422(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return replace(reply, status=422) if reply.status == 400 else reply


class AcceptsLargeBodies(Defect):
    """Claims to have stored a body that is too large."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return reply.saying({"event_id": str(uuid4())}, status=201) if reply.status == 413 else reply


class DoubleAck(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return reply.saying({"status": "acknowledged"}, status=200) if reply.status == 409 else reply


class CursorRepeats(Defect):
    """Repeats the last event of a page at the start of the next page."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._last: dict[str, Any] = {}

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if not is_inbox(scope) or reply.status != 200:
            return reply
        page = reply.json
        cursor = dict(parse_qsl(scope["query_string"].decode())).get("cursor", "")
        if following := page["pagination"].get("next_cursor"):
            self._last[following] = page["events"][-1]
        if cursor in self._last:
            page["events"].insert(0, self._last[cursor])
        return reply.saying(page)


class CursorSkips(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if not (is_inbox(scope) and b"cursor=" in scope["query_string"] and reply.status == 200):
            return reply
        page = reply.json
        return reply.saying({**page, "events": page["events"][1:]})


class CursorMissing(Defect):
    """Has no cursor after the first page."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if not is_inbox(scope) or reply.status != 200:
            return reply
        page = reply.json
        return reply.saying({**page, "pagination": {"limit": page["pagination"]["limit"]}})


class FirstPageEmpty(Defect):
    """Returns an empty first page with a cursor: not a defect, for a page may be short."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        if not is_inbox(scope):
            return await ask(scope)
        cursor = dict(parse_qsl(scope["query_string"].decode())).get("cursor")
        if cursor != "begin":
            reply = await ask(scope)
            if cursor is not None or reply.status != 200:
                return reply
            page = reply.json
            following = {**page["pagination"], "next_cursor": "begin"}
            return reply.saying({**page, "events": [], "pagination": following})
        return await ask(with_query(scope, lambda query: {k: v for k, v in query.items() if k != "cursor"}))


class CursorTooLong(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if not is_inbox(scope) or reply.status != 200:
            return reply
        body = json.loads(reply.body)
        if "next_cursor" in body["pagination"]:
            body["pagination"]["next_cursor"] = "x" * 70_000
        return reply.saying(body)


class EventIdRenamed(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if reply.status != 201:
            return reply
        body = json.loads(reply.body)
        return reply.saying({"id": body.pop("event_id"), **body})


class Gzipped(Defect):
    """Compresses the inbox although that was not asked for; unpacked, it is far larger than it looks."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if not is_inbox(scope):
            return reply
        return replace(reply, headers={**reply.headers, "content-encoding": "gzip, gzip"}, body=_zipped())


@cache
def _zipped() -> bytes:
    return gzip.compress(gzip.compress(b" " * 20_000_000))


class LimitIgnored(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        asked = with_query(scope, lambda query: {**query, "limit": "100"}) if is_inbox(scope) else scope
        return await ask(asked)


class FilterIgnored(Defect):
    names: tuple[str, ...] = ("source", "event_type")

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        def rest(query: dict[str, str]) -> dict[str, str]:
            return {name: value for name, value in query.items() if name not in self.names}

        has_status = b"status=" in scope["query_string"]  # that filter has a defect of its own
        ignores = is_inbox(scope) and has_status == ("status" in self.names)
        return await ask(with_query(scope, rest) if ignores else scope)


class SourceFilterIgnored(FilterIgnored):
    names = ("source",)


class StatusFilterIgnored(FilterIgnored):
    names = ("status",)


class PayloadRounded(Defect):
    """Rounds a large number, as JavaScript does."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return replace(reply, body=reply.body.replace(b"9007199254740993", b"9007199254740992"))


class IdNotEchoed(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return await ask(without_header(scope, b"x-request-id"))


class TimeBasedId(Defect):
    """Generates a UUID v1 if no id was sent."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        if any(name == b"x-request-id" for name, _ in scope["headers"]):
            return await ask(scope)
        made = (b"x-request-id", str(uuid1()).encode())
        return await ask({**scope, "headers": [*scope["headers"], made]})


class ErrorWithoutId(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if reply.status < 400:
            return reply
        error = reply.json["error"]
        error.pop("request_id")
        return reply.saying({"error": error}).without("x-request-id")


class ErrorWithoutIdInHeader(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return reply.without("x-request-id") if reply.status >= 400 else reply


class NoCors(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return (await ask(scope)).without("access-control-")


class NoCorsOnErrors(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return reply.without("access-control-") if reply.status >= 400 else reply


class NoCorsOnPreflight(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return reply.without("access-control-") if scope["method"] == "OPTIONS" else reply


class CorsHidesHeaders(Defect):
    """Exposes the request id and no other header."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return replace(reply, headers={**reply.headers, "access-control-expose-headers": "X-Request-ID"})


class Cacheable(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return (await ask(scope)).without("cache-control")


class NoHead(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return Reply(405) if scope["method"] == "HEAD" else await ask(scope)


class CorsEchoesOrigin(Defect):
    """Allows the origin that asks."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        origin = dict(scope["headers"]).get(b"origin", b"*").decode()
        return replace(reply, headers={**reply.headers, "access-control-allow-origin": origin})


class CorsOfTwoOrigins(Defect):
    """Allows one origin in the preflight, another in responses."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if scope["method"] != "OPTIONS":
            return reply
        return replace(reply, headers={**reply.headers, "access-control-allow-origin": "https://old.example"})


class DeleteOnce(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        if scope["method"] == "DELETE":
            found = await ask({**scope, "method": "GET"})
            if found.status == 404:
                return found
        return await ask(scope)


class DeleteDoesNothing(Defect):
    """Answers correctly but deletes nothing."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        if scope["method"] != "DELETE":
            return await ask(scope)
        reply = await ask({**scope, "method": "GET"})
        return reply if reply.status == 401 else Reply(200)


class IdempotencyIgnored(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return await ask(without_header(scope, b"idempotency-key"))


class ReplayWithoutHeader(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return (await ask(scope)).without("idempotent-replayed")


class SignatureNotChecked(Defect):
    """Answers a delivery that is not signed as one that is stored."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return Reply(200) if is_delivery(scope) and reply.status == 401 else reply


class DeliveriesRepeat(Defect):
    """Stores a delivery again that has the id of an earlier one."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        if not is_delivery(scope):
            return await ask(scope)
        other = without_header(scope, b"x-github-delivery")
        new_id = (b"x-github-delivery", str(uuid4()).encode())
        return await ask({**other, "headers": [*other["headers"], new_id]})


class DeliveriesRepeatLate(DeliveriesRepeat):
    """Stores a repeated delivery again, and shows that event, and each after it, half a second late."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._shown_from: dict[str, float] = {}
        self._bodies: set[str] = set()

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await super().answer(scope, ask)
        if scope["path"] != "/v1/inbox" or reply.status != 200:
            return reply
        now, page = asyncio.get_running_loop().time(), reply.json
        events = [event for event in page["events"] if "webhook" in event["metadata"]]
        for event in events:
            body = json.dumps(event["payload"])
            if event["event_id"] not in self._shown_from:
                self._shown_from[event["event_id"]] = now + (0.5 if body in self._bodies else 0)
                self._bodies.add(body)
        late = [event for event in events if self._shown_from[event["event_id"]] > now]
        shown = page["events"][: page["events"].index(late[0])] if late else page["events"]
        return reply.saying({**page, "events": shown})


class DeliveryTypeForgotten(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return await ask(without_header(scope, b"x-github-event"))


class WebhookBodyWrittenAgain(Defect):
    """Returns the body of a webhook as a serialiser writes it."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        is_body = scope["path"].endswith("/body") and reply.status == 200
        return reply.saying(reply.json) if is_body else reply


class BatchAcceptsAll(Defect):
    """Claims to have stored every event of a batch."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return replace(reply, body=reply.body.replace(b'"status":400', b'"status":201'))


class LeasesIgnored(Defect):
    """Returns a received event again at the next receive of its type."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._received: list[dict[str, Any]] = []

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if scope["path"] != "/v1/inbox/receive" or reply.status != 200:
            return reply
        body = reply.json
        if body["events"]:
            self._received = body["events"]
            return reply
        return reply.saying({**body, "events": self._received})


class AnyLeaseAccepted(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        is_lost = b'"LEASE_LOST"' in reply.body
        return reply.saying({"status": "acknowledged"}, status=200) if is_lost else reply


class ExtendShortens(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        if scope["path"] != "/v1/inbox/extend" or reply.status != 200:
            return reply
        results = [{**one, "expires_at": "2024-11-27T08:15:30.123456Z"} for one in reply.json["results"]]
        return reply.saying({"results": results})


class ReasonForgotten(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return replace(reply, body=reply.body.replace(b'"reason":"smoke test"', b'"reason":""'))


class StatsWithoutAge(Defect):
    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        reply = await ask(scope)
        return replace(reply, body=reply.body.replace(b"oldest_age_seconds", b"age"))


class ManageDoesNothing(Defect):
    """Answers requeue and purge correctly but changes nothing."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        counted = {"/v1/inbox/requeue": {"requeued": 1}, "/v1/inbox/purge": {"deleted": 2}}
        if scope["path"] not in counted:
            return await ask(scope)
        reply = await ask({**scope, "method": "GET", "path": "/v1/inbox"})
        return reply.saying(counted[scope["path"]]) if reply.status == 200 else reply


class OnlyHealthWorks(Defect):
    """Only its health check works."""

    async def answer(self, scope: Scope, ask: Ask) -> Reply:
        return await ask(scope) if scope["path"] == "/v1/health" else Reply(500)


Matches = Callable[[Scope], bool]


def hanging(app: ASGIApp, matches: Matches = lambda _: True, *, after_its_work: bool = False) -> ASGIApp:
    """Return an API that never answers some requests, with `after_its_work` although it handled them."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if not matches(scope):
            await app(scope, receive, send)
            return
        if after_its_work:

            async def lose(_: Message) -> None:
                pass

            await app(scope, receive, lose)
        while (await receive())["type"] != "http.disconnect":
            pass

    return call


def late(app: ASGIApp, seconds: float) -> ASGIApp:
    """Return an API whose ingest starts late, and finishes even if the client has gone, as on Lambda."""
    at_work: set[asyncio.Task[None]] = set()

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if (scope["method"], scope["path"]) != ("POST", "/v1/events"):
            await app(scope, receive, send)
            return
        body = await receive()

        async def work() -> None:
            await asyncio.sleep(seconds)
            await app(scope, _once(body), send)

        task = asyncio.create_task(work())
        at_work.add(task)
        task.add_done_callback(at_work.discard)
        await asyncio.shield(task)

    return call


def _once(message: Message) -> Receive:
    async def receive() -> Message:
        return message

    return receive


def settling(app: ASGIApp, seconds: float, until_then: ASGIApp) -> ASGIApp:
    """Return an API that is another API until so many seconds after its first request."""
    started: float | None = None

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal started
        now = asyncio.get_running_loop().time()
        started = now if started is None else started
        one = app if now - started > seconds else until_then
        await one(scope, receive, send)

    return call


def dripping(seconds: float = 0.05) -> ASGIApp:
    """Return a server that sends one byte at a time and does not end its response."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(2000):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(seconds)

    return call


def fixed(reply: Reply) -> ASGIApp:
    """Return a server that gives every request the same response."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        raw = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    return call
