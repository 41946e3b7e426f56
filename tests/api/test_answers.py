"""What every answer has: the fields of the contract and no other, a request id, times in one form."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.api.driver import Api
from tests.support.clock import FakeClock
from triggers_api.version import VERSION

TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")
NOWHERE = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"


def written(clock: FakeClock) -> str:
    return datetime.fromtimestamp(clock.now // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{clock.now % 1_000_000:06d}Z"
    )


def test_health_needs_no_key_and_says_version_and_time(each_door: Api, clock: FakeClock) -> None:
    answer = each_door.get("/v1/health", key=None)
    assert answer.status == 200
    assert answer.json == {
        "status": "healthy",
        "timestamp": written(clock),
        "version": VERSION,
        "request_id": answer.headers["x-request-id"],
    }


def test_an_ingest_answers_with_exactly_the_fields_of_the_contract(api: Api) -> None:
    answer = api.ingest({"a": 1})
    assert answer.status == 201
    assert set(answer.json) == {"event_id", "created_at", "status", "message", "request_id"}
    assert answer.json["status"] == "pending"
    assert "idempotent-replayed" not in answer.headers


def test_an_event_id_is_a_uuid_v7_whose_time_is_created_at(api: Api, clock: FakeClock) -> None:
    first, second = api.ingest().json, api.ingest().json
    assert first["created_at"] == written(clock)
    for answer in (first, second):
        event_id = UUID(answer["event_id"])
        assert (event_id.version, str(event_id)) == (7, answer["event_id"])
        moment = datetime.strptime(answer["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        microseconds = int(moment.timestamp()) * 1_000_000 + moment.microsecond
        milliseconds, rest = divmod(microseconds, 1000)
        assert event_id.int >> 80 == milliseconds
        assert event_id.int >> 64 & 0xFFF == rest * 4096 // 1000
    assert first["event_id"] < second["event_id"]
    assert first["created_at"] < second["created_at"]


def test_an_event_is_shown_with_exactly_the_fields_of_the_contract(api: Api, clock: FakeClock) -> None:
    created = api.ingest({"a": [1, None]}, metadata={"correlation_id": "c", "priority": "high"}).json
    expected = {
        "event_id": created["event_id"],
        "created_at": created["created_at"],
        "source": "shop",
        "event_type": "order.paid",
        "payload": {"a": [1, None]},
        "status": "pending",
        "deliveries": 0,
        "metadata": {"correlation_id": "c", "priority": "high"},
    }
    path = f"/v1/events/{created['event_id']}"
    shown = api.get(path)
    assert shown.json == {**expected, "request_id": shown.headers["x-request-id"]}

    page = api.inbox()
    assert page.json == {
        "events": [expected],
        "pagination": {"limit": 50},
        "request_id": page.headers["x-request-id"],
    }

    clock.advance(seconds=5)
    acknowledged = api.post(f"{path}/ack")
    at = written(clock)
    assert acknowledged.status == 200
    assert {name: value for name, value in acknowledged.json.items() if name != "message"} == {
        "event_id": created["event_id"],
        "status": "acknowledged",
        "acknowledged_at": at,
        "request_id": acknowledged.headers["x-request-id"],
    }
    after = api.get(path)
    assert after.json == {
        **expected,
        "status": "acknowledged",
        "acknowledged_at": at,
        "request_id": after.headers["x-request-id"],
    }

    deleted = api.delete(path)
    assert deleted.status == 200
    assert set(deleted.json) == {"event_id", "message", "request_id"}
    assert deleted.json["event_id"] == created["event_id"]


def test_metadata_that_was_not_sent_is_shown_with_the_default_priority(api: Api) -> None:
    event_id = api.add()
    assert api.get(f"/v1/events/{event_id}").json["metadata"] == {"priority": "normal"}


CALLS = [
    ("GET", "/v1/health", 200),
    ("POST", "/v1/events", 400),
    ("GET", f"/v1/events/{NOWHERE}", 404),
    ("GET", "/v1/events/x", 422),
    ("GET", "/v1/inbox", 200),
    ("POST", f"/v1/events/{NOWHERE}/ack", 404),
    ("DELETE", f"/v1/events/{NOWHERE}", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/", 404),
    ("PUT", "/v1/inbox", 405),
    ("OPTIONS", "/v1/inbox", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), CALLS)
@pytest.mark.parametrize("sent", ["test-request-123", "A.b_c:d-9", "x" * 128, "0"])
def test_an_acceptable_request_id_comes_back_in_header_and_body(
    local_api: Api, method: str, path: str, status: int, sent: str
) -> None:
    answer = local_api.call(method, path, headers=[("X-Request-ID", sent)])
    assert answer.status == status
    assert answer.headers["x-request-id"] == sent
    assert answer.json.get("error", answer.json)["request_id"] == sent


@pytest.mark.parametrize(
    "sent", ["", " ", "x" * 129, "a b", "a\tb", "a/b", "é", "a\u200bb", "\uff11", "<script>", '"a"', "a,b"]
)
@pytest.mark.promise(9)
def test_invalid_request_id_is_replaced_by_a_uuid_v4(each_door: Api, sent: str) -> None:
    answers = [each_door.get(path, headers=[("X-Request-ID", sent)]) for path in ("/v1/health", "/no")]
    made = {answer.headers["x-request-id"] for answer in answers}
    assert len(made) == 2
    for one in made:
        assert (UUID(one).version, str(UUID(one))) == (4, one)


@pytest.mark.promise(9)
def test_repeated_request_id_is_replaced(each_door: Api) -> None:
    answer = each_door.get("/v1/health", headers=[("X-Request-ID", "a"), ("X-Request-ID", "b")])
    assert UUID(answer.headers["x-request-id"]).version == 4


@pytest.mark.promise(9)
def test_without_a_request_id_each_answer_has_its_own(each_door: Api) -> None:
    ids = {
        each_door.get(path).headers["x-request-id"] for path in ("/v1/health", "/v1/health", "/", "/v1/inbox")
    }
    assert len(ids) == 4
    assert {UUID(one).version for one in ids} == {4}


def test_a_refused_key_is_answered_with_the_clients_request_id(each_door: Api) -> None:
    answer = each_door.get("/v1/inbox", key=None, headers=[("X-Request-ID", "mine")])
    assert (answer.status, answer.headers["x-request-id"]) == (401, "mine")


def test_times_have_six_digits_also_on_a_full_second(local_api: Api, clock: FakeClock) -> None:
    clock.now = clock.now // 1_000_000 * 1_000_000
    assert TIME.fullmatch(local_api.get("/v1/health").json["timestamp"])
    assert local_api.ingest().json["created_at"].endswith(".000000Z")
