"""One event by its id: read, acknowledged once, deleted; and ids that are none, or not ours."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid1, uuid3, uuid4, uuid5

import pytest

from tests.api.driver import Answer, Api
from tests.support.clock import FakeClock

pytestmark = pytest.mark.quick_form  # on both stores

FOREIGN = {
    "version 1": str(uuid1()),
    "version 3": str(uuid3(uuid4(), "x")),
    "version 4": str(uuid4()),
    "version 5": str(uuid5(uuid4(), "x")),
    "version 6": "1ec9414c-232a-6b00-b3c8-9e6bdeced846",
    "version 7 of nobody": "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34",
    "version 7 that we never make": "01936b2e-8f3a-7001-9d2e-5b7f6a1c0e34",
    "version 7 past the year 9999": "ffffffff-ffff-7fff-bfff-ffffffffffff",
    "version 8": "320c3d4d-cc00-875b-8ec9-32d5f69181c0",
    "the nil UUID": "00000000-0000-0000-0000-000000000000",
    "the max UUID": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "another variant": "01936b2e-8f3a-7c41-cd2e-5b7f6a1c0e34",
}
NO_UUIDS = [
    *("x", "1", "null", "%20", "01936b2e8f3a7c419d2e5b7f6a1c0e34", "{01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34}"),
    *("urn:uuid:01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34", "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e3g"),
    *("01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34%0A", "%2001936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"),
    *("01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e3", "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e345", "a" * 5000),
    *("01936b2e_8f3a_7c41_9d2e_5b7f6a1c0e34", "%EF%BC%90" * 36, "..", "%00", "%27%20OR%201=1", "%C3%A9"),
    *("019-36b2e8f3a-7c41-9d2e-5b7f6a1c0e34", "0x936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34", "idempotency%23x"),
]


@pytest.mark.promise(3)
def test_an_event_is_acknowledged_once_and_its_time_stays(api: Api, clock: FakeClock) -> None:
    path = f"/v1/events/{api.add()}"
    first = api.post(f"{path}/ack")
    assert first.status == 200
    for _ in range(3):
        clock.advance(seconds=60)
        assert api.post(f"{path}/ack").refusal == (409, "CONFLICT")
    shown = api.get(path).json
    assert (shown["status"], shown["acknowledged_at"]) == ("acknowledged", first.json["acknowledged_at"])
    assert api.pending() == []


@pytest.mark.promise(3)
def test_another_key_cannot_acknowledge_again(api: Api) -> None:
    path = f"/v1/events/{api.add()}/ack"
    assert api.post(path, key=api.make_key()).status == 200
    assert api.post(path, key=api.make_key()).status == 409


def test_an_acknowledgement_needs_no_body(each_door: Api) -> None:
    for body in (b"", b"{}"):
        event_id = each_door.add()
        assert each_door.post(f"/v1/events/{event_id}/ack", body=body).status == 200


def test_a_delete_is_answered_with_200_however_often(api: Api) -> None:
    path = f"/v1/events/{api.add()}"
    assert [api.delete(path).status for _ in range(3)] == [200, 200, 200]
    assert api.get(path).refusal == (404, "NOT_FOUND")
    assert api.post(f"{path}/ack").refusal == (404, "NOT_FOUND")
    assert api.pending() == []


@pytest.mark.promise(3)
def test_an_acknowledged_event_can_be_deleted_and_does_not_come_back(api: Api) -> None:
    path = f"/v1/events/{api.add()}"
    assert [api.post(f"{path}/ack").status, api.delete(path).status, api.get(path).status] == [200, 200, 404]
    assert api.pending() == []


def test_a_delete_touches_no_other_event(api: Api) -> None:
    first, second, third = (api.add() for _ in range(3))
    assert api.delete(f"/v1/events/{second}").status == 200
    assert api.pending() == [first, third]


def test_an_id_in_upper_case_is_the_same_id(api: Api) -> None:
    event_id = api.add()
    path = f"/v1/events/{event_id.upper()}"
    answers = [api.get(path), api.post(f"{path}/ack"), api.delete(path)]
    assert [(answer.status, answer.json["event_id"]) for answer in answers] == [(200, event_id)] * 3
    assert api.get(f"/v1/events/{event_id}").status == 404


def test_a_uuid_of_any_version_is_well_formed_and_simply_not_there(api: Api) -> None:
    for name, event_id in FOREIGN.items():
        path = f"/v1/events/{event_id}"
        assert api.get(path).refusal == (404, "NOT_FOUND"), name
        assert api.post(f"{path}/ack").refusal == (404, "NOT_FOUND"), name
        assert api.delete(path).status == 200, name
        assert api.get(path).status == 404, f"{name}: an acknowledgement made it"


@pytest.mark.parametrize("event_id", NO_UUIDS)
def test_an_id_that_is_not_a_uuid_is_unprocessable(each_door: Api, event_id: str) -> None:
    for method, action in (("GET", ""), ("POST", "/ack"), ("DELETE", "")):
        answer = each_door.call(method, f"/v1/events/{event_id}{action}")
        assert answer.refusal == (422, "VALIDATION_ERROR")
        assert [problem["field"] for problem in answer.error["details"]["errors"]] == ["event_id"]
        assert "aaaaaaa" not in answer.body.decode()


@pytest.mark.promise(3)
def test_of_sixteen_acknowledgements_at_once_one_is_the_first(api: Api) -> None:
    event_id = api.add()
    answers = at_once(api, lambda _: api.post(f"/v1/events/{event_id}/ack"))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 15
    (won,) = (answer for answer in answers if answer.status == 200)
    shown = api.get(f"/v1/events/{event_id}").json
    assert shown["acknowledged_at"] == won.json["acknowledged_at"]


@pytest.mark.promise(1)
def test_events_that_are_ingested_at_once_are_all_kept_each_with_its_own_id(api: Api) -> None:
    answers = at_once(api, lambda number: api.ingest({"number": number}))
    by_id = {answer.json["event_id"]: number for number, answer in enumerate(answers)}
    assert {event["event_id"]: event["payload"]["number"] for event in api.walk()} == by_id
    assert len(by_id) == 16


def at_once(api: Api, call: Callable[[int], Answer]) -> list[Answer]:
    assert api.inbox().status == 200, "warm"
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(call, range(16)))
