"""Measure the product beside the baseline, on this machine, in one run: `python -m tests.bench --help`."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tests.bench import (
    consumer_measures,
    function_measures,
    hook_measures,
    inbox_pages,
    large_bodies,
    local_server,
    queue_measures,
    shard_measures,
    start_up,
    store_measures,
)
from tests.bench.bench import Bench, set_up
from tests.bench.goals import not_measured
from tests.bench.report import as_json, show, worse_than_limits
from tests.bench.samples import Row, Tick

Measure = Callable[[Bench, Tick], list[Row]]
STEPS: dict[str, Measure] = {
    "artifact": function_measures.artifact,
    "cold start": function_measures.cold_start,
    "warm ingest": function_measures.warm_ingest,
    "warm ingest without the store": function_measures.warm_ingest_without_store,
    "large bodies": large_bodies.large_bodies,
    "warm polls and acks": consumer_measures.polls_and_acks,
    "calls and units": store_measures.calls_and_units,
    "calls and units of the queue": queue_measures.calls_and_units,
    "warm calls of the queue": queue_measures.processor,
    "calls and units of webhooks": hook_measures.calls_and_units,
    "times of webhooks": hook_measures.times,
    "calls and units of shards": shard_measures.calls_and_units,
    "times of shards": shard_measures.times,
    "inbox pages, SQLite": inbox_pages.sqlite_pages,
    "inbox pages, DynamoDB Local": inbox_pages.dynamodb_pages,
    "start-up of the command line": start_up.command_line,
    "triggers dev": local_server.throughput,
}


def main() -> int:
    """Run the bench; 1 where a structural figure is worse than its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=(__doc__ or "").partition(":")[0]
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--quick", action="store_true", help="fewer runs; timings are indications only")
    given = parser.parse_args()
    errors = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="triggers-bench-") as folder:
        rows = measure(Path(folder), errors, quick=given.quick)
    out = Console(width=None if sys.stdout.isatty() else 200)
    show(rows, out, quick=given.quick)
    if given.json:
        given.json.write_text(json.dumps(as_json(rows, quick=given.quick), indent=2) + "\n", encoding="utf-8")
    problems = [*worse_than_limits(rows), *not_measured(rows)]
    for line in problems:
        errors.print(line, style="red", soft_wrap=True)
    return 1 if problems else 0


def measure(folder: Path, console: Console, *, quick: bool) -> list[Row]:
    """Take every step; a bar on a terminal shows how far it is, a line for each step elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    rows: list[Row] = []
    began = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("building", total=len(STEPS) + 1)

        def begin(done: int, name: str) -> None:
            progress.update(task, completed=done, description=name)
            if not console.is_terminal:
                console.print(f"{name} ({time.monotonic() - began:.0f} s)", soft_wrap=True)

        begin(0, "building both artifacts")
        with set_up(folder, quick=quick) as bench:
            for number, (name, step) in enumerate(STEPS.items(), start=1):
                begin(number, name)
                rows += step(bench, _advance(progress, task, number))
    return rows


def _advance(progress: Progress, task: TaskID, done: int) -> Tick:
    return lambda part: progress.update(task, completed=done + part)


if __name__ == "__main__":
    sys.exit(main())
