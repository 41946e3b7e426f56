"""A client that records its calls, their answers and times: the history that `orders` explains."""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from threading import Barrier, Lock
from typing import Any

import httpx

from tests.support.api_client import ApiClient
from tests.support.calls import (
    Ack,
    Batch,
    Call,
    Delete,
    Entry,
    Extend,
    Get,
    Ingest,
    Page,
    Purge,
    Receive,
    Release,
    Requeue,
    Single,
)
from tests.support.models import Inbox, Stored, inbox_step
from tests.support.orders import FAILED, UNKNOWN, Operation, Outcome, Told, explain
from tests.support.pages import Query, walk

ANSWER_SECONDS = 15.0
"""The promised bound for every request, whatever the store does."""

LEASE_SECONDS = 3600
"""Of every lease and delay here: far longer than a test."""

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
        self.tokens: dict[str, str] = {}
        self.history: list[Operation] = []

    def do(self, call: Single, *, after: Barrier | None = None, through: Send | None = None) -> Operation:
        """Make a call, after the barrier if there is one, and record it."""
        (operation,) = self.do_all(call, after=after, through=through)
        return operation

    def do_all(
        self, call: Call, *, after: Barrier | None = None, through: Send | None = None
    ) -> list[Operation]:
        """Make a call. Record it, or each entry of a batch as if it came alone."""
        if after is not None:
            after.wait()
        began = time.monotonic()
        send = in_time(through or self._send)
        calls = call.entries if isinstance(call, Batch) else [call]
        outcomes = self._batch(call, send) if isinstance(call, Batch) else [self._outcome(call, send)]
        ended = time.monotonic()
        operations = [
            Operation(one, outcome, began, ended) for one, outcome in zip(calls, outcomes, strict=True)
        ]
        with self._lock:
            self.history += operations
        return operations

    def knows_it_failed(self, operation: Operation) -> None:
        """Record that a call without an answer cannot have taken effect."""
        assert operation.outcome is UNKNOWN
        place = self.history.index(operation)
        self.history[place] = Operation(operation.call, FAILED, operation.began, operation.ended)

    def look(self, *tags: str, through: Send | None = None) -> None:
        """Read the current state, as a part of the history; fail if a read gets no answer.

        Without these answers, any history would be explained.
        """
        known: list[Single] = [Get(tag) for tag in tags if tag in self.ids]
        for call in (Page(), *known):
            seen = self.do(call, through=through)
            assert isinstance(seen.outcome, Told), f"{call} got no answer: the state is unknown"

    def explain(self, *, shards: int = 1) -> None:
        """Fail if no order of the calls explains the answers. `shards`: how many a page reads."""
        tags = {one.call.tag for one in self.history if isinstance(one.call, Ingest)} if shards > 1 else set()
        parts = [part for operation in self.history for part in _parts(operation, tags)]
        explain(parts, self._start, inbox_step)

    def _outcome(self, call: Single, send: Send) -> Outcome:
        match call:
            case Page():
                return self._pages(send)
            case Extend() | Release():  # there is no call for a single one
                return self._batch(Batch([call]), send)[0]
            case Ingest():
                headers = {"Idempotency-Key": call.key} if call.key else {}
                asked = Asked("POST", "/v1/events", headers=headers, body=self._event(call))
            case Ack():
                body = {"lease": self._token(call.lease)} if call.lease else None
                asked = Asked("POST", f"/v1/events/{self.ids[call.tag]}/ack", body=body)
            case Get() | Delete():
                method = "GET" if isinstance(call, Get) else "DELETE"
                asked = Asked(method, f"/v1/events/{self.ids[call.tag]}")
            case Receive():
                limits = {"max": 100, "lease_seconds": LEASE_SECONDS}
                asked = Asked("POST", "/v1/inbox/receive", body={**limits, **self._of_source})
            case Requeue():
                asked = Asked("POST", "/v1/inbox/requeue", body={"event_ids": [self.ids[call.tag]]})
            case Purge():
                wanted = {"status": call.status, **self._of_source}
                asked = Asked("POST", "/v1/inbox/purge", body={"filter": wanted})
        status, told, answer = send(asked)
        return self._told(call, status, answer) if _answered(status, told) else UNKNOWN

    def _batch(self, call: Batch, send: Send) -> list[Outcome]:
        """Send the entries in one request. Return the outcome of each."""
        path, entries, options = self._request(call.entries)
        status, headers, answer = send(Asked("POST", path, body={**entries, **options}))
        if not _answered(status, headers):
            return [UNKNOWN] * len(call.entries)
        assert status == 200, answer
        results = answer["results"]
        assert [one["index"] for one in results] == list(range(len(call.entries)))
        return [
            UNKNOWN if one["status"] == 503 else self._told(entry, one["status"], one)
            for entry, one in zip(call.entries, results, strict=True)
        ]

    def _request(self, entries: Sequence[Entry]) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Return path, entries and options of a batch."""
        first = entries[0]
        assert {type(one) for one in entries} == {type(first)}, "entries are of one kind"
        if isinstance(first, Ingest):
            events = [self._event(one, key=one.key) for one in entries if isinstance(one, Ingest)]
            return "/v1/events/batch", {"events": events}, {}
        if isinstance(first, Delete):
            return "/v1/inbox/delete", {"event_ids": [self.ids[one.tag] for one in entries]}, {}
        held = [
            {"event_id": self.ids[one.tag], **({"lease": self._token(one.lease)} if one.lease else {})}
            for one in entries
            if isinstance(one, Ack | Extend | Release)
        ]
        if isinstance(first, Ack):
            return "/v1/inbox/ack", {"events": held}, {}
        if isinstance(first, Extend):
            return "/v1/inbox/extend", {"events": held}, {"lease_seconds": LEASE_SECONDS}
        options: dict[str, Any] = {"delay_seconds": LEASE_SECONDS} if first.delay else {}
        return "/v1/inbox/release", {"events": held}, {**options, **({"dead": True} if first.dead else {})}

    @property
    def _of_source(self) -> dict[str, str]:
        return {"source": self._source} if self._source else {}

    def _event(self, call: Ingest, *, key: str | None = None) -> dict[str, Any]:
        source = self._source or "shop"
        event: dict[str, Any] = {"source": source, "event_type": "order.paid", "payload": {"tag": call.tag}}
        return {**event, "metadata": {"idempotency_key": key}} if key else event

    def _token(self, name: str) -> str:
        """Return the token of a receive, or one of no receive if no answer told it."""
        return self.tokens.get(name, f"no token of {name}")

    def _told(self, call: Single, status: int, answer: dict[str, Any]) -> Told:
        """Return the part of an answer, or of an entry's result, that the model compares."""
        if status == 409:
            return Told(status, answer["error"]["code"])
        if status >= 400:
            return Told(status)
        if isinstance(call, Ingest):
            with self._lock:
                self.ids.setdefault(call.tag, answer["event_id"])
        if isinstance(call, Receive):
            return Told(status, self._leased(call, answer["events"]))
        detail = _DETAILS.get(type(call))
        return Told(status, detail(answer) if detail else None)

    def _leased(self, call: Receive, events: list[dict[str, Any]]) -> tuple[Stored, ...]:
        """Note the token of a receive, which no other has."""
        tokens = {event["lease"]["token"] for event in events}
        with self._lock:
            assert len(tokens) <= 1, "one token per receive"
            assert call.name not in self.tokens, "each receive has a name of its own"
            assert tokens.isdisjoint(self.tokens.values()), "a token comes again"
            self.tokens |= {} if not tokens else {call.name: tokens.pop()}
        assert all(event["leased_until"] == event["lease"]["expires_at"] for event in events)
        return tuple(map(_stored, events))

    def _pages(self, send: Send) -> Outcome:
        def ask(query: Query) -> dict[str, Any]:
            status, told, answer = send(Asked("GET", "/v1/inbox", query))
            if not _answered(status, told):
                raise _NoAnswerError
            assert status == 200, answer
            return answer

        query: Query = {**self._of_source}
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


