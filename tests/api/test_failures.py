"""When the service or its store fails: one shape, no cause told, a retry invited where it helps."""

import asyncio
import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from starlette.exceptions import HTTPException

from tests.api.driver import Answer, Api, Door, with_events
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.failing_events import FailingEvents
from triggers_api.core.leases import Held
from triggers_api.core.ports import NewEvent
from triggers_api.errors import (
    ConfigurationError,
    CorruptRecordError,
    DeadlineExceededError,
    MethodNotAllowedError,
    StoreUnavailableError,
    TriggersError,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "canary-93b1"
EVENT_ID = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
EVENT = f"/v1/events/{EVENT_ID}"
HELD = {"event_id": EVENT_ID, "lease": CANARY}
NEW = {"source": "shop", "event_type": "order.paid", "payload": {}}


def all_calls(api: Api) -> list[tuple[str, tuple[int, str]]]:
    """Make every call that reaches the store; return the refusals."""
    answers = {
        "ingest": api.ingest({"secret": CANARY}, metadata={"correlation_id": CANARY}),
        "ingest once": api.ingest({"secret": CANARY}, headers=[("Idempotency-Key", CANARY)]),
        "get": api.get(EVENT),
        "inbox": api.inbox(source=CANARY),
        "ack": api.post(f"{EVENT}/ack"),
        "delete": api.delete(EVENT),
        "ingest batch": api.post("/v1/events/batch", {"events": [{**NEW, "payload": {"secret": CANARY}}]}),
        "stats": api.get("/v1/inbox/stats", query={"source": CANARY}),
        "receive": api.post("/v1/inbox/receive", {"source": CANARY}),
        "ack batch": api.post("/v1/inbox/ack", {"events": [HELD]}),
        "extend": api.post("/v1/inbox/extend", {"events": [HELD], "lease_seconds": 1}),
        "release": api.post("/v1/inbox/release", {"events": [HELD], "reason": CANARY}),
        "delete batch": api.post("/v1/inbox/delete", {"event_ids": [EVENT_ID]}),
        "requeue": api.post("/v1/inbox/requeue", {"event_ids": [EVENT_ID]}),
        "requeue by filter": api.post("/v1/inbox/requeue", {"filter": {"status": "dead", "source": CANARY}}),
        "purge": api.post("/v1/inbox/purge", {"filter": {"status": "any", "source": CANARY}}),
        "count": api.post("/v1/inbox/purge", {"filter": {"status": "any"}, "dry_run": True}),
    }
    for answer in answers.values():
        assert CANARY not in answer.body.decode()
        assert answer.headers["access-control-allow-origin"] == "*"
        assert ("retry-after" in answer.headers) == (answer.status == 503)
    return [(name, answer.refusal) for name, answer in answers.items()]


@pytest.fixture
def events(sqlite_stores: Stores) -> FailingEvents:
    return FailingEvents(sqlite_stores.events)


@pytest.fixture(params=["asgi", "lambda"])
def fragile_api(
    request: pytest.FixtureRequest, sqlite_stores: Stores, events: FailingEvents, clock: FakeClock
) -> Api:
    door: Door = "asgi" if request.param == "asgi" else "lambda"
    return Api(with_events(sqlite_stores, events), clock, door=door)


@pytest.mark.parametrize(
    "failure",
    [
        StoreUnavailableError("The store cannot be reached right now."),
        DeadlineExceededError("The request's time is up."),
    ],
)
def test_a_store_that_cannot_be_used_is_503_and_a_retry_is_invited(
    fragile_api: Api, events: FailingEvents, failure: Exception
) -> None:
    events.failure = failure
    assert {refusal for _, refusal in all_calls(fragile_api)} == {(503, "SERVICE_UNAVAILABLE")}
    assert 1 <= int(fragile_api.inbox().headers["retry-after"]) <= 10, "soon: most outages last seconds"
    assert fragile_api.get("/v1/health", key=None).status == 200
    events.failure = None
    assert fragile_api.pending() == []


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError(CANARY),
        KeyError(CANARY),
        ValueError(CANARY),
        TypeError(CANARY),
        AssertionError(CANARY),
        RecursionError(CANARY),
        MemoryError(CANARY),
        OSError(5, CANARY, CANARY),
        UnicodeEncodeError("utf-8", CANARY, 0, 1, CANARY),
        CorruptRecordError(CANARY),
        ConfigurationError(CANARY, hint=CANARY),
    ],
    ids=lambda failure: type(failure).__name__,
)
@pytest.mark.promise(11)
def test_an_unexpected_error_is_500_and_hides_its_cause(
    fragile_api: Api, events: FailingEvents, failure: Exception
) -> None:
    events.failure = failure
    assert {refusal for _, refusal in all_calls(fragile_api)} == {(500, "INTERNAL_ERROR")}
    answer = fragile_api.inbox()
    assert answer.error["details"] == {}
    assert type(failure).__name__ not in answer.body.decode()
    assert "Traceback" not in answer.body.decode()
    events.failure = None
    assert fragile_api.pending() == [], "and the next request is served"


def test_a_client_error_keeps_its_message_wherever_it_is_raised(
    fragile_api: Api, events: FailingEvents
) -> None:
    events.failure = ValidationError("It is wrong.", hint="Mend it.", details={"errors": []})
    answer = fragile_api.inbox()
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert answer.error["message"] == "It is wrong. Mend it."


