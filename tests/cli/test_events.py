"""`triggers events` on both stores: which events are listed, how they are shown, and the errors."""

import json
import subprocess
import time
from typing import Any

import pytest

from tests.support.dev_server import TRIGGERS, environment, run
from tests.support.stages import OPERATOR, Stage
from tests.support.terminal import run_on_terminal
from triggers_api.core.times import format_time, system_clock

PAYLOAD = '{"n":1.50e3,"text":"é\\u202e"}'
COLUMNS = ["ID", "CREATED", "STATUS", "DELIVERIES", "SOURCE", "TYPE"]


def ids_of(stage: Stage, *arguments: str) -> list[str]:
    done = stage.run("events", "list", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines()[1:]]


def documents(stage: Stage, *arguments: str) -> list[dict[str, Any]]:
    done = stage.run("events", "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def states(stage: Stage) -> dict[str, str]:
    """Return the id of one event in each state."""
    found = {}
    for state in ("leased", "dead", "acknowledged"):
        stage.add(source=state)
        (held,) = stage.receive(state, 1)
        found[state] = held.event_id
        if state == "dead":
            stage.inbox.release(OPERATOR, [held], dead=True, reason="no such order")
        if state == "acknowledged":
            stage.inbox.acknowledge(OPERATOR, [held])
    found["pending"] = stage.add(source="pending", payload=PAYLOAD)[0].event_id
    return found


def test_stage_without_events_says_so(stage: Stage) -> None:
    done = stage.run("events", "list")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "No event matches.\n")
    assert stage.run("events", "list", "--json").stdout == ""


def test_events_are_listed_by_status(stage: Stage, states: dict[str, str]) -> None:
    assert ids_of(stage) == [states["leased"], states["pending"]]
    for status in ("dead", "acknowledged"):
        assert ids_of(stage, "--status", status) == [states[status]]
    in_order = sorted(states.values())
    assert ids_of(stage, "--status", "any") == in_order
    assert ids_of(stage, "--status", "any", "--newest", "--limit", "2") == in_order[:1:-1]
    assert ids_of(stage, "--source", "pending") == [states["pending"]]


def test_list_is_a_line_for_each_event_with_its_state(stage: Stage, states: dict[str, str]) -> None:
    done = stage.run("events", "list", "--status", "any")
    head, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert head == COLUMNS
    shown = {line[0]: line[2:5] for line in lines}
    assert shown == {
        states["leased"]: ["leased", "1", "leased"],
        states["pending"]: ["pending", "0", "pending"],
        states["acknowledged"]: ["acknowledged", "1", "acknowledged"],
        states["dead"]: ["dead", "1", "dead"],
    }


def test_json_is_an_object_a_line_as_the_api_shows_it(stage: Stage, states: dict[str, str]) -> None:
    (found,) = documents(stage, "--source", "pending")
    assert found["event_id"] == states["pending"]
    assert found["payload"] == json.loads(PAYLOAD)
    line = stage.run("events", "list", "--json", "--source", "pending").stdout
    assert '{"n":1.50e3,"text":"é\\u202e"}' in line, "digit for digit, and without what moves the cursor"


def test_orders_limits_and_pages(stage: Stage) -> None:
    made = [one.event_id for one in stage.add(120)]
    assert ids_of(stage) == made[:50]
    assert ids_of(stage, "--limit", "110") == made[:110]
    assert ids_of(stage, "--all") == made
    assert ids_of(stage, "--all", "--newest") == made[::-1]
    done = stage.run("events", "list", "--limit", "2")
    assert done.stderr == "There are more than 2. Give --limit, or --all for every one.\n"
    assert stage.run("events", "list", "--limit", "120").stderr == ""


def test_times_are_durations_or_times(stage: Stage) -> None:
    (old,) = stage.add()
    time.sleep(1.1)
    between = format_time(system_clock())
    (new,) = stage.add()
    assert ids_of(stage, "--since", between) == [new.event_id]
    assert ids_of(stage, "--until", between) == [old.event_id]
    assert ids_of(stage, "--since", "1h") == [old.event_id, new.event_id]
    assert ids_of(stage, "--until", "1h") == []


def test_terminal_gets_a_table(local_stage: Stage) -> None:
    (one,) = local_stage.add(source="shop\x1b[31m")
    session = run_on_terminal("events", "list", *local_stage.options, columns=160)
    assert session.code == 0
    assert one.event_id in session.screen
    assert "shop\\x1b[31m" in session.screen
    assert "\t" not in session.screen


def test_terminal_of_80_columns_gets_two_lines_for_each_event(local_stage: Stage) -> None:
    (one,) = local_stage.add(source="shop-eu-storefront")
    session = run_on_terminal("events", "list", *local_stage.options, columns=80)
    lines = [line.split() for line in session.screen.splitlines() if line.strip()]
    assert [one.event_id, f"{one.created_at[:19]}Z"] in lines
    assert ["pending", "shop-eu-storefront", one.event_type, "0"] in lines


