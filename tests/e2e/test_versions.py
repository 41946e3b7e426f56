"""What shows the version of a stack, and what `deploy` asks before it replaces a newer one."""

import json
from pathlib import Path

import pytest

from tests.support.rehearsal import Rehearsal, error_of, said, stack_name
from tests.support.terminal import run_on_terminal
from triggers_api.version import VERSION

pytestmark = pytest.mark.timeout(600)

NEWER = "99.0.0"
SETTINGS = """
[stages.dev]
confirm_changes = false
[stages.dev.parameters]
LogLevel = "DEBUG"
"""
CHANGE = ("--parameter", "LogLevel=DEBUG")
"""Another version has other code. The emulator sees no change in an output alone."""

APPLY = "Apply these changes? [y/N]"


def pretend_version(rehearsal: Rehearsal, stage: str, version: str | None) -> None:
    """Change the deployed version to a newer one; None for a stack of 0.1.0, which has no such output."""
    cloudformation = rehearsal.emulator.client("cloudformation")
    name = stack_name(stage)
    template = cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
    document = template if isinstance(template, dict) else json.loads(template)
    document["Outputs"] = {one: value for one, value in document["Outputs"].items() if one != "Version"}
    if version is not None:
        document["Outputs"]["Version"] = {"Value": version}
    cloudformation.update_stack(
        StackName=name,
        TemplateBody=json.dumps(document),
        Parameters=rehearsal.stack(name)["Parameters"],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def test_settings_file_does_not_agree(rehearsal: Rehearsal, tmp_path: Path) -> None:
    rehearsal.make_folders()
    (tmp_path / "triggers.toml").write_text(SETTINGS)
    session = run_on_terminal(
        *("deploy", "--stage", "dev"),
        variables=rehearsal.environment,
        replies=[(APPLY, "n\n")],
        program=rehearsal.triggers,
        folder=tmp_path,
        seconds=240,
    )
    assert session.code == 1, session.screen
    assert "confirm_changes = false in triggers.toml has no effect" in session.screen
    assert "LogLevel: - -> DEBUG" in session.screen
    assert stack_name("dev") not in rehearsal.stack_names()


def test_older_version_is_deployed_only_with_consent(rehearsal: Rehearsal) -> None:
    rehearsal.deploy("dev")
    assert rehearsal.ask("status", "--stage", "dev")["version"] == VERSION
    pretend_version(rehearsal, "dev", NEWER)
    status = rehearsal.ask("status", "--stage", "dev")
    assert (status["version"], status["program_version"]) == (NEWER, VERSION)
    doctor = rehearsal.ask("doctor", "--stage", "dev")["findings"]
    assert next(one["state"] for one in doctor if one["check"] == "version") == "warning"

    refused = rehearsal.run("deploy", "--stage", "dev", "--yes", "--json")
    assert refused.returncode == 2, said(refused)
    assert "--allow-downgrade" in error_of(refused)["hint"]
    question = f"Replace version {NEWER} with the older {VERSION}? [y/N]"
    session = rehearsal.on_terminal("deploy", "--stage", "dev", replies=[(question, "n\n")])
    assert session.code == 1, session.screen
    assert rehearsal.ask("status", "--stage", "dev")["version"] == NEWER

    plan = rehearsal.lines("deploy", "--stage", "dev", "--plan", *CHANGE)
    change_set = next(one for one in plan if one["event"] == "change_set")
    assert change_set["version"] == {"before": NEWER, "after": VERSION}
    rehearsal.deploy("dev", "--allow-downgrade", *CHANGE)
    assert rehearsal.ask("status", "--stage", "dev")["version"] == VERSION


def test_stack_without_a_version_is_updated_without_a_question(rehearsal: Rehearsal) -> None:
    pretend_version(rehearsal, "dev", None)
    assert rehearsal.ask("status", "--stage", "dev")["version"] == "unknown"
    told = rehearsal.deploy("dev", "--parameter", "LogLevel=INFO")
    change_set = next(one for one in told if one["event"] == "change_set")
    assert change_set["version"] == {"before": "unknown", "after": VERSION}
    assert rehearsal.ask("status", "--stage", "dev")["version"] == VERSION
