"""Commands in a fix work on the same target as the command that prints the fix."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stubbed_aws import make_target
from tests.unit.test_documents import COMMANDS
from triggers_api.cli import config, flags
from triggers_api.cli.main import main
from triggers_api.cli.output import console
from triggers_api.cli.output.checks import CheckProgress, notify
from triggers_api.cli.output.progress import JsonReporter, TextReporter
from triggers_api.errors import OperatorError
from triggers_api.ops.build.paths import PACKAGE
from triggers_api.ops.findings import Finding, State

LIST = "List them with: triggers keys list --all"


@pytest.fixture(autouse=True)
def forget_target() -> Iterator[None]:
    yield
    flags.set_target(None)


def working_on(folder: Path, *, variables: dict[str, str] | None = None, **given: str) -> None:
    flags.set_target(config.resolve(**{"stage": None, **given}, variables=variables or {}, folder=folder))  # type: ignore[arg-type]  # texts only


def working_on_local(folder: Path) -> None:
    flags.set_target(config.resolve(stage="local", data_dir=Path("/data"), variables={}, folder=folder))


def test_commands_in_a_fix_get_the_stage_and_the_given_flags(tmp_path: Path) -> None:
    working_on(tmp_path, stage="dev", region="eu-west-1", profile="my own")
    assert (
        flags.complete_commands(LIST)
        == "List them with: triggers keys list --stage dev --region eu-west-1 --profile 'my own' --all"
    )
    assert (
        flags.complete_commands("Run triggers destroy, then triggers deploy --adopt.").count("--stage dev")
        == 2
    )


def test_values_of_environment_and_file_are_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text('[stages.dev]\nregion = "eu-west-1"\n')
    working_on(tmp_path, variables={"TRIGGERS_STAGE": "dev", "TRIGGERS_PROFILE": "mine"})
    assert flags.complete_commands("See triggers status.") == "See triggers status --stage dev."


def test_stage_is_not_added_twice(tmp_path: Path) -> None:
    working_on(tmp_path, stage="dev")
    assert flags.complete_commands("Run triggers smoke --stage dev.") == "Run triggers smoke --stage dev."


def test_keys_commands_get_no_stack_name(tmp_path: Path) -> None:
    working_on(tmp_path, stage="dev", stack_name="mine")
    assert flags.complete_commands("triggers keys list") == "triggers keys list --stage dev"
    assert flags.complete_commands("triggers status") == "triggers status --stage dev --stack-name mine"


def test_local_stage_is_added_only_to_commands_that_accept_it(tmp_path: Path) -> None:
    working_on_local(tmp_path)
    assert (
        flags.complete_commands(LIST)
        == "List them with: triggers keys list --stage local --data-dir /data --all"
    )
    assert flags.complete_commands("See triggers status, or run triggers dev.") == (
        "See triggers status, or run triggers dev."
    )


def test_fix_is_unchanged_when_no_target_is_set() -> None:
    assert flags.complete_commands(LIST) == LIST


SEE, SEEN = "See triggers status.", "See triggers status --stage dev."
WARNING = Finding("tables", State.WARNING, "Look.", SEE)


def test_fix_of_an_error_is_completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    working_on(tmp_path, stage="dev")
    for as_json in (False, True):
        console.show_error(OperatorError("No.", hint=SEE), as_json=as_json)
    told = capsys.readouterr()
    assert (SEEN in told.err, json.loads(told.out)["error"]["hint"]) == (True, SEEN)


def test_fix_of_a_check_is_completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    working_on(tmp_path, stage="dev")
    with CheckProgress(1, "Checking") as progress:
        progress.add(WARNING)
    assert progress.findings[0].fix == SEEN
    notify(SEE)
    assert capsys.readouterr().err.endswith(f"{SEEN}\n")


def test_fix_of_a_deployment_finding_is_completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    working_on(tmp_path, stage="dev")
    TextReporter(make_target()).report(WARNING)
    JsonReporter().report(WARNING)
    told = capsys.readouterr()
    assert (SEEN in told.err, json.loads(told.out)["fix"]) == (True, SEEN)


def test_fix_of_a_doctor_finding_is_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("triggers_api.ops.doctor.readiness.check_readiness", lambda *_, **__: [WARNING])
    for arguments in (["--stage", "dev"], ["--stage", "dev", "--json"]):
        monkeypatch.setattr(sys, "argv", ["triggers", "doctor", *arguments])
        with pytest.raises(SystemExit):
            main()
    text, _, document = capsys.readouterr().out.partition("{")
    assert SEEN in text
    assert json.loads("{" + document)["findings"][0]["fix"] == SEEN


def texts() -> list[str]:
    """Return every text of the sources, each part of one that is put together for itself."""
    sources = (path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    nodes = (node for source in sources for node in ast.walk(ast.parse(source)))
    found = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in found if "triggers " in text]


@pytest.mark.parametrize("local", [False, True])
def test_completed_commands_in_all_messages_have_valid_options(tmp_path: Path, local: bool) -> None:
    if local:
        working_on_local(tmp_path)
    else:
        working_on(tmp_path, stage="dev", region="eu-west-1", profile="mine", stack_name="our-own")
    named = 0
    for text in texts():
        for call in re.findall(r"(?<![\w-])(triggers [a-z][^,;:.`)\n]*)", flags.complete_commands(text)):
            words = next((one for one in COMMANDS if f"{call} ".startswith(f"{one} ")), None)
            if words is not None:
                known = {option for one in COMMANDS[words].params for option in one.opts}
                assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", call)) <= known, call
                named += 1
    assert named > 50
