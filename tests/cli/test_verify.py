"""`triggers verify` at the command line: what it refuses, what it prints, and how it exits."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import fake_aws, one_api
from tests.support.dev_server import run
from tests.support.dynamodb_local import free_port
from tests.support.sound_stack import LOG_GROUP, SoundStack, logged, refusal
from tests.support.terminal import run_on_terminal
from triggers_api.cli import main
from triggers_api.cli.commands import verify as command
from triggers_api.ops.verify import log_search
from triggers_api.version import VERSION

OPTIONS = ["--verbose", "--stage", "--region", "--profile", "--stack-name", "--json", "--debug"]
RECORD = ["check", "passed", "milliseconds", "expected", "saw", "fix", "request_id", "ran"]


# --- Wrong usage


def test_its_help_page_has_its_options_and_an_example() -> None:
    done = run("verify", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: triggers verify" in done.stdout
    assert "Example: triggers verify" in done.stdout
    for option in OPTIONS:
        assert f"{option} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--stage", "local"), "The local stage is not on AWS"),
        (("--stage", "Prod"), "--stage: 'Prod' is not "),
        (("--region", "mars"), "--region: 'mars' is not "),
        (("--stack-name", "1st"), "--stack-name: '1st' is not "),
        (("stray",), "stray"),
        (("--yes",), "--yes"),
    ],
    ids=str,
)
def test_wrong_usage_exits_with_2_before_aws_is_asked(arguments: tuple[str, ...], said: str) -> None:
    plain, as_json = run("verify", *arguments), run("verify", *arguments, "--json")
    assert (plain.returncode, as_json.returncode) == (2, 2)
    assert (plain.stdout, as_json.stderr) == ("", "")
    assert said in plain.stderr.splitlines()[0]
    assert set(json.loads(as_json.stdout)["error"]) == {"code", "message", "hint"}


# --- AWS is unreachable or refuses


def test_an_unreachable_aws_exits_with_1() -> None:
    nowhere = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    done = run("verify", "--region", "eu-west-1", variables=nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.partition(":")[0].strip() for line in done.stderr.splitlines()] == ["error", "why", "fix"]
    assert "eu-west-1 (--region)" in done.stderr


def test_incomplete_credentials_exit_with_4() -> None:
    done = run("verify", "--json", variables={"AWS_SECRET_ACCESS_KEY": ""})
    assert done.returncode == 4
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["error"]["code"] == "CREDENTIALS"


def test_the_target_and_its_origins_are_printed(tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text("[stages.dev]\nregion = 'eu-west-3'\n")
    with fake_aws.refusing("AccessDeniedException") as account:
        variables = {"AWS_ENDPOINT_URL": account.url}
        done = run("verify", "--stage", "dev", variables=variables, folder=tmp_path)
    first = done.stderr.splitlines()[0]
    assert first == (
        f"Verify: account {fake_aws.ACCOUNT} (env), region eu-west-3 (triggers.toml), stage dev (--stage), "
        f"stack triggers-api-dev (default), endpoint {account.url} (AWS_ENDPOINT_URL)"
    )


# --- On a stack


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    stderr: str


@dataclass
class Operator:
    """Runs the command on a stack, in this process and without a terminal."""

    stack: SoundStack
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def verifies(self, *arguments: str) -> Done:
        self.monkeypatch.setattr(sys, "argv", ["triggers", "verify", "--stage", "dev", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = self.capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Operator]:
    with one_api.running() as api:
        stack = SoundStack(api)
        stack.answers["logs.FilterLogEvents"] = lambda _: {
            "events": logged(*(one.headers["x-request-id"] for one in api.requests))
        }
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setattr(command, "announce_target", lambda _target, _action: stack)
        monkeypatch.setattr(log_search, "_POLL_SECONDS", 0.01)
        yield Operator(stack, monkeypatch, capsys)


def test_a_sound_stack_exits_with_0_and_has_a_row_for_each_group_of_checks(operator: Operator) -> None:
    done = operator.verifies()
    assert done.code == 0
    head, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert head == ["GROUP", "CHECKS", "RESULT", "SLOWEST MS"]
    groups = [row[0] for row in rows]
    assert {"stack", "function", "events table", "role", "api", "request"} <= set(groups)
    assert len(groups) == len(set(groups))
    assert {row[2] for row in rows} == {"ok"}
    total = sum(int(row[1]) for row in rows)
    assert done.stderr.splitlines()[-1] == f"All {total} checks passed."


def test_verbose_prints_a_row_for_each_check(operator: Operator) -> None:
    done = operator.verifies("--verbose")
    assert done.code == 0
    head, *rows = done.stdout.splitlines()
    assert head == "CHECK\tRESULT\tMS"
    assert {row.split("\t")[1] for row in rows} == {"ok"}
    assert done.stderr.splitlines()[-1] == f"All {len(rows)} checks passed."


def test_the_version_of_the_template_is_printed_with_what_to_do_after_an_upgrade(
    operator: Operator,
) -> None:
    shown = operator.verifies("--json").stderr
    assert f"The stack has version unknown, and is compared with the template of version {VERSION}." in shown
    (hint,) = [line for line in shown.splitlines() if line.startswith("First deploy this version: ")]
    assert hint.endswith(" triggers deploy --stage dev --stack-name triggers-api-dev")


def test_a_defect_exits_with_6_and_is_explained_below_the_table_and_in_the_error(operator: Operator) -> None:
    operator.stack.log_groups[0]["retentionInDays"] = 3
    done = operator.verifies()
    assert done.code == 6
    assert "log group: retention\tFAILED\t" in done.stdout
    assert f"  expected: {LOG_GROUP}, 14 days\n  saw: {LOG_GROUP}, 3 days\n  fix: " in done.stdout
    assert " aws logs put-" in done.stdout
    assert done.stdout.count("FAILED") == 1
    lines = done.stderr.splitlines()[-3:]
    assert [line.partition(":")[0].strip() for line in lines] == ["error", "why", "fix"]
    total = done.stdout.count("\tok\t") + 1
    assert lines[0] == f"error: 1 of {total} checks failed."


def test_a_failure_about_the_request_names_the_command_that_prints_its_log(operator: Operator) -> None:
    operator.stack.answers["logs.FilterLogEvents"] = refusal("AccessDeniedException", "logs:FilterLogEvents")
    done = operator.verifies()
    assert done.code == 6
    assert (
        " logs tail --stage dev --stack-name triggers-api-dev --no-follow --request-id verify-" in done.stdout
    )


@pytest.mark.parametrize("days", [14, 3])
def test_json_is_one_document_with_a_record_of_each_check(operator: Operator, days: int) -> None:
    operator.stack.log_groups[0]["retentionInDays"] = days
    done = operator.verifies("--json")
    document = json.loads(done.stdout)
    assert list(document) == ["stage", "stack", "region", "version", "program_version", "passed", "checks"]
    assert (document["stage"], document["stack"]) == ("dev", "triggers-api-dev")
    assert document["passed"] is (days == 14)
    assert done.code == (0 if days == 14 else 6)
    for one in document["checks"]:
        assert list(one) == RECORD
        assert (one["fix"] is None) is one["passed"]


def test_escape_sequences_are_escaped(operator: Operator) -> None:
    operator.stack.function["Handler"] = "main\x1b[31m.handler"
    done = operator.verifies()
    assert done.code == 6
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[31m" in done.stdout


def test_a_denied_stack_exits_with_4(operator: Operator) -> None:
    operator.stack.answers["cloudformation.DescribeStacks"] = refusal("AccessDenied", "not authorized")
    done = operator.verifies("--json")
    assert done.code == 4
    assert json.loads(done.stdout)["error"]["code"] == "PERMISSION_DENIED"


def test_a_missing_stack_exits_with_1(operator: Operator) -> None:
    operator.stack.answers["cloudformation.DescribeStacks"] = refusal(
        "ValidationError", "Stack with id triggers-api-dev does not exist"
    )
    done = operator.verifies("--json")
    assert done.code == 1
    assert json.loads(done.stdout)["error"]["code"] == "STACK_MISSING"


def test_a_denied_operation_exits_with_6_and_names_the_permission(operator: Operator) -> None:
    operator.stack.answers["iam.GetRole"] = refusal("AccessDenied", "not authorized to perform: iam:GetRole")
    done = operator.verifies()
    assert done.code == 6
    assert "not authorized to perform: iam:GetRole" in done.stdout
    assert "  fix: Ask for the permission, or use another profile with --profile." in done.stdout


def test_on_a_terminal_an_error_has_no_traceback() -> None:
    nowhere = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    session = run_on_terminal("verify", variables=nowhere)
    assert session.code == 1
    assert "Traceback" not in session.screen
