"""The inbox: what a page holds, how it is asked for, and how the pages follow each other."""

import re
from urllib.parse import quote

import pytest

from tests.api.driver import Api
from tests.support.clock import FakeClock
from triggers_api.core.keys import KeyRecord, digest_of


@pytest.mark.parametrize(("query", "limit"), [("", 50), ("limit=1", 1), ("limit=50", 50), ("limit=100", 100)])
def test_a_limit_from_1_to_100_is_taken(each_door: Api, query: str, limit: int) -> None:
    answer = each_door.get("/v1/inbox", query=query)
    assert answer.json["pagination"] == {"limit": limit}


@pytest.mark.parametrize(
    "query",
    [
        *(
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=-0",
            "limit=1000000000000000000000",
            "limit=1.0",
            "limit=007",
        ),
        *("limit=1e1", "limit=%201", "limit=1%20", "limit=+1", "limit=%2B1", "limit=0x10", "limit=1_0"),
        *("limit=%EF%BC%91", "limit=%D9%A1", "limit=", "limit", "limit=ten", "limit=null", "limit=1,2"),
        *("limit=%00", "limit=1%0A", "limit=true", "limit=[1]", "limit=" + "9" * 5000, "limit=%27"),
        *("limit=1&limit=1", "limit=1&limit=2", "limit=1&limit="),
    ],
)
def test_another_limit_is_refused(each_door: Api, query: str) -> None:
    answer = each_door.get("/v1/inbox", query=query)
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert "limit" in answer.body.decode() or "twice" in answer.error["message"]


@pytest.mark.parametrize("name", ["source", "event_type"])
@pytest.mark.parametrize(
    "value",
    ["", "%00", "a%0Ab", "a%7F", "%C2%85", "x" * 101, "%F0%9F%98%80" * 101, "a&{name}=", "a&{name}=%00"],
)
def test_a_filter_that_no_event_can_have_is_refused(each_door: Api, name: str, value: str) -> None:
    answer = each_door.get("/v1/inbox", query=f"{name}={value.format(name=name)}")
    assert answer.refusal == (400, "VALIDATION_ERROR")


def test_a_source_is_given_once(each_door: Api) -> None:
    for query in ("source=a&source=a", "source=a&source=b"):
        assert each_door.get("/v1/inbox", query=query).refusal == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "query",
    ["source=%FF", "source=%ED%A0%80", "source=%C0%AF", "%FF=1", "source=%C3", "event_type=a%80", "source=é"],
)
def test_a_query_that_is_not_percent_encoded_utf8_is_refused(local_api: Api, query: str) -> None:
    assert local_api.get("/v1/inbox", query=query).refusal == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("Source=mine", ["Source"]),
        ("sources=mine&limit=7", ["sources"]),
        ("next_cursor=", ["next_cursor"]),
        ("limit=7&state=acknowledged&x=1&x=2", ["state", "x"]),
        ("source%20=a&=1", ['"source "', '""']),
        ("%1B%5B31m%C2%9B=1", ['"\\u001b[31m\\u009b"']),
        (f"{'x' * 5000}=1", ["x" * 32 + "…"]),
    ],
)
def test_an_unknown_parameter_is_refused_and_named(each_door: Api, query: str, names: list[str]) -> None:
    each_door.add()
    answer = each_door.get("/v1/inbox", query=query)
    assert answer.refusal == (400, "VALIDATION_ERROR")
    problems = answer.error["details"]["errors"]
    assert [problem["field"] for problem in problems] == names
    for message in (answer.error["message"], problems[0]["message"]):
        assert all(known in message for known in ("limit", "cursor", "source", "event_type"))


def test_a_hundred_unknown_parameters_make_a_small_answer(local_api: Api) -> None:
    query = "&".join(f"{'😀' * 40}{number}=1" for number in range(100))
    answer = local_api.get("/v1/inbox", query=quote(query, safe="&="))
    assert len(answer.error["details"]["errors"]) == 10
    assert len(answer.body) < 4096


