"""The bench's own rules: figures, goals, limits, and the process that it measures."""

import io
import json
import tomllib
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.goals import GOALS, Goal, met, not_measured
from tests.bench.hook_measures import DELIVERIES
from tests.bench.hook_measures import READS as HOOK_READS
from tests.bench.hook_measures import WRITES as HOOK_WRITES
from tests.bench.lambda_requests import KILOBYTE, ingest, kilobyte_body
from tests.bench.processes import Function
from tests.bench.queue_measures import CALLS, READS, STATS
from tests.bench.report import LIMITS, as_json, show, worse_than_limits
from tests.bench.samples import Row, Sample, interleaved
from tests.bench.shard_measures import CALLS as SHARDED
from tests.bench.shard_measures import COUNTED, SHARDS
from tests.bench.store_measures import FIRST, OPERATIONS, PLACES, WRITES
from tests.bench.store_measures import READS as SINGLE_READS
from tests.bench.subjects import Subject

STRUCTURAL = {
    *(f"calls: {name}" for name in (*OPERATIONS, FIRST, *CALLS, STATS, *DELIVERIES)),
    *(f"write units: {name}" for name in (*WRITES, *CALLS, *HOOK_WRITES)),
    *(f"read units: {name}" for name in (*SINGLE_READS, *READS, *HOOK_READS)),
    *(f"{kind}: {name}, {number} shards" for kind in COUNTED for name in SHARDED for number in SHARDS[1:]),
    *(f"stored bytes: {place}" for place in PLACES),
    *("write units", "zipped artifact", "files", "modules", "log bytes"),
}
HANDLER = """
calls = []
def handler(event, context):
    calls.append(event)
    print("a line of the log", flush=True)
    if event["path"] == "/end":
        raise SystemExit("it cannot go on")
    return {"statusCode": 201, "body": f"{len(calls)} {context.aws_request_id[:4]}"}
"""


def row(key: str, product: float, beside: float | None = None) -> Row:
    return Row(key, key, "ms", Sample.of([product]), None if beside is None else Sample.of([beside]))


@pytest.fixture
def function(tmp_path: Path) -> Subject:
    (tmp_path / "service.py").write_text(HANDLER)
    return Subject("any", tmp_path, "service", "", "key", {"PATH": "/bin"})


def test_a_sample_tells_its_median_and_the_half_around_it() -> None:
    sample = Sample.of([5, 1, 100, 3, 2])
    assert sample.median == 3
    assert list(sample.quartiles) == [2, 5]
    assert list(Sample.of([0.5], scale=1e3).quartiles) == [500, 500]


def test_each_subject_is_measured_once_a_round_and_no_one_is_always_first() -> None:
    order: list[str] = []
    told: list[float] = []

    def measured(name: str) -> float:
        order.append(name)
        return len(order)

    subjects = {name: partial(measured, name) for name in ("a", "b")}
    found = interleaved(2, subjects, told.append)
    assert order == ["a", "b", "b", "a"]
    assert found == {"a": [1, 4], "b": [2, 3]}
    assert told == [0.5, 1]


@pytest.mark.parametrize(
    ("goal", "product", "beside", "expected"),
    [
        (Goal(ratio=0.5), 1, 2, True),
        (Goal(ratio=0.5), 1.1, 2, False),
        (Goal(ratio=0.5), 1, None, False),
        (Goal(product=7), 7, 100, True),
        (Goal(product=7, ratio=0.1), 7, 20, False),
        (Goal(product=7, ratio=0.5), 8, 100, False),
        (None, 1, 1, None),
    ],
)
def test_a_goal_is_met_when_all_of_it_is(
    monkeypatch: pytest.MonkeyPatch,
    goal: Goal | None,
    product: float,
    beside: float | None,
    expected: bool | None,
) -> None:
    monkeypatch.setattr("tests.bench.goals.GOALS", {} if goal is None else {"it": goal})
    assert met(row("it", product, beside)) is expected


