"""Batches: what refuses a batch as a whole, and that each entry is otherwise as if it were sent alone."""

import gzip
import json
from typing import Any

import pytest

from tests.api.driver import Answer, Api
from tests.support.clock import FakeClock
from triggers_api.core.strict_json import MAX_BATCH_BYTES, MAX_BODY_BYTES

NOWHERE = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
EVENT = {"source": "shop", "event_type": "order.paid", "payload": {"a": 1}}
TEXT = json.dumps(EVENT)
HELD = {"event_id": NOWHERE, "lease": "token"}

BODIES: dict[str, dict[str, Any]] = {
    "/v1/events/batch": {"events": [EVENT]},
    "/v1/inbox/ack": {"events": [{"event_id": NOWHERE}]},
    "/v1/inbox/extend": {"events": [HELD], "lease_seconds": 60},
    "/v1/inbox/release": {"events": [HELD]},
    "/v1/inbox/delete": {"event_ids": [NOWHERE]},
}
BATCHES = list(BODIES)


def list_field(path: str) -> str:
    return next(name for name, value in BODIES[path].items() if isinstance(value, list))


def send(api: Api, *texts: str, path: str = "/v1/events/batch") -> Answer:
    """Send a batch of entries that are JSON text."""
    return api.post(path, body=f'{{"{list_field(path)}": [{", ".join(texts)}]}}'.encode())


