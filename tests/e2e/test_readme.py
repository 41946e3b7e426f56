"""The README's tour prints what it shows, its curl lines work, and CI runs its test command."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.support import dev_server
from tests.support.documents import PRELUDE, ROOT, fences, rows

TOUR = "A two-minute tour"
HEAD = "| call |"
TOUR_URL = "http://127.0.0.1:8000"
EVENT_ID = r"""sed 's/.*"event_id":"\([^"]*\)".*/\1/'"""
TOKEN = r"""sed 's/.*"token":"\([^"]*\)".*/\1/'"""
VARYING = {
    "id": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "token": r'(?<="token":")[\w-]+',
    "time": r"\d{4}-\d\d-\d\dT[\d:.]+Z|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT",
}


def run(script: str) -> str:
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def normalised(output: str) -> list[str]:
    """Return the lines of an output with equal ids replaced by equal names, and without times."""
    for name in ("time", "token"):
        output = re.sub(VARYING[name], name.upper(), output)
    names: dict[str, str] = {}
    output = re.sub(VARYING["id"], lambda found: names.setdefault(found[0], f"ID-{len(names)}"), output)
    return [line.strip() for line in output.splitlines() if line.strip()]


def test_tour_prints_what_the_readme_shows(tmp_path: Path) -> None:
    tour = fences("README.md", TOUR)
    commands = "\n".join(text for language, text in tour if language == "sh")
    shown = "\n".join(text for language, text in tour if language != "sh")
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server:
        printed = run('curl() { command curl -sS "$@"; echo; }\n' + commands.replace(TOUR_URL, server.url))
    assert normalised(printed) == normalised(shown), printed


def test_curl_line_of_every_endpoint_works(tmp_path: Path) -> None:
    curls = {
        re.split(r"[?`]", call.lstrip("`"))[0]: cell.strip("`") for call, _, cell in rows("README.md", HEAD)
    }
    script = PRELUDE
    for call, curl in curls.items():
        script += f"echo '== {call}'\n"
        script += f'ANSWER=$({curl}); echo "$ANSWER"\n'
        if call in {"POST /v1/events", "POST /v1/inbox/receive"}:
            script += f'EVENT=$(echo "$ANSWER" | {EVENT_ID})\n'
            script += f'LEASE=$(echo "$ANSWER" | {TOKEN})\n'
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server:
        hook = hook_url(tmp_path, server.url)
        printed = run(f"URL={server.url}\nHOOK={hook}\nKEY='X-API-Key: test-api-key-12345'\n{script}")
    bodies = dict(block.split("\n", 1) for block in printed.removeprefix("== ").split("\n== "))
    assert bodies.keys() == curls.keys()
    assert "webhook-allowed-origin: *" in bodies.pop("OPTIONS /v1/hooks/{hook_id}")
    assert not bodies.pop("POST /v1/hooks/{hook_id}").strip()
    answers: dict[str, Any] = {call: json.loads(body) for call, body in bodies.items() if call != "OPTIONS"}
    event_id = answers["POST /v1/events"]["event_id"]
    assert [event["event_id"] for event in answers["GET /v1/inbox"]["events"]] == [event_id]
    assert answers["GET /v1/events/{event_id}/body"] == answers["GET /v1/events/{event_id}"]["payload"]
    assert answers["POST /v1/events/{event_id}/ack"]["status"] == "acknowledged"
    assert answers["DELETE /v1/events/{event_id}"]["event_id"] == event_id
    queue = ("POST /v1/inbox/ack", "POST /v1/inbox/extend", "POST /v1/inbox/release")
    assert [answers[call]["results"][0]["status"] for call in queue] == [200, 409, 409], "it is acknowledged"


def hook_url(folder: Path, url: str) -> str:
    """Create a hook without a signature, and return its URL."""
    options = ("--preset", "generic", "--scheme", "none", "--source", "webhooks", "--public-url", url)
    stage = ("--stage", "local", *dev_server.on_folder(folder))
    done = dev_server.run("hooks", "create", *stage, *options, "--json")
    assert done.returncode == 0, done.stderr
    created: str = json.loads(done.stdout)["url"]
    return created


def test_ci_runs_the_test_command() -> None:
    commands = [text.strip() for _, text in fences("README.md", "Run it")]
    command = next(one for one in commands if one.endswith("/pytest"))
    assert command.replace("install '", "install -q '") in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
