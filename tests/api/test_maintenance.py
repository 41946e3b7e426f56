"""Requeue and purge, by id and by filter."""

from typing import Any

import pytest

from tests.api.driver import Api
from tests.support.clock import FakeClock
from triggers_api.core.times import format_time

pytestmark = pytest.mark.quick_form  # on both stores

NOWHERE = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"


def acknowledge(api: Api, *ids: str) -> None:
    for event_id in ids:
        assert api.post(f"/v1/events/{event_id}/ack").status == 200


def kill(api: Api, *, source: str = "shop") -> str:
    """Ingest an event and make it dead; return its id."""
    api.add(source=source)
    (event,) = api.receive(source=source)
    entry = {"event_id": event["event_id"], "lease": event["lease"]["token"]}
    assert api.results("/v1/inbox/release", events=[entry], dead=True, reason="bad")[0]["status"] == 200
    return str(event["event_id"])


def change(api: Api, name: str, **body: object) -> dict[str, Any]:
    answer = api.post(f"/v1/inbox/{name}", body)
    assert answer.status == 200, answer.body[:500]
    result: dict[str, Any] = {key: one for key, one in answer.json.items() if key != "request_id"}
    return result


def change_all(api: Api, name: str, counted: str, **body: object) -> tuple[int, int]:
    """Walk to the end; return how many events were changed, and the calls."""
    total = calls = 0
    cursor: dict[str, object] = {}
    while True:
        result = change(api, name, **body, **cursor)
        total += result[counted]
        calls += 1
        if "next_cursor" not in result:
            return total, calls
        cursor = {"cursor": result["next_cursor"]}


@pytest.mark.promise(3)
def test_events_are_requeued_by_id_as_if_never_delivered(api: Api) -> None:
    dead, acknowledged, pending = kill(api), api.add(), api.add()
    acknowledge(api, acknowledged)
    assert change(api, "requeue", event_ids=[dead, acknowledged.upper(), pending, NOWHERE]) == {"requeued": 2}
    assert api.pending() == [dead, acknowledged, pending]
    for event_id in (dead, acknowledged):
        shown = api.get(f"/v1/events/{event_id}").json
        assert (shown["status"], shown["deliveries"]) == ("pending", 0)
        assert not {"reason", "died_at", "acknowledged_at", "leased_until"} & set(shown)
    assert change(api, "requeue", event_ids=[dead, acknowledged]) == {"requeued": 0}
    assert len(api.receive()) == 3


@pytest.mark.promise(1)
def test_requeued_event_has_its_full_retention(api: Api, clock: FakeClock) -> None:
    event_id = api.add()
    acknowledge(api, event_id)
    clock.advance(days=6)
    assert change(api, "requeue", event_ids=[event_id]) == {"requeued": 1}
    clock.advance(days=6)
    assert api.pending() == [event_id]


@pytest.mark.promise(3)
def test_events_are_requeued_by_filter(api: Api, clock: FakeClock) -> None:
    dead = [kill(api) for _ in range(3)]
    others = [kill(api, source="depot"), api.add()]
    acknowledge(api, others[1])
    clock.advance(seconds=1)
    wanted = {"status": "dead", "source": "shop"}
    assert change(api, "requeue", filter=wanted, dry_run=True) == {"matching": 3, "capped": False}
    assert api.pending() == []
    assert change_all(api, "requeue", "requeued", filter=wanted, limit=2) == (3, 2)
    assert api.pending() == dead
    assert change(api, "requeue", filter=wanted) == {"requeued": 0}


@pytest.mark.promise(3)
def test_events_are_requeued_by_when_they_were_acknowledged(api: Api, clock: FakeClock) -> None:
    first, second, third = (api.add() for _ in range(3))
    acknowledge(api, first)
    clock.advance(seconds=60)
    since = format_time(clock.now)
    acknowledge(api, second)
    clock.advance(seconds=60)
    until = format_time(clock.now)
    acknowledge(api, third)
    clock.advance(seconds=1)
    wanted = {"status": "acknowledged", "acknowledged_since": since, "acknowledged_until": until}
    assert change(api, "requeue", filter=wanted) == {"requeued": 1}
    assert api.pending() == [second]


