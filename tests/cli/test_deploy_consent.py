"""What `triggers deploy` asks before it changes a stack, and what answers in advance."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.stubbed_aws import StubbedAws
from triggers_api.cli.main import main
from triggers_api.cli.output import questions
from triggers_api.ops.cloudformation.models import ChangeSet
from triggers_api.ops.deploy.deployment import DeployOptions
from triggers_api.ops.deploy.progress import Downgrade, Outcome, Progress, Proposal

PROPOSAL = Proposal(ChangeSet("1", "2", ()), deployed_version="0.0.1")
DOWNGRADE = Downgrade("99.0", "0.1.0")
APPLY, REPLACE = "Apply these changes? [y/N]", "Replace version 99.0 with the older 0.1.0? [y/N]"


@dataclass
class Deployment:
    """A deployment on a terminal. The answers to its questions are given beforehand."""

    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    events: list[Progress] = field(default_factory=lambda: [PROPOSAL])
    answers: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    applied: bool = False

    def start(self, options: DeployOptions, *_: Any, **__: Any) -> Iterator[Progress]:
        yield from self.events
        if options.plan and PROPOSAL in self.events:
            return
        self.applied = True
        yield Outcome(changed=True, status="UPDATE_COMPLETE", outputs={"ApiUrl": "https://api.example/prod"})

    def ask(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)

    def run(self, *arguments: str) -> tuple[Any, str]:
        """Run the command, and return its exit code and what it printed to stderr."""
        self.patch.setattr(sys, "argv", ["triggers", "deploy", "--no-smoke", "--stage", "dev", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, self.capsys.readouterr().err


@pytest.fixture
def deployment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Deployment:
    found = Deployment(monkeypatch, capsys)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("triggers_api.cli.commands.deploy.announce_target", lambda *_: StubbedAws())
    monkeypatch.setattr("triggers_api.ops.deploy.deployment.deploy", found.start)
    monkeypatch.setattr(questions, "is_interactive", lambda: True)
    monkeypatch.setattr(questions, "ask", found.ask)
    return found


def write_settings(text: str) -> None:
    Path("triggers.toml").write_text(f"[stages.dev]\n{text}\n")


# The file


def test_file_does_not_agree(deployment: Deployment) -> None:
    write_settings("confirm_changes = false")
    deployment.answers = ["n"]
    code, shown = deployment.run()
    assert (code, deployment.asked, deployment.applied) == (1, [APPLY], False)
    assert "confirm_changes = false in triggers.toml has no effect" in shown
    assert "--yes" in shown


@pytest.mark.parametrize("arguments", [("--yes",), ("--plan",)])
def test_file_is_not_mentioned_when_nothing_is_asked(
    deployment: Deployment, arguments: tuple[str, ...]
) -> None:
    write_settings("confirm_changes = false")
    _, shown = deployment.run(*arguments)
    assert deployment.asked == []
    assert "confirm_changes" not in shown


def test_return_keeps_the_question_of_guided_whatever_the_file_has(deployment: Deployment) -> None:
    write_settings("confirm_changes = false")
    deployment.answers = ["", "", "", "", "", "n", "n"]
    assert deployment.run("--guided")[0] == 1
    assert deployment.asked[2] == "Confirm changes before deploy [Y/n]"
    assert deployment.asked[-1] == APPLY
    assert not deployment.applied


def test_answer_to_guided_counts_for_that_deployment_only(deployment: Deployment) -> None:
    deployment.answers = ["", "", "n", "", "", "y"]
    assert deployment.run("--guided")[0] == 0
    assert deployment.applied
    assert "confirm_changes" not in Path("triggers.toml").read_text()
    deployment.answers = ["n"]
    assert deployment.run()[0] == 1


def test_disabled_rollback_of_the_file_is_shown(deployment: Deployment) -> None:
    write_settings("disable_rollback = true")
    deployment.answers = ["n"]
    assert "rollback is disabled" in deployment.run()[1]


# An older version


@pytest.mark.parametrize(("answers", "applied"), [(["y", "y"], True), (["n"], False), (["y", "n"], False)])
def test_downgrade_is_asked(deployment: Deployment, answers: list[str], applied: bool) -> None:
    deployment.events, deployment.answers = [DOWNGRADE, PROPOSAL], [*answers]
    code, shown = deployment.run()
    assert (code == 0, deployment.applied) == (applied, applied)
    assert deployment.asked == [REPLACE, APPLY][: len(answers)]
    assert "Version 99.0 is deployed, and this program is the older 0.1.0." in shown


def test_yes_is_no_answer_to_a_downgrade(deployment: Deployment) -> None:
    deployment.events = [DOWNGRADE, PROPOSAL]
    code, shown = deployment.run("--yes")
    assert (code, deployment.applied) == (2, False)
    assert "add --allow-downgrade" in shown


@pytest.mark.parametrize(("arguments", "asked"), [(("--yes",), []), ((), [APPLY])])
def test_allow_downgrade_is(deployment: Deployment, arguments: tuple[str, ...], asked: list[str]) -> None:
    deployment.events, deployment.answers = [DOWNGRADE, PROPOSAL], ["y"]
    assert deployment.run("--allow-downgrade", *arguments)[0] == 0
    assert (deployment.applied, deployment.asked) == (True, asked)


def test_plan_warns_of_a_downgrade(deployment: Deployment) -> None:
    deployment.events = [DOWNGRADE, PROPOSAL]
    assert "this program is the older 0.1.0" in deployment.run("--plan")[1]
    assert deployment.asked == []


@pytest.mark.parametrize(("events", "is_named"), [([PROPOSAL], True), ([], False)])
def test_plan_with_changes_names_the_next_step(
    deployment: Deployment, events: list[Progress], is_named: bool
) -> None:
    deployment.events = events
    code, shown = deployment.run("--plan")
    assert (code, "This was a plan. The stack was not changed.\n" in shown) == (0, True)
    assert ("run the command again without --plan" in shown) is is_named


def test_plan_shows_both_versions(deployment: Deployment) -> None:
    assert "Version: 0.0.1 -> 0.1.0" in deployment.run("--plan")[1]
