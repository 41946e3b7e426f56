"""Many events through the commands: right counts, bounded memory, and interrupted commands that go on."""

import json
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path

import pytest

from tests.support import dev_server
from tests.support.dev_server import TRIGGERS
from tests.support.forms import by_form
from tests.support.stages import OPERATOR, Stage

pytestmark = [pytest.mark.slow("sends thousands of events"), pytest.mark.timeout(2700)]

MOST_KIB = 150 * 1024
SOURCES = 5


def _peak_kib(pid: int) -> int:
    """Return the most memory that a process has had so far, 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


class Run:
    """Runs commands of a stage, and remembers the most memory that one of them had."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage = stage
        self._folder = folder
        self.peak_kib = 0

    def __call__(self, *arguments: str, interrupt_after: float | None = None) -> tuple[int, str, str]:
        """Return the exit code, stdout and stderr."""
        line = [TRIGGERS, *arguments, *self._stage.options]
        with (self._folder / "out").open("wb") as out, (self._folder / "err").open("wb") as err:
            process = subprocess.Popen(
                line, env=dev_server.environment(**self._stage.variables), stdout=out, stderr=err
            )
            interrupt_at = time.monotonic() + (inf if interrupt_after is None else interrupt_after)
            while process.poll() is None:
                self.peak_kib = max(self.peak_kib, _peak_kib(process.pid))
                if time.monotonic() > interrupt_at:
                    process.send_signal(signal.SIGINT)
                    interrupt_at = inf
                time.sleep(0.02)
        texts = [(self._folder / name).read_text(encoding="utf-8") for name in ("out", "err")]
        return process.returncode, texts[0], texts[1]

    def until_done(self, command: Sequence[str]) -> int:
        """Interrupt a change once a second, go on as it says, and return how many events were changed."""
        changed, wait = 0, 1.0
        while True:
            code, out, err = self(*command, "--json", interrupt_after=wait)
            assert code in {0, 130}, out + err
            changed += json.loads(out)["changed"] if out else 0
            if code == 0:
                return changed
            if "To go on: " in err:
                words = shlex.split(err.rpartition("To go on: ")[2])
                at = words.index("triggers")
                command = [word for word in words[at + 1 :] if word not in self._stage.options]
            wait += 2


def test_many_events(stage: Stage, tmp_path: Path) -> None:
    number = by_form(quick=2_000, full=5_000, long=50_000)
    share = number // SOURCES
    run = Run(stage, tmp_path)
    lines = tmp_path / "lines.ndjson"
    with lines.open("w") as file:
        for index in range(number):
            payload = {"n": index, "text": "x" * 400}
            event = {"source": f"s{index % SOURCES}", "event_type": "t", "payload": payload}
            file.write(json.dumps(event) + "\n")
    code, out, err = run("events", "send", "--file", str(lines))
    assert (code, out) == (0, f"Sent {number:,} events.\n"), err

    code, out, err = run("events", "list", "--all")
    assert (code, out.count("\n")) == (0, number + 1), err

    code, exported, err = run("events", "export")
    assert code == 0, err
    assert err.splitlines()[-1] == f"Exported {number:,} events."
    ids = {json.loads(line)["event_id"] for line in exported.splitlines()}
    assert len(ids) == number
    file_of_export = tmp_path / "export.ndjson"
    file_of_export.write_text(exported)

    assert run.until_done(["events", "ack", "--status", "pending"]) == number
    counted = json.loads(run("events", "requeue", "--status", "acknowledged", "--dry-run", "--json")[1])
    assert counted["matching"] == number or not counted["complete"]
    assert run.until_done(["events", "requeue", "--status", "acknowledged"]) == number
    assert run.until_done(["events", "delete", "--source", "s1", "--status", "any"]) == share
    stats = stage.inbox.stats(OPERATOR, source=None, event_types=())
    assert stats.pending.count == number - share or stats.pending.capped

    imported, wait = 0, 1.0
    while True:
        code, out, err = run("events", "import", str(file_of_export), "--json", interrupt_after=wait)
        assert code in {0, 130}, out + err
        imported += json.loads(out)["imported"] if out else 0  # nothing: it was still checking the lines
        wait *= 2  # a repeat begins with the first line
        if code == 0:
            break
    assert imported == share
    code, out, _ = run("events", "export", "--status", "pending")
    assert {json.loads(line)["event_id"] for line in out.splitlines()} == ids
    assert run.peak_kib < MOST_KIB
    print(f"{number:,} events: at most {run.peak_kib / 1024:.0f} MiB")
