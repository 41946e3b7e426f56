"""What holds for any payload and any inbox: JSON out is JSON in; paging gives every match once, in order."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.driver import Api
from tests.support.forms import examples

pytestmark = pytest.mark.forms
moderate = examples(quick=12, full=60, long=400)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**300), max_value=10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=25,
)
PAYLOADS = st.dictionaries(TEXTS, VALUES, max_size=6)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100)


@pytest.mark.promise(6)
@moderate
@given(payload=PAYLOADS, escaped=st.booleans(), repeat=st.sampled_from([1, 1, 300]))
def test_any_json_object_comes_back_json_equal(
    api: Api, payload: dict[str, Any], escaped: bool, repeat: int
) -> None:
    sent = {"copies": [payload] * repeat}
    body = json.dumps({"source": "s", "event_type": "t", "payload": sent}, ensure_ascii=escaped).encode()
    if len(body) > 409_600:
        return
    answer = api.post("/v1/events", body=body)
    assert answer.status == 201, answer.body
    path = f"/v1/events/{answer.json['event_id']}"
    (listed,) = api.inbox().json["events"]
    for came in (api.get(path).json["payload"], listed["payload"]):
        assert came == sent
        assert json.dumps(came) == json.dumps(sent), "1 is not 1.0, and -0.0 is not 0.0"
    assert api.delete(path).status == 200


@moderate
@given(source=NAMES, event_type=NAMES)
def test_any_names_come_back_and_can_be_filtered_for(api: Api, source: str, event_type: str) -> None:
    event_id = api.add(source=source, event_type=event_type)
    (found,) = api.walk(source=source, event_type=event_type)
    assert (found["event_id"], found["source"], found["event_type"]) == (event_id, source, event_type)
    assert api.delete(f"/v1/events/{event_id}").status == 200


SOURCES = st.sampled_from(["a", "b", "ж"])
TYPES = st.sampled_from(["x", "y"])
STATES = st.sampled_from(["pending", "pending", "pending", "acknowledged", "deleted"])
EVENTS = st.lists(st.tuples(SOURCES, TYPES, STATES), max_size=14)


@pytest.mark.promise(5)
@moderate
@given(
    events=EVENTS,
    source=st.none() | SOURCES,
    event_type=st.none() | TYPES,
    limit=st.integers(1, 8) | st.just(100),
    bound=st.booleans(),
)
def test_paging_gives_every_matching_pending_event_once_in_order(
    api: Api,
    events: list[tuple[str, str, str]],
    source: str | None,
    event_type: str | None,
    limit: int,
    bound: bool,
) -> None:
    added = [api.add(source=of, event_type=kind) for of, kind, _ in events]
    expected = []
    for event_id, (of, kind, state) in zip(added, events, strict=True):
        if state == "acknowledged":
            assert api.post(f"/v1/events/{event_id}/ack").status == 200
        elif state == "deleted":
            assert api.delete(f"/v1/events/{event_id}").status == 200
        elif source in (None, of) and event_type in (None, kind):
            expected.append(event_id)
    key = api.make_key(source) if bound and source else ""
    filters = {"source": None if key else source, "event_type": event_type}
    query: dict[str, str | int] = {name: text for name, text in filters.items() if text is not None}
    found = api.walk(key, limit=limit, **query)
    assert [event["event_id"] for event in found] == expected
    for event_id in added:
        assert api.delete(f"/v1/events/{event_id}").status == 200


@pytest.mark.promise(9)
@moderate
@given(body=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_body_gets_an_answer_of_the_contract(local_api: Api, body: bytes) -> None:
    answer = local_api.post("/v1/events", body=body, headers=[("Content-Type", "application/json")])
    assert answer.refusal == (400, "VALIDATION_ERROR")


@pytest.mark.promise(9)
@moderate
@given(
    values=st.lists(
        st.tuples(
            st.sampled_from(["limit", "cursor", "source", "event_type", "other"]),
            st.text(st.sampled_from("019aAé%&=+;/ \x00\x7f-_"), max_size=12),
        ),
        max_size=4,
    )
)
def test_any_query_gets_an_answer_of_the_contract(local_api: Api, values: list[tuple[str, str]]) -> None:
    raw = "&".join(f"{name}={value}" for name, value in values)
    assert local_api.get("/v1/inbox", query=raw).status in {200, 400}
    expected = {400} if "other" in dict(values) else {200, 400}
    assert local_api.get("/v1/inbox", query=dict(values)).status in expected
