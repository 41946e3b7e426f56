"""The log: one access line a request, one line a store call at DEBUG.

That no key and no payload is ever in it is for `tests/promises/test_canary.py`.
"""

import pytest

from tests.api.driver import Api
from tests.api.log import Log, configured
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.failing_events import FailingEvents
from triggers_api.api import logs
from triggers_api.core.keys import digest_of

CANARY = "canary-e0d4"

pytestmark = pytest.mark.usefixtures("logging_as_before")


def of_others(caplog: pytest.LogCaptureFixture) -> str:
    """Return what other libraries have logged; pytest listens to our own loggers too."""
    return "".join(r.getMessage() for r in caplog.records if not r.name.startswith(logs.ROOT))


def test_each_request_has_one_access_line_with_its_event(api: Api, log: Log) -> None:
    event_id = api.add(source="shop", headers=[("X-Request-ID", "first")])
    api.get(f"/v1/events/{event_id}", headers=[("X-Request-ID", "second")])
    api.inbox(source="shop", limit=7)
    api.inbox()
    api.post(f"/v1/events/{event_id}/ack")
    api.delete(f"/v1/events/{event_id}")
    lines = log.lines("request")
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/events", 201),
        ("GET", "/v1/events/{event_id}", 200),
        ("GET", "/v1/inbox", 200),
        ("GET", "/v1/inbox", 200),
        ("POST", "/v1/events/{event_id}/ack", 200),
        ("DELETE", "/v1/events/{event_id}", 200),
    ]
    assert [line.get("event_id") for line in lines] == [event_id, event_id, None, None, event_id, event_id]
    assert [line.get("source") for line in lines[:4]] == ["shop", "shop", "shop", None]
    assert {line["key_id"] for line in lines} == {digest_of(api.key).removeprefix("sha256:")[:12]}
    assert [line["request_id"] for line in lines[:2]] == ["first", "second"]
    for line in lines:
        assert line["level"] == "INFO"
        assert 0 < line["duration_ms"] < 60_000


def test_a_bound_keys_inbox_is_logged_with_its_source(local_api: Api, log: Log) -> None:
    local_api.inbox(local_api.make_key("a"))
    assert log.lines("request")[-1]["source"] == "a"


def test_access_line_of_a_batch_counts_its_entries(each_door: Api, log: Log) -> None:
    event = {"source": "shop", "event_type": "t", "payload": {}}
    each_door.post("/v1/events/batch", {"events": [event, {}, event, event]})
    line = log.lines("request")[-1]
    assert (line["route"], line["status"], line["source"]) == ("/v1/events/batch", 200, "shop")
    assert (line["events"], line["failed"]) == (3, 1)
    (leased,) = each_door.receive(max=1)
    line = log.lines("request")[-1]
    assert line["event_id"] == leased["event_id"]
    assert "failed" not in line
    each_door.receive(max=5)
    assert log.lines("request")[-1]["events"] == 2
    each_door.results("/v1/inbox/ack", events=[{"event_id": leased["event_id"], "lease": CANARY}])
    line = log.lines("request")[-1]
    assert line["failed"] == 1
    assert not {"events", "event_id"} & line.keys()
    assert CANARY not in log.text


def test_death_of_an_event_is_logged_without_its_reason(each_door: Api, log: Log) -> None:
    event_id = each_door.add()
    (event,) = each_door.receive()
    entry = {"event_id": event_id, "lease": event["lease"]["token"]}
    each_door.results("/v1/inbox/release", events=[entry], dead=True, reason=CANARY)
    (line,) = log.lines("event died")
    assert (line["event_id"], line["source"], line["event_type"]) == (event_id, "shop", "order.paid")
    assert (line["deliveries"], line["level"]) == (1, "WARNING")
    assert CANARY not in log.text


def test_rejected_requests_have_an_access_line(each_door: Api, log: Log) -> None:
    for path in ("/nowhere", "/v1/inbox"):
        each_door.get(path, key=None)
    each_door.call("PUT", "/v1/inbox")
    each_door.call("OPTIONS", "/v1/inbox")
    each_door.get("/v1/health", key=None)
    lines = log.lines("request")
    assert [line["status"] for line in lines] == [404, 401, 405, 200, 200]
    assert not any("key_id" in line for line in lines)
    assert [line.get("reason") for line in lines] == [None, "missing", None, None, None]
    assert lines[1]["route"] == "/v1/inbox"


def test_at_debug_each_store_call_has_a_line_with_the_requests_id(api: Api, log: Log) -> None:
    api.add(headers=[("X-Request-ID", "mine")])
    calls = log.lines("store call")
    of_request = [line for line in calls if line.get("request_id") == "mine"]
    assert len(of_request) == 2, "the key is looked up, the event is put"
    for line in of_request:
        assert line["level"] == "DEBUG"
        assert line["operation"]
        assert line["duration_ms"] > 0
    (access,) = log.lines("request")
    assert sum(line["duration_ms"] for line in of_request) <= access["duration_ms"]


def test_a_store_call_to_dynamodb_is_logged_with_what_it_cost(
    dynamodb_stores: Stores, clock: FakeClock, log: Log
) -> None:
    api = Api(dynamodb_stores, clock, door="lambda")
    event_id = api.add({"text": "x" * 900}, metadata={"idempotency_key": "k"})
    api.get(f"/v1/events/{event_id}")
    api.inbox()
    api.post(f"/v1/events/{event_id}/ack")
    api.delete(f"/v1/events/{event_id}")
    of_requests = [line for line in log.lines("store call") if "request_id" in line]
    assert [line["operation"] for line in of_requests] == [
        *("get_item", "transact_write_items", "get_item", "query", "update_item", "delete_item")
    ]
    assert all(line["capacity_units"] > 0 for line in of_requests)
    assert {line["lambda_request_id"] for line in of_requests} == {"8f1f8f6e-2f0d-4f7e-9a0b-1d2c3b4a5968"}


def test_at_info_store_calls_are_not_logged(api: Api) -> None:
    log = Log(configured("INFO", in_lambda=True))
    api.add()
    assert (log.lines("store call"), len(log.lines("request"))) == ([], 1)


@pytest.mark.promise(11)
def test_a_crash_is_logged_with_its_frames_and_without_its_text(
    sqlite_stores: Stores, clock: FakeClock, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    events = FailingEvents(sqlite_stores.events)
    stores = Stores(events, sqlite_stores.keys, sqlite_stores.hooks)
    api = Api(stores, clock, door="asgi")
    events.failure = RuntimeError(CANARY)
    events.failure.__cause__ = KeyError(CANARY)
    assert api.ingest({"secret": CANARY}, headers=[("X-Request-ID", "mine")]).status == 500
    (crash,) = log.lines("bug")
    assert (crash["level"], crash["request_id"], crash["error"]) == ("ERROR", "mine", "RuntimeError")
    frames = "\n".join(crash["traceback"])
    assert "failing_events.py" in frames
    assert "in call" in frames
    assert "KeyError" in frames
    assert CANARY not in log.text + of_others(caplog)
    assert log.lines("request")[-1]["status"] == 500
