"""The lines of an export: all fields, read as they were written; wrong lines are refused."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.documents import ROOT
from tests.support.sample_events import NOW, event
from triggers_api.core.events import Event
from triggers_api.core.times import format_time
from triggers_api.errors import TriggersError
from triggers_api.ops.events.record import EventRecord, parse_line, to_line

TIME = "2026-11-28T08:00:00.000001Z"
STATES: list[dict[str, Any]] = [
    {},
    {"deliveries": 3, "hidden_until": NOW * 1000 + 1, "lease": "a-token"},
    {"acknowledged_at": TIME, "deliveries": 1, "lease": "a-token"},
    {"died_at": TIME, "reason": 'no "order"\n', "deliveries": 10},
    {"requeued_at": TIME},
]
JSON_NAMES = {name.name for name in fields(Event)} | {"status"}


@pytest.mark.parametrize("state", STATES, ids=["new", "leased", "acknowledged", "dead", "requeued"])
def test_line_is_read_as_it_was_written(state: dict[str, Any]) -> None:
    one = event(payload='{"n":1.50e3,"text":"é\\u202e"}', **state)
    line = to_line(one)
    assert "\n" not in line
    assert '"payload":{"n":1.50e3,"text":"é\\u202e"}' in line, "digit for digit"
    assert json.loads(line).keys() == JSON_NAMES
    assert parse_line(line.encode()) == one


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_any_payload_is_read_as_it_was_written(payload: dict[str, Any]) -> None:
    try:
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:
        return
    assert parse_line(to_line(event(payload=text)).encode()).payload == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event_id": "x"}, "event_id: must be a UUID"),
        ({"created_at": TIME}, "created_at is not the time that event_id holds"),
        ({"expires_at": "2026-13-28T08:00:00.000001Z"}, "A time does not exist"),
        ({"status": "gone"}, "status: "),
        ({"status": "dead"}, "status is dead"),
        ({"payload": []}, "payload: must be a JSON object"),
        ({"metadata": {"other": 1}}, "metadata is not that of an event"),
        ({"deliveries": "2"}, "deliveries: must be a valid integer"),
        ({"deliveries": -1}, "deliveries: "),
        ({"expires_at": None}, "expires_at: "),
        ({"source": ""}, "source: "),
        ({"leese": None}, "leese: unknown"),
        ({"acknowledged_at": TIME, "died_at": TIME}, "exclude each other"),
        ({"reason": "x"}, "reason needs died_at"),
        ({"deliveries": 2**31}, "deliveries: "),
    ],
    ids=str,
)
def test_wrong_line_is_refused_with_what_is_wrong(change: dict[str, Any], message: str) -> None:
    document = {**json.loads(to_line(event())), **change}
    with pytest.raises(TriggersError, match=message):
        parse_line(json.dumps(document).encode())


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"\xff", b'{"event_id":1,"event_id":2}', b"{}{}"])
def test_what_is_no_json_object_is_refused(line: bytes) -> None:
    with pytest.raises(TriggersError):
        parse_line(line)


def test_fields_that_a_line_may_lack_are_those_of_a_new_event() -> None:
    one = event()
    document = json.loads(to_line(one))
    needed = {name: value for name, value in document.items() if value is not None and name != "deliveries"}
    assert parse_line(json.dumps(needed, separators=(",", ":")).encode()) == one
    assert document["expires_at"] == format_time(one.expires_at * 1_000_000)


def test_schema_in_the_guide_is_that_of_the_lines() -> None:
    schema = json.loads((Path(ROOT) / "deploy/guide/export.schema.json").read_text())
    assert schema == EventRecord.model_json_schema()
    assert schema["properties"].keys() == JSON_NAMES
