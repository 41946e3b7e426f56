"""A key that is bound to a source: for it, another source's events do not exist."""

import pytest

from tests.api.driver import Api

pytestmark = pytest.mark.quick_form  # on both stores


@pytest.fixture
def bound(api: Api) -> str:
    return api.make_key("a")


@pytest.mark.promise(7)
def test_a_bound_key_ingests_its_own_source_only(api: Api, bound: str) -> None:
    assert api.ingest(source="a", key=bound).status == 201
    for other in ("b", "A", "a ", "aa", "а"):  # noqa: RUF001 - the last one is Cyrillic
        assert api.ingest(source=other, key=bound).refusal == (403, "FORBIDDEN")
    assert [event["source"] for event in api.walk()] == ["a"]


def test_a_bound_key_with_an_invalid_body_learns_what_is_wrong(api: Api, bound: str) -> None:
    assert api.post("/v1/events", {"source": "b"}, key=bound).refusal == (400, "VALIDATION_ERROR")


@pytest.mark.promise(4, 7)
def test_a_bound_key_that_may_not_ingest_leaves_no_idempotency_key_behind(api: Api, bound: str) -> None:
    header = [("Idempotency-Key", "k")]
    assert api.ingest(source="b", key=bound, headers=header).status == 403
    answer = api.ingest(source="a", key=bound, headers=header)
    assert answer.status == 201
    assert "idempotent-replayed" not in answer.headers


@pytest.mark.promise(7)
def test_the_inbox_of_a_bound_key_lists_its_source_without_a_filter(api: Api, bound: str) -> None:
    own = [api.add(source=source) for source in ("a", "b", "a", "c", "a")][::2]
    assert [event["event_id"] for event in api.walk(bound, limit=1)] == own
    assert [event["event_id"] for event in api.walk(bound, limit=2, source="a")] == own
    assert [event["event_id"] for event in api.walk(bound, event_type="order.paid")] == own
    assert api.walk(bound, event_type="another") == []


@pytest.mark.promise(7)
def test_an_explicit_filter_for_another_source_is_forbidden(api: Api, bound: str) -> None:
    api.add(source="b")
    for other in ("b", "nobody", "A"):
        assert api.inbox(bound, source=other).refusal == (403, "FORBIDDEN")
    assert api.inbox(bound, source="").refusal == (400, "VALIDATION_ERROR")


@pytest.mark.promise(7)
def test_an_event_of_another_source_is_answered_as_missing(api: Api, bound: str) -> None:
    same = [("X-Request-ID", "same")]
    anothers = api.add(source="b")
    absent = anothers[:-12] + "0" * 12
    for method, action in (("GET", ""), ("POST", "/ack"), ("DELETE", "")):
        answer = api.call(method, f"/v1/events/{anothers}{action}", key=bound, headers=same)
        control = api.call(method, f"/v1/events/{absent}{action}", key=bound, headers=same)
        assert answer.status == (200 if method == "DELETE" else 404)
        assert answer.body.replace(anothers.encode(), absent.encode()) == control.body
    assert api.get(f"/v1/events/{anothers}").json["status"] == "pending"


@pytest.mark.promise(7)
def test_an_acknowledged_event_of_another_source_is_answered_as_missing(api: Api, bound: str) -> None:
    anothers = api.add(source="b")
    assert api.post(f"/v1/events/{anothers}/ack").status == 200
    assert api.post(f"/v1/events/{anothers}/ack", key=bound).refusal == (404, "NOT_FOUND")


@pytest.mark.promise(7)
def test_deleting_an_event_of_another_source_answers_200_and_deletes_nothing(api: Api, bound: str) -> None:
    anothers = api.add({"keep": "me"}, source="b")
    answer = api.delete(f"/v1/events/{anothers}", key=bound)
    assert answer.status == 200
    assert api.get(f"/v1/events/{anothers}").json["payload"] == {"keep": "me"}
    assert api.pending() == [anothers]


def test_a_bound_key_reads_acknowledges_and_deletes_its_own(api: Api, bound: str) -> None:
    event_id = api.add(source="a")
    path = f"/v1/events/{event_id}"
    assert api.get(path, key=bound).status == 200
    assert api.post(f"{path}/ack", key=bound).status == 200
    assert api.post(f"{path}/ack", key=bound).status == 409
    assert api.delete(path, key=bound).status == 200
    assert api.get(path).status == 404


def test_a_cursor_of_another_key_is_refused(api: Api, bound: str) -> None:
    for source in "aabb":
        api.add(source=source)
    other = api.make_key("b")
    cursors = {
        key: api.inbox(key, limit=1).json["pagination"]["next_cursor"] for key in (api.key, bound, other)
    }
    for owner, cursor in cursors.items():
        for key in cursors:
            answer = api.inbox(key, limit=1, cursor=cursor)
            expected = 200 if key == owner else 400
            assert answer.status == expected, "a cursor is bound to what its key may see"


def test_keys_of_one_source_share_its_events(api: Api, bound: str) -> None:
    second = api.make_key("a")
    event_id = api.add(source="a", key=bound)
    assert [event["event_id"] for event in api.walk(second)] == [event_id]
    assert api.post(f"/v1/events/{event_id}/ack", key=second).status == 200
    assert api.walk(bound) == []
