"""The requirements' sections 7.2 to 7.8, with `curl`, as they stand there: each box is an assertion.

The walk is made once on each store. The tests look at what it saw; the last one compares the two.
"""

import re
from typing import Any
from uuid import UUID

import pytest

from tests.e2e.conftest import Backend, client_of, dynamodb_at, sqlite_in
from tests.support.curl import CurlAnswer
from tests.support.requirements_walk import UNKNOWN_EVENT, Read, Walk, walk

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


@pytest.fixture(scope="module")
def sqlite_walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return _walked(sqlite_in(tmp_path_factory.mktemp("walk")))


@pytest.fixture(scope="module")
def dynamodb_walk(dynamodb_url: str) -> Walk:
    return _walked(dynamodb_at(dynamodb_url))


@pytest.fixture(scope="module", params=["sqlite", "dynamodb"])
def walked(request: pytest.FixtureRequest) -> Walk:
    found: Walk = request.getfixturevalue(f"{request.param}_walk")
    return found


def _walked(backend: Backend) -> Walk:
    with backend.running("--cors-origin", "*") as server:
        return walk(server.url, _item_reader(backend))


def _item_reader(backend: Backend) -> Read | None:
    if backend.endpoint_url is None:
        return None
    client, table = client_of(backend.endpoint_url), backend.variables["DYNAMODB_TABLE_EVENTS"]

    def read(event_id: str, created_at: str) -> Any:
        key = {"event_id": {"S": event_id}, "created_at": {"S": created_at}}
        return client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")

    return read


def code_of(answer: CurlAnswer) -> tuple[int, str]:
    """Return status and code of an error, whose shape and request id are checked."""
    assert set(answer.body) == {"error"}
    error = answer.body["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]
    return answer.status, error["code"]


def listed(answer: CurlAnswer) -> list[str]:
    assert answer.status == 200
    return [event["event_id"] for event in answer.body["events"]]


def test_7_2_health_answers_200_in_the_specified_form_without_a_key(walked: Walk) -> None:
    health = walked.answers["health"]
    assert health.status == 200
    assert set(health.body) == {"status", "timestamp", "version", "request_id"}
    assert health.body["status"] == "healthy"
    assert _matches(TIME, health.body["timestamp"])


def test_7_3_ingest_answers_201_with_the_event_id_and_the_request_id(walked: Walk) -> None:
    ingest = walked.answers["ingest"]
    assert ingest.status == 201
    assert set(ingest.body) == {"event_id", "created_at", "status", "message", "request_id"}
    assert UUID(ingest.body["event_id"]).version == 7
    assert _matches(TIME, ingest.body["created_at"])
    assert ingest.body["status"] == "pending"
    assert ingest.body["request_id"] == ingest.headers["x-request-id"] == "test-request-123"


def test_7_3_the_event_is_stored(walked: Walk) -> None:
    event = walked.answers["event"]
    ingest = walked.answers["ingest"].body
    assert event.status == 200
    assert event.body == {
        "event_id": ingest["event_id"],
        "created_at": ingest["created_at"],
        "source": "test",
        "event_type": "test.created",
        "payload": {},
        "status": "pending",
        "deliveries": 0,
        "metadata": {"priority": "normal"},
        "request_id": event.headers["x-request-id"],
    }


def test_7_3_the_event_is_stored_in_dynamodb(dynamodb_walk: Walk) -> None:
    item = dynamodb_walk.items["ingest"]
    assert item is not None
    ingest = dynamodb_walk.answers["ingest"].body
    assert item["event_id"]["S"] == ingest["event_id"]
    assert item["created_at"]["S"] == ingest["created_at"]
    assert item["source"]["S"] == "test"
    assert item["event_type"]["S"] == "test.created"
    assert item["status"]["S"] == "pending"
    assert item["payload"]["S"] == "{}"
    assert item["ttl"]["N"].isdigit()


def test_7_3_without_a_key_or_with_a_wrong_one_the_answer_is_401(walked: Walk) -> None:
    missing, wrong = walked.answers["ingest without a key"], walked.answers["ingest with a wrong key"]
    assert code_of(missing) == code_of(wrong) == (401, "UNAUTHORIZED")
    assert missing.body["error"]["message"] == wrong.body["error"]["message"]


@pytest.mark.parametrize("what", ["no payload", "a payload that is no object", "no JSON"])
def test_7_3_an_invalid_payload_is_answered_400(walked: Walk, what: str) -> None:
    assert code_of(walked.answers[f"ingest of {what}"]) == (400, "VALIDATION_ERROR")


def test_7_4_the_inbox_answers_200_with_the_events_and_the_request_id(walked: Walk) -> None:
    inbox = walked.answers["inbox"]
    assert listed(inbox) == walked.event_ids
    assert inbox.body["pagination"] == {"limit": 10}
    assert inbox.body["request_id"] == inbox.headers["x-request-id"]


def test_7_4_pagination_works(walked: Walk) -> None:
    first, second = walked.answers["inbox, first page"], walked.answers["inbox, second page"]
    assert listed(first) == walked.event_ids[:2]
    assert set(first.body["pagination"]) == {"limit", "next_cursor"}
    assert listed(second) == walked.event_ids[2:]
    assert second.body["pagination"] == {"limit": 2}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("source=test", [0, 2]),
        ("event_type=test.created", [0, 1]),
        ("source=test&event_type=test.created", [0]),
    ],
)
def test_7_4_filtering_works(walked: Walk, query: str, expected: list[int]) -> None:
    answer = walked.answers[f"inbox?{query}"]
    assert listed(answer) == [walked.event_ids[index] for index in expected]


