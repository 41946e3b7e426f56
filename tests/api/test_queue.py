"""Receive, acknowledge, extend, release and delete, as consumers that share an inbox use them."""

from datetime import datetime
from typing import Any

import pytest

from tests.api.conftest import door_of
from tests.api.driver import Api
from tests.conftest import Stores
from tests.support.clock import FakeClock
from triggers_api.core.times import format_time, is_time

pytestmark = pytest.mark.quick_form  # on both stores

NOWHERE = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"


@pytest.fixture
def clock() -> FakeClock:
    clock = FakeClock()
    clock.now = clock.now // 1_000_000 * 1_000_000  # leases count milliseconds
    return clock


def values_of(name: str, *values: object) -> list[dict[str, object]]:
    """Return bodies that differ in one field."""
    return [{name: value} for value in values]


def held(event: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": event["event_id"], "lease": event["lease"]["token"]}


def receive_new(api: Api, **body: object) -> dict[str, Any]:
    """Ingest an event and receive it."""
    event_id = api.add()
    (event,) = api.receive(**body)
    assert event["event_id"] == event_id
    return event


# Receive


@pytest.mark.promise(1)
def test_received_event_has_its_lease_and_is_received_once_within_it(api: Api, clock: FakeClock) -> None:
    event = receive_new(api, lease_seconds=60)
    assert event["lease"]["expires_at"] == event["leased_until"] == format_time(clock.now + 60_000_000)
    assert 1 <= len(event["lease"]["token"]) <= 256
    assert (event["status"], event["deliveries"]) == ("pending", 1)
    clock.advance(seconds=59.9)
    assert api.receive() == []
    clock.advance(seconds=0.1)
    (again,) = api.receive()
    assert (again["event_id"], again["deliveries"]) == (event["event_id"], 2)
    assert again["lease"]["token"] != event["lease"]["token"]


def test_receive_takes_its_defaults_without_a_body(api: Api, clock: FakeClock) -> None:
    for _ in range(11):
        api.add()
    answer = api.post("/v1/inbox/receive")
    assert (answer.status, len(answer.json["events"]), answer.json["more"]) == (200, 10, True)
    assert {one["leased_until"] for one in answer.json["events"]} == {format_time(clock.now + 30_000_000)}
    assert len({one["lease"]["token"] for one in answer.json["events"]}) == 1, "one token for a receive"
    rest = api.post("/v1/inbox/receive", {})
    assert (len(rest.json["events"]), rest.json["more"]) == (1, False)


def test_receive_accepts_an_empty_body_of_any_type(each_door: Api) -> None:
    form = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Encoding", "gzip")]
    for path in ("/v1/inbox/receive", f"/v1/events/{each_door.add()}/ack"):
        assert each_door.post(path, headers=form).status == 200


def test_receive_of_an_empty_inbox_answers_at_once(api: Api) -> None:
    answer = api.post("/v1/inbox/receive", {"max": 100})
    assert (answer.status, answer.json["events"], answer.json["more"]) == (200, [], False)


def test_receive_filters_by_source_and_type(api: Api) -> None:
    ids = {(s, t): api.add(source=s, event_type=t) for s in "ab" for t in "xy"}
    assert [one["event_id"] for one in api.receive(source="a", event_type="y")] == [ids["a", "y"]]
    assert {one["event_id"] for one in api.receive(source="b")} == {ids["b", "x"], ids["b", "y"]}
    assert [one["event_id"] for one in api.receive(event_type="x")] == [ids["a", "x"]]


@pytest.mark.parametrize(
    "body",
    [
        *values_of("max", 0, -1, 101, 1e9, 10**300, "10", 1.0, True, None, []),
        *values_of("lease_seconds", 0, -1, 43_201, 10**30, "30", 30.0, False, None),
        *values_of("source", "", "a\n", "x" * 101, 7, None, ["a"]),
        *values_of("event_type", "", "\u0085", "x" * 101, {}, None),
        *({"limit": 1}, {"max": 1, "wait": 1}),
    ],
)
def test_receive_refuses_other_values(local_api: Api, body: dict[str, Any]) -> None:
    event_id = local_api.add()
    answer = local_api.post("/v1/inbox/receive", body)
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert [one["event_id"] for one in local_api.receive()] == [event_id], "nothing was leased"


@pytest.mark.parametrize("body", [b"null", b"[]", b"7", b"not JSON", b" ", b"\xff", b'{"max": 1, "max": 2}'])
def test_receive_refuses_a_body_that_is_no_object(local_api: Api, body: bytes) -> None:
    assert local_api.post("/v1/inbox/receive", body=body).refusal == (400, "VALIDATION_ERROR")


def test_receive_accepts_its_bounds(api: Api) -> None:
    for body in ({"max": 1, "lease_seconds": 1}, {"max": 100, "lease_seconds": 43_200}):
        assert api.post("/v1/inbox/receive", body).status == 200


def test_event_shows_its_lease_until_it_ends_and_never_its_token(api: Api, clock: FakeClock) -> None:
    event = receive_new(api, lease_seconds=10)
    path = f"/v1/events/{event['event_id']}"
    for shown in (api.get(path).json, api.inbox().json["events"][0]):
        assert (shown["leased_until"], shown["deliveries"]) == (event["leased_until"], 1)
        assert event["lease"]["token"] not in str(shown)
    clock.advance(seconds=10)
    assert "leased_until" not in api.get(path).json
    assert api.get(path).json["deliveries"] == 1


# Acknowledge


@pytest.mark.promise(3)
def test_ack_with_a_lease_may_be_repeated(api: Api, clock: FakeClock) -> None:
    event = receive_new(api)
    path = f"/v1/events/{event['event_id']}/ack"
    first = api.post(path, {"lease": event["lease"]["token"]})
    clock.advance(seconds=5)
    second = api.post(path, {"lease": event["lease"]["token"]})
    assert [one.status for one in (first, second)] == [200, 200]
    assert first.json["acknowledged_at"] == second.json["acknowledged_at"]
    assert api.post(path).refusal == (409, "CONFLICT")
    (result,) = api.results("/v1/inbox/ack", events=[held(event)])
    assert result == {
        "index": 0,
        "event_id": event["event_id"],
        "status": 200,
        "acknowledged_at": first.json["acknowledged_at"],
    }


@pytest.mark.promise(3)
def test_late_ack_is_good_until_another_receive_claims_the_event(api: Api, clock: FakeClock) -> None:
    late, lost = receive_new(api, lease_seconds=1), receive_new(api, lease_seconds=1)
    clock.advance(seconds=60)
    (again,) = [one for one in api.receive(max=2) if one["event_id"] == lost["event_id"]]
    answer = api.post(f"/v1/events/{lost['event_id']}/ack", {"lease": lost["lease"]["token"]})
    assert answer.refusal == (409, "LEASE_LOST")
    assert api.post(f"/v1/events/{again['event_id']}/ack", {"lease": again["lease"]["token"]}).status == 200
    assert late["event_id"] in api.pending()


@pytest.mark.promise(3)
def test_late_ack_of_an_expired_lease_is_accepted(api: Api, clock: FakeClock) -> None:
    event = receive_new(api, lease_seconds=1)
    clock.advance(seconds=60)
    answer = api.post(f"/v1/events/{event['event_id']}/ack", {"lease": event["lease"]["token"]})
    assert answer.status == 200
    assert api.receive() == []


@pytest.mark.parametrize("token", ["", "x", "é\u0000", "x" * 256])
def test_token_of_no_receive_is_lost(api: Api, token: str) -> None:
    event = receive_new(api)
    entry = {"event_id": event["event_id"], "lease": token}
    assert api.post(f"/v1/events/{event['event_id']}/ack", {"lease": token}).refusal == (409, "LEASE_LOST")
    for path, rest in (("ack", {}), ("extend", {"lease_seconds": 5}), ("release", {})):
        (result,) = api.results(f"/v1/inbox/{path}", events=[entry], **rest)
        assert (result["status"], result["error"]["code"]) == (409, "LEASE_LOST")
    shown = api.get(f"/v1/events/{event['event_id']}").json
    assert (shown["status"], shown["leased_until"]) == ("pending", event["leased_until"])


@pytest.mark.parametrize("token", [None, 7, "x" * 257, ["x"], True])
def test_token_of_another_form_is_refused(each_door: Api, token: object) -> None:
    event_id = each_door.add()
    answer = each_door.post(f"/v1/events/{event_id}/ack", {"lease": token})
    assert answer.refusal == (400, "VALIDATION_ERROR")
    (result,) = each_door.results("/v1/inbox/ack", events=[{"event_id": event_id, "lease": token}])
    assert result["status"] == 400
    assert result["error"]["message"] == answer.error["message"]
    assert each_door.pending() == [event_id]


def test_ack_without_a_token_takes_a_leased_event(api: Api) -> None:
    event = receive_new(api)
    assert api.post(f"/v1/events/{event['event_id']}/ack").status == 200
    (result,) = api.results("/v1/inbox/ack", events=[{"event_id": event["event_id"]}])
    assert (result["status"], result["error"]["code"]) == (409, "CONFLICT")


def test_ack_refuses_a_body_that_is_not_its_own(each_door: Api) -> None:
    event_id = each_door.add()
    for body in (b"not JSON", b"\xff", b"null", b"[]", b'{"token": "x"}', b'{"lease": "a", "lease": "b"}'):
        answer = each_door.post(f"/v1/events/{event_id}/ack", body=body)
        assert answer.refusal == (400, "VALIDATION_ERROR")
    assert each_door.pending() == [event_id]


@pytest.mark.promise(9)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/{id}/ack", "/v1/inbox/receive", "/v1/inbox/ack"])
def test_an_unknown_field_named_event_id_is_an_unknown_field(local_api: Api, path: str) -> None:
    event_id = local_api.add()
    answer = local_api.post(path.replace("{id}", event_id), {"event_id": event_id})
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert "event_id: unknown" in answer.error["message"]


# Extend


@pytest.mark.promise(1)
def test_extended_lease_ends_so_long_from_now(api: Api, clock: FakeClock) -> None:
    event = receive_new(api, lease_seconds=10)
    clock.advance(seconds=9)
    for _ in range(2):
        (result,) = api.results("/v1/inbox/extend", events=[held(event)], lease_seconds=10)
        assert result["status"] == 200
        assert result["expires_at"] == format_time(clock.now + 10_000_000)
    clock.advance(seconds=9)
    assert api.receive() == []
    clock.advance(seconds=1)
    assert [one["event_id"] for one in api.receive()] == [event["event_id"]]


def test_expired_lease_can_be_extended_until_it_is_lost(api: Api, clock: FakeClock) -> None:
    event = receive_new(api, lease_seconds=10)
    clock.advance(seconds=60)
    assert api.results("/v1/inbox/extend", events=[held(event)], lease_seconds=5)[0]["status"] == 200
    assert api.receive() == []


@pytest.mark.parametrize(
    "rest",
    [{}, *values_of("lease_seconds", 0, -1, 43_201, "5", 5.0, None, True), {"lease_second": 5}],
)
def test_extend_needs_its_duration(local_api: Api, rest: dict[str, Any]) -> None:
    event = receive_new(local_api)
    answer = local_api.post("/v1/inbox/extend", {"events": [held(event)], **rest})
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert local_api.get(f"/v1/events/{event['event_id']}").json["leased_until"] == event["leased_until"]


# Release


@pytest.mark.promise(1)
def test_released_event_is_available_after_its_delay(api: Api, clock: FakeClock) -> None:
    event = receive_new(api)
    for _ in range(2):
        (result,) = api.results("/v1/inbox/release", events=[held(event)], delay_seconds=20)
        assert (result["status"], result["event_status"]) == (200, "pending")
    shown = api.get(f"/v1/events/{event['event_id']}").json
    assert shown["leased_until"] == format_time(clock.now + 20_000_000)
    clock.advance(seconds=19)
    assert api.receive() == []
    clock.advance(seconds=1)
    assert [one["deliveries"] for one in api.receive()] == [2]


def test_released_event_is_available_at_once_without_a_delay(api: Api) -> None:
    event = receive_new(api)
    for rest in ({}, {"delay_seconds": 0}, {"delay_seconds": 0, "dead": False}):
        (result,) = api.results("/v1/inbox/release", events=[held(event)], **rest)
        assert (result["status"], result["event_status"]) == (200, "pending")
        (event,) = api.receive()
    assert event["deliveries"] == 4


@pytest.mark.promise(1)
def test_dead_event_is_kept_with_its_reason_and_not_received(api: Api, clock: FakeClock) -> None:
    event = receive_new(api)
    for _ in range(2):
        (result,) = api.results(
            "/v1/inbox/release", events=[held(event)], dead=True, reason="no such order é"
        )
        assert (result["status"], result["event_status"]) == (200, "dead")
    shown = api.get(f"/v1/events/{event['event_id']}").json
    assert (shown["status"], shown["reason"], shown["deliveries"]) == ("dead", "no such order é", 1)
    assert is_time(shown["died_at"])
    clock.advance(seconds=3600)
    assert (api.receive(), api.pending()) == ([], [])
    assert [one["event_id"] for one in api.walk(status="dead")] == [event["event_id"]]
    (result,) = api.results("/v1/inbox/extend", events=[held(event)], lease_seconds=5)
    assert (result["status"], result["error"]["code"]) == (409, "CONFLICT")


@pytest.mark.promise(3)
@pytest.mark.parametrize("with_lease", [True, False])
def test_dead_event_can_be_acknowledged(api: Api, with_lease: bool) -> None:
    event = receive_new(api)
    api.results("/v1/inbox/release", events=[held(event)], dead=True, reason="bad")
    path = f"/v1/events/{event['event_id']}"
    assert api.post(f"{path}/ack", {"lease": event["lease"]["token"]} if with_lease else None).status == 200
    shown = api.get(path).json
    assert shown["status"] == "acknowledged"
    assert not {"died_at", "reason", "leased_until"} & set(shown)


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("path", "rest"),
    [("extend", {"lease_seconds": 5}), ("release", {}), ("release", {"dead": True})],
)
def test_acknowledged_event_is_neither_extended_nor_released(
    api: Api, path: str, rest: dict[str, Any]
) -> None:
    event = receive_new(api)
    api.results("/v1/inbox/ack", events=[held(event)])
    (result,) = api.results(f"/v1/inbox/{path}", events=[held(event)], **rest)
    assert (result["status"], result["error"]["code"]) == (409, "CONFLICT")
    assert api.get(f"/v1/events/{event['event_id']}").json["status"] == "acknowledged"


