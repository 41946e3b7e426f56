"""The README says what works: its tour is run as it stands, and its test command is the one that CI runs."""

import json
import subprocess
from pathlib import Path

from tests.support import dev_server
from tests.support.documents import PRELUDE, ROOT, blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR_URL = "http://127.0.0.1:8000"


def test_the_two_minute_tour_works_line_by_line(tmp_path: Path) -> None:
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server:
        script = PRELUDE + "\n".join(blocks("README.md", "A two-minute tour")).replace(TOUR_URL, server.url)
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    health, stored, ordered, inbox, filtered, acknowledged, shown, deleted, named = answers
    assert health["status"] == "healthy"
    assert [event["event_id"] for event in inbox["events"]] == [stored["event_id"], ordered["event_id"]]
    assert [event["source"] for event in filtered["events"]] == ["shop"]
    assert acknowledged["status"] == shown["status"] == "acknowledged"
    assert deleted["event_id"] == stored["event_id"]
    assert named["request_id"] == "custom-request-id-123"


def test_ci_runs_the_readmes_test_command() -> None:
    command = next(line for line in README.splitlines() if line.endswith("/pytest"))
    assert command.replace("install '", "install -q '") in (ROOT / ".ci" / "run").read_text()