@pytest.mark.promise(3)
def test_repeated_requeue_leaves_what_was_acknowledged_meanwhile(api: Api, clock: FakeClock) -> None:
    ids = [api.add() for _ in range(4)]
    acknowledge(api, *ids)
    clock.advance(seconds=1)
    body: dict[str, Any] = {"filter": {"status": "acknowledged"}, "limit": 2}
    first = change(api, "requeue", **body)
    assert first["requeued"] == 2
    clock.advance(seconds=1)
    acknowledge(api, ids[0])
    clock.advance(seconds=1)
    assert change_all(api, "requeue", "requeued", **body, cursor=first["next_cursor"])[0] == 2
    assert api.pending() == ids[1:]


@pytest.mark.promise(1)
def test_purge_deletes_what_matches_whatever_its_status(api: Api, clock: FakeClock) -> None:
    expired = api.add()
    clock.advance(days=8)
    dead = kill(api)
    pending, acknowledged = api.add(), api.add()
    kept = api.add(source="depot")
    api.receive(source="shop", max=1)
    acknowledge(api, acknowledged)
    clock.advance(seconds=1)
    wanted = {"status": "any", "source": "shop"}
    dry_run = change(api, "purge", filter=wanted, dry_run=True)
    assert dry_run == {"matching": dry_run["matching"], "capped": False}
    assert dry_run["matching"] >= 3
    assert change_all(api, "purge", "deleted", filter=wanted, limit=1)[0] == dry_run["matching"]
    assert {api.get(f"/v1/events/{one}").status for one in (expired, pending, acknowledged, dead)} == {404}
    assert api.pending() == [kept]


@pytest.mark.promise(1)
def test_purge_ends_while_events_arrive(api: Api, clock: FakeClock) -> None:
    for _ in range(4):
        api.add()
    clock.advance(seconds=1)
    body: dict[str, Any] = {"filter": {"status": "pending", "source": "shop"}, "limit": 1}
    result = change(api, "purge", **body)
    deleted, calls, arrived = result["deleted"], 1, []
    while "next_cursor" in result:
        arrived.append(api.add())
        clock.advance(seconds=1)
        result = change(api, "purge", **body, cursor=result["next_cursor"])
        deleted += result["deleted"]
        calls += 1
    assert (deleted, calls) == (4, len(arrived) + 1)
    assert api.pending() == arrived