def statuses(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.body[:500]
    return [result["status"] for result in answer.json["results"]]


MALFORMED = [
    "",
    "{",
    "[]",
    "null",
    "7",
    "{}",
    '{"FIELD": null}',
    '{"FIELD": {}}',
    '{"FIELD": "x"}',
    '{"FIELD": []}',
    '{"FIELD": [ENTRY], "unknown": 1}',
    '{"FIELD": [ENTRY], "unknown": [ENTRY]}',
    '{"unknown": [ENTRY], "FIELD": [ENTRY]}',
    '{"unknown": [ENTRY], "FIELD": []}',
    '{"FIELD": [ENTRY], "FIELD": [ENTRY]}',
    '{"FIELD": [ENTRY,]}',
    '{"FIELD": [ENTRY,,ENTRY]}',
    '{"FIELD": [,ENTRY]}',
    '{"FIELD": [ENTRY',
    '{"FIELD": [ENTRY]',
    '{"FIELD": [ENTRY}}',
    '{"FIELD": [ENTRY]]',
    '{"FIELD": [ENTRY]}}',
    '{"FIELD": [ENTRY], "unknown',
    '{"FIELD": [ENTRY, {"a": NaN}]}',
    '{"FIELD": [ENTRY, {"a": tru}]}',
    '{"FIELD": [ENTRY, {"a": 1]}',
    '{"FIELD": [ENTRY, "\\u12"]}',
    '[{"FIELD": [ENTRY]}]',
    "[[ENTRY]]",
    '{"FIELD": ' + "[" * 100_000,
    '{"FIELD": [' + '"\\"' * 100_000,
]


@pytest.mark.parametrize("path", BATCHES)
def test_batch_that_is_malformed_as_a_whole_is_refused(each_door: Api, path: str) -> None:
    entry = json.dumps(BODIES[path][list_field(path)][0])
    for text in MALFORMED:
        body = text.replace("FIELD", list_field(path)).replace("ENTRY", entry)
        answer = each_door.post(path, body=body.encode())
        assert answer.refusal == (400, "VALIDATION_ERROR"), text[:100]
    assert each_door.pending() == []


@pytest.mark.parametrize("path", BATCHES)
def test_batch_has_1_to_100_entries(each_door: Api, path: str) -> None:
    name = list_field(path)
    for number, accepted in ((0, False), (1, True), (100, True), (101, False), (10_000, False)):
        texts = [json.dumps(BODIES[path][name][0]).replace(NOWHERE, new_id(one)) for one in range(number)]
        rest = {key: value for key, value in BODIES[path].items() if key != name}
        rest_text = "".join(f", {json.dumps(key)}: {value}" for key, value in rest.items())
        body = f'{{"{name}": [{",".join(texts)}]{rest_text}}}'
        answer = each_door.post(path, body=body.encode()[:MAX_BATCH_BYTES])
        assert answer.status == (200 if accepted else 400), answer.body[:300]
        if accepted:
            assert [result["index"] for result in answer.json["results"]] == list(range(number))
    if path == "/v1/events/batch":
        assert len(each_door.pending()) == 101


def new_id(number: int) -> str:
    return f"01936b2e-8f3a-7c41-9d2e-{number:012x}"


@pytest.mark.parametrize("path", BATCHES[1:])
def test_batch_that_names_an_event_twice_is_refused(each_door: Api, path: str) -> None:
    event_id = each_door.add()
    entry = json.dumps(BODIES[path][list_field(path)][0])
    texts = [entry.replace(NOWHERE, one) for one in (event_id, NOWHERE, event_id.upper())]
    body = f'{{"{list_field(path)}": [{", ".join(texts)}]}}'
    answer = each_door.post(path, body=body.encode())
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert answer.error["details"]["errors"] == [
        {"field": list_field(path), "message": "must not name an event twice"}
    ]
    assert each_door.pending() == [event_id]


def test_batch_with_an_idempotency_key_header_is_refused(each_door: Api) -> None:
    for value in ("k", "", '"k"', "x" * 300):
        answer = each_door.post("/v1/events/batch", {"events": [EVENT]}, headers=[("Idempotency-Key", value)])
        assert answer.refusal == (400, "VALIDATION_ERROR")
    assert each_door.pending() == []


def test_malformed_batch_is_reported_with_its_place(local_api: Api) -> None:
    answer = local_api.post("/v1/events/batch", body=f'{{"events": [{TEXT},\n {{"a" 1}}]}}'.encode())
    assert answer.error["message"] == "The body is not JSON: Expecting ':' delimiter at line 2, column 7."
    answer = local_api.post("/v1/events/batch", body=f'{{"events": [{TEXT}\n],\n}}'.encode())
    assert answer.error["message"].endswith("at line 3, column 1.")


@pytest.mark.promise(1)
def test_events_of_a_batch_are_stored_in_order(api: Api) -> None:
    answer = api.post("/v1/events/batch", {"events": [{**EVENT, "payload": {"n": n}} for n in range(100)]})
    results = answer.json["results"]
    assert statuses(answer) == [201] * 100
    assert [result["event_id"] for result in results] == api.pending()
    shown = api.walk()
    assert [event["payload"]["n"] for event in shown] == list(range(100))
    assert [event["created_at"] for event in shown] == [result["created_at"] for result in results]


DEEP_ENOUGH = '{"source": "s", "event_type": "t", "payload": {"a": %s}}' % ("[" * 98 + "]" * 98)
BAD_ENTRIES = [
    "7",
    "null",
    '"text"',
    "[]",
    "{}",
    '{"source": "s"}',
    '{"source": "s", "event_type": "t", "payload": [], "unknown": 1}',
    '{"source": "s", "event_type": "t", "payload": {"a": 1, "a": 2}}',
    '{"source": "s", "source": "s", "event_type": "t", "payload": {}}',
    '{"source": "s", "event_type": "t", "payload": {"a": 1e400}}',
    '{"source": "s", "event_type": "t", "payload": {"a": "\\ud800"}}',
    '{"source": "s\\u0000", "event_type": "t", "payload": {}}',
    '{"source": "s", "event_type": "t", "payload": {}, "metadata": {"priority": "urgent"}}',
    DEEP_ENOUGH.replace("[]", "[[]]"),
    '{"a":' * 50_000 + "1" + "}" * 50_000,
]


@pytest.mark.promise(1)
def test_bad_events_have_the_errors_of_single_calls_and_leave_the_others(each_door: Api) -> None:
    answer = send(each_door, TEXT, *BAD_ENTRIES, DEEP_ENOUGH)
    assert statuses(answer) == [201, *[400] * len(BAD_ENTRIES), 201]
    for index, entry in enumerate(BAD_ENTRIES, start=1):
        alone = each_door.post("/v1/events", body=entry.encode())
        assert alone.status == 400
        expected = {name: value for name, value in alone.error.items() if name != "request_id"}
        assert answer.json["results"][index] == {"index": index, "status": 400, "error": expected}
    assert len(each_door.pending()) == 2


@pytest.mark.promise(1)
def test_batch_is_the_same_as_its_events_sent_alone(api: Api) -> None:
    events: list[dict[str, Any]] = [
        EVENT,
        {**EVENT, "payload": {"exact": 9_007_199_254_740_993, "text": "é\u2028😀"}},
        {**EVENT, "metadata": {"correlation_id": "c", "priority": "high", "idempotency_key": "k"}},
        {**EVENT, "metadata": None},
    ]
    ids = [result["event_id"] for result in api.results("/v1/events/batch", events=events)]
    alone = [api.post("/v1/events", event).json["event_id"] for event in events[:2]]
    shown = [api.get(f"/v1/events/{event_id}").json for event_id in [*ids[:2], *alone]]
    for name in ("payload", "metadata", "status", "deliveries"):
        assert [one[name] for one in shown[:2]] == [one[name] for one in shown[2:]]
    repeated = api.post("/v1/events", events[2])
    assert (repeated.json["event_id"], repeated.headers["idempotent-replayed"]) == (ids[2], "true")


@pytest.mark.promise(2)
def test_idempotency_keys_of_a_batch_work_as_in_single_calls(api: Api) -> None:
    def with_key(key: str, number: int) -> dict[str, Any]:
        return {**EVENT, "payload": {"n": number}, "metadata": {"idempotency_key": key}}

    first = api.post("/v1/events", with_key("a", 1)).json
    results = api.results(
        "/v1/events/batch",
        events=[with_key("a", 1), with_key("b", 1), with_key("b", 1), with_key("b", 2), with_key("a", 2)],
    )
    assert [result["status"] for result in results] == [201, 201, 201, 422, 422]
    assert results[0]["event_id"] == first["event_id"]
    assert results[0]["created_at"] == first["created_at"]
    assert results[1]["event_id"] == results[2]["event_id"]
    assert [result.get("idempotent_replayed") for result in results] == [True, None, True, None, None]
    assert results[3]["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert api.pending() == [first["event_id"], results[1]["event_id"]]


@pytest.mark.promise(7)
def test_event_of_another_source_is_its_own_403(api: Api) -> None:
    bound = api.make_key("shop")
    answer = api.post("/v1/events/batch", {"events": [EVENT, {**EVENT, "source": "depot"}]}, key=bound)
    assert statuses(answer) == [201, 403]
    assert answer.json["results"][1]["error"]["code"] == "FORBIDDEN"
    assert [event["source"] for event in api.walk()] == ["shop"]


def event_of_size(size: int) -> str:
    head, tail = '{"source":"s","event_type":"t","payload":{"data":"', '"}}'
    return head + "x" * (size - len(head) - len(tail)) + tail


@pytest.mark.promise(9)
def test_each_event_of_a_batch_has_the_limit_of_a_single_one(each_door: Api) -> None:
    answer = send(each_door, event_of_size(MAX_BODY_BYTES), event_of_size(MAX_BODY_BYTES + 1), TEXT)
    assert statuses(answer) == [201, 413, 201]
    error = answer.json["results"][1]["error"]
    assert (error["code"], error["details"]) == ("PAYLOAD_TOO_LARGE", {"limit_bytes": MAX_BODY_BYTES})


@pytest.mark.promise(9)
@pytest.mark.parametrize("coding", [None, "gzip"])
def test_batch_of_2_000_000_bytes_is_accepted_and_a_larger_one_refused(
    each_door: Api, coding: str | None
) -> None:
    texts = [event_of_size(400_000) for _ in range(4)]
    body = f'{{"events":[{",".join(texts)}]}}'.encode()
    for size, status in ((MAX_BATCH_BYTES, 200), (MAX_BATCH_BYTES + 1, 413)):
        sent = body + b" " * (size - len(body))
        headers = [("Content-Encoding", coding)] if coding else []
        answer = each_door.post(
            "/v1/events/batch", body=gzip.compress(sent, 1) if coding else sent, headers=headers
        )
        assert answer.status == status
    assert answer.error["details"] == {"limit_bytes": MAX_BATCH_BYTES}
    assert len(each_door.pending()) == 4


def test_bodies_of_other_calls_have_the_limit_of_a_single_event(each_door: Api) -> None:
    event_id = each_door.add()
    for path in ("/v1/inbox/receive", f"/v1/events/{event_id}/ack", "/v1/inbox/requeue", "/v1/inbox/purge"):
        answer = each_door.post(path, body=b" " * (MAX_BODY_BYTES + 1))
        assert answer.refusal == (413, "PAYLOAD_TOO_LARGE")
        assert answer.error["details"] == {"limit_bytes": MAX_BODY_BYTES}


@pytest.mark.parametrize("path", BATCHES[1:])
def test_malformed_event_id_is_its_entrys_own_422(each_door: Api, path: str) -> None:
    event_id = each_door.add()
    entry = json.dumps(BODIES[path][list_field(path)][0])
    bad = ["x", "", NOWHERE[:-1], f" {NOWHERE}", "01936b2e8f3a7c419d2e5b7f6a1c0e34"]
    texts = [entry.replace(f'"{NOWHERE}"', json.dumps(one)) for one in (*bad, 7, None, [NOWHERE], event_id)]
    rest = ', "lease_seconds": 60' if path.endswith("extend") else ""
    body = f'{{"{list_field(path)}": [{", ".join(texts)}]{rest}}}'
    answer = each_door.post(path, body=body.encode())
    assert statuses(answer)[:-1] == [422] * 8
    alone = each_door.post("/v1/events/x/ack")
    for result in answer.json["results"][: len(bad)]:
        assert result["error"] == {name: alone.error[name] for name in ("code", "message", "details")}
        assert "event_id" not in result
    assert answer.json["results"][-1]["event_id"] == event_id


def test_entry_of_a_batch_has_no_other_fields(each_door: Api) -> None:
    event_id = each_door.add()
    results = each_door.results(
        "/v1/inbox/ack", events=[{"event_id": event_id, "leas": "x"}, {"lease": "x"}, {"event_id": NOWHERE}]
    )
    assert [result["status"] for result in results] == [400, 400, 404]
    assert results[0]["event_id"] == event_id
    message = "The request is not valid: leas: unknown; the fields are event_id, lease."
    assert results[0]["error"]["message"] == message
    assert results[1]["error"]["message"] == "The request is not valid: event_id: is required."
    assert each_door.pending() == [event_id]


def test_api_key_in_place_of_a_name_is_masked_in_a_result(each_door: Api) -> None:
    answer = each_door.post("/v1/events/batch", {"events": [{**EVENT, each_door.key: 1}]})
    assert statuses(answer) == [400]
    assert each_door.key[:12] not in answer.body.decode()
    assert "***" in answer.json["results"][0]["error"]["message"]


def test_answer_to_a_batch_has_the_request_id_once(each_door: Api) -> None:
    answer = each_door.post("/v1/events/batch", {"events": [{}, {}]}, headers=[("X-Request-ID", "mine")])
    assert answer.json["request_id"] == "mine"
    assert all("request_id" not in result["error"] for result in answer.json["results"])


def test_ids_in_upper_case_are_the_same_ids(api: Api, clock: FakeClock) -> None:
    event_id = api.add()
    (result,) = api.results("/v1/inbox/ack", events=[{"event_id": event_id.upper()}])
    assert (result["status"], result["event_id"]) == (200, event_id)
    (result,) = api.results("/v1/inbox/delete", event_ids=[event_id.upper()])
    assert (result["status"], result["event_id"]) == (200, event_id)
    assert api.get(f"/v1/events/{event_id}").status == 404