@pytest.mark.parametrize(
    "rest",
    [
        {"dead": True, "delay_seconds": 1},
        *values_of("dead", "true", 1, None),
        *values_of("delay_seconds", -1, 43_201, "1", 1.0, None, 10**300),
        *values_of("reason", "x" * 257, 7, None),
    ],
)
def test_release_refuses_other_values(local_api: Api, rest: dict[str, Any]) -> None:
    event = receive_new(local_api)
    answer = local_api.post("/v1/inbox/release", {"events": [held(event)], **rest})
    assert answer.refusal == (400, "VALIDATION_ERROR")
    shown = local_api.get(f"/v1/events/{event['event_id']}").json
    assert (shown["status"], shown["leased_until"]) == ("pending", event["leased_until"])


@pytest.mark.promise(1)
@pytest.mark.parametrize("by_release", [True, False])
def test_event_that_is_received_too_often_dies(stores: Stores, clock: FakeClock, by_release: bool) -> None:
    api = Api(stores, clock, door=door_of(stores), max_deliveries=3)
    event = receive_new(api, lease_seconds=1)
    for deliveries in (2, 3):
        clock.advance(seconds=6)
        (event,) = api.receive(lease_seconds=1)
        assert event["deliveries"] == deliveries
    if by_release:
        (result,) = api.results("/v1/inbox/release", events=[held(event)], reason="gave up")
        assert (result["status"], result["event_status"]) == (200, "dead")
    clock.advance(seconds=6)
    assert api.receive() == []
    shown = api.get(f"/v1/events/{event['event_id']}").json
    reason = "gave up" if by_release else "delivered 3 times without an acknowledgement"
    assert (shown["status"], shown["deliveries"], shown["reason"]) == ("dead", 3, reason)


