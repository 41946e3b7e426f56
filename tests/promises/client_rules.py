"""The calls of producers and consumers, with any key, in any order, compared with the model."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import MultipleResults, initialize, multiple, rule

from tests.promises.event_model import ACKNOWLEDGED, DEAD, PENDING, Event, Sent, View
from tests.promises.machine import ANY_KEY, CURSORS, EVENTS, POSTS, SOURCES, Cursor, Machine, check
from tests.promises.model import CONSUME, EVENT_SECONDS, INGEST, SECOND, Key, Refusal
from triggers_api.core.times import format_time

TYPES = st.sampled_from(["paid", "sent"])
NAMES = st.sampled_from(["n-1", "n-2", 'a "quoted\\ name'])
PAYLOADS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"a": 1},
        {"a": 1.0},
        {"a": True, "Ж": None},
        {"number": 10**40, "small": -5e-324, "zero": -0.0, "half": 0.1},
        {"text": "\u0000\u2028😀\\\"'<", "": [[], {}, [{"": 0}]]},
        {"long": "x" * 3000},
        {"long": "ключ " * 300, "number": 1e16},
    ]
)
METADATA: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"correlation_id": "c-1"}, {"priority": "normal"}, {"priority": "high", "correlation_id": "c-1"}]
)
REQUESTS = st.builds(Sent, SOURCES, TYPES, PAYLOADS, METADATA)
LIMITS = st.sampled_from([1, 1, 2, 3, 100])
MODES = st.sampled_from(["", "", "since", "until", "since and until"])
SOURCE_FILTERS = st.sampled_from([None, None, "shop", "billing", "ж"])
TYPE_FILTERS = st.sampled_from([None, None, "paid", "sent"])
PLAIN_VIEWS = st.builds(
    View,
    source=SOURCE_FILTERS,
    event_types=st.sampled_from([(), (), ("paid",), ("sent",), ("paid", "sent")]),
)
VIEWS = PLAIN_VIEWS | st.builds(
    View,
    status=st.sampled_from([PENDING, ACKNOWLEDGED, DEAD]),
    source=SOURCE_FILTERS,
    event_types=st.sampled_from([(), (), ("paid",), ("other", "sent")]),
    newest=st.booleans(),
    available=st.booleans(),
)

NOT_AN_EVENT: list[tuple[bytes, int]] = [
    (b"", 400),
    (b'{"source":"shop","event_type":"paid"}', 400),
    (b'{"source":"shop","event_type":"paid","payload":[]}', 400),
    (b'{"source":"shop","event_type":"paid","payload":{"a":NaN}}', 400),
    (b'{"source":"shop","event_type":"paid","payload":{"a":1,"a":2}}', 400),
    (b'{"source":"shop","event_type":"paid","payload":{},"status":"pending"}', 400),
    (b'{"source":"","event_type":"paid","payload":{}}', 400),
    (b'{"source":"shop","event_type":"paid","payload":{"a":"%s"}}' % (b"x" * 409_600), 413),
]
NONSENSE = [
    *(
        ("GET", "/v1/inbox", query, 400)
        for query in (
            *("limit=0", "limit=101", "limit=1&limit=1", "source=", "cursor=AQ", "event_type=%00"),
            *("Source=shop", "sources=shop", "x"),
        )
    ),
    ("GET", "/v1/events/not-an-id", "", 422),
    ("DELETE", "/v1/events/not-an-id", "", 422),
    ("POST", "/v1/events/not-an-id/ack", "", 422),
]


class ClientRules(Machine):
    """The calls by HTTP."""

    last_id = ""

    # What producers do.

    @initialize(target=EVENTS, several=st.lists(REQUESTS, min_size=3, max_size=8))
    def some_events_are_there(self, several: list[Sent]) -> MultipleResults[str]:
        return multiple(*(id_ for sent in several for id_ in self._post(self.all_seeing, sent, None)))

    @rule(target=EVENTS, key=ANY_KEY, several=st.lists(REQUESTS, min_size=1, max_size=4))
    def events_are_sent(self, key: Key, several: list[Sent]) -> MultipleResults[str]:
        return multiple(*(event_id for sent in several for event_id in self._post(key, sent, None)))

    @rule(target=POSTS, key=ANY_KEY, sent=REQUESTS, name=NAMES, in_body=st.booleans())
    def an_event_is_sent_with_an_idempotency_key(
        self, key: Key, sent: Sent, name: str, in_body: bool
    ) -> tuple[Key, Sent, str]:
        self._post(key, sent, name, in_body=in_body)
        return key, sent, name

    @rule(target=EVENTS, post=POSTS, in_body=st.booleans(), otherwise=st.booleans())
    def it_is_sent_again(
        self, post: tuple[Key, Sent, str], in_body: bool, otherwise: bool
    ) -> MultipleResults[str]:
        return multiple(*self._post(*post, in_body=in_body, otherwise=otherwise))

    @rule(post=POSTS, sent=REQUESTS, in_body=st.booleans())
    def its_key_is_used_for_another(self, post: tuple[Key, Sent, str], sent: Sent, in_body: bool) -> None:
        key, _, name = post
        self._post(key, sent, name, in_body=in_body)

    @rule(key=ANY_KEY, name=NAMES, bad=st.sampled_from(NOT_AN_EVENT))
    def what_is_no_event_is_sent(self, key: Key, name: str, bad: tuple[bytes, int]) -> None:
        body, status = bad
        answer = self._call(key, "POST", "/v1/events", body=body, headers=[("Idempotency-Key", quoted(name))])
        if self._admitted(key, INGEST, answer):
            assert answer.status == status, answer.body

    @rule(key=ANY_KEY, call=st.sampled_from(NONSENSE))
    def nonsense_is_asked_for(self, key: Key, call: tuple[str, str, str, int]) -> None:
        method, path, query, status = call
        answer = self._call(key, method, path, query=query)
        if self._admitted(key, CONSUME, answer):
            check(answer, (status, "VALIDATION_ERROR"))

    def _post(
        self, key: Key, sent: Sent, name: str | None, *, in_body: bool = False, otherwise: bool = False
    ) -> list[str]:
        """Send a request, or with `otherwise` an equivalent one, and return the id of its event."""
        metadata = {**sent.metadata, **({"idempotency_key": name} if name and in_body else {})}
        fields = {"source": sent.source, "event_type": sent.event_type, "payload": sent.payload}
        if metadata or otherwise:
            fields["metadata"] = metadata
        order = reversed(fields.items()) if otherwise else fields.items()
        body = json.dumps(dict(order), ensure_ascii=otherwise).encode()
        headers = [("Idempotency-Key", quoted(name))] if name and not in_body else []
        answer = self._call(key, "POST", "/v1/events", body=body, headers=headers)
        if not self._admitted(key, INGEST, answer):
            return []
        expected = self.model.ingest(key, sent, name)
        if isinstance(expected, tuple):
            check(answer, expected)
            return []
        if expected is None:
            assert answer.status == 201, answer.body
            expected = self._new_event(answer.json, sent, {"priority": "normal", **metadata})
            self.model.keep(key, sent, name, expected)
            assert "idempotent-replayed" not in answer.headers
        else:
            assert answer.headers.get("idempotent-replayed") == "true"
        fields = {"event_id": expected.event_id, "created_at": expected.created_at, "status": "pending"}
        check(answer, fields, status=201)
        return [expected.event_id]

    def _new_event(self, told: dict[str, Any], sent: Sent, metadata: dict[str, Any]) -> Event:
        """Return the event of a 201, whose id contains its time and is greater than all before."""
        event_id, created_at = told["event_id"], told["created_at"]
        now = self.clock()
        assert UUID(event_id).version == 7
        assert format_time(now) <= created_at < format_time(now + 1000)
        assert format_time((UUID(event_id).int >> 80) * 1000)[:23] == created_at[:23]
        assert event_id > self.last_id
        self.last_id = event_id
        return Event(event_id, created_at, sent, metadata, now // SECOND + EVENT_SECONDS)

    # What consumers do.

    @rule(key=ANY_KEY, event_id=EVENTS, upper=st.booleans())
    def an_event_is_read(self, key: Key, event_id: str, upper: bool) -> None:
        self._read(key, event_id, event_id.upper() if upper else event_id)

    @rule(event_id=EVENTS, by=st.lists(ANY_KEY, min_size=1, max_size=3))
    def an_event_is_acknowledged(self, event_id: str, by: list[Key]) -> None:
        for key in by:
            answer = self._call(key, "POST", f"/v1/events/{event_id}/ack")
            if self._admitted(key, CONSUME, answer):
                check(answer, acknowledged(event_id, self.model.acknowledge(key, event_id)))

    @rule(key=ANY_KEY, event_id=EVENTS)
    def an_event_is_deleted(self, key: Key, event_id: str) -> None:
        answer = self._call(key, "DELETE", f"/v1/events/{event_id}")
        if self._admitted(key, CONSUME, answer):
            self.model.delete(key, event_id)
            check(answer, {"event_id": event_id})

    @rule(target=CURSORS, key=ANY_KEY, limit=LIMITS, view=VIEWS, since=EVENTS, until=EVENTS, mode=MODES)
    def a_page_is_read(
        self, key: Key, limit: int, view: View, since: str, until: str, mode: str
    ) -> MultipleResults[Cursor]:
        """`mode` says which of the two events bounds the page by its time."""
        first, last = self.model.events.get(since), self.model.events.get(until)
        if first and "since" in mode:
            view = replace(view, since=first.created_at)
        if last and "until" in mode:
            view = replace(view, until=last.created_at)
        return multiple(*self._page(key, limit, view, None))

    @rule(target=CURSORS, key=ANY_KEY, limit=LIMITS, cursor=CURSORS)
    def the_next_page_is_read(self, key: Key, limit: int, cursor: Cursor) -> MultipleResults[Cursor]:
        return multiple(*self._page(key, limit, cursor.view, cursor))

    @rule(key=ANY_KEY, limit=LIMITS, cursor=CURSORS, view=VIEWS)
    def a_cursor_is_used_with_any_filters(self, key: Key, limit: int, cursor: Cursor, view: View) -> None:
        self._page(key, limit, view, cursor)

    @rule(key=ANY_KEY, limit=LIMITS, view=VIEWS)
    def all_pages_are_read(self, key: Key, limit: int, view: View) -> None:
        self._pages(key, limit, view)


def acknowledged(event_id: str, expected: Refusal | str) -> Refusal | dict[str, Any]:
    """Return the answer to the acknowledgement of one event."""
    if isinstance(expected, tuple):
        return expected
    return {"event_id": event_id, "status": "acknowledged", "acknowledged_at": expected}


def quoted(name: str) -> str:
    """Write an idempotency key as a header's structured field."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
