"""What a producer and a consumer do, over HTTP and nothing else."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.dev_server import KEY
from tests.support.pages import Query, walk


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By names in lower case."""


class ApiClient:
    """A client whose connections stay open. Safe for several threads, each of which gets its own."""

    def __init__(self, url: str, *, key: str = KEY) -> None:
        self._http = httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ingest(self, payload: object, *, source: str = "shop", event_type: str = "order.paid") -> Answer:
        body = json.dumps({"source": source, "event_type": event_type, "payload": payload})
        return self.call("POST", "/v1/events", content=body, headers={"Content-Type": "application/json"})

    def acknowledge(self, event_id: str) -> Answer:
        return self.call("POST", f"/v1/events/{event_id}/ack")

    def get(self, event_id: str) -> Answer:
        return self.call("GET", f"/v1/events/{event_id}")

    def pages(self, *, limit: int = 100, **query: str | int) -> Iterator[list[dict[str, Any]]]:
        """Give the pages of the inbox, from the first to the last."""

        def ask(query: Query) -> dict[str, Any]:
            answer = self.call("GET", "/v1/inbox", params=query)
            assert answer.status == 200, answer
            return answer.body

        return walk(ask, {"limit": limit, **query})

    def inbox(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """Return all of the inbox."""
        return [event for page in self.pages(limit=limit) for event in page]

    def call(self, method: str, path: str, **request: Any) -> Answer:
        """Make a call; a broken connection comes out as httpx's error."""
        response = self._http.request(method, path, **request)
        return Answer(response.status_code, response.json(), response.headers)