def test_event_never_dies_of_deliveries_if_there_is_no_limit(stores: Stores, clock: FakeClock) -> None:
    api = Api(stores, clock, door=door_of(stores), max_deliveries=0)
    api.add()
    for deliveries in range(1, 15):
        assert [one["deliveries"] for one in api.receive(lease_seconds=1)] == [deliveries]
        clock.advance(seconds=6)


# Delete, and batches of several


def test_deleted_events_are_gone_whatever_their_status(api: Api) -> None:
    pending, acknowledged, deleted = (api.add() for _ in range(3))
    leased, dead = receive_new_two(api)
    api.results("/v1/inbox/release", events=[held(dead)], dead=True)
    api.post(f"/v1/events/{acknowledged}/ack")
    api.delete(f"/v1/events/{deleted}")
    ids = [pending, acknowledged, deleted, leased["event_id"], dead["event_id"], NOWHERE]
    results = api.results("/v1/inbox/delete", event_ids=ids)
    assert results == [
        {"index": index, "event_id": event_id, "status": 200} for index, event_id in enumerate(ids)
    ]
    assert {api.get(f"/v1/events/{event_id}").status for event_id in ids} == {404}


def receive_new_two(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    for _ in range(2):
        api.add(source="two")
    first, second = api.receive(source="two")
    return first, second


def test_each_entry_of_an_ack_has_its_own_result(api: Api) -> None:
    leased, lost = receive_new_two(api)
    pending, acknowledged = api.add(), api.add()
    api.post(f"/v1/events/{acknowledged}/ack")
    results = api.results(
        "/v1/inbox/ack",
        events=[
            held(leased),
            {"event_id": lost["event_id"], "lease": "another"},
            {"event_id": pending},
            {"event_id": acknowledged},
            {"event_id": NOWHERE},
            {"event_id": "x"},
        ],
    )
    assert [result["status"] for result in results] == [200, 409, 200, 409, 404, 422]
    codes = [result.get("error", {}).get("code") for result in results]
    assert codes == [None, "LEASE_LOST", None, "CONFLICT", "NOT_FOUND", "VALIDATION_ERROR"]
    assert api.pending() == [lost["event_id"]]


@pytest.mark.promise(1)
def test_hundred_events_are_received_and_acknowledged_in_batches(api: Api) -> None:
    ids = [
        result["event_id"]
        for result in api.results(
            "/v1/events/batch",
            events=[{"source": "s", "event_type": "t", "payload": {"n": n}} for n in range(100)],
        )
    ]
    seen: list[str] = []
    while events := api.receive(max=25):
        seen += [one["event_id"] for one in events]
        results = api.results("/v1/inbox/ack", events=[held(one) for one in events])
        assert {result["status"] for result in results} == {200}
    assert sorted(seen) == sorted(ids)
    assert api.pending() == []


@pytest.mark.promise(7)
def test_bound_key_works_with_events_of_its_source_only(api: Api) -> None:
    bound = api.make_key("two")
    own, _ = receive_new_two(api)
    other = receive_new(api, source="shop")
    entries = [held(own), held(other)]
    assert api.receive(bound) == []
    assert api.post("/v1/inbox/receive", {"source": "shop"}, key=bound).refusal == (403, "FORBIDDEN")
    for path, rest in (("extend", {"lease_seconds": 50}), ("release", {"delay_seconds": 50}), ("ack", {})):
        results = api.results(f"/v1/inbox/{path}", bound, events=entries, **rest)
        assert [result["status"] for result in results] == [200, 404]
    ids = [own["event_id"], other["event_id"]]
    results = api.results("/v1/inbox/delete", bound, event_ids=ids)
    assert [result["status"] for result in results] == [200, 200]
    shown = api.get(f"/v1/events/{other['event_id']}").json
    assert (shown["status"], shown["leased_until"]) == ("pending", other["leased_until"])


def test_times_of_answers_are_times(api: Api) -> None:
    event = receive_new(api)
    assert datetime.fromisoformat(event["lease"]["expires_at"]) > datetime.fromisoformat(event["created_at"])
