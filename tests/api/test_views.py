"""Views of the inbox: by status, time and type, in both orders, without what is leased; and its numbers."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.api.driver import Api
from tests.support.clock import FakeClock
from triggers_api.core.times import format_time

pytestmark = pytest.mark.quick_form  # on both stores


def ids_of(api: Api, query: str) -> list[str]:
    answer = api.get("/v1/inbox", query=query)
    assert answer.status == 200, answer.body[:500]
    return [event["event_id"] for event in answer.json["events"]]


def at_offset(microseconds: int, hours: float) -> str:
    """Return a time as RFC 3339 writes it at an offset from UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return moment.astimezone(timezone(timedelta(hours=hours))).isoformat()


@pytest.mark.promise(1)
def test_inbox_lists_one_status(api: Api) -> None:
    pending, acknowledged = api.add(), api.add()
    api.post(f"/v1/events/{acknowledged}/ack")
    api.add(source="dead")
    (event,) = api.receive(source="dead")
    entry = {"event_id": event["event_id"], "lease": event["lease"]["token"]}
    api.results("/v1/inbox/release", events=[entry], dead=True)
    by_status = {"pending": [pending], "acknowledged": [acknowledged], "dead": [event["event_id"]]}
    for status, expected in by_status.items():
        events = api.inbox(status=status).json["events"]
        assert [one["event_id"] for one in events] == expected
        assert {one["status"] for one in events} == {status}
        assert ids_of(api, f"status={status}&available=true") == expected
    assert api.pending() == [pending]


@pytest.mark.promise(5)
def test_newest_first_walks_the_same_events_backwards(api: Api, clock: FakeClock) -> None:
    added = []
    for number in range(7):
        added.append(api.add(source="ab"[number % 2]))
        clock.advance(seconds=number % 3)
    assert [one["event_id"] for one in api.walk(order="newest", limit=2)] == added[::-1]
    assert [one["event_id"] for one in api.walk(order="newest", limit=1, source="a")] == added[::2][::-1]
    assert [one["event_id"] for one in api.walk(order="oldest", limit=2)] == added


def test_times_bound_the_list_whatever_their_offset(api: Api, clock: FakeClock) -> None:
    added, times = [], []
    for _ in range(4):
        times.append(clock.now)
        added.append(api.add())
        clock.advance(seconds=3600)
    for hours in (0, 1, -7, 5.75):
        since, until = (at_offset(times[number], hours) for number in (1, 3))
        for mark in ("+", "%2B"):
            query = f"since={since.replace('+', mark)}&until={until.replace('+', mark)}"
            assert ids_of(api, query) == added[1:3]
    exact = format_time(times[1])
    assert ids_of(api, f"since={exact}") == added[1:]
    assert ids_of(api, f"until={exact}") == added[:1]
    assert ids_of(api, f"since={exact}&until={exact}") == []


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "value",
    [
        *("", "now", "2024-11-27", "2024-11-27T08:15:30", "2024-11-27T08:15Z", "20241127T081530Z"),
        *("2024-02-30T00:00:00Z", "2024-11-27T24:00:00Z", "2024-11-27T08:15:30.1234567Z", "1732695330"),
        *("2024-11-27T08:15:30%2B25:00", "0000-01-01T00:00:00Z", "x" * 5000, "2024-11-27T08:15:30Z&NAME="),
    ],
)
def test_time_of_another_form_is_refused(local_api: Api, name: str, value: str) -> None:
    answer = local_api.get("/v1/inbox", query=f"{name}={value.replace('NAME', name)}")
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert name in answer.error["message"]


def test_event_type_may_be_given_up_to_20_times(api: Api) -> None:
    ids = {letter: api.add(event_type=letter) for letter in "abc"}
    assert ids_of(api, "event_type=a&event_type=c") == [ids["a"], ids["c"]]
    assert ids_of(api, "event_type=c&event_type=a&event_type=c") == [ids["a"], ids["c"]]
    assert ids_of(api, "&".join(f"event_type={n}" for n in range(19)) + "&event_type=b") == [ids["b"]]
    answer = api.get("/v1/inbox", query="&".join(f"event_type={n}" for n in range(21)))
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert "event_type: must have at most 20 items" in answer.error["message"]


def test_cursor_does_not_depend_on_the_order_of_types(api: Api) -> None:
    added = [api.add(event_type="ab"[number % 2]) for number in range(4)]
    page = api.get("/v1/inbox", query="limit=2&event_type=b&event_type=a").json
    cursor = page["pagination"]["next_cursor"]
    assert ids_of(api, f"event_type=a&event_type=b&event_type=b&cursor={cursor}") == added[2:]
    assert api.get("/v1/inbox", query=f"event_type=a&cursor={cursor}").status == 400


