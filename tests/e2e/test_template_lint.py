"""The stack's template under the three linters, each in an environment of its own; they run offline."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.template import PATH
from tests.support.tool_env import tool
from triggers_api.ops.deploy import sam

CFN_LINT = "cfn-lint==1.58.0"
CHECKOV = "checkov==3.3.30"
# The first run of a machine builds an environment: checkov's has a hundred packages.
pytestmark = pytest.mark.timeout(900)


def run(program: Path, *arguments: str) -> str:
    """Run a linter without a developer's settings; return its output if it reported nothing."""
    variables = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(
        [str(program), *arguments],
        cwd=PATH.parent,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkov() -> dict[str, Any]:
    """Return checkov's findings."""
    options = ("--framework", "cloudformation", "--skip-download", "--output", "json")
    report: dict[str, Any] = json.loads(run(tool(CHECKOV, "checkov"), "--file", str(PATH), *options))
    return report


def test_sam_validate_reports_nothing() -> None:
    printed = run(
        tool(sam.PACKAGE, "sam"), "validate", "--lint", "--template", str(PATH), "--region", "us-east-1"
    )
    assert "is a valid SAM Template" in printed


def test_cfn_lint_reports_nothing() -> None:
    assert run(tool(CFN_LINT, "cfn-lint"), "--include-checks", "I", "--template", str(PATH)) == ""


def test_checkov_reports_nothing(checkov: dict[str, Any]) -> None:
    summary = checkov["summary"]
    assert (summary["failed"], summary["parsing_errors"]) == (0, 0)
    assert summary["passed"] > 0


def test_every_suppression_is_needed_and_has_its_reason(checkov: dict[str, Any]) -> None:
    written = re.findall(r"checkov:skip=(\w+): (.+)", PATH.read_text(encoding="utf-8"))
    skipped = checkov["results"]["skipped_checks"]
    used = [(one["check_id"], one["check_result"]["suppress_comment"].strip()) for one in skipped]
    assert sorted(used) == sorted(written)
    assert all(len(reason.split()) > 2 for _, reason in written)
