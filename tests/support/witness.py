"""A client that records its calls, their answers and times: the history that `orders` explains."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Barrier, Lock
from typing import Any

import httpx

from tests.support.api_client import ApiClient
from tests.support.models import Ack, Call, Delete, Get, Inbox, Ingest, Page, Stored, inbox_step
from tests.support.orders import FAILED, UNKNOWN, Operation, Outcome, Told, explain
from tests.support.pages import Query, walk

ANSWER_SECONDS = 15.0
"""The promised bound for every request, whatever the store does."""

NO_ANSWER = 0
"""The status of a request whose connection broke."""

Reply = tuple[int, Mapping[str, str], dict[str, Any]]
"""Status, headers with names in lower case, body."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request without its key."""

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None


Send = Callable[[Asked], Reply]
"""Sends a request to a service; the status is `NO_ANSWER` if no answer came back."""


def over_http(client: ApiClient) -> Send:
    """Return the way to a server; a connection that breaks is no answer."""

    def send(asked: Asked) -> Reply:
        try:
            answer = client.call(
                asked.method, asked.path, params=asked.query, headers=asked.headers, json=asked.body
            )
        except httpx.TransportError:
            return NO_ANSWER, {}, {}
        return answer.status, answer.headers, answer.body

    return send


class Witness:
    """Asks in one way, of one source's events or of all. Safe for several threads.

    `start`: what is there before the first call.
    """

    def __init__(self, send: Send, source: str | None, *, start: Inbox | None = None) -> None:
        self._send = send
        self._source = source
        self._start = start or Inbox()
        self._lock = Lock()
        self.ids: dict[str, str] = {}
        self.history: list[Operation] = []

    def do(self, call: Call, *, after: Barrier | None = None, through: Send | None = None) -> Operation:
        """Make a call, after the barrier if there is one, and record it."""
        if after is not None:
            after.wait()
        began = time.monotonic()
        outcome = self._outcome(call, in_time(through or self._send))
        operation = Operation(call, outcome, began, time.monotonic())
        with self._lock:
            self.history.append(operation)
        return operation

    def knows_it_failed(self, operation: Operation) -> None:
        """Record that a call without an answer cannot have taken effect."""
        assert operation.outcome is UNKNOWN
        place = self.history.index(operation)
        self.history[place] = Operation(operation.call, FAILED, operation.began, operation.ended)

    def look(self, *tags: str, through: Send | None = None) -> None:
        """Read the current state, as a part of the history; fail if a read gets no answer.

        Without these answers, any history would be explained.
        """
        known: list[Call] = [Get(tag) for tag in tags if tag in self.ids]
        for call in (Page(), *known):
            seen = self.do(call, through=through)
            assert isinstance(seen.outcome, Told), f"{call} got no answer: the state is unknown"

    def explain(self) -> None:
        """Fail if no order of the calls explains the answers."""
        explain(self.history, self._start, inbox_step)

    def _outcome(self, call: Call, send: Send) -> Outcome:
        if isinstance(call, Page):
            return self._pages(send)
        status, told, answer = send(self._request(call))
        if not _answered(status, told):
            return UNKNOWN
        if isinstance(call, Ingest) and status == 201:
            with self._lock:
                self.ids.setdefault(call.tag, answer["event_id"])
            return Told(status, answer["event_id"])
        if isinstance(call, Ack) and status == 200:
            return Told(status, answer["acknowledged_at"])
        if isinstance(call, Get) and status == 200:
            return Told(status, _stored(answer))
        return Told(status)

    def _request(self, call: Ingest | Ack | Delete | Get) -> Asked:
        if isinstance(call, Ingest):
            body = {
                "source": self._source or "shop",
                "event_type": "order.paid",
                "payload": {"tag": call.tag},
            }
            headers = {"Idempotency-Key": call.key} if call.key else {}
            return Asked("POST", "/v1/events", headers=headers, body=body)
        path = f"/v1/events/{self.ids[call.tag]}"
        if isinstance(call, Ack):
            return Asked("POST", f"{path}/ack")
        return Asked("DELETE" if isinstance(call, Delete) else "GET", path)

    def _pages(self, send: Send) -> Outcome:
        def ask(query: Query) -> dict[str, Any]:
            status, told, answer = send(Asked("GET", "/v1/inbox", query))
            if not _answered(status, told):
                raise _NoAnswerError
            assert status == 200, answer
            return answer

        query: Query = {"source": self._source} if self._source else {}
        try:
            events = [event for page in walk(ask, query) for event in page]
        except _NoAnswerError:
            return UNKNOWN
        found = tuple(map(_stored, events))
        # Two processes may make two in one microsecond, and DynamoDB gives these in an order of its own.
        assert (made := [event["created_at"] for event in events]) == sorted(made), "not oldest first"
        return Told(200, found)


class _NoAnswerError(Exception):
    """One of several pages did not come."""


def in_time(send: Send) -> Send:
    """Wrap a way of sending so that it fails if an answer takes longer than promised."""

    def timed(asked: Asked) -> Reply:
        began = time.monotonic()
        reply = send(asked)
        taken = time.monotonic() - began
        assert taken < ANSWER_SECONDS, f"{asked.method} {asked.path} took {taken:.1f} s"
        return reply

    return timed


def _stored(event: dict[str, Any]) -> Stored:
    return Stored(
        event["payload"]["tag"],
        event["event_id"],
        event["status"] == "acknowledged",
        event.get("acknowledged_at"),
    )


def _answered(status: int, headers: Mapping[str, str]) -> bool:
    if status == 503:
        assert int(headers["retry-after"]) >= 1
    assert status < 500 or status == 503, status
    return status not in {503, NO_ANSWER}