@pytest.mark.promise(5)
def test_cursor_is_bound_to_the_view(api: Api, clock: FakeClock) -> None:
    for _ in range(3):
        api.add()
    time = format_time(clock.now - 3_600_000_000)
    views = ["", "order=newest", "available=true", f"since={time}", f"since={time}&order=newest"]
    cursors = {
        view: api.get("/v1/inbox", query=f"limit=1&{view}").json["pagination"]["next_cursor"]
        for view in views
    }
    for made_with, cursor in cursors.items():
        for used_with in views:
            answer = api.get("/v1/inbox", query=f"{used_with}&cursor={cursor}")
            assert answer.status == (200 if used_with == made_with else 400), (made_with, used_with)


@pytest.mark.parametrize(
    "query",
    [
        *(f"status={value}" for value in ("", "any", "Pending", "acknowledged,dead", "dead&status=dead")),
        *(f"order={value}" for value in ("", "asc", "NEWEST", "newest&order=newest")),
        *(f"available={value}" for value in ("", "1", "yes", "True", "TRUE", "true&available=true")),
        *("acknowledged_since=2024-11-27T08:15:30Z", "max=1", "lease_seconds=1"),
        *("event_type=a&event_type=", "event_type=a&event_type=%0A"),
    ],
)
def test_other_values_of_a_view_are_refused(local_api: Api, query: str) -> None:
    assert local_api.get("/v1/inbox", query=query).refusal == (400, "VALIDATION_ERROR")


def test_available_leaves_out_what_is_leased_or_delayed(api: Api, clock: FakeClock) -> None:
    free, leased, delayed = api.add(source="free"), api.add(source="leased"), api.add(source="delayed")
    api.receive(source="leased", lease_seconds=60)
    (event,) = api.receive(source="delayed")
    entry = {"event_id": delayed, "lease": event["lease"]["token"]}
    api.results("/v1/inbox/release", events=[entry], delay_seconds=120)
    assert ids_of(api, "available=true") == [free]
    assert ids_of(api, "available=false") == ids_of(api, "") == [free, leased, delayed]
    clock.advance(seconds=60)
    assert ids_of(api, "available=true") == [free, leased]
    clock.advance(seconds=60)
    assert ids_of(api, "available=true") == [free, leased, delayed]


# Stats


def stats(api: Api, key: str | None = "", query: str = "") -> dict[str, Any]:
    answer = api.get("/v1/inbox/stats", key=key, query=query)
    assert answer.status == 200, answer.body[:500]
    return {name: answer.json[name] for name in ("pending", "dead")}


def test_stats_of_an_empty_inbox(api: Api) -> None:
    assert stats(api) == {
        "pending": {"count": 0, "capped": False, "leased": 0},
        "dead": {"count": 0, "capped": False},
    }


def test_stats_count_what_waits_and_what_is_dead(api: Api, clock: FakeClock) -> None:
    first = api.get(f"/v1/events/{api.add(source='a')}").json
    clock.advance(seconds=90)
    for source in "aabc":
        api.add(source=source, event_type=f"of {source}")
    (event,) = api.receive(source="b")
    entry = {"event_id": event["event_id"], "lease": event["lease"]["token"]}
    api.results("/v1/inbox/release", events=[entry], dead=True)
    api.receive(source="c", lease_seconds=60)
    counted = stats(api)
    assert counted["pending"] == {
        "count": 4,
        "capped": False,
        "leased": 1,
        "oldest_created_at": first["created_at"],
        "oldest_age_seconds": 90,
    }
    assert counted["dead"] == {"count": 1, "capped": False, "oldest_created_at": event["created_at"]}
    assert stats(api, query="source=a&event_type=of%20a")["pending"]["count"] == 2
    assert stats(api, query="event_type=of%20a&event_type=of%20c")["pending"]["count"] == 3
    assert stats(api, query="source=b")["dead"]["count"] == 1
    clock.advance(seconds=60)
    assert stats(api)["pending"]["leased"] == 0
    bound = api.make_key("a")
    assert stats(api, bound)["pending"]["count"] == 3
    assert stats(api, bound)["dead"]["count"] == 0
    assert api.get("/v1/inbox/stats", query="source=b", key=bound).refusal == (403, "FORBIDDEN")


def test_age_counts_from_the_requeue(api: Api, clock: FakeClock) -> None:
    event_id = api.add()
    api.post(f"/v1/events/{event_id}/ack")
    clock.advance(seconds=3600)
    api.post("/v1/inbox/requeue", {"event_ids": [event_id]})
    clock.advance(seconds=30)
    counted = stats(api)["pending"]
    assert counted["oldest_age_seconds"] == 30
    assert counted["oldest_created_at"] == api.get(f"/v1/events/{event_id}").json["created_at"]


@pytest.mark.parametrize("query", ["source=", "source=a&source=b", "event_type=", "status=dead", "limit=1"])
def test_stats_refuse_other_parameters(local_api: Api, query: str) -> None:
    assert local_api.get("/v1/inbox/stats", query=query).refusal == (400, "VALIDATION_ERROR")
