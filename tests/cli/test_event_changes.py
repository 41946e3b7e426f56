"""`triggers events ack`, `requeue` and `delete` on both stores: changes, questions and errors."""

import json
import signal
import subprocess
import time
from uuid import uuid4

import pytest

from tests.support.dev_server import TRIGGERS
from tests.support.stages import OPERATOR, Stage
from tests.support.terminal import run_on_terminal
from triggers_api.core.events import Event
from triggers_api.core.times import format_time, system_clock

UNKNOWN = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"


def statuses(stage: Stage, events: list[Event]) -> list[str | None]:
    found = [stage.store.get(one.event_id, int(time.time())) for one in events]
    return [None if one is None else one.status for one in found]


def acknowledged(stage: Stage, source: str, number: int = 1) -> list[Event]:
    events = stage.add(number, source=source)
    stage.inbox.acknowledge(OPERATOR, stage.receive(source, number))
    return events


def dead(stage: Stage, source: str, number: int = 1) -> list[Event]:
    events = stage.add(number, source=source)
    stage.inbox.release(OPERATOR, stage.receive(source, number), dead=True)
    return events


def test_events_are_acknowledged_by_id(stage: Stage) -> None:
    one, two, left = stage.add(3)
    done = stage.run("events", "ack", one.event_id, two.event_id.upper(), one.event_id)
    assert (done.returncode, done.stdout) == (0, "Acknowledged 2 events.\n"), done.stderr
    assert statuses(stage, [one, two, left]) == ["acknowledged", "acknowledged", "pending"]
    again = stage.run("events", "ack", one.event_id)
    assert (again.returncode, again.stdout) == (0, "Acknowledged 0 events.\n")
    assert f"Event {one.event_id} is acknowledged already.\n" in again.stderr


def test_unknown_id_is_named_and_the_others_are_changed(stage: Stage) -> None:
    (one,) = stage.add()
    document = stage.ask("events", "delete", UNKNOWN, one.event_id, code=1)
    assert (document["changed"], document["missing"], document["complete"]) == (1, [UNKNOWN], False)
    assert statuses(stage, [one]) == [None]
    again = stage.run("events", "delete", one.event_id)
    assert again.returncode == 1
    assert f"There is no event {one.event_id}.\n" in again.stderr


def test_requeue_gives_back_what_was_acknowledged_by_mistake(stage: Stage) -> None:
    earlier = acknowledged(stage, "shop")
    time.sleep(0.01)
    between = format_time(system_clock())
    mistakes = acknowledged(stage, "shop", 2)
    other = acknowledged(stage, "other")
    words = ("events", "requeue", "--status", "acknowledged", "--acknowledged-since", between)
    counted = stage.ask(*words, "--source", "shop", "--dry-run")
    assert (counted["matching"], counted["complete"]) == (2, True)
    assert statuses(stage, mistakes) == ["acknowledged"] * 2, "a dry run changes nothing"
    done = stage.run(*words, "--source", "shop")
    assert (done.returncode, done.stdout) == (0, "Requeued 2 events.\n"), done.stderr
    assert statuses(stage, earlier + mistakes + other) == [
        "acknowledged",
        "pending",
        "pending",
        "acknowledged",
    ]
    requeued = stage.store.get(mistakes[0].event_id, int(time.time()))
    assert requeued is not None
    assert abs(requeued.expires_at - time.time() - 7 * 86_400) < 60, "the full retention of the stage"
    (died,) = dead(stage, "died")
    assert stage.run("events", "requeue", died.event_id).stdout == "Requeued 1 event.\n"


def test_retention_and_shards_are_those_of_the_service(sharded_stage: Stage) -> None:
    events = dead(sharded_stage, "shop", 20)
    variables = {**sharded_stage.variables, "EVENT_TTL_DAYS": "30", "INBOX_SHARDS": "4"}
    stage = Stage(sharded_stage.store, sharded_stage.options, variables)
    assert stage.run("events", "requeue", "--status", "dead").stdout == "Requeued 20 events.\n"
    found = [stage.store.get(one.event_id, int(time.time())) for one in events]
    assert all(one and abs(one.expires_at - time.time() - 30 * 86_400) < 60 for one in found)


def test_all_of_a_source_is_deleted_and_nothing_else(stage: Stage) -> None:
    pending, leased = stage.add(3, source="shop"), stage.add(source="leased")
    gone = pending + acknowledged(stage, "shop2") + dead(stage, "shop3")
    stage.receive("leased", 1)
    for source in ("shop", "shop2", "shop3"):
        counted = stage.run("events", "delete", "--source", source, "--status", "any", "--dry-run")
        assert counted.stdout.startswith("Would delete "), counted.stderr
    done = stage.run("events", "delete", "--source", "shop", "--status", "any")
    assert done.stdout == "Deleted 3 events: 3 pending.\n"
    document = stage.ask("events", "delete", "--status", "any", "--source", "shop2")
    assert document["statuses"] == {"pending": 0, "acknowledged": 1, "dead": 0}
    assert stage.run("events", "delete", "--status", "dead").stdout == "Deleted 1 event.\n"
    assert statuses(stage, gone + leased) == [None] * 5 + ["pending"]


