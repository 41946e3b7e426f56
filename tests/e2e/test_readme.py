"""The README says what works: its tour is run as it stands, and its test command is the one that CI runs."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.support import dev_server
from tests.support.contract import ENDPOINTS
from tests.support.documents import PRELUDE, ROOT, blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = "A two-minute tour"
TOUR_URL = "http://127.0.0.1:8000"


def answers_to(script: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["bash", "-c", PRELUDE + script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_the_two_minute_tour_works_line_by_line(tmp_path: Path) -> None:
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server:
        once = "curl $URL/v1/events -H \"$KEY\" -H 'Content-Type: application/json' -H 'Idempotency-Key"
        typed = [one * 2 if one.startswith(once) else one for one in blocks("README.md", TOUR)]
        answers = answers_to("\n".join(typed).replace(TOUR_URL, server.url))
    health, stored, ordered, again, inbox, filtered, acknowledged, shown, deleted, named = answers
    assert health["status"] == "healthy"
    assert again["event_id"] == ordered["event_id"], "the text says to run this one twice"
    assert [event["event_id"] for event in inbox["events"]] == [stored["event_id"], ordered["event_id"]]
    assert [event["source"] for event in filtered["events"]] == ["shop"]
    assert acknowledged["status"] == shown["status"] == "acknowledged"
    assert deleted["event_id"] == ordered["event_id"]
    assert named["request_id"] == "custom-request-id-123"


def test_every_call_of_the_contract_works_with_curl_as_it_is_written(tmp_path: Path) -> None:
    calls = re.findall(r"^\| `(\w+).*\| `(curl .+)` \|$", README, re.MULTILINE)
    assert len(calls) == len(ENDPOINTS) + 1
    typed = [
        f'EVENT=$({curl} | sed \'s/.*"event_id":"\\([^"]*\\)".*/\\1/\')'
        if method == "POST" and "$EVENT" not in curl
        else curl
        for method, curl in calls
    ]
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server:
        answers = answers_to(f"URL={server.url}\nKEY='X-API-Key: test-api-key-12345'\n" + "\n".join(typed))
    health, event, inbox, acknowledged, deleted, _preflight = answers
    assert health["status"] == "healthy"
    assert [one["event_id"] for one in inbox["events"]] == [event["event_id"]]
    assert (acknowledged["status"], deleted["event_id"]) == ("acknowledged", event["event_id"])


def test_ci_runs_the_readmes_test_command() -> None:
    command = next(line for line in README.splitlines() if line.endswith("/pytest"))
    assert command.replace("install '", "install -q '") in (ROOT / ".ci" / "run").read_text()
