"""`triggers events send`, `export` and `import` on both stores."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support import dev_server
from tests.support.dev_server import TRIGGERS
from tests.support.stages import OPERATOR, Stage
from tests.support.terminal import run_on_terminal
from triggers_api.core.events import Event
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore

PAYLOAD = '{"n":1.50e3,"text":"é\\u202e"}'


def run_with(stage: Stage, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command that reads stdin."""
    return subprocess.run(
        [TRIGGERS, *arguments, *stage.options],
        env=dev_server.environment(**stage.variables),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lines_of(number: int, **fields: Any) -> str:
    event = {"source": "shop", "event_type": "order.paid", **fields}
    return "".join(json.dumps({**event, "payload": {"n": n}}) + "\n" for n in range(number))


def see(stage: Stage, event_id: str) -> Event:
    event = stage.store.get(event_id.strip(), int(time.time()))
    assert event is not None
    return event


def pending(stage: Stage) -> int:
    return stage.inbox.stats(OPERATOR, source=None, event_types=()).pending.count


@pytest.fixture
def empty_stage(tmp_path: Path) -> Stage:
    database = Database(tmp_path / "other")
    database.open()
    return Stage(SqliteEventStore(database), ("--stage", "local", "--data-dir", str(tmp_path / "other")))


def test_event_is_sent_with_its_payload_digit_for_digit(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "payload.json").write_text(PAYLOAD)
    event = ("events", "send", "--source", "shop", "--type", "order.paid")
    given = [("--data", PAYLOAD), ("--data", f"@{tmp_path / 'payload.json'}")]
    for data in given:
        done = stage.run(*event, *data)
        assert done.returncode == 0, done.stderr
        found = see(stage, done.stdout)
        assert (found.source, found.event_type, found.payload) == ("shop", "order.paid", PAYLOAD)
    assert see(stage, run_with(stage, *event, "--data", "-", stdin=PAYLOAD).stdout).payload == PAYLOAD
    assert see(stage, stage.run(*event).stdout).payload == "{}"
    document = stage.ask(*event)
    assert document["replayed"] is False
    assert see(stage, document["event_id"]).created_at == document["created_at"]


def test_idempotency_key_makes_one_event(stage: Stage) -> None:
    event = ("events", "send", "--source", "shop", "--type", "order.paid", "--idempotency-key", uuid4().hex)
    first, again = stage.run(*event), stage.run(*event)
    assert first.stdout == again.stdout
    assert "This event was sent before, with the same idempotency key.\n" in again.stderr
    other = stage.run(*event, "--data", '{"other":1}')
    assert (other.returncode, other.stdout) == (1, "")
    assert "This idempotency key was used before, for another request." in other.stderr


def test_lines_of_a_file_are_sent(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("\n" + lines_of(250, source="many"))
    assert stage.run("events", "send", "--file", str(file)).stdout == "Sent 250 events.\n"
    listed = stage.run("events", "list", "--all", "--source", "many").stdout.splitlines()
    assert len(listed) == 251
    done = run_with(stage, "events", "send", "--file", "-", "--json", stdin=lines_of(2))
    assert json.loads(done.stdout) == {"sent": 2, "repeated": 0, "failed": 0, "complete": True}


def test_lines_with_idempotency_keys(stage: Stage, tmp_path: Path) -> None:
    key = uuid4().hex
    file = tmp_path / "events.ndjson"
    file.write_text(lines_of(2, metadata={"idempotency_key": key}))
    done = stage.run("events", "send", "--file", str(file))
    assert done.returncode == 1
    assert "Line 2 failed: This idempotency key was used before, for another request.\n" in done.stderr
    file.write_text(lines_of(1, metadata={"idempotency_key": key}))
    again = stage.ask("events", "send", "--file", str(file))
    assert again == {"sent": 0, "repeated": 1, "failed": 0, "complete": True}


def test_wrong_line_is_named_and_nothing_is_sent(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(lines_of(3) + '{"source": "shop"}\n')
    done = stage.run("events", "send", "--file", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: Line 4 of the file is not an event.\n" in done.stderr
    assert "event_type, payload: is required" in done.stderr
    assert stage.run("events", "list").stdout == ""


def filled(stage: Stage) -> list[Event]:
    """Return one event in each state, in the order of their creation."""
    made = []
    for state in ("leased", "dead", "acknowledged", "pending", "requeued"):
        (one,) = stage.add(source=state, payload=PAYLOAD)
        if state != "pending":
            held = stage.receive(state, 1)
        if state == "dead":
            stage.inbox.release(OPERATOR, held, dead=True, reason='no "order"\u202e')
        if state in {"acknowledged", "requeued"}:
            stage.inbox.acknowledge(OPERATOR, held)
        if state == "requeued":
            stage.store.requeue([see(stage, one.event_id)], at=one.created_at, expires_at=one.expires_at)
        made.append(see(stage, one.event_id))
    return made


def test_export_moves_to_an_empty_stage(stage: Stage, empty_stage: Stage, tmp_path: Path) -> None:
    events = filled(stage)
    exported = stage.run("events", "export")
    assert exported.stderr == "Exported 5 events.\n"
    assert exported.stdout.isascii() is False
    assert [json.loads(line)["event_id"] for line in exported.stdout.splitlines()] == [
        one.event_id for one in events
    ]
    file = tmp_path / "events.ndjson"
    file.write_text(exported.stdout)
    assert empty_stage.run("events", "import", str(file)).stdout == "Imported 5 events.\n"
    for one in events:
        moved = see(empty_stage, one.event_id)
        assert json.loads(moved.payload) == json.loads(one.payload)
        assert '"n":1.50e3' in moved.payload
        assert repr(moved) == repr(one)
        assert (moved.lease, moved.reason) == (one.lease, one.reason)
    again = empty_stage.run("events", "import", str(file))
    assert again.stdout == "Imported 0 events.\n"
    assert "Skipped, because they exist already: 5 events.\n" in again.stderr
    assert run_with(stage, "events", "import", "-", stdin=exported.stdout).stdout == "Imported 0 events.\n"


BODIES = [
    b'{ "n": 1.50e3,\r\n "text": "\xc3\xa9 \xe2\x80\xae \x7f" }\n',
    b"\xff\x00",
    b"",
    b"a=1&b=%00",
    b'{"a":' * 98 + b"{}" + b"}" * 98,
    b'{"a":' * 99 + b"{}" + b"}" * 99,
]


def test_export_moves_webhooks_byte_for_byte(stage: Stage, empty_stage: Stage) -> None:
    details = {"headers": {"x-signature": "sha256=1f", "x-odd\r\n": "~ 1"}, "delivery_id": None}
    events = [stage.add_webhook(body, details=details) for body in BODIES]
    exported = stage.run("events", "export")
    assert exported.stderr == f"Exported {len(BODIES)} events.\n"
    done = run_with(empty_stage, "events", "import", "-", stdin=exported.stdout)
    assert done.stdout == f"Imported {len(BODIES)} events.\n", done.stderr
    for one, body in zip(events, BODIES, strict=True):
        moved = see(empty_stage, one.event_id)
        assert moved == one
        assert moved.webhook is not None
        assert moved.webhook.body == body
    assert empty_stage.run("events", "export").stdout == exported.stdout


def test_export_of_a_webhook_that_was_changed_is_refused(empty_stage: Stage, local_stage: Stage) -> None:
    local_stage.add_webhook(b'{"n":1}')
    line = json.loads(local_stage.run("events", "export").stdout)
    for change, why in (
        ({"payload": {"n": 2}}, "payload is not that of body."),
        ({"body": None}, "webhook and body need each other."),
        ({"body": 1}, "body: must be a string."),
    ):
        done = run_with(empty_stage, "events", "import", "-", stdin=json.dumps({**line, **change}))
        assert (done.returncode, done.stdout) == (2, "")
        assert f"error: Line 1 of the file is not an event.\n  why: {why}\n" in done.stderr
    assert empty_stage.run("events", "list").stdout == ""


def test_import_restores_what_was_deleted(stage: Stage, tmp_path: Path) -> None:
    events = filled(stage)
    file = tmp_path / "events.ndjson"
    file.write_text(stage.run("events", "export", "--status", "any").stdout)
    stage.store.delete([events[0].event_id, events[2].event_id], source=None)
    document = stage.ask("events", "import", str(file))
    assert document == {"imported": 2, "existing": 3, "expired": 0, "complete": True}
    assert see(stage, events[2].event_id) == events[2]


def test_filters_of_export(stage: Stage) -> None:
    events = filled(stage)
    exported = stage.run("events", "export", "--status", "dead").stdout.splitlines()
    assert [json.loads(line)["event_id"] for line in exported] == [events[1].event_id]
    exported = stage.run("events", "export", "--since", events[3].created_at).stdout.splitlines()
    assert len(exported) == 2


def test_expired_events_are_left_out_of_an_import(local_stage: Stage, empty_stage: Stage) -> None:
    local_stage.add(expires_in=2)
    exported = local_stage.run("events", "export").stdout
    time.sleep(2)
    done = run_with(empty_stage, "events", "import", "-", stdin=exported)
    assert done.stdout == "Imported 0 events.\n"
    assert "Skipped, because they have expired: 1 event.\n" in done.stderr


def test_wrong_export_is_refused_before_anything_is_stored(empty_stage: Stage, local_stage: Stage) -> None:
    local_stage.add(2)
    exported = local_stage.run("events", "export").stdout
    cut = exported[: len(exported) - 40]
    done = run_with(empty_stage, "events", "import", "-", stdin=cut)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: Line 2 of the file is not an event.\n  why: The line is not JSON: " in done.stderr
    assert empty_stage.run("events", "list").stdout == ""


def test_damaged_event_is_reported(local_stage: Stage) -> None:
    damaged, _ = local_stage.add(2)
    folder = Path(local_stage.options[-1])
    database = Database(folder)
    database.open()
    damage = "UPDATE events SET payload = 'x' WHERE rowid = 1"
    database.change("damage", lambda connection: connection.execute(damage).close())
    database.close()
    done = local_stage.run("events", "export")
    left_out = f"Damaged events that were left out: 1: {damaged.event_id}\n"
    assert (done.returncode, done.stderr) == (1, f"{left_out}Exported 1 event.\n")
    listed = local_stage.run("events", "list")
    assert (listed.returncode, left_out in listed.stderr) == (0, True)
    deleted = local_stage.run("events", "delete", "--status", "pending")
    assert (deleted.returncode, deleted.stdout) == (1, "Deleted 1 event.\n")
    assert left_out in deleted.stderr
    assert local_stage.run("events", "delete", damaged.event_id).stdout == "Deleted 1 event.\n"


def test_interrupted_send_names_the_line_to_go_on_with(local_stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(lines_of(20_000))
    command = subprocess.Popen(
        [TRIGGERS, "events", "send", "--file", str(file), *local_stage.options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not pending(local_stage) and time.monotonic() < deadline:
        time.sleep(0.01)
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=30)
    assert command.returncode == 130, err
    sent = pending(local_stage)
    assert out == f"Sent {sent:,} events.\n"
    assert f"Stopped after line {sent:,}. To go on: tail -n +{sent + 1} {file} | triggers events send" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("send",), 2, "--source is missing."),
        (("send", "--source", "shop"), 2, "--type is missing."),
        (("send", "--source", "shop", "--type", "t", "--data", "{"), 2, "the payload is not valid JSON."),
        (("send", "--source", "shop", "--type", "t", "--data", "[]"), 2, "is not a JSON object."),
        (("send", "--source", "shop", "--type", "t", "--data", '{},"x":{}'), 2, "is not valid JSON."),
        (("send", "--source", "shop", "--type", "t", "--data", "@none"), 1, "The file none cannot be read."),
        (("send", "--source", "s" * 101, "--type", "t"), 2, "--source: must have at most 100 characters"),
        (("send", "--source", "", "--type", "t"), 2, "--source: must have at least 1 character"),
        (("send", "--file", ""), 2, "The name of the file is empty."),
        (("send", "--file", os.devnull), 2, "The file has no events."),
        (("import", os.devnull), 2, "The file has no events."),
        (("export", "--source", ""), 2, "--source is empty."),
        (("send", "--file", "none"), 1, "The file none cannot be read."),
        (("send", "--file", "none", "--type", "t"), 2, "--file excludes the options of a single event."),
        (("import",), 2, "Missing argument"),
        (("import", "none"), 1, "The file none cannot be read."),
        (("import", "."), 1, "The file . cannot be read."),
        (("export", "--status", "gone"), 2, "'gone' is not a status."),
    ],
    ids=str,
)
def test_wrong_input_is_an_error_with_its_fix(
    local_stage: Stage, arguments: tuple[str, ...], code: int, message: str
) -> None:
    local_stage.refuse("events", *arguments, code=code, message=message)


def test_payload_is_in_no_error(local_stage: Stage) -> None:
    secret = "sensitive-value"
    for data in (f'{{"{secret}"', f'{{"a": {{"{secret}": 1, "{secret}": 2}}}}', f'["{secret}"]'):
        done = local_stage.run("events", "send", "--source", "s", "--type", "t", "--data", data)
        assert done.returncode == 2
        assert secret not in done.stderr
        assert secret not in done.stdout


def test_export_goes_to_its_file_beside_a_bar(local_stage: Stage) -> None:
    local_stage.add(3)
    session = run_on_terminal("events", "export", *local_stage.options, pipe_stdout=True)
    assert (session.code, len(session.piped.splitlines())) == (0, 3)
    assert "payload" not in session.screen
    assert "Exported 3 events." in session.screen


def test_export_on_a_terminal_has_no_bar(local_stage: Stage) -> None:
    local_stage.add(1)
    assert "Exporting" not in run_on_terminal("events", "export", *local_stage.options).screen


def test_pipe_is_read_like_a_file(local_stage: Stage) -> None:
    local_stage.add(1)
    exported = local_stage.run("events", "export").stdout
    done = run_with(local_stage, "events", "import", "/dev/stdin", stdin=exported)
    assert (done.returncode, done.stdout) == (0, "Imported 0 events.\n"), done.stderr
    done = run_with(local_stage, "events", "send", "--file", "/dev/stdin", stdin=lines_of(2))
    assert done.stdout == "Sent 2 events.\n"


def run_into(stage: Stage, stdout: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TRIGGERS, *arguments, *stage.options],
        env=dev_server.environment(**stage.variables),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


def test_full_disk_is_named(stage: Stage) -> None:
    (event,) = stage.add()
    with Path("/dev/full").open("wb") as full:
        exported = run_into(stage, full.fileno(), "events", "export")
        sent = run_into(stage, full.fileno(), "events", "send", "--source", "s", "--type", "t")
        acked = run_into(stage, full.fileno(), "events", "ack", event.event_id, "--json")
    assert "error: The answer could not be written." in exported.stderr
    assert re.search(r"error: Event \S{36} was stored, but the answer could not be written.", sent.stderr)
    assert "acknowledged 1 event" in acked.stderr
    assert {exported.returncode, sent.returncode, acked.returncode} == {1}
    assert not any("AWS cannot" in one.stderr for one in (exported, sent, acked))


def test_closed_pipe_is_silent(stage: Stage) -> None:
    stage.add(300)
    reader, writer = os.pipe()
    os.close(reader)
    done = run_into(stage, writer, "events", "export")
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_failing_store_names_the_lines_to_send_again(production: Stage, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(lines_of(250))
    variables = {**production.variables, "DYNAMODB_ENDPOINT_URL": "http://127.0.0.1:9"}
    stage = Stage(production.store, production.options, variables)
    done = stage.run("events", "send", "--file", str(file), "--yes")
    assert done.returncode == 1
    assert f"To go on: tail -n +1 {file} | " in done.stderr
    assert (
        "triggers events send --stage prod --region us-east-1 --stack-name triggers-api-prod --file - --yes"
        in done.stderr
    )
    assert "Of the lines 1 to 100, 100 may not be stored." in done.stderr