def test_7_5_ack_answers_200_and_the_event_is_acknowledged(walked: Walk) -> None:
    ack, event = walked.answers["ack"], walked.answers["event after its ack"]
    assert ack.status == 200
    assert set(ack.body) == {"event_id", "status", "acknowledged_at", "message", "request_id"}
    assert ack.body["event_id"] == walked.event_ids[0]
    assert ack.body["status"] == event.body["status"] == "acknowledged"
    assert _matches(TIME, ack.body["acknowledged_at"])
    assert event.body["acknowledged_at"] == ack.body["acknowledged_at"]
    assert listed(walked.answers["inbox after the ack"]) == walked.event_ids[1:]


def test_7_5_ack_of_an_unknown_event_is_404_and_a_second_ack_409(walked: Walk) -> None:
    assert code_of(walked.answers["ack of an unknown event"]) == (404, "NOT_FOUND")
    assert code_of(walked.answers["second ack"]) == (409, "CONFLICT")


def test_7_6_delete_answers_200_and_the_event_is_gone(walked: Walk) -> None:
    delete = walked.answers["delete"]
    assert delete.status == 200
    assert set(delete.body) == {"event_id", "message", "request_id"}
    assert delete.body["event_id"] == walked.event_ids[0]
    assert code_of(walked.answers["event after its delete"]) == (404, "NOT_FOUND")


def test_7_6_the_event_is_deleted_from_dynamodb(dynamodb_walk: Walk) -> None:
    assert dynamodb_walk.items["delete"] is None


def test_7_6_delete_is_idempotent(walked: Walk) -> None:
    assert walked.answers["second delete"].status == 200
    unknown = walked.answers["delete of an unknown event"]
    assert (unknown.status, unknown.body["event_id"]) == (200, UNKNOWN_EVENT)


def test_7_7_a_preflight_is_answered_with_the_cors_headers(walked: Walk) -> None:
    preflight = walked.answers["preflight"]
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    methods = preflight.headers["access-control-allow-methods"].split(", ")
    assert {"GET", "POST", "DELETE", "OPTIONS"} <= set(methods)
    allowed = preflight.headers["access-control-allow-headers"].split(", ")
    assert {"Content-Type", "X-API-Key", "X-Request-ID", "Idempotency-Key"} <= set(allowed)
    assert preflight.headers["access-control-max-age"] == "3600"
    assert "access-control-allow-credentials" not in preflight.headers


def test_7_7_every_answer_lets_any_origin_read_it(walked: Walk) -> None:
    for name, answer in walked.answers.items():
        assert answer.headers["access-control-allow-origin"] == "*", name
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"].split(", "), name


def test_7_8_a_request_id_that_is_given_comes_back(walked: Walk) -> None:
    health = walked.answers["health with a request id"]
    assert health.body["request_id"] == health.headers["x-request-id"] == "custom-request-id-123"


def test_7_8_without_a_request_id_a_uuid_v4_is_made(walked: Walk) -> None:
    health = walked.answers["health"]
    assert health.body["request_id"] == health.headers["x-request-id"]
    assert UUID(health.body["request_id"]).version == 4


def test_both_stores_give_the_same_answers(sqlite_walk: Walk, dynamodb_walk: Walk) -> None:
    assert sqlite_walk.normalised() == dynamodb_walk.normalised()


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None