@pytest.mark.promise(11)
def test_an_api_key_in_place_of_a_name_is_masked(each_door: Api) -> None:
    own = "My-Own-Key_0123456789-zyxwv"
    assert each_door.stores.keys.add(KeyRecord(digest_of(own), is_active=True))
    for key in (each_door.key, own):
        for name in (key, f"x.{key}", f"{'x' * 20}.{key}"):
            answers = [
                each_door.get("/v1/inbox", key=key, query={name: "1"}),
                each_door.post("/v1/events", {name: 1}, key=key),
                each_door.post("/v1/events", {"metadata": {name: 1}}, key=key),
            ]
            for answer in answers:
                assert answer.refusal == (400, "VALIDATION_ERROR")
                assert "***" in answer.error["message"]
                assert key[:12] not in answer.body.decode()
                assert key[-12:] not in answer.body.decode()


def test_empty_fields_of_a_query_are_no_parameters(each_door: Api) -> None:
    assert each_door.get("/v1/inbox", query="&&limit=7&").json["pagination"]["limit"] == 7


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/events"),
        ("GET", "/v1/events/{event_id}"),
        ("POST", "/v1/events/{event_id}/ack"),
        ("DELETE", "/v1/events/{event_id}"),
    ],
)
def test_a_call_without_parameters_refuses_any(each_door: Api, method: str, path: str) -> None:
    event_id = each_door.add()
    body = {"source": "shop", "event_type": "order.paid", "payload": {}} if path == "/v1/events" else None
    url = path.format(event_id=event_id)
    answer = each_door.call(method, url, query="dry_run=true", json_body=body)
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert "dry_run: unknown; this call has no parameters" in answer.error["message"]
    assert each_door.pending() == [event_id]
    assert each_door.call(method, url, query="%FF=1", json_body=body).status == 400
    assert each_door.call(method, url, query="dry_run=1", json_body=body, key=None).status == 401


def test_health_takes_any_parameter(each_door: Api) -> None:
    assert each_door.get("/v1/health", query="cachebust=1&%FF", key=None).status == 200


@pytest.mark.parametrize(
    "name",
    ["a+b", "a b", "a&b=c", "100%", "%20", "ж-😀", "é", "e\u0301", "a/b?c#d", "'\"\\;--", "a=b", "\u00a0"],
)
def test_a_filter_matches_its_text_exactly(api: Api, name: str) -> None:
    matching = [api.add(source=name, event_type=name) for _ in range(2)]
    for other in ("a", "a c", "\u00c9"):
        api.add(source=other, event_type=other)
    for query in ({"source": name}, {"event_type": name}, {"source": name, "event_type": name}):
        assert api.pending(**query) == matching
    assert api.pending(source=name, event_type="a") == []


@pytest.mark.promise(5)
def test_the_inbox_is_oldest_first_and_every_page_but_the_last_has_a_cursor(
    api: Api, clock: FakeClock
) -> None:
    added = []
    for _ in range(5):
        added.append(api.add())
        clock.advance(seconds=60)
    first = api.inbox(limit=2)
    second = api.inbox(limit=2, cursor=first.json["pagination"]["next_cursor"])
    third = api.inbox(limit=2, cursor=second.json["pagination"]["next_cursor"])
    pages = [[event["event_id"] for event in page.json["events"]] for page in (first, second, third)]
    assert pages == [added[:2], added[2:4], added[4:]]
    assert "next_cursor" not in third.json["pagination"], "absent, not null"
    assert api.inbox(limit=2).json["events"] == first.json["events"], "a poll without a cursor begins anew"


def test_an_empty_inbox_is_an_empty_list(api: Api) -> None:
    answer = api.inbox()
    assert (answer.json["events"], answer.json["pagination"]) == ([], {"limit": 50})


def test_a_full_last_page_has_no_cursor(api: Api) -> None:
    for _ in range(3):
        api.add()
    assert api.inbox(limit=3).json["pagination"] == {"limit": 3}


def test_a_cursor_is_safe_in_a_url_without_escaping(api: Api) -> None:
    for number in range(12):
        api.add(source="ж+/=" if number % 2 else "b")
    for query in ({}, {"source": "ж+/="}, {"event_type": "order.paid"}):
        seen = set()
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = api.inbox("", limit=1, **query, **more).json["pagination"]
            if "next_cursor" not in page:
                break
            cursor = page["next_cursor"]
            assert re.fullmatch(r"[A-Za-z0-9_.~-]+", cursor)
            seen.add(cursor)
        assert len(seen) == (5 if "source" in query else 11)