def test_event_is_shown_whatever_its_status(stage: Stage, states: dict[str, str]) -> None:
    for state, event_id in states.items():
        done = stage.run("events", "show", event_id.upper())
        assert done.returncode == 0, done.stderr
        lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
        assert (lines["event_id"], lines["status"], lines["source"]) == (event_id, state, state)
        assert lines["expires_at"].endswith("Z")
        assert ("leased_until" in lines, "died_at" in lines) == (state == "leased", state == "dead")
    assert stage.ask("events", "show", states["dead"])["reason"] == "no such order"


def test_body_is_the_payload_and_nothing_else(stage: Stage, states: dict[str, str]) -> None:
    assert (
        stage.run("events", "show", states["pending"], "--body").stdout == '{"n":1.50e3,"text":"é\\u202e"}\n'
    )


def test_body_is_ascii_if_stdout_is(local_stage: Stage) -> None:
    (one,) = local_stage.add(payload='{"text":"é😀"}')
    arguments = ("events", "show", one.event_id, "--body", *local_stage.options)
    done = run(*arguments, variables={"PYTHONIOENCODING": "ascii"}, program=(TRIGGERS,))
    assert done.stdout == '{"text":"\\u00e9\\ud83d\\ude00"}\n'


def show_body(stage: Stage, event_id: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [TRIGGERS, "events", "show", event_id, "--body", *stage.options],
        env=environment(**stage.variables),
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("body", [b'{ "n": 1.50 }\r\n', b"\xff\x00\n", b"", b"a=1"], ids=repr)
def test_body_of_a_webhook_is_printed_byte_for_byte(stage: Stage, body: bytes) -> None:
    event = stage.add_webhook(body)
    done = show_body(stage, event.event_id)
    assert (done.returncode, done.stdout, done.stderr) == (0, body, b"")


def test_webhook_is_shown_with_its_details(stage: Stage) -> None:
    event = stage.add_webhook(b"\xff" * 2000, details={"delivery_id": "7"})
    lines = dict(
        line.split(maxsplit=1) for line in stage.run("events", "show", event.event_id).stdout.splitlines()
    )
    assert json.loads(lines["webhook"])["delivery_id"] == "7"
    assert lines["body"] == "2,000 bytes; --body prints them as they were sent"
    assert "payload" not in lines
    assert stage.ask("events", "show", event.event_id)["metadata"]["webhook"]["delivery_id"] == "7"


def test_body_on_a_terminal_is_printable_text_or_refused(local_stage: Stage) -> None:
    for body in (b'{\r\n\t"name": "Zo\xc3\xab"\n}', b"a"):
        event = local_stage.add_webhook(body)
        session = run_on_terminal("events", "show", event.event_id, "--body", *local_stage.options)
        assert (session.code, session.screen.replace("\r", "")) == (0, body.decode().replace("\r", ""))
    for body in (b"\xff", b"\x1b[2J", b"a\rb", b"\xc2\x9b", b"\xe2\x80\xae"):
        event = local_stage.add_webhook(body)
        session = run_on_terminal("events", "show", event.event_id, "--body", *local_stage.options)
        assert session.code == 2
        assert "The body is not printable text." in session.screen
        assert body.decode(errors="replace") not in session.screen
        assert "> FILE" in session.screen
        assert show_body(local_stage, event.event_id).stdout == body


def test_body_and_json_exclude_each_other(local_stage: Stage) -> None:
    event = local_stage.add_webhook(b"{}")
    done = local_stage.run("events", "show", event.event_id, "--body", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["message"] == "--body and --json exclude each other."


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("list", "--status", "gone"), 2, "'gone' is not a status."),
        (("list", "--since", "1x"), 2, "'1x' is neither a duration nor a time."),
        (("list", "--until", "2026-11-22"), 2, "'2026-11-22' is neither a duration nor a time."),
        (("list", "--limit", "0"), 2, "--limit"),
        (("list", "--limit", "9" * 20), 2, "--limit"),
        (("list", "--limit", "2", "--all"), 2, "exclude each other"),
        (("list", "--since", "1h", "--until", "2h"), 2, "--since is not before --until."),
        (("list", "--source", "\udcff"), 2, "--source: '\\udcff' is not UTF-8."),
        (("list", *[word for n in range(21) for word in ("--type", str(n))]), 2, "too many"),
        (("show", "x"), 2, "'x' is not an event id."),
        (("show",), 2, "Missing argument"),
        (("show", "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"), 1, "There is no event 01936b2e"),
    ],
    ids=str,
)
def test_wrong_input_is_an_error_with_its_fix(
    local_stage: Stage, arguments: tuple[str, ...], code: int, message: str
) -> None:
    local_stage.refuse("events", *arguments, code=code, message=message)