@pytest.mark.promise(1, 11)
def test_an_entry_that_fails_in_the_store_leaves_the_others(
    sqlite_stores: Stores, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Events(FailingEvents):
        def acknowledge(self, events: Sequence[Held], **_: Any) -> list[str | TriggersError]:
            outcomes: list[str | TriggersError] = ["2024-11-27T08:15:30.123456Z"]
            for _pair in range(len(events) // 2):
                outcomes += [StoreUnavailableError("throttled"), CorruptRecordError(CANARY)]
            return outcomes

    api = Api(with_events(sqlite_stores, Events(sqlite_stores.events)), clock, door="asgi")
    entries = [{"event_id": f"{EVENT_ID[:-1]}{number}"} for number in range(5)]
    with caplog.at_level("WARNING", logger="triggers_api"):
        results = api.results("/v1/inbox/ack", events=entries)
    assert [result["status"] for result in results] == [200, 503, 500, 503, 500]
    assert results[1]["error"] == {"code": "SERVICE_UNAVAILABLE", "message": "throttled", "details": {}}
    hidden = {"code": "INTERNAL_ERROR", "message": "An unexpected error occurred.", "details": {}}
    assert results[2]["error"] == hidden
    assert sorted(record.message for record in caplog.records) == ["bug", "unavailable"], "each cause once"


@pytest.mark.promise(1)
def test_an_ingest_is_answered_with_201_only_after_the_store_has_it(
    fragile_api: Api, events: FailingEvents
) -> None:
    events.failure = StoreUnavailableError("down")
    header = [("Idempotency-Key", "k")]
    assert fragile_api.ingest({"a": 1}, headers=header).status == 503
    events.failure = None
    first = fragile_api.ingest({"a": 1}, headers=header)
    assert (first.status, first.headers.get("idempotent-replayed")) == (201, None)
    assert fragile_api.pending() == [first.json["event_id"]]


@pytest.mark.promise(2, 4)
def test_an_answer_that_was_lost_is_settled_by_the_idempotency_key(
    sqlite_stores: Stores, clock: FakeClock
) -> None:
    class Forgetful(FailingEvents):
        def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
            outcomes = self._store.add(entries, now=now)
            if self.failure is not None:
                raise self.failure
            return outcomes

    events = Forgetful(sqlite_stores.events)
    api = Api(with_events(sqlite_stores, events), clock, door="asgi")
    events.failure = StoreUnavailableError("the answer was lost")
    header = [("Idempotency-Key", "k")]
    assert api.ingest({"a": 1}, headers=header).status == 503
    events.failure = None
    again = api.ingest({"a": 1}, headers=header)
    assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")
    assert api.pending() == [again.json["event_id"]]


@pytest.mark.promise(4)
def test_a_client_that_goes_away_in_the_middle_of_its_body_leaves_nothing(local_api: Api) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/events",
        "query_string": b"",
        "headers": [(b"x-api-key", local_api.key.encode())],
    }
    waiting = [
        {"type": "http.request", "body": b'{"source":"s","event_type":"t","payload":{}}', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(local_api.app(scope, receive, send))
    assert waiting == []
    assert not any(message.get("status") == 201 for message in sent)
    assert local_api.pending() == []


def test_a_rejected_request_leaves_no_reference_cycle(sqlite_stores: Stores, clock: FakeClock) -> None:
    """An error that its own traceback leads to holds the request's body until then."""
    api = Api(sqlite_stores, clock, door="lambda")
    key = [("Idempotency-Key", "k")]
    assert api.ingest({"a": 1}, headers=key).status == 201
    refused: dict[str, Callable[[], Answer]] = {
        "no such event": lambda: api.get(EVENT),
        "not JSON": lambda: api.post("/v1/events", body=b"{"),
        "wrong field": lambda: api.ingest(metadata={"other": CANARY}),
        "idempotency key of another request": lambda: api.ingest({"a": 2}, headers=key),
        "too large": lambda: api.post("/v1/events", body=b" " * 410_000),
        "wrong entries": lambda: api.post("/v1/events/batch", {"events": [{}, {**NEW, "payload": []}]}),
        "entry that is not strict": lambda: api.post("/v1/events/batch", body=b'{"events": [{"a":1,"a":2}]}'),
        "batch that is not JSON": lambda: api.post("/v1/events/batch", body=b'{"events": [{]}'),
        "no such events": lambda: api.post("/v1/inbox/ack", {"events": [HELD]}),
        "no such event to acknowledge": lambda: api.post(f"{EVENT}/ack", {"lease": CANARY}),
        "no key": lambda: api.get("/v1/inbox", key=None),
        "no such path": lambda: api.get("/v1/nothing"),
        "wrong method": lambda: api.call("PUT", "/v1/events"),
    }
    found = {}
    for name, send in refused.items():
        answer = send()
        assert answer.status >= 400 or "error" in answer.json["results"][0]
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                send()
            found[name] = [one for one in garbage() if isinstance(one, BaseException)]
        finally:
            gc.enable()
    assert found == {name: [] for name in refused}


def garbage() -> list[object]:
    """Return what only the garbage collector frees."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return list(gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_a_malformed_error_is_answered_as_a_bug_in_the_error_shape(
    sqlite_stores: Stores, clock: FakeClock
) -> None:
    events = FailingEvents(sqlite_stores.events)
    api = Api(with_events(sqlite_stores, events), clock, door="lambda")
    events.failure = MethodNotAllowedError("without the methods that are allowed")
    assert api.get(EVENT).refusal == (500, "INTERNAL_ERROR")


@pytest.mark.parametrize("status", [400, 418])
def test_an_http_exception_of_an_endpoint_is_a_logged_bug(
    sqlite_stores: Stores, clock: FakeClock, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    class Events:
        def get(self, *_: Any) -> None:
            raise HTTPException(status)

    api = Api(with_events(sqlite_stores, Events()), clock, door="asgi")
    with caplog.at_level("ERROR", logger="triggers_api"):
        assert api.get(EVENT).refusal == (500, "INTERNAL_ERROR")
    assert [record.message for record in caplog.records] == ["bug"]