@pytest.mark.promise(5)
def test_a_cursor_continues_after_the_last_event_returned(api: Api) -> None:
    added = [api.add(source="ab"[number % 2]) for number in range(8)]
    page = api.inbox(limit=2, source="a").json
    assert [event["event_id"] for event in page["events"]] == [added[0], added[2]]
    for gone in (added[0], added[2]):
        assert api.delete(f"/v1/events/{gone}").status == 200
    late = api.add(source="a")
    rest = api.walk(source="a", limit=2, cursor=page["pagination"]["next_cursor"])
    assert [event["event_id"] for event in rest] == [added[4], added[6], late]


def test_a_cursor_may_be_used_with_another_limit_and_again(api: Api) -> None:
    added = [api.add() for _ in range(5)]
    cursor = api.inbox(limit=2).json["pagination"]["next_cursor"]
    for _ in range(2):
        page = api.inbox(limit=100, cursor=cursor).json
        assert [event["event_id"] for event in page["events"]] == added[2:]


def test_a_cursor_with_other_filters_is_refused(api: Api) -> None:
    for source in "aabb":
        api.add(source=source)
    filters: list[dict[str, str | int]] = [
        {},
        {"source": "a"},
        {"source": "b"},
        {"event_type": "order.paid"},
        {"event_type": "a"},
        {"source": "a", "event_type": "order.paid"},
    ]
    for made_with in filters:
        page = api.inbox("", limit=1, **made_with).json["pagination"]
        if "next_cursor" not in page:
            continue
        for used_with in filters:
            answer = api.inbox("", limit=1, cursor=page["next_cursor"], **used_with)
            assert answer.status == (200 if used_with == made_with else 400)
            if answer.status == 400:
                assert answer.error["details"]["errors"][0]["field"] == "cursor"


def test_a_forged_or_damaged_cursor_is_refused(api: Api) -> None:
    for _ in range(3):
        api.add()
    good = api.inbox(limit=1).json["pagination"]["next_cursor"]
    damaged = [
        good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :] for place in (0, 9, 30)
    ]
    forged = [
        *("", "x", "AAAA", "====", "a" * 5000, "null", "..", "%00", "é", "A" * 17, good * 2),
        *(
            good[:-4],
            good + "A",
            good + "AAAA",
            good + "=",
            good[:-1] + chr(ord(good[-1]) + 1),
            " " + good,
            good + "\n",
            good.swapcase(),
            "AQ",
        ),
        *("eyJhIjoxfQ", "eyJldmVudF9pZCI6IjEifQ==", good.replace(good[5], "*", 1)),
    ]
    for cursor in damaged + forged:
        answer = api.inbox("", limit=1, cursor=cursor)
        assert answer.refusal == (400, "VALIDATION_ERROR"), cursor
        assert len(answer.body) < 4096
    assert api.get("/v1/inbox", query=f"cursor={good}&cursor={good}").status == 400
    assert api.inbox("", limit=1, cursor=good).status == 200


@pytest.mark.promise(5)
def test_a_page_holds_as_many_as_its_limit_however_few_match(api: Api) -> None:
    wanted = []
    for number in range(60):
        event_id = api.add(source="rare" if number % 20 == 19 else "common")
        if number % 20 == 19:
            wanted.append(event_id)
    page = api.inbox(limit=3, source="rare").json
    assert [event["event_id"] for event in page["events"]] == wanted
    assert api.pending(source="rare", limit=1) == wanted


@pytest.mark.promise(1)
def test_acknowledged_deleted_and_expired_events_are_not_in_the_inbox(api: Api, clock: FakeClock) -> None:
    expiring = api.add()
    clock.advance(days=1)
    kept, acknowledged, deleted = (api.add() for _ in range(3))
    assert api.post(f"/v1/events/{acknowledged}/ack").status == 200
    assert api.delete(f"/v1/events/{deleted}").status == 200
    assert api.pending() == [expiring, kept]
    clock.advance(days=6, seconds=1)
    assert api.pending() == [kept]
    assert api.get(f"/v1/events/{expiring}").refusal == (404, "NOT_FOUND")
    assert api.post(f"/v1/events/{expiring}/ack").refusal == (404, "NOT_FOUND")
