"""An idempotency key: one event for it, whatever is repeated or raced, for 24 hours, for one API key."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.driver import Answer, Api, Headers
from tests.support.clock import FakeClock
from triggers_api.core.idempotency import IdempotencyClaim
from triggers_api.core.keys import digest_of
from triggers_api.core.ports import NewEvent


def key_header(value: str | bytes) -> Headers:
    return [("Idempotency-Key", value)]


def is_replay_of(answer: Answer, first: Answer) -> bool:
    same = all(
        answer.json[name] == first.json[name] for name in ("event_id", "created_at", "status", "message")
    )
    return same and answer.status == 201 and answer.headers.get("idempotent-replayed") == "true"


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    ("way", "again"),
    [
        ({"headers": key_header("k-1")}, {"headers": key_header("k-1")}),
        ({"headers": key_header('"k-1"')}, {"headers": key_header("k-1")}),
        ({"headers": key_header('"a\\"b\\\\c"')}, {"headers": key_header('a"b\\c')}),
        ({"headers": key_header("k 1; a=b, c")}, {"headers": key_header('"k 1; a=b, c"')}),
        ({"headers": key_header("k-1")}, {"metadata": {"idempotency_key": "k-1"}}),
        ({"metadata": {"idempotency_key": "k-1"}}, {"headers": key_header("k-1")}),
        (
            {"metadata": {"idempotency_key": "k-1"}, "headers": key_header("k-1")},
            {"metadata": {"idempotency_key": "k-1"}, "headers": key_header('"k-1"')},
        ),
        ({"metadata": {"idempotency_key": "ключ \u0000"}}, {"metadata": {"idempotency_key": "ключ \u0000"}}),
        ({"headers": key_header("~" * 256)}, {"headers": key_header('"' + "~" * 256 + '"')}),
    ],
)
def test_the_same_key_and_request_get_the_first_answer_again(
    api: Api, clock: FakeClock, way: dict[str, Any], again: dict[str, Any]
) -> None:
    first = api.ingest({"a": 1}, **way)
    assert (first.status, first.headers.get("idempotent-replayed")) == (201, None)
    clock.advance(seconds=3600)
    assert is_replay_of(api.ingest({"a": 1}, **again), first)
    assert api.pending() == [first.json["event_id"]]


@pytest.mark.promise(2)
def test_the_same_request_in_another_notation_is_the_same_request(api: Api) -> None:
    first = api.post(
        "/v1/events",
        body=b'{"source":"s","event_type":"t","payload":{"a":1,"b":"\\u00e9"}}',
        headers=key_header("k"),
    )
    for body, metadata in ((b'{ "b":"\xc3\xa9", "a": 1 }', b"null"), (b'{"a":1.0,"b":"\xc3\xa9"}', b"{}")):
        whole = b'{"metadata":%s,"payload":%s,"event_type":"t","source":"s"}' % (metadata, body)
        assert is_replay_of(api.post("/v1/events", body=whole, headers=key_header("k")), first)


@pytest.mark.promise(2, 4)
@pytest.mark.parametrize(
    "change",
    [
        {"source": "another"},
        {"event_type": "another"},
        {"payload": {"a": 2}},
        {"payload": {"a": "1"}},
        {"payload": {"a": True}},
        {"payload": {}},
        {"payload": {"a": 1, "b": None}},
        {"metadata": {"priority": "high"}},
    ],
)
def test_the_same_key_with_another_request_is_refused_and_adds_nothing(
    api: Api, change: dict[str, Any]
) -> None:
    request: dict[str, Any] = {"payload": {"a": 1}, "headers": key_header("k")}
    first = api.ingest(**request)
    assert api.ingest(**{**request, **change}).refusal == (422, "IDEMPOTENCY_KEY_REUSED")
    assert api.pending() == [first.json["event_id"]]
    assert is_replay_of(api.ingest(**request), first)


@pytest.mark.promise(2)
def test_a_repeat_may_have_another_correlation_id(api: Api) -> None:
    first = api.ingest(headers=key_header("k"), metadata={"correlation_id": "trace-1"})
    for metadata in ({"correlation_id": "trace-2"}, {"correlation_id": None}, None):
        assert is_replay_of(api.ingest(headers=key_header("k"), metadata=metadata), first)
    event = api.get(f"/v1/events/{first.json['event_id']}").json
    assert event["metadata"]["correlation_id"] == "trace-1"


OLD_BODY = (
    b'{"source":"shop","event_type":"order.paid","metadata":{"correlation_id":"trace-1","priority":"high"},'
    b'"payload":{"b":1.0,"a":[1e2,"\\u00e9",12345678901234567.89,0.1],"":{"z":null,"y":true}}}'
)
OLD_FINGERPRINT = "33a3146cb224bbf18c1de173e6e13ac5f31d82a1db661e9acf43a4f1c0cb4dea"
"""What version 0.1.0 (commit d9e11ad) stored for this body."""


@pytest.fixture
def old_claim(api: Api, clock: FakeClock) -> str:
    """Store the claim of `OLD_BODY` and key `k` as version 0.1.0 did, and return the id of its event."""
    first: str = api.post("/v1/events", body=OLD_BODY).json["event_id"]
    digest = hashlib.sha256(f"{digest_of(api.key)}\nk".encode()).hexdigest()
    now = clock.now // 1_000_000
    event = api.stores.events.get(first, now)
    assert event is not None
    assert api.delete(f"/v1/events/{first}").status == 200
    claim = IdempotencyClaim(digest, OLD_FINGERPRINT, first, now + 3600)
    assert api.stores.events.add([NewEvent(event, claim)], now=now) == [first]
    return first


@pytest.mark.promise(2)
def test_a_request_of_version_0_1_0_is_replayed_after_the_upgrade(api: Api, old_claim: str) -> None:
    notations = [
        OLD_BODY,
        OLD_BODY.replace(b"1e2", b"100.0").replace(b"\\u00e9", "é".encode()),
        OLD_BODY.replace(b"12345678901234567.89", b"12345678901234568.0"),  # the same double
        OLD_BODY.replace(b'"priority":"high"', b'"idempotency_key":"k", "priority": "high"'),
    ]
    for body in notations:
        answer = api.post("/v1/events", body=body, headers=key_header("k"))
        assert (answer.status, answer.json["event_id"]) == (201, old_claim), answer.body
        assert answer.headers["idempotent-replayed"] == "true"
    assert api.pending() == [old_claim]


@pytest.mark.promise(2, 4)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"0.1", b"0.2"),
        (b"true", b"1"),
        (b"shop", b"depot"),
        (b"high", b"low"),
        (b"1.0", b"1"),
        (b"-1", b"-2"),
    ],
)
def test_another_request_is_refused_after_the_upgrade(
    api: Api, old_claim: str, old: bytes, new: bytes
) -> None:
    answer = api.post("/v1/events", body=OLD_BODY.replace(old, new, 1), headers=key_header("k"))
    assert answer.refusal == (422, "IDEMPOTENCY_KEY_REUSED")
    assert api.pending() == [old_claim]


@pytest.mark.promise(2, 3)
def test_a_replay_shows_the_first_answer_also_after_acknowledgement_and_delete(api: Api) -> None:
    first = api.ingest(headers=key_header("k"))
    path = f"/v1/events/{first.json['event_id']}"
    assert api.post(f"{path}/ack").status == 200
    assert is_replay_of(api.ingest(headers=key_header("k")), first)
    assert api.delete(path).status == 200
    assert is_replay_of(api.ingest(headers=key_header("k")), first)
    assert api.pending() == []


def test_keys_differ_by_case_and_spaces_within(api: Api) -> None:
    ids = {api.add(headers=key_header(text)) for text in ("k", "K", "k k", "k  k", "'k'", "k\\")}
    assert len(ids) == 6


def test_an_idempotency_key_belongs_to_the_api_key(api: Api) -> None:
    first = api.ingest({"a": 1}, headers=key_header("k"))
    other = api.ingest({"a": 1}, headers=key_header("k"), key=api.make_key())
    third = api.ingest({"a": 2}, headers=key_header("k"), key=api.make_key())
    assert [answer.status for answer in (first, other, third)] == [201, 201, 201]
    assert len(api.pending()) == 3


@pytest.mark.promise(2)
def test_an_idempotency_key_is_kept_for_24_hours(api: Api, clock: FakeClock) -> None:
    clock.now = clock.now // 1_000_000 * 1_000_000
    first = api.ingest(headers=key_header("k"))
    clock.advance(seconds=86_399)
    assert is_replay_of(api.ingest(headers=key_header("k")), first)
    clock.advance(seconds=1)
    second = api.ingest({"another": "request"}, headers=key_header("k"))
    assert (second.status, second.headers.get("idempotent-replayed")) == (201, None)
    assert is_replay_of(api.ingest({"another": "request"}, headers=key_header("k")), second)
    assert api.pending() == [first.json["event_id"], second.json["event_id"]]


def test_two_different_keys_in_one_request_are_refused(each_door: Api) -> None:
    answer = each_door.ingest(metadata={"idempotency_key": "a"}, headers=key_header("b"))
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert each_door.pending() == []


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        '""',
        '"',
        'a" "b'[3:],
        '"a',
        '"a"b',
        '"a\\b"',
        '"a\\"',
        "x" * 257,
        '"' + "x" * 257 + '"',
        "ключ",
        '"a\tb"',
        "a\x7fb",
        '"a\x7fb"',
    ],
)
def test_a_malformed_idempotency_header_is_rejected_and_nothing_is_stored(each_door: Api, value: str) -> None:
    answer = each_door.ingest(headers=key_header(value))
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert [problem["field"] for problem in answer.error["details"]["errors"]] == ["Idempotency-Key"]
    assert each_door.pending() == []


@pytest.mark.promise(4)
@pytest.mark.parametrize("value", [b"k\xe9y", b"k\xff", b"\xd0\xba", b"a\x80b", b"\xa0k", b"k\x85", b"\x1fk"])
def test_a_non_ascii_idempotency_header_is_rejected(local_api: Api, value: bytes) -> None:
    answer = local_api.ingest(headers=key_header(value))
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert local_api.pending() == []


@pytest.mark.promise(4)
@pytest.mark.parametrize("second", ["a", "b", '"a"', "\u200b"])
def test_a_repeated_idempotency_header_is_rejected(each_door: Api, second: str) -> None:
    answer = each_door.ingest(headers=[*key_header("a"), *key_header(second)])
    assert answer.refusal == (400, "VALIDATION_ERROR")
    assert each_door.pending() == []


@pytest.mark.promise(4)
def test_a_rejected_request_does_not_use_up_its_idempotency_key(api: Api) -> None:
    assert api.post("/v1/events", {"source": "a"}, headers=key_header("k")).status == 400
    assert api.ingest(key=api.make_key(is_active=False), headers=key_header("k")).status == 401
    answer = api.ingest(headers=key_header("k"))
    assert (answer.status, answer.headers.get("idempotent-replayed")) == (201, None)


def test_other_calls_ignore_the_header(api: Api) -> None:
    event_id = api.add()
    answers = [
        api.get("/v1/inbox", headers=key_header("k")),
        api.post(f"/v1/events/{event_id}/ack", headers=key_header("k")),
        api.post(f"/v1/events/{event_id}/ack", headers=key_header("k")),
    ]
    assert [answer.status for answer in answers] == [200, 200, 409]


@pytest.mark.promise(2)
def test_sixteen_posts_of_one_key_at_once_make_one_event(api: Api) -> None:
    assert api.inbox().status == 200, "warm"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: api.ingest({"a": 1}, headers=key_header("k")), range(16)))
    assert [answer.status for answer in answers] == [201] * 16, [json.loads(a.body) for a in answers]
    (event_id,) = {answer.json["event_id"] for answer in answers}
    assert len({answer.json["created_at"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert api.pending() == [event_id]


@pytest.mark.promise(2)
def test_of_different_requests_with_one_key_at_once_one_makes_an_event(api: Api) -> None:
    assert api.inbox().status == 200, "warm"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: api.ingest({"n": n}, headers=key_header("k")), range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [422] * 7
    assert len(api.pending()) == 1
