"""`triggers inbox` on both stores: what it counts, its limits, its watch and its errors."""

import json
import re
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import REGION
from tests.support import dev_server
from tests.support.dev_server import TRIGGERS, environment
from tests.support.stages import HOUR, OPERATOR, Stage
from triggers_api.cli.output.inbox import excess
from triggers_api.core.paging import Filter, PendingStats
from triggers_api.core.times import system_clock
from triggers_api.ops.events.overview import PAGE, PAGES, TOP, read_overview


def test_empty_inbox_has_nothing_but_zeros(stage: Stage) -> None:
    done = stage.run("inbox")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["pending", "0", "dead", "0"]


def test_what_waits_is_counted_in_every_shard_with_its_sources_and_types(stage: Stage) -> None:
    stage.add(7, source="shop", event_type="order.paid", expires_in=HOUR)
    stage.add(3, source="billing", event_type="invoice.due")
    stage.add(2)
    stage.receive("shop", 2)
    stage.add(2, source="gone")
    dead, done = stage.receive("gone", 2)
    stage.inbox.release(OPERATOR, [dead], dead=True)
    stage.inbox.acknowledge(OPERATOR, [done])
    found = stage.ask("inbox")
    assert (found["pending"]["count"], found["pending"]["leased"], found["dead"]["count"]) == (12, 2, 1)
    assert 0 <= found["pending"]["oldest_age_seconds"] < 60
    assert HOUR - 60 < found["pending"]["expires_in_seconds"] <= HOUR
    assert found["sources"] == {"shop": 9, "billing": 3}
    assert found["event_types"] == {"order.paid": 9, "invoice.due": 3}
    lines = dict(line.split(maxsplit=1) for line in stage.run("inbox").stdout.splitlines())
    assert lines["pending"] == "12 (2 leased or delayed)"
    assert lines["sources"] == "shop 9, billing 3"
    assert re.fullmatch(r"the first one in (59 min( \d+ s)?|1 h), handled or not", lines["expires"])


def test_filters_narrow_what_is_counted(stage: Stage) -> None:
    stage.add(2, source="shop", event_type="order.paid")
    stage.add(1, source="shop", event_type="order.sent")
    stage.add(1, source="billing", event_type="order.paid")
    assert stage.ask("inbox", "--source", "shop")["pending"]["count"] == 3
    assert stage.ask("inbox", "--type", "order.paid", "--type", "order.sent")["pending"]["count"] == 4
    assert stage.ask("inbox", "--source", "shop", "--type", "order.paid")["pending"]["count"] == 2
    assert stage.ask("inbox", "--source", "nobody")["pending"] == {
        "count": 0,
        "capped": False,
        "leased": 0,
        "oldest_created_at": None,
        "oldest_age_seconds": None,
        "expires_in_seconds": None,
    }


@pytest.mark.slow("stores a thousand events")
def test_only_the_oldest_events_are_looked_at(stage: Stage) -> None:
    for _ in range(PAGES):
        stage.add(PAGE, source="old")
    stage.add(5, source="new")
    found = stage.ask("inbox")
    assert (found["pending"]["count"], found["looked_at"]) == (PAGES * PAGE + 5, PAGES * PAGE)
    assert found["sources"] == {"old": PAGES * PAGE}
    assert f"the oldest {PAGES * PAGE:,} events" in stage.run("inbox").stdout


def test_only_the_most_frequent_sources_are_shown(local_stage: Stage) -> None:
    for number in range(TOP + 2):
        local_stage.add(number + 1, source=f"source {number}")
    assert list(local_stage.ask("inbox")["sources"]) == [
        f"source {number}" for number in range(TOP + 1, 1, -1)
    ]


def test_limit_that_is_exceeded_is_exit_code_6_with_the_reason(stage: Stage) -> None:
    assert stage.run("inbox", "--max-pending", "0", "--max-age", "1s").returncode == 0, "nothing waits"
    stage.add(3)
    assert stage.run("inbox", "--max-pending", "3").returncode == 0
    assert stage.run("inbox", "--max-age", "1h").returncode == 0
    done = stage.run("inbox", "--max-pending", "2")
    assert (done.returncode, done.stderr) == (6, "exceeded: 3 events are pending, more than 2.\n")
    assert done.stdout.startswith("pending")
    time.sleep(1.1)
    document = stage.ask("inbox", "--max-age", "0s", "--max-pending", "2", code=6)
    assert len(document["exceeded"]) == 2
    assert re.fullmatch(
        r"The oldest event has been pending for \d+ s, longer than 0 s\.", document["exceeded"][0]
    )


def test_watch_prints_a_line_at_once_and_ends_with_ctrl_c(local_stage: Stage) -> None:
    local_stage.add(3)
    line = [TRIGGERS, "inbox", *local_stage.options, "--watch"]
    watch = subprocess.Popen(
        line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert watch.stdout is not None
    first = watch.stdout.readline()
    watch.send_signal(signal.SIGINT)
    _, errors = watch.communicate(timeout=30)
    assert re.fullmatch(r"\d\d:\d\d:\d\dZ  pending 3, oldest \d+ s, dead 0\n", first)
    assert watch.returncode == 130
    assert "Traceback" not in errors


def test_watch_ends_when_a_limit_is_exceeded(local_stage: Stage) -> None:
    local_stage.add(3)
    done = local_stage.run("inbox", "--watch", "--json", "--max-pending", "2")
    assert done.returncode == 6
    document = json.loads(done.stdout)
    assert document["pending"]["count"] == 3
    assert document["exceeded"] == ["3 events are pending, more than 2."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max-age", "long"), "'long' is not a duration."),
        (("--max-pending", "-1"), "--max-pending"),
        (("stray",), "stray"),
    ],
    ids=str,
)
def test_wrong_input_is_a_usage_error(local_stage: Stage, arguments: tuple[str, ...], message: str) -> None:
    done = local_stage.run("inbox", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "\n  fix: " in done.stderr


def test_stage_that_does_not_exist_is_an_error_with_its_fix(dynamodb_url: str) -> None:
    done = dev_server.run(
        "inbox", "--stage", "nowhere", "--region", REGION, variables={"DYNAMODB_ENDPOINT_URL": dynamodb_url}
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: Stage nowhere has no tables in us-east-1")
    assert "\n  fix: " in done.stderr
    assert "triggers deploy --stage nowhere --region us-east-1" in done.stderr
    assert "Traceback" not in done.stderr


def test_backlog_that_was_not_counted_to_its_end_exceeds_a_limit(local_stage: Stage) -> None:
    """A count is bounded in bytes: with large events it may end far below the limit."""
    overview = read_overview(local_stage.store, system_clock, Filter())
    capped = PendingStats(60, capped=True, leased=0, oldest_created_at=None, oldest_since=None)
    overview = replace(overview, pending=capped)
    assert excess(overview, max_age=None, max_pending=10_000) == [
        "At least 60 events are pending, and not all could be counted."
    ]
    assert len(excess(overview, max_age=3600, max_pending=None)) == 1
    assert excess(overview, max_age=None, max_pending=None) == []


def test_missing_data_is_an_error_and_nothing_is_created(tmp_path: Path) -> None:
    done = dev_server.run("inbox", "--stage", "local", "--data-dir", str(tmp_path / "typo"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no data in" in done.stderr
    assert list(tmp_path.iterdir()) == []
