"""The lines of an export: all fields, read as they were written; wrong lines are refused."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.documents import ROOT
from tests.support.sample_events import NOW, event, webhook_event
from triggers_api.core.events import Event
from triggers_api.core.hooks.webhook import payload_of
from triggers_api.core.strict_json import MAX_BODY_BYTES, dump
from triggers_api.core.times import format_time
from triggers_api.errors import TriggersError
from triggers_api.ops.events.files import MAX_LINE_BYTES
from triggers_api.ops.events.record import EventRecord, parse_line, to_line

TIME = "2026-11-28T08:00:00.000001Z"
STATES: list[dict[str, Any]] = [
    {},
    {"deliveries": 3, "hidden_until": NOW * 1000 + 1, "lease": "a-token"},
    {"acknowledged_at": TIME, "deliveries": 1, "lease": "a-token"},
    {"died_at": TIME, "reason": 'no "order"\n', "deliveries": 10},
    {"requeued_at": TIME},
]
JSON_NAMES = {name.name for name in fields(Event)} | {"status", "body"}


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


BODIES = [
    b'{ "n": 1.50e3,\r\n "text": "\xc3\xa9\\u202e" }\n',
    b'\xef\xbb\xbf{"a":1}',
    b"[1, 2.0]",
    b"payload=%7B%7D&x=1",
    b"",
    b"\xff\x00\xfe",
    b'{"a":1,"a":2}',
    b'{"' + b'a":{"' * 98 + b'":0}' + b"}" * 98,
    b'{"' + b'a":{"' * 99 + b'":0}' + b"}" * 99,
    b"[" * 98 + b"]" * 98,
    b"[" * 99 + b"]" * 99,
]


def escaped(line: str) -> bytes:
    """Return a line as an export to a stdout of ASCII prints it."""
    return json.dumps(json.loads(line)).encode()


@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_webhook_is_read_as_it_was_written(body: bytes) -> None:
    one = webhook_event(body, details={"headers": {"x-name": "Zo e; a=1", "x-empty": ""}})
    line = to_line(one)
    assert "\n" not in line
    assert json.loads(line)["payload"] == json.loads(one.payload)
    assert parse_line(line.encode()) == one
    if b"1.50e3" not in body:  # Python's parser would write the number anew
        assert parse_line(escaped(line)) == one


@given(st.binary() | st.text().map(str.encode))
def test_any_body_is_read_as_it_was_written(body: bytes) -> None:
    one = webhook_event(body)
    assert parse_line(to_line(one).encode()) == parse_line(escaped(to_line(one))) == one


def test_deepest_body_that_is_a_payload_has_99_levels() -> None:
    """One more is text in the payload, so that no line has more than 100 levels."""
    deepest, deeper = (b'{"a":' * levels + b"{}" + b"}" * levels for levels in (98, 99))
    assert payload_of(deepest) == deepest.decode()
    assert json.loads(payload_of(deeper))["encoding"] == "text"
    for body in (deepest, deeper):
        one = webhook_event(body)
        assert parse_line(to_line(one).encode()) == one


@pytest.mark.parametrize("text", ["\x01", "\x7f", "\x85", "\u2028", '"'])
def test_line_of_the_largest_body_is_not_too_long(text: str) -> None:
    one = webhook_event((text * MAX_BODY_BYTES).encode()[:MAX_BODY_BYTES])
    line = escaped(to_line(one))
    assert len(line) < MAX_LINE_BYTES
    assert parse_line(line) == one


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"webhook": None}, "webhook and body need each other"),
        ({"body": None}, "webhook and body need each other"),
        ({"body": "e30"}, "body is not base64"),
        ({"body": "e3 0="}, "body is not base64"),
        ({"body": "é"}, "body is not base64"),
        ({"body": 1}, "body: must be a string"),
        ({"body": "e30="}, "payload is not that of body"),
        ({"payload": {"n": 1.51}}, "payload is not that of body"),
        ({"payload": {"n": "1.5"}}, "payload is not that of body"),
        ({"webhook": []}, "webhook: "),
        ({"webhook": {}}, "webhook is not that of an event"),
        ({"webhook": {"hook": 1}}, "webhook is not that of an event"),
        ({"webhook": {"hook": "h", "other": "x"}}, "webhook is not that of an event"),
        ({"webhook": {"hook": "h", "headers": {"a": None}}}, "webhook is not that of an event"),
        ({"webhook": {"hook": "h", "headers": []}}, "webhook is not that of an event"),
    ],
    ids=str,
)
def test_wrong_line_of_a_webhook_is_refused_with_what_is_wrong(change: dict[str, Any], message: str) -> None:
    document = {**json.loads(to_line(webhook_event(b'{"n":1.5}'))), **change}
    with pytest.raises(TriggersError, match=message):
        parse_line(json.dumps(document).encode())


def test_payload_of_a_webhook_may_be_written_in_another_way() -> None:
    one = webhook_event(b'{"b":1.50e3,"a":"\xc3\xa9"}')
    document = {**json.loads(to_line(one)), "payload": {"a": "é", "b": 1500}}
    assert parse_line(dump(document).encode()) == one


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
