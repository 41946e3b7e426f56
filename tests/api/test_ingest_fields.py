"""What an ingest takes, field by field; a refusal names the field, quotes nothing and keeps nothing."""

import json
from typing import Any

import pytest

from tests.api.documented import schema
from tests.api.driver import Answer, Api

CANARY = "canary-7f3a"
ASTRAL = "\U0001f600"
GOOD: dict[str, Any] = {"source": "shop", "event_type": "order.paid", "payload": {}}


def with_field(path: str, value: object) -> dict[str, Any]:
    body = json.loads(json.dumps(GOOD))
    *parents, name = path.split(".")
    place = body
    for parent in parents:
        place = place.setdefault(parent, {})
    place[name] = value
    return dict(body)


def assert_refused(api: Api, answer: Answer, field: str) -> None:
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert [problem["field"] for problem in answer.error["details"]["errors"]] == [field]
    assert field in answer.error["message"]
    assert CANARY not in answer.body.decode()
    assert len(answer.body) < 4096
    assert api.pending() == []


@pytest.mark.parametrize("field", ["source", "event_type"])
@pytest.mark.parametrize(
    "value",
    [
        "a",
        "x" * 100,
        ASTRAL * 100,
        "é" * 100,
        "a b",
        " ",
        '"\\/',
        "\u00a0",
        "\u200b",
        "null",
        "0",
        "ш/п?&=%+",
    ],
)
def test_a_name_of_1_to_100_characters_is_taken_and_shown_as_sent(
    local_api: Api, field: str, value: str
) -> None:
    answer = local_api.post("/v1/events", with_field(field, value))
    assert answer.status == 201
    assert local_api.get(f"/v1/events/{answer.json['event_id']}").json[field] == value


def test_a_name_of_100_astral_characters_is_taken_by_every_store(api: Api) -> None:
    event_id = api.add(source=ASTRAL * 100, event_type=ASTRAL * 100)
    (listed,) = api.walk(source=ASTRAL * 100, event_type=ASTRAL * 100)
    assert (listed["event_id"], listed["source"], listed["event_type"]) == (
        event_id,
        ASTRAL * 100,
        ASTRAL * 100,
    )


@pytest.mark.parametrize("field", ["source", "event_type"])
@pytest.mark.parametrize(
    "value",
    ["", "x" * 101, ASTRAL * 101, f"{CANARY}{'x' * 300_000}", None, 7, 1.5, True, [CANARY], {CANARY: CANARY}],
)
def test_a_name_must_be_text_of_1_to_100_characters(local_api: Api, field: str, value: object) -> None:
    assert_refused(local_api, local_api.post("/v1/events", with_field(field, value)), field)


@pytest.mark.parametrize("field", ["source", "event_type"])
@pytest.mark.parametrize("code", [0x00, 0x01, 0x09, 0x0A, 0x0D, 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0x9F])
def test_a_control_character_in_a_name_is_refused(local_api: Api, field: str, code: int) -> None:
    for value in (f"a{chr(code)}b", f"{chr(code)}a", f"{CANARY}{chr(code)}"):
        assert_refused(local_api, local_api.post("/v1/events", with_field(field, value)), field)


@pytest.mark.parametrize("field", ["source", "event_type", "payload"])
def test_a_field_that_is_missing_is_named(local_api: Api, field: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != field}
    assert_refused(local_api, local_api.post("/v1/events", body), field)


def test_every_missing_field_is_named_at_once(local_api: Api) -> None:
    answer = local_api.post("/v1/events", {})
    named = {problem["field"] for problem in answer.error["details"]["errors"]}
    assert named == {"source", "event_type", "payload"}


@pytest.mark.parametrize("value", [None, [], [CANARY], CANARY, "{}", 7, 1.5, True])
def test_a_payload_must_be_an_object(local_api: Api, value: object) -> None:
    assert_refused(local_api, local_api.post("/v1/events", with_field("payload", value)), "payload")


@pytest.mark.parametrize("value", [[], [CANARY], CANARY, 7, True])
def test_metadata_must_be_an_object(local_api: Api, value: object) -> None:
    assert_refused(local_api, local_api.post("/v1/events", with_field("metadata", value)), "metadata")


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        (None, {"priority": "normal"}),
        ({}, {"priority": "normal"}),
        ({"priority": "low"}, {"priority": "low"}),
        ({"priority": "high"}, {"priority": "high"}),
        ({"priority": None}, {"priority": "normal"}),
        ({"correlation_id": None}, {"priority": "normal"}),
        ({"correlation_id": None, "priority": None, "idempotency_key": None}, {"priority": "normal"}),
        ({"correlation_id": ASTRAL * 256}, {"priority": "normal", "correlation_id": ASTRAL * 256}),
        ({"idempotency_key": None}, {"priority": "normal"}),
        ({"idempotency_key": "é" * 256}, {"priority": "normal", "idempotency_key": "é" * 256}),
    ],
)
def test_metadata_that_is_valid_is_shown_as_sent(api: Api, metadata: object, shown: object) -> None:
    body = {**GOOD, "metadata": metadata}
    assert list(schema("IngestRequest").iter_errors(body)) == []
    answer = api.post("/v1/events", body)
    assert answer.status == 201
    assert api.get(f"/v1/events/{answer.json['event_id']}").json["metadata"] == shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata.priority", ""),
        ("metadata.priority", "urgent" + CANARY),
        ("metadata.priority", "HIGH"),
        ("metadata.priority", 1),
        ("metadata.correlation_id", "x" * 257),
        ("metadata.correlation_id", 7),
        ("metadata.correlation_id", [CANARY]),
        ("metadata.idempotency_key", ""),
        ("metadata.idempotency_key", "x" * 257),
        ("metadata.idempotency_key", ASTRAL * 257),
        ("metadata.idempotency_key", 7),
        ("metadata.idempotency_key", {CANARY: 1}),
    ],
)
def test_metadata_that_is_not_valid_is_refused(local_api: Api, field: str, value: object) -> None:
    assert_refused(local_api, local_api.post("/v1/events", with_field(field, value)), field)


