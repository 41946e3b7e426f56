"""`triggers deploy` and related commands without a terminal: the errors before any network call."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import fake_aws
from tests.support.dev_server import run
from tests.support.dynamodb_local import free_port
from tests.support.fake_aws import FakeAws
from tests.support.terminal import run_on_terminal

COMMANDS = ["deploy", "status", "outputs", "destroy", "doctor"]
COMMON = ["--stage", "--region", "--profile", "--stack-name", "--json", "--debug"]
OPTIONS = {
    "deploy": [
        "--plan",
        "--guided",
        "--adopt",
        "--parameter",
        "--runtime",
        "--architecture",
        "--use-container",
        "--confirm",
        "--no-smoke",
        "--yes",
        "--no-input",
    ],
    "status": [],
    "outputs": ["--name"],
    "destroy": ["--confirm", "--no-input"],
    "doctor": ["--runtime"],
}


WITHOUT_SAM = {"PATH": "/nowhere", "UV_OFFLINE": "1", "UV_CACHE_DIR": "/nowhere/cache"}
"""If a command continues by mistake, it stops when it looks for SAM, because uv is offline."""


@dataclass(frozen=True)
class Refusal:
    """The three lines of an error; a missing reason or fix is empty."""

    code: int
    error: str
    why: str
    fix: str

    @property
    def all(self) -> str:
        return f"{self.error} {self.why} {self.fix}"


@pytest.fixture(scope="module")
def account() -> Iterator[FakeAws]:
    with fake_aws.refusing("AccessDeniedException") as aws:
        yield aws


def refused(
    account: FakeAws, *arguments: str, variables: Mapping[str, str] | None = None, folder: Path | None = None
) -> Refusal:
    """Run a command that fails before any AWS call, also with `--json`, and return the error."""
    before = len(account.asked)
    variables = {"AWS_ENDPOINT_URL": account.url, **WITHOUT_SAM, **(variables or {})}
    plain = run(*arguments, variables=variables, folder=folder)
    as_json = run(*arguments, "--json", variables=variables, folder=folder)
    assert len(account.asked) == before
    assert (plain.stdout, as_json.stderr) == ("", "")
    assert as_json.returncode == plain.returncode
    lines = dict(line.strip().split(": ", 1) for line in plain.stderr.splitlines())
    assert [*lines] == [name for name in ("error", "why", "fix") if name in lines], plain.stderr
    (line,) = as_json.stdout.splitlines()
    document = json.loads(line)["error"]
    assert list(document) == ["code", "message", "hint"]
    assert document["message"].startswith(lines["error"])
    assert document["hint"] == lines.get("fix", "")
    return Refusal(plain.returncode, lines["error"], lines.get("why", ""), lines.get("fix", ""))


# Help


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help_page_with_its_options_and_an_example(command: str) -> None:
    done = run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: triggers {command}" in done.stdout
    assert f"triggers {command}" in done.stdout.partition("Example: ")[2].partition("Options")[0]
    for option in [*COMMON, *OPTIONS[command]]:
        assert f"{option} " in done.stdout


def test_help_lists_the_commands() -> None:
    listed = run("--help").stdout.partition("Local:")[2].splitlines()
    assert set(COMMANDS) <= {line.split()[0] for line in listed if line.strip()}


# Usage


@pytest.mark.parametrize("command", COMMANDS)
def test_local_stage_is_rejected(account: FakeAws, command: str) -> None:
    found = refused(account, command, "--stage", "local")
    assert found.code == 2
    assert "local (--stage)" in found.why
    assert "triggers dev" in found.fix


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("option", "value"), [("--stage", "Prod"), ("--region", "mars"), ("--stack-name", "1st")]
)
def test_invalid_target_names_its_flag(account: FakeAws, command: str, option: str, value: str) -> None:
    # An emulator may have other regions.
    variables = {"AWS_ENDPOINT_URL": ""} if option == "--region" else {}
    found = refused(account, command, option, value, variables=variables)
    assert found.code == 2
    assert found.error.startswith(f"{option}: '{value}' is not ")


@pytest.mark.parametrize("command", COMMANDS)
def test_emulator_region_can_have_any_name(account: FakeAws, command: str) -> None:
    assert refused(account, command, "--region", "").error.startswith("--region: '' is not a region")


@pytest.mark.parametrize("command", COMMANDS)
def test_stray_argument_is_rejected(account: FakeAws, command: str) -> None:
    assert refused(account, command, "stray").code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_invalid_file_is_named(account: FakeAws, command: str, tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text("[stages.prod]\nconfirm_changes = 'yes'\n")
    found = refused(account, command, folder=tmp_path)
    assert found.code == 2
    assert "confirm_changes of [stages.prod] must be true or false" in found.error


def test_flag_and_parameter_must_not_contradict(account: FakeAws) -> None:
    both = ("--runtime", "python3.12", "--parameter", "Runtime=python3.13")
    found = refused(account, "deploy", "--yes", *both)
    assert (found.code, found.error) == (
        2,
        "--runtime python3.12 contradicts --parameter Runtime=python3.13.",
    )


def test_pipe_instead_of_the_file_does_not_block(account: FakeAws, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "triggers.toml")
    found = refused(account, "status", folder=tmp_path)
    assert (found.code, found.error) == (2, "triggers.toml is not a file.")


def test_invalid_file_has_a_fix(account: FakeAws, tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text("[stages.prod]\nconfirm_changes = 'yes'\n")
    assert refused(account, "status", folder=tmp_path).fix


WRONG_PARAMETERS = {
    "no equals sign": (("--parameter", "LogLevel"), "KEY=VALUE"),
    "no name": (("--parameter", "=DEBUG"), "KEY=VALUE"),
    "the stage": (("--parameter", "Stage=dev"), "--stage"),
    "unknown": (("--parameter", "Memory=512"), "MemorySize"),
    "a leading zero": (("--parameter", "MemorySize=0512"), "from 128 to 10240"),
    "of another case": (("--parameter", "loglevel=DEBUG"), "LogLevel"),
    "out of range": (("--parameter", "MemorySize=127"), "a whole number from 128 to 10240"),
    "not allowed": (("--parameter", "LogLevel=debug"), "one of DEBUG, INFO, WARNING"),
    "of another form": (("--parameter", "CorsAllowOrigin=shop.example"), "an origin as browsers send it"),
    "nothing": (("--parameter", "EventTtlDays="), "a whole number from 1 to 3650"),
    "the second of two": (("--parameter", "LogLevel=INFO", "--parameter", "EventTtlDays=0"), "1 to 3650"),
    "an old runtime": (("--runtime", "python3.8"), "one of python3.11, python3.12"),
    "another runtime": (("--runtime", "3.13"), "one of python3.11, python3.12"),
    "another processor": (("--architecture", "arm"), "one of x86_64, arm64"),
}


@pytest.mark.slow("runs a command for each value")
@pytest.mark.parametrize(("arguments", "said"), WRONG_PARAMETERS.values(), ids=WRONG_PARAMETERS.keys())
@pytest.mark.parametrize("more", ["--yes", "--plan"])
def test_invalid_parameter_names_the_allowed_values(
    account: FakeAws, arguments: tuple[str, ...], said: str, more: str
) -> None:
    found = refused(account, "deploy", *arguments, more)
    assert found.code == 2
    assert said in found.all
    assert found.error.startswith(f"{arguments[-2]}: ")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("MemorySize = 127", "MemorySize must be a whole number from 128 to 10240"),
        ("Memory = 512", "the stack has no parameter Memory"),
        ("DeletionProtection = 'yes'", "DeletionProtection must be one of true, false"),
    ],
)
def test_invalid_parameter_of_the_file_names_the_file(
    account: FakeAws, tmp_path: Path, file: str, said: str
) -> None:
    (tmp_path / "triggers.toml").write_text(f"[stages.prod.parameters]\n{file}\n")
    found = refused(account, "deploy", "--yes", folder=tmp_path)
    assert found.code == 2
    assert found.error.startswith(f"triggers.toml: {said}")


def test_stage_cannot_be_a_parameter_of_the_file(account: FakeAws, tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text("[stages.prod.parameters]\nStage = 'dev'\n")
    assert "Stage" in refused(account, "deploy", "--yes", folder=tmp_path).error


def test_doctor_reads_the_parameters_of_the_file(account: FakeAws, tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text("[stages.prod.parameters]\nAccessLogs = 'perhaps'\n")
    found = refused(account, "doctor", folder=tmp_path)
    assert found.code == 2
    assert found.error.startswith("triggers.toml: AccessLogs must be one of true, false")


def test_doctor_rejects_an_unknown_runtime(account: FakeAws) -> None:
    found = refused(account, "doctor", "--runtime", "python2.7")
    assert found.code == 2
    assert "one of python3.11" in found.error


# Not interactive


@pytest.mark.parametrize("arguments", [(), ("--adopt",), ("--confirm", "triggers-api-prod")], ids=str)
def test_deploy_without_yes_is_refused_when_not_interactive(
    account: FakeAws, arguments: tuple[str, ...]
) -> None:
    found = refused(account, "deploy", *arguments)
    assert found.code == 2
    assert "not a terminal" in found.why
    assert "--yes" in found.fix


def test_json_output_into_a_pipe_requires_yes(account: FakeAws) -> None:
    variables = {"AWS_ENDPOINT_URL": account.url, **WITHOUT_SAM}
    session = run_on_terminal("deploy", "--json", variables=variables, pipe_stdout=True)
    assert session.code == 2
    assert "not a terminal" in json.loads(session.piped)["error"]["message"]


def test_no_input_requires_yes(account: FakeAws) -> None:
    found = refused(account, "deploy", "--no-input")
    assert (found.code, found.why) == (2, "--no-input was given")


def test_confirm_changes_setting_does_not_replace_yes_when_not_interactive(
    account: FakeAws, tmp_path: Path
) -> None:
    (tmp_path / "triggers.toml").write_text("[stages.prod]\nconfirm_changes = false\n")
    found = refused(account, "deploy", folder=tmp_path)
    assert found.code == 2
    assert "--yes" in found.fix


@pytest.mark.parametrize(
    ("arguments", "why"),
    [((), "not a terminal"), (("--yes",), "not a terminal"), (("--no-input",), "--no-input was given")],
    ids=str,
)
def test_guided_is_refused_when_not_interactive(
    account: FakeAws, arguments: tuple[str, ...], why: str
) -> None:
    found = refused(account, "deploy", "--guided", *arguments)
    assert found.code == 2
    assert why in found.why
    assert "triggers.toml" in found.fix


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "triggers-api-prod"),
        (("--no-input",), "triggers-api-prod"),
        (("--stage", "test"), "triggers-api-test"),
        (("--stack-name", "mine"), "mine"),
    ],
    ids=str,
)
def test_destroy_needs_the_stacks_name(account: FakeAws, arguments: tuple[str, ...], name: str) -> None:
    found = refused(account, "destroy", *arguments)
    assert found.code == 2
    assert f"--confirm {name}" in found.fix


def test_destroy_has_no_yes(account: FakeAws) -> None:
    assert refused(account, "destroy", "--yes").code == 2


# No AWS


@pytest.fixture
def nowhere() -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", **WITHOUT_SAM}


UNREACHABLE = {
    "deploy": ("deploy", "--yes"),
    "plan": ("deploy", "--plan"),
    "status": ("status",),
    "outputs": ("outputs", "--name", "ApiUrl"),
    "destroy": ("destroy", "--confirm", "triggers-api-prod"),
}


@pytest.mark.parametrize("arguments", UNREACHABLE.values(), ids=UNREACHABLE.keys())
def test_unreachable_aws_is_an_error_without_traceback(
    arguments: tuple[str, ...], nowhere: dict[str, str]
) -> None:
    done = run(*arguments, "--region", "eu-west-1", variables=nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    told = [line.partition(":")[0].strip() for line in done.stderr.splitlines()]
    assert told == ["error", "why", "fix"]
    assert "eu-west-1 (--region)" in done.stderr


@pytest.mark.parametrize("arguments", UNREACHABLE.values(), ids=UNREACHABLE.keys())
def test_partial_credentials_exit_with_4(arguments: tuple[str, ...], nowhere: dict[str, str]) -> None:
    done = run(*arguments, "--json", variables={**nowhere, "AWS_SECRET_ACCESS_KEY": ""})
    assert done.returncode == 4
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["error"]["code"] == "CREDENTIALS"


def test_traceback_is_shown_only_with_debug(nowhere: dict[str, str]) -> None:
    assert "Traceback" not in run("status", variables=nowhere).stderr
    done = run("status", "--debug", variables=nowhere)
    assert "Traceback" in done.stderr
    assert done.returncode == 1


def test_target_and_origins_are_printed_before_any_change(account: FakeAws) -> None:
    done = run(
        *("deploy", "--yes", "--stage", "dev", "--region", "eu-west-1"),
        variables={"AWS_ENDPOINT_URL": account.url, "TRIGGERS_STACK_NAME": "mine", **WITHOUT_SAM},
    )
    first = done.stderr.splitlines()[0]
    parts = (
        f"{fake_aws.ACCOUNT} (env)",
        "eu-west-1 (--region)",
        "dev (--stage)",
        "mine (TRIGGERS_STACK_NAME)",
    )
    for part in parts:
        assert part in first
    assert "profile" not in first


def test_closed_stderr_does_not_stop_the_command(account: FakeAws) -> None:
    command = 'exec 2>&-; exec "$@"'
    done = run(
        *("-c", command, "sh", sys.executable, "-m", "triggers_api", "deploy", "--yes", "--json"),
        program=("/bin/sh",),
        variables={"AWS_ENDPOINT_URL": account.url, **WITHOUT_SAM},
    )
    assert done.returncode == 3
    assert json.loads(done.stdout.splitlines()[-1])["error"]["code"] == "PREFLIGHT_FAILED"


# Doctor


def findings(done_stdout: str) -> dict[str, dict[str, Any]]:
    document = json.loads(done_stdout)
    assert set(document) == {"can_deploy", "findings"}
    assert document["can_deploy"] is False
    found = {one["check"]: one for one in document["findings"]}
    for one in found.values():
        assert set(one) == {"check", "state", "message", "fix"}
        assert one["state"] != "failed" or one["fix"]
    return found


def test_doctor_without_aws_checks_this_machine_and_exits_with_3(
    nowhere: dict[str, str], tmp_path: Path
) -> None:
    variables = {**nowhere, "UV_CACHE_DIR": str(tmp_path / "cache")}
    done = run("doctor", "--json", variables=variables)
    assert done.returncode == 3
    found = findings(done.stdout)
    assert found["uv"]["state"] == "ok"
    assert found["sam"]["state"] == "failed"
    assert "pipx install" in found["sam"]["fix"]
    assert found["credentials"]["state"] == "failed"
    assert "not installed" in found["docker"]["message"]


def test_doctor_text_output_has_the_same_findings_and_fixes(nowhere: dict[str, str], tmp_path: Path) -> None:
    variables = {**nowhere, "UV_CACHE_DIR": str(tmp_path / "cache")}
    done = run("doctor", variables=variables)
    assert (done.returncode, done.stderr) == (3, "Not ready to deploy: 2 failed.\n")
    assert "Traceback" not in done.stdout
    lines = done.stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.split()[:2] == ["failed", "credentials"])
    assert lines[at + 1].strip().startswith("fix: ")
