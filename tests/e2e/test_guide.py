"""The commands of the guide's rehearsal, run as they are written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import PRELUDE, ROOT, blocks
from tests.support.rehearsal import uv_variables
from triggers_api.ops.smoke.check_runner import CHECKS

OTHER_ACCOUNT = {
    "SHELL": "/bin/bash",
    "AWS_PROFILE": "work",
    "AWS_REGION": "eu-central-1",
    "AWS_SESSION_TOKEN": "of-another-account",
    "TRIGGERS_STAGE": "another",
}


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
    assert f"All {len(CHECKS) + 3} checks passed." in done.stderr
    assert "test-request-123" in done.stdout