def test_a_figure_over_its_limit_is_named_and_so_is_one_that_was_not_measured(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text('[limits]\n"calls: get" = 1\n"files" = 10\n"modules" = 5\n')
    rows = [row("calls: get", 2, 3), row("files", 10)]
    assert worse_than_limits(rows, limits) == [
        "calls: get: 2 is over the limit of 1",
        "modules: not measured; the limit is 5",
    ]


def test_a_goal_that_was_not_measured_is_named() -> None:
    rows = [row(key, 1, 1) for key in GOALS if key != "peak memory"]
    assert not_measured(rows) == ["peak memory: not measured; the goal is ≤ 0.85x"]


def test_every_limit_is_of_a_figure_that_does_not_depend_on_the_machine() -> None:
    limits = tomllib.loads(LIMITS.read_text(encoding="utf-8"))["limits"]
    assert limits.keys() == STRUCTURAL


def test_the_table_off_a_terminal_has_every_figure_on_one_line_each() -> None:
    out = io.StringIO()
    rows = [row("zipped artifact", 6.5, 20), row("files", 2626)]
    show(rows, Console(file=out, width=200), quick=False)
    _, zipped, files = out.getvalue().splitlines()
    assert " ".join(zipped.split()) == "zipped artifact, ms 6.50 20 0.33x ≤ 0.34x, ≤ 7 met"
    assert files.split() == ["files,", "ms", "2,626"]


def test_the_file_has_what_the_table_has() -> None:
    (found,) = as_json([row("zipped artifact", 6.5, 20)], quick=False)["rows"]
    assert found["product"] == {"median": 6.5, "quartiles": [6.5, 6.5], "runs": 1}
    assert (found["ratio"], found["goal"], found["met"]) == (0.325, str(GOALS["zipped artifact"]), True)


def test_a_quick_run_meets_and_misses_no_goal() -> None:
    out = io.StringIO()
    rows = [row("zipped artifact", 6.5, 20)]
    show(rows, Console(file=out, width=200), quick=True)
    assert out.getvalue().splitlines()[1].rstrip().endswith("≤ 0.34x, ≤ 7")
    assert as_json(rows, quick=True)["rows"][0]["met"] is None


def test_no_limit_is_so_wide_that_the_baseline_would_stay_within_it() -> None:
    figures = {
        one["key"]: one
        for one in json.loads(LIMITS.with_name("figures.json").read_text(encoding="utf-8"))["rows"]
    }
    for key, limit in tomllib.loads(LIMITS.read_text(encoding="utf-8"))["limits"].items():
        product, baseline = figures[key]["product"]["median"], figures[key]["baseline"]
        assert product <= limit, key
        if baseline and baseline["median"] > product:
            assert limit < baseline["median"], key


def test_a_kilobyte_is_one() -> None:
    body = kilobyte_body()
    assert len(body) == KILOBYTE
    assert ingest("key", body)["body"] == body.decode()


def test_an_ingest_has_an_idempotency_key_where_it_is_asked_for() -> None:
    assert "Idempotency-Key" not in ingest("key", b"{}")["headers"]
    assert ingest("key", b"{}", idempotency_key="order-4711")["headers"]["Idempotency-Key"] == "order-4711"


def test_a_process_keeps_its_state_and_its_log_to_itself(function: Subject) -> None:
    with Function(function) as process:
        first = process.call({"path": "/"}, expected=201)
        last = process.call({"path": "/"}, expected=201, times=9, with_memory=True)
    assert (first.body, last.body) == ("1 8f1f", "10 8f1f")
    assert 0 < first.cpu_imported <= first.cpu_so_far <= last.cpu_so_far
    assert first.cpu_imported == last.cpu_imported
    assert first.peak_bytes == 0
    assert 1_000_000 < last.peak_bytes < 100_000_000
    assert first.modules == last.modules


def test_what_a_process_logs_is_counted_in_bytes(function: Subject) -> None:
    with Function(function) as process:
        process.call({"path": "/"}, expected=201)
        before = process.log_bytes
        process.call({"path": "/"}, expected=201, times=3)
        assert process.log_bytes - before == 3 * len("a line of the log\n")


def test_a_process_sees_the_artifact_and_the_standard_library_only(function: Subject) -> None:
    (function.artifact / "service.py").write_text("import pytest\n")
    with Function(function) as process, pytest.raises(RuntimeError, match="No module named 'pytest'"):
        process.call({"path": "/"}, expected=201)


def test_a_process_that_ends_says_why(function: Subject) -> None:
    with Function(function) as process, pytest.raises(RuntimeError, match="it cannot go on"):
        process.call({"path": "/end"}, expected=201)


def test_an_unexpected_answer_stops_the_bench(function: Subject) -> None:
    with Function(function) as process, pytest.raises(RuntimeError, match="201 instead of 200"):
        process.call({"path": "/"}, expected=200)


def test_nothing_is_written_where_the_artifact_is(function: Subject) -> None:
    with Function(function) as process:
        process.call({"path": "/"}, expected=201)
    assert [path.name for path in function.artifact.iterdir()] == ["service.py"]