def test_filters_of_ack(stage: Stage) -> None:
    first, other = stage.add(source="shop"), stage.add(source="other")
    died = dead(stage, "died")
    assert stage.run("events", "ack", "--source", "shop").stdout == "Acknowledged 1 event.\n"
    assert stage.run("events", "ack", "--status", "dead").stdout == "Acknowledged 1 event.\n"
    assert statuses(stage, first + other + died) == ["acknowledged", "pending", "acknowledged"]


def test_change_that_finds_nothing_is_done(local_stage: Stage) -> None:
    done = local_stage.run("events", "delete", "--source", "none", "--status", "any")
    assert (done.returncode, done.stdout) == (0, "Deleted 0 events.\n")


def test_production_asks_with_the_count(production: Stage) -> None:
    source = uuid4().hex
    events = production.add(3, source=source)
    words = ("events", "delete", "--source", source, "--status", "any")
    refused = production.run(*words)
    assert refused.returncode == 2
    assert "error: Confirmation required: not running interactively.\n" in refused.stderr
    line, variables = (*words, *production.options), production.variables
    said_no = run_on_terminal(*line, variables=variables, replies=[("[y/N]", "n\n")])
    assert said_no.code == 1
    assert "Delete 3 events in production? [y/N]" in said_no.screen
    assert "table triggers-api-events-prod" in said_no.screen
    assert statuses(production, events) == ["pending"] * 3
    assert run_on_terminal(*line, variables=variables, replies=[("[y/N]", "y\n")]).code == 0
    assert statuses(production, events) == [None] * 3
    dry = production.run(*words, "--dry-run")
    assert (dry.returncode, dry.stdout, dry.stderr) == (0, "Would delete 0 events.\n", "")


def test_interrupted_change_names_the_command_that_goes_on(local_stage: Stage) -> None:
    events = local_stage.add(6000)
    command = subprocess.Popen(
        [TRIGGERS, "events", "delete", "--status", "pending", *local_stage.options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = events[0].event_id
    deadline = time.monotonic() + 30
    while local_stage.store.get(first, int(time.time())) and time.monotonic() < deadline:
        time.sleep(0.002)
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=30)
    assert command.returncode == 130, err
    assert out.startswith("Deleted ")
    left = [one for one in statuses(local_stage, events) if one]
    assert f"Deleted {6000 - len(left):,} events.\n" == out
    (hint,) = [line for line in err.splitlines() if line.startswith("Stopped.")]
    assert "--status pending --until 2" in hint
    again = hint.partition(" To go on: triggers ")[2].split()
    done = subprocess.run([TRIGGERS, *again], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == f"Deleted {len(left):,} events.\n"


def test_progress_is_a_bar_on_a_terminal(local_stage: Stage) -> None:
    local_stage.add(1200)
    session = run_on_terminal("events", "ack", "--status", "pending", *local_stage.options)
    assert session.code == 0
    assert "Acknowledging events" in session.screen
    assert "1,200 of 1,200" in session.screen
    assert "Acknowledged 1,200 events." in session.screen


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("ack",), 2, "The ids and the filters are both missing."),
        (("delete", UNKNOWN, "--source", "shop"), 2, "exclude each other"),
        (("delete", "--source", "shop"), 2, "--status is missing."),
        (("requeue", "--source", "shop"), 2, "--status is missing."),
        (("requeue", "--status", "pending"), 2, "'pending' is not possible here."),
        (("ack", "--status", "any"), 2, "'any' is not possible here."),
        (("ack", "--status", "gone"), 2, "'gone' is not a status."),
        (("requeue", "--status", "dead", "--acknowledged-since", "1h"), 2, "are for acknowledged events."),
        (("delete", "x"), 2, "'x' is not an event id."),
        (("delete", UNKNOWN, "--dry-run"), 2, "--dry-run counts what filters match."),
        (("ack", "--since", "yesterday"), 2, "'yesterday' is neither a duration nor a time."),
        (("ack", UNKNOWN, "--data-dir", "/nonexistent"), 1, "There is no data in /nonexistent."),
    ],
    ids=str,
)
def test_wrong_input_is_an_error_with_its_fix(
    local_stage: Stage, arguments: tuple[str, ...], code: int, message: str
) -> None:
    names_a_folder = "--data-dir" in arguments
    stage = Stage(local_stage.store, ("--stage", "local")) if names_a_folder else local_stage
    stage.refuse("events", *arguments, code=code, message=message)


def test_error_is_json_if_asked_for(local_stage: Stage) -> None:
    done = local_stage.run("events", "ack", "--json")
    assert json.loads(done.stdout)["error"]["code"] == "CONFIGURATION_ERROR"