UNKNOWN = {
    "eventType": "eventType",
    "Source": "Source",
    "source ": '"source "',
    "": '""',
    "request_id": "request_id",
    "é": "é",
    "a\x1b[31m": '"a\\u001b[31m"',
    "\u202etxt": '"\\u202etxt"',
    "x" * 400_000: "x" * 32 + "…",
}


@pytest.mark.parametrize(("name", "shown"), UNKNOWN.items(), ids=range(len(UNKNOWN)))
@pytest.mark.promise(9)
def test_an_unknown_field_is_refused_and_named(local_api: Api, name: str, shown: str) -> None:
    answer = local_api.post("/v1/events", {**GOOD, name: CANARY})
    assert_refused(local_api, answer, shown)
    assert "source, event_type, payload, metadata" in answer.error["message"]
    answer = local_api.post("/v1/events", {**GOOD, "metadata": {name: CANARY}})
    assert_refused(local_api, answer, f"metadata.{shown}")
    assert "correlation_id, priority, idempotency_key" in answer.error["message"]


def test_an_unknown_field_is_named_before_the_field_that_is_missing(local_api: Api) -> None:
    answer = local_api.post("/v1/events", {"source": "shop", "eventType": "b", "payload": {}})
    fields = [problem["field"] for problem in answer.error["details"]["errors"]]
    assert fields == ["eventType", "event_type"]
    assert "eventType: unknown; the fields are source, event_type" in answer.error["message"]


def test_each_unknown_field_of_a_cloudevent_is_named_once(local_api: Api) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "shop", "type": "order.paid", "data": {}}
    answer = local_api.post("/v1/events", event)
    fields = [problem["field"] for problem in answer.error["details"]["errors"]]
    assert fields == ["specversion", "id", "type", "data", "event_type", "payload"]
    assert "specversion, id, type, data: unknown" in answer.error["message"]


@pytest.mark.promise(9)
def test_a_thousand_unknown_fields_make_a_small_answer(local_api: Api) -> None:
    for name in ("x", "😀" * 40, "\x00" * 40):
        answer = local_api.post("/v1/events", {**GOOD, **{f"{name}{n}": CANARY for n in range(1000)}})
        assert answer.refusal == (400, "VALIDATION_ERROR")
        assert len(answer.body) < 4096
        assert CANARY not in answer.body.decode()


def test_an_error_names_what_is_expected(local_api: Api) -> None:
    answer = local_api.post("/v1/events", with_field("metadata.priority", "urgent"))
    (problem,) = answer.error["details"]["errors"]
    assert all(word in problem["message"] for word in ("low", "normal", "high"))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "Application/JSON",
        "application/cloudevents+json",
        "application/problem+json; charset=UTF8",
        "application/json; foo=charset",
    ],
)
def test_json_content_types_are_taken(each_door: Api, content_type: str) -> None:
    answer = each_door.post("/v1/events", GOOD, headers=[("Content-Type", content_type)])
    assert answer.status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json-seq",
        "json",
        "",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8x",
        'application/json; x="charset=utf-8"; charset=latin-1',
        "text/json/application/json",
    ],
)
def test_another_content_type_is_refused_and_nothing_is_stored(each_door: Api, content_type: str) -> None:
    answer = each_door.post("/v1/events", GOOD, headers=[("Content-Type", content_type)])
    assert_refused(each_door, answer, "Content-Type")


def test_two_content_types_are_refused(each_door: Api) -> None:
    types = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
    assert_refused(each_door, each_door.post("/v1/events", GOOD, headers=types), "Content-Type")


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        with_field("metadata", None),
        with_field("metadata.priority", "low"),
        with_field("source", "x" * 100),
    ],
)
def test_what_the_document_allows_is_taken(local_api: Api, body: dict[str, Any]) -> None:
    assert list(schema("IngestRequest").iter_errors(body)) == []
    assert local_api.post("/v1/events", body).status == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        with_field("source", ""),
        with_field("source", "a\nb"),
        with_field("event_type", "a\u009fb"),
        with_field("source", "x" * 101),
        with_field("payload", []),
        with_field("other", 1),
        with_field("metadata.other", 1),
        with_field("metadata.priority", "urgent"),
        with_field("metadata.idempotency_key", ""),
    ],
)
def test_what_the_document_forbids_is_refused(local_api: Api, body: dict[str, Any]) -> None:
    assert list(schema("IngestRequest").iter_errors(body)) != []
    assert local_api.post("/v1/events", body).status == 400


def test_a_body_without_a_content_type_counts_as_json(each_door: Api) -> None:
    body = json.dumps(GOOD).encode()
    assert each_door.send_bare("POST", "/v1/events", body).status == 201
