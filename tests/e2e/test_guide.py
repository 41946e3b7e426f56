"""Commands and programs of the guide, run as they are written."""

import http.client
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.documents import PRELUDE, ROOT, blocks, fences
from tests.support.rehearsal import uv_variables
from triggers_api.core.hooks.presets import PRESETS
from triggers_api.core.hooks.schemes import sign
from triggers_api.ops.smoke.check_runner import CHECKS

OTHER_ACCOUNT = {
    "SHELL": "/bin/bash",
    "AWS_PROFILE": "work",
    "AWS_REGION": "eu-central-1",
    "AWS_SESSION_TOKEN": "of-another-account",
    "TRIGGERS_STAGE": "another",
}

HANDLER = """
def handle(event):
    if event["payload"]["fails"]:
        raise ValueError
"""


@pytest.mark.timeout(600)
def test_rehearsal_commands_work_as_written(tmp_path: Path) -> None:
    opened, typed = blocks("deploy/guide/first-deployment.md", "Rehearse without an AWS account")
    done = subprocess.run(
        ["bash", "-c", opened.replace(".venv/bin/python", sys.executable)],
        input=PRELUDE + typed,
        cwd=ROOT,
        env=uv_variables() | OTHER_ACCOUNT | {"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    stored, inbox, after_adoption = answers
    assert [event["event_id"] for event in inbox["events"]] == [stored["event_id"]]
    assert after_adoption["events"] == inbox["events"]
    assert f"All {len(CHECKS) + 4} checks passed." in done.stderr
    assert "test-request-123" in done.stdout


def test_worker_of_the_guide_acknowledges_events_and_releases_failures(tmp_path: Path) -> None:
    ((_, code),) = [one for one in fences("deploy/guide/consuming.md", "A worker") if one[0] == "python"]
    program = f"{HANDLER}\n{code}\nprint(work_once(), work_once())\n"
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        good, bad = (client.ingest({"fails": fails}).body["event_id"] for fails in (False, True))
        done = subprocess.run(
            [sys.executable, "-c", f"URL, KEY = {server.url!r}, {dev_server.KEY!r}\n{program}"],
            env={**os.environ, "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout == "True False\n"
        assert [line for line in done.stderr.splitlines() if "Error" in line] == ["ValueError"]
        (left,) = client.inbox()
        assert (left["event_id"], left["deliveries"]) == (bad, 1)
        assert left["leased_until"] > left["created_at"], "it was released with a delay"
        assert client.get(good).body["status"] == "acknowledged"


def test_worker_of_the_guide_repeats_an_ack_and_acknowledges_before_it_releases() -> None:
    ((_, code),) = [one for one in fences("deploy/guide/consuming.md", "A worker") if one[0] == "python"]
    calls = list[str]()

    def call(path: str, body: dict[str, Any]) -> dict[str, Any]:
        calls.append(path.rpartition("/")[2])
        if calls in (["receive", "ack"], ["receive", "ack", "ack", "release"]):
            raise http.client.IncompleteRead(b"half")
        if path.endswith("ack"):
            return {"results": [{"status": 200} for _ in body["events"]]}
        events = [
            {"event_id": str(one), "lease": {"token": "t"}, "payload": {"fails": one}} for one in (0, 1)
        ]
        return {"events": events, "more": False}

    worker: dict[str, Any] = {}
    exec(code + HANDLER, worker)
    worker["call"] = call
    with pytest.raises(worker["FAILURES"]):
        worker["work_once"]()
    assert calls == ["receive", "ack", "ack", "release"]


def test_requeue_and_purge_of_the_guide_work_as_written(tmp_path: Path) -> None:
    (commands,) = blocks("deploy/guide/consuming.md", "Requeue and purge")
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server:
        variables = f"URL={server.url}\nKEY='X-API-Key: {dev_server.KEY}'\n"
        done = subprocess.run(
            ["bash", "-c", PRELUDE + variables + commands],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    preview, requeued, purged = (json.loads(line) for line in done.stdout.splitlines() if line)
    assert (preview["matching"], preview["capped"]) == (0, False)
    assert (requeued["requeued"], purged["deleted"]) == (0, 0)


def test_signature_check_of_the_guide_accepts_the_body_of_a_webhook(tmp_path: Path) -> None:
    ((_, command), (_, code)) = fences("deploy/guide/webhooks.md", "Check signatures yourself")
    hook = ("--preset", "github", "--source", "github", "--json")
    sent = b'{ "ref": "refs/heads/main" }'
    checker: dict[str, Any] = {}
    exec(code, checker)
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        stage = ("--stage", "local", *dev_server.on_folder(tmp_path), "--public-url", server.url)
        done = dev_server.run("hooks", "create", *stage, *hook)
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        signed, _ = sign(PRESETS["github"].scheme, made["secret"], sent, now=0, delivery_id="1")
        headers = {"x-github-event": "push", "x-github-delivery": "1", **signed}
        request = urllib.request.Request(made["url"], sent, headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            assert (answer.status, answer.read()) == (200, b"")
        (event,) = client.inbox()
        variables = f"URL={server.url}\nEVENT={event['event_id']}\nKEY='X-API-Key: {dev_server.KEY}'\n"
        subprocess.run(["bash", "-c", PRELUDE + variables + command], cwd=tmp_path, timeout=60, check=True)
    body = (tmp_path / "body.bin").read_bytes()
    assert (event["source"], event["event_type"], body) == ("github", "push", sent)
    assert checker["is_from_github"](event, body, made["secret"])
    assert not checker["is_from_github"](event, body + b" ", made["secret"])