def _parts(operation: Operation, tags: Iterable[str]) -> list[Operation]:
    """Return what DynamoDB does one by one, each as if it came alone. `tags`: of events in several shards.

    A receive claims each event by a write of its own, as each entry of a batch does: a page may see some of
    them made. A page reads each shard for itself, so what it says of one event may be older than what it says
    of another.
    """
    match operation:
        case Operation(Receive(), Told(status, (_, _, *_) as events)):
            return [replace(operation, outcome=Told(status, (event,))) for event in events]
        case Operation(Page(), Told(status, tuple(events))) if tags:
            return [
                replace(
                    operation,
                    call=Page(tag),
                    outcome=Told(status, tuple(event for event in events if event.tag == tag)),
                )
                for tag in tags
            ]
    return [operation]


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
        event["status"],
        event.get("acknowledged_at"),
        deliveries=event["deliveries"],
        hidden="leased_until" in event,
    )


def _answered(status: int, headers: Mapping[str, str]) -> bool:
    if status == 503:
        assert int(headers["retry-after"]) >= 1
    assert status < 500 or status == 503, status
    return status not in {503, NO_ANSWER}


_DETAILS: dict[type[Single], Callable[[dict[str, Any]], Hashable]] = {
    Ingest: itemgetter("event_id"),
    Ack: itemgetter("acknowledged_at"),
    Release: itemgetter("event_status"),
    Requeue: itemgetter("requeued"),
    Purge: itemgetter("deleted"),
    Get: _stored,
}
