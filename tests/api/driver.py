"""The API as a client sees it, through its two doors: an ASGI server's, and Lambda's.

Every answer that passes here is held against the OpenAPI document (`documented`), whatever a test looks at.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlencode

from fastapi import FastAPI

from tests.api.documented import check
from tests.api.lambda_events import LambdaContext, rest_event
from tests.conftest import Stores
from tests.support import pages
from tests.support.clock import FakeClock
from tests.support.event_loop import event_loop
from tests.support.pages import Query
from triggers_api.api.factory import Stores as ServiceStores
from triggers_api.api.factory import build_app, build_service
from triggers_api.api.lambda_event import adapter, guard
from triggers_api.api.web_access import WebAccess
from triggers_api.core.access import ALL_SCOPES
from triggers_api.core.hooks import records as hooks
from triggers_api.core.hooks.presets import PRESETS
from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.hooks.schemes import sign
from triggers_api.core.keys import KeyRecord, digest_of, generate
from triggers_api.settings import Settings

Door = Literal["asgi", "lambda"]
Headers = Sequence[tuple[str, str | bytes]]
_CHUNK = 65_536

SECRET = "the-secret-of-a-hook"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Answer:
    """Header names are in lower case; a name that comes twice fails the test at once."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.error["code"]


class Api:
    """The app over two stores, with a key that is bound to no source and has every scope."""

    def __init__(
        self,
        stores: Stores,
        clock: FakeClock,
        *,
        door: Door,
        accept_local_key: bool = False,
        cache_seconds: int = 30,
        cors_allow_origin: str = "*",
        docs_assets: Path | None = None,
        access: WebAccess | None = None,
        own_key: bool = True,
        max_deliveries: int = 10,
    ) -> None:
        self.stores = stores
        self._clock = clock
        settings = replace(
            Settings.from_environment({}),
            auth_mode="local" if accept_local_key else "aws",
            auth_cache_seconds=cache_seconds,
            cors_allow_origin=cors_allow_origin,
            max_deliveries=max_deliveries,
            in_lambda=door == "lambda",
        )
        service = build_service(
            settings,
            stores=ServiceStores(stores.events, stores.keys, stores.hooks),
            clock=clock,
            monotonic=clock.monotonic,
        )
        self.app = build_app(settings, service=service, docs_assets=docs_assets, access=access)
        self._send = _asgi_door(self.app) if door == "asgi" else _lambda_door(self.app, cors_allow_origin)
        self.key = self.make_key(scopes=ALL_SCOPES) if own_key else ""

    def make_key(
        self,
        source: str | None = None,
        *,
        scopes: str | None = None,
        expires_at: str | None = None,
        is_active: bool = True,
    ) -> str:
        key = generate("test")
        record = KeyRecord(digest_of(key), is_active, source=source, expires_at=expires_at, scopes=scopes)
        assert self.stores.keys.add(record)
        return key

    def call(
        self,
        method: str,
        path: str,
        *,
        query: str | Mapping[str, str | int] = "",
        key: str | None = "",
        headers: Headers = (),
        json_body: object = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request. `key`: the API's own unless one is given; None sends none."""
        sent: list[tuple[str, str | bytes]] = list(headers)
        if key is not None:
            sent.append(("X-API-Key", key or self.key))
        if body is None:
            body = b"" if json_body is None else json.dumps(json_body, ensure_ascii=False).encode()
        if body and "content-type" not in {name.lower() for name, _ in sent}:
            sent.append(("Content-Type", "application/json"))
        text = query if isinstance(query, str) else urlencode(query)
        request = Request(method, path, text, tuple(sent), body)
        answer = self._send(request)
        check(method, path, answer.status, answer.headers, answer.body)
        return answer

    def make_hook(
        self, preset: str = "github", secret: str | None = SECRET, *, source: str = "shop", **fields: Any
    ) -> str:
        """Store a hook; return its path."""
        hook_id = hooks.generate()
        record = HookRecord(
            hooks.hook_digest_of(hook_id),
            source=source,
            preset=preset,
            secret=secret,
            prefix=hooks.prefix_of(hook_id),
            **{"is_active": True, **fields},
        )
        assert self.stores.hooks.add(record)
        return f"/v1/hooks/{hook_id}"

    def deliver(
        self,
        path: str,
        body: bytes,
        *,
        preset: str = "github",
        secret: str = SECRET,
        delivery: str = "delivery-1",
        headers: Headers = (),
        query: str = "",
    ) -> Answer:
        """Send a delivery that is signed as the provider does it."""
        now = self._clock() // 1_000_000
        signed, _ = sign(PRESETS[preset].scheme_for(secret), secret, body, now=now, delivery_id=delivery)
        names = {name.lower() for name, _ in headers}
        sent = [one for one in signed.items() if one[0] not in names]
        return self.call("POST", path, key=None, body=body, headers=[*sent, *headers], query=query)

    def send_bare(self, method: str, path: str, body: bytes) -> Answer:
        """Send a body with the key and no other header."""
        answer = self._send(Request(method, path, "", [("X-API-Key", self.key)], body))
        check(method, path, answer.status, answer.headers, answer.body)
        return answer

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, json_body: object = None, **options: Any) -> Answer:
        return self.call("POST", path, json_body=json_body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.call("DELETE", path, **options)

    def ingest(
        self,
        payload: object = None,
        *,
        source: str = "shop",
        event_type: str = "order.paid",
        metadata: object = None,
        **options: Any,
    ) -> Answer:
        body = {"source": source, "event_type": event_type, "payload": {} if payload is None else payload}
        if metadata is not None:
            body["metadata"] = metadata
        return self.post("/v1/events", body, **options)

    def add(self, payload: object = None, **options: Any) -> str:
        """Ingest an event; return its id."""
        answer = self.ingest(payload, **options)
        assert answer.status == 201, answer.body[:500]
        return str(answer.json["event_id"])

    def receive(self, key: str | None = "", /, **body: object) -> list[dict[str, Any]]:
        """Receive events; return them."""
        answer = self.post("/v1/inbox/receive", body, key=key)
        assert answer.status == 200, answer.body[:500]
        events: list[dict[str, Any]] = answer.json["events"]
        return events

    def results(self, path: str, key: str | None = "", /, **body: object) -> list[dict[str, Any]]:
        """Send a batch; return its results."""
        answer = self.post(path, body, key=key)
        assert answer.status == 200, answer.body[:500]
        results: list[dict[str, Any]] = answer.json["results"]
        return results

    def inbox(self, key: str | None = "", **query: str | int) -> Answer:
        return self.get("/v1/inbox", key=key, query=query)

    def walk(self, key: str | None = "", **query: str | int) -> list[dict[str, Any]]:
        """Return the events of all pages."""

        def ask(query: Query) -> dict[str, Any]:
            answer = self.inbox(key, **query)
            assert answer.status == 200, answer.body[:500]
            body: dict[str, Any] = answer.json
            return body

        return [event for page in pages.walk(ask, query) for event in page]

    def pending(self, **query: str | int) -> list[str]:
        """Return the ids of all pending events, as the key that sees every source is shown them."""
        return [event["event_id"] for event in self.walk("", **query)]


def _asgi_door(app: FastAPI) -> Callable[[Request], Answer]:
    def send(request: Request) -> Answer:
        return asyncio.run(_asgi_call(app, request))

    return send


async def _asgi_call(app: FastAPI, request: Request) -> Answer:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), _as_bytes(value)) for name, value in request.headers],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }
    chunks = [request.body[i : i + _CHUNK] for i in range(0, len(request.body), _CHUNK)] or [b""]
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, start=1)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()  # the client is there to the end
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    assert len(headers) == len(start["headers"]), f"a header is sent twice: {start['headers']}"
    return Answer(start["status"], headers, b"".join(part["body"] for part in parts))


def _lambda_door(app: FastAPI, cors_allow_origin: str) -> Callable[[Request], Answer]:
    handler = lambda_handler(app, cors_allow_origin=cors_allow_origin)

    def send(request: Request) -> Answer:
        event = rest_event(
            request.method,
            request.path,
            query=request.query,
            headers=[(name, _as_text(value)) for name, value in request.headers],
            body=request.body,
        )
        response = handler(event)
        assert response["multiValueHeaders"] == {}, f"a header is sent twice: {response}"
        assert response["isBase64Encoded"] is False
        return Answer(response["statusCode"], response["headers"], response["body"].encode())

    return send


def lambda_handler(app: FastAPI, *, cors_allow_origin: str = "*") -> Callable[[object], dict[str, Any]]:
    """Return the handler as `main` makes it, callable from any thread."""
    with event_loop():
        handler = guard(adapter(app), cors_allow_origin=cors_allow_origin)

    def call(event: object) -> dict[str, Any]:
        with event_loop():
            return handler(event, LambdaContext())

    return call


def with_keys(stores: Stores, keys: Any) -> Stores:
    return replace(stores, keys=keys)


def with_events(stores: Stores, events: Any) -> Stores:
    return replace(stores, events=events)


def _as_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