def test_purge_deletes_by_time_and_type(api: Api, clock: FakeClock) -> None:
    old = api.add(event_type="a")
    clock.advance(seconds=60)
    since = format_time(clock.now)
    new, other = api.add(event_type="a"), api.add(event_type="b")
    clock.advance(seconds=60)
    wanted = {"status": "pending", "event_type": "a", "since": since}
    assert change(api, "purge", filter=wanted) == {"deleted": 1}
    assert api.pending() == [old, other]
    assert api.get(f"/v1/events/{new}").status == 404
    assert change(api, "purge", filter={"status": "pending", "until": since}) == {"deleted": 1}
    assert api.pending() == [other]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event_ids": [NOWHERE], "filter": {"status": "dead"}},
        *[{"event_ids": ids} for ids in ([], [NOWHERE] * 2, ["x"], [7], NOWHERE, None)],
        {"event_ids": [NOWHERE, NOWHERE.upper()]},
        {"event_ids": [f"01936b2e-8f3a-7c41-9d2e-{number:012x}" for number in range(101)]},
        *(
            {"event_ids": [NOWHERE], name: one}
            for name, one in (("limit", 1), ("cursor", "x"), ("dry_run", True))
        ),
        *({"filter": {"status": value}} for value in ("pending", "any", "Dead", "", None, 7)),
        {"filter": {}},
        {"filter": None},
        {"filter": {"status": "dead", "acknowledged_since": "2024-11-27T08:15:30Z"}},
        {"filter": {"status": "dead", "acknowledged_until": "2024-11-27T08:15:30Z"}},
        *(
            {"filter": {"status": "dead", "since": value}}
            for value in ("", "yesterday", "2024-11-27", 7, None)
        ),
        {"filter": {"status": "dead", "event_id": NOWHERE}},
        {"filter": {"status": "dead", "source": ""}},
        *({"filter": {"status": "dead"}, "limit": value} for value in (0, -1, 501, "1", 1.0, None)),
        *(
            {"filter": {"status": "dead"}, "cursor": value}
            for value in ("", "x", "AAAA", 7, None, "a" * 9000)
        ),
        *({"filter": {"status": "dead"}, "dry_run": value} for value in ("true", 1, None)),
        {"filter": {"status": "dead"}, "dry_run": True, "cursor": "x"},
        {"filter": {"status": "dead"}, "unknown": 1},
    ],
    ids=str,
)
def test_requeue_refuses_other_requests(local_api: Api, body: dict[str, Any]) -> None:
    event_id = kill(local_api)
    answer = local_api.post("/v1/inbox/requeue", body)
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert local_api.get(f"/v1/events/{event_id}").json["status"] == "dead"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter": {}},
        {"event_ids": [NOWHERE]},
        {"filter": {"source": "shop"}},
        {"filter": {"status": "any", "acknowledged_since": "2024-11-27T08:15:30Z"}},
        {"filter": {"status": "pending", "acknowledged_until": "2024-11-27T08:15:30Z"}},
        *({"filter": {"status": "any"}, "limit": value} for value in (0, 501, None)),
        {"filter": {"status": "any"}, "cursor": "x"},
        {"filter": {"status": "any"}, "dry_run": "no"},
    ],
    ids=str,
)
def test_purge_refuses_other_requests(local_api: Api, body: dict[str, Any]) -> None:
    event_id = local_api.add()
    assert local_api.post("/v1/inbox/purge", body).refusal == (400, "VALIDATION_ERROR")
    assert local_api.pending() == [event_id]


def test_cursor_of_another_walk_is_refused(api: Api, clock: FakeClock) -> None:
    for _ in range(3):
        kill(api)
    clock.advance(seconds=1)
    dead = {"status": "dead"}
    cursor = change(api, "requeue", filter=dead, limit=1)["next_cursor"]
    inbox_cursor = api.inbox(limit=1, status="dead").json["pagination"]["next_cursor"]
    refused: list[tuple[str, dict[str, Any]]] = [
        ("purge", {"filter": dead, "cursor": cursor}),
        ("requeue", {"filter": {"status": "acknowledged"}, "cursor": cursor}),
        ("requeue", {"filter": {**dead, "source": "shop"}, "cursor": cursor}),
        ("requeue", {"filter": dead, "cursor": inbox_cursor}),
    ]
    for name, body in refused:
        answer = api.post(f"/v1/inbox/{name}", body)
        assert answer.refusal == (400, "VALIDATION_ERROR")
        assert answer.error["details"]["errors"][0]["field"] == "cursor"
    assert api.inbox("", limit=1, cursor=cursor, status="dead").status == 400
    assert change_all(api, "requeue", "requeued", filter=dead, cursor=cursor)[0] == 2


@pytest.mark.promise(7)
def test_bound_key_changes_events_of_its_source_only(api: Api, clock: FakeClock) -> None:
    own, other = kill(api), kill(api, source="depot")
    clock.advance(seconds=1)
    bound = api.make_key("shop", scopes="manage")
    for name, status in (("requeue", "dead"), ("purge", "any")):
        answer = api.post(f"/v1/inbox/{name}", {"filter": {"status": status, "source": "depot"}}, key=bound)
        assert answer.refusal == (403, "FORBIDDEN")
    answer = api.post("/v1/inbox/requeue", {"event_ids": [own, other]}, key=bound)
    assert answer.json["requeued"] == 1
    answer = api.post("/v1/inbox/purge", {"filter": {"status": "any"}, "dry_run": True}, key=bound)
    assert answer.json["matching"] == 1
    assert api.post("/v1/inbox/purge", {"filter": {"status": "any"}}, key=bound).json["deleted"] == 1
    assert api.get(f"/v1/events/{own}").status == 404
    assert api.get(f"/v1/events/{other}").json["status"] == "dead"
