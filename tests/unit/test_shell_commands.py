"""Commands in a message work on the account, region, stage and endpoint of the command that prints them."""

import ast
import re
import shlex
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from tests.support.stubbed_aws import make_target
from tests.unit.test_documents import COMMANDS
from triggers_api.cli import config
from triggers_api.errors import ConfigurationError
from triggers_api.ops import shell_commands
from triggers_api.ops.build.paths import PACKAGE
from triggers_api.ops.shell_commands import aws_command, python_command, set_target, triggers_command
from triggers_api.ops.target import Setting

MAKER = "ops/shell_commands.py"
FOR_CLIENTS = "api/openapi.py"
"""The document of the API, whose readers have no account."""
REVIEWED = {
    ("api/web_access.py", "Call it at localhost, or start `triggers dev --allowed-host` with the name."),
    ("cli/app.py", "triggers"),  # the name of the program
    ("cli/main.py", "triggers"),  # for `triggers --help`
    ("cli/output/junit.py", "triggers smoke"),  # the name of a suite
    ("ops/aws_errors.py", "The session of aws login has expired, or was never started."),
    ("ops/aws_errors.py", "The session of aws login may not be renewed."),
    ("ops/cloudformation/failures.py", "aws"),  # a partition
    ("ops/doctor/readiness.py", "aws"),  # a program to look for
    ("settings.py", "AUTH_MODE is aws"),
    ("settings.py", "AUTH_MODE must be aws inside Lambda."),
    ("settings.py", "aws"),
    (
        "store/sqlite/failures.py",
        "Stop triggers dev, put the files back if you moved them, and start it again.",
    ),
    ("version.py", "triggers "),  # what --version prints
}
"""Texts that look like a command, and act on no account."""


def work_on(folder: Path, *, variables: dict[str, str] | None = None, **given: Any) -> None:
    set_target(config.resolve(**{"stage": None, **given}, variables=variables or {}, folder=folder))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from a developer's own profiles."""
    monkeypatch.setenv("HOME", str(tmp_path))


def flags_of(command: str) -> dict[str, str]:
    words = shlex.split(command)
    return {flag: value for flag, value in pairwise(words) if flag.startswith("--")}


# What a command carries


def test_triggers_command_has_the_given_target(tmp_path: Path) -> None:
    work_on(tmp_path, stage="dev", region="eu-west-1", profile="my own", stack_name="mine")
    assert triggers_command("status") == (
        "triggers status --stage dev --region eu-west-1 --profile 'my own' --stack-name mine"
    )
    assert triggers_command("keys list", "--all") == (
        "triggers keys list --stage dev --region eu-west-1 --profile 'my own' --all"
    )


def test_aws_command_has_the_given_target(tmp_path: Path) -> None:
    work_on(
        tmp_path,
        stage="dev",
        region="eu-west-1",
        profile="b",
        variables={"AWS_ENDPOINT_URL": "http://[::1]:4566"},
    )
    assert aws_command("logs", "delete-log-group", "--log-group-name", "/a b") == (
        "aws logs delete-log-group --region eu-west-1 --endpoint-url 'http://[::1]:4566' --profile b "
        "--log-group-name '/a b'"
    )


VARIABLES = {"TRIGGERS_STAGE": "dev", "TRIGGERS_REGION": "eu-west-1", "TRIGGERS_PROFILE": "b"}
FILE = 'stage = "dev"\n[stages.dev]\nregion = "eu-west-1"\nprofile = "b"\nstack_name = "mine"\n'


@pytest.mark.parametrize(
    ("variables", "file"),
    [
        (VARIABLES | {"TRIGGERS_STACK_NAME": "mine"}, ""),
        ({}, FILE),
        (
            {
                "TRIGGERS_STAGE": "dev",
                "AWS_REGION": "eu-west-1",
                "AWS_PROFILE": "b",
                "TRIGGERS_STACK_NAME": "mine",
            },
            "",
        ),
    ],
    ids=["variables", "file", "variables of AWS"],
)
def test_commands_carry_what_does_not_apply_in_another_shell(
    tmp_path: Path, variables: dict[str, str], file: str
) -> None:
    (tmp_path / "triggers.toml").write_text(file)
    work_on(tmp_path, variables=variables)
    expected = {"--stage": "dev", "--region": "eu-west-1", "--profile": "b"}
    assert flags_of(triggers_command("deploy")) == {**expected, "--stack-name": "mine"}
    del expected["--stage"]
    assert flags_of(aws_command("iam", "get-role")) == expected


def test_credentials_in_variables_exclude_the_profile_there(tmp_path: Path) -> None:
    variables = {"AWS_PROFILE": "b", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}
    write_profiles(tmp_path / ".aws" / "config", "default")
    work_on(tmp_path, variables=variables)
    assert "--profile" not in aws_command("iam", "get-role") + triggers_command("status")


def write_profiles(path: Path, *sections: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"[{one}]\nregion = eu-west-1\n" for one in sections))


@pytest.mark.parametrize(
    ("file", "section"),
    [("config", "default"), ("config", 'profile "default"'), ("credentials", "default")],
    ids=str,
)
def test_commands_carry_the_default_profile(tmp_path: Path, file: str, section: str) -> None:
    """In the shell that they are pasted into, AWS_PROFILE or `triggers.toml` may name another one."""
    write_profiles(tmp_path / ".aws" / file, "profile b", section)
    work_on(tmp_path)
    assert flags_of(aws_command("iam", "get-role"))["--profile"] == "default"
    assert flags_of(triggers_command("status"))["--profile"] == "default"


def test_commands_carry_no_default_profile_if_there_is_none(tmp_path: Path) -> None:
    write_profiles(tmp_path / ".aws" / "config", "profile b", "sso-session default")
    write_profiles(tmp_path / ".aws" / "credentials", "profile default")
    work_on(tmp_path)
    assert "--profile" not in aws_command("iam", "get-role") + triggers_command("status")


def test_commands_carry_the_aws_configuration_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profiles(tmp_path / "my config", "default")
    variables = {"AWS_CONFIG_FILE": "my config", "AWS_SHARED_CREDENTIALS_FILE": "~/c"}
    work_on(tmp_path, stage="dev", variables=variables)
    files = f"AWS_CONFIG_FILE='{tmp_path}/my config' AWS_SHARED_CREDENTIALS_FILE='~/c'"
    assert aws_command("sso", "login") == f"{files} aws sso login --profile default"
    assert triggers_command("keys list").startswith(f"{files} triggers keys list --stage dev")
    assert triggers_command("dev") == "triggers dev"


def test_list_of_profiles_needs_none(tmp_path: Path) -> None:
    work_on(tmp_path, profile="missing")
    assert aws_command("configure", "list-profiles") == "aws configure list-profiles"


def test_region_of_a_profile_is_carried_once_it_is_known(tmp_path: Path) -> None:
    work_on(tmp_path, stage="dev")
    assert "--region" not in triggers_command("status")
    shell_commands.set_region(Setting("eu-north-1", "profile default"))
    assert flags_of(triggers_command("status"))["--region"] == "eu-north-1"
    assert flags_of(aws_command("iam", "get-role"))["--region"] == "eu-north-1"


def test_endpoints_are_carried_as_variables(tmp_path: Path) -> None:
    variables = {"AWS_ENDPOINT_URL": "http://[::1]:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:2"}
    work_on(tmp_path, stage="dev", variables=variables)
    assert triggers_command("status") == (
        "AWS_ENDPOINT_URL='http://[::1]:1' AWS_ENDPOINT_URL_DYNAMODB=http://localhost:2 "
        "triggers status --stage dev --stack-name triggers-api-dev"
    )
    assert flags_of(aws_command("dynamodb", "list-tables"))["--endpoint-url"] == "http://localhost:2"
    own = aws_command("dynamodb", "list-tables", endpoint_url="http://localhost:3")
    assert flags_of(own)["--endpoint-url"] == "http://localhost:3"


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("apigateway", "API_GATEWAY"),
        ("cloudformation", "CLOUDFORMATION"),
        ("iam", "IAM"),
        ("lambda", "LAMBDA"),
        ("logs", "CLOUDWATCH_LOGS"),
        ("s3", "S3"),
        ("sts", "STS"),
    ],
)
def test_endpoint_of_each_service_is_carried(tmp_path: Path, service: str, name: str) -> None:
    """The names are those of botocore: the service's id, in capitals."""
    model = botocore.session.Session().get_service_model(service)
    assert model.service_id.upper().replace(" ", "_") == name
    work_on(tmp_path, stage="dev", variables={f"AWS_ENDPOINT_URL_{name}": "http://localhost:1"})
    assert flags_of(aws_command(service, "x"))["--endpoint-url"] == "http://localhost:1"
    assert triggers_command("status").startswith(f"AWS_ENDPOINT_URL_{name}=http://localhost:1 triggers")


@pytest.mark.parametrize("words", [("configure",), ("sso", "login"), ("login",)], ids=str)
def test_login_has_only_the_profile(tmp_path: Path, words: tuple[str, ...]) -> None:
    work_on(tmp_path, region="eu-west-1", profile="b", variables={"AWS_ENDPOINT_URL": "http://localhost:1"})
    assert aws_command(*words) == f"aws {' '.join(words)} --profile b"


def test_defaults_are_carried(tmp_path: Path) -> None:
    """In the shell that they are pasted into, a variable or `triggers.toml` may set something else."""
    work_on(tmp_path, stage="dev")
    assert flags_of(triggers_command("status"))["--stack-name"] == "triggers-api-dev"
    work_on(tmp_path, stage="local")
    assert Path(flags_of(triggers_command("keys list"))["--data-dir"]).is_absolute()


def test_data_folder_does_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    work_on(tmp_path, stage="local", data_dir=Path("my data"))
    assert flags_of(triggers_command("keys list"))["--data-dir"] == f"{tmp_path}/my data"
    work_on(tmp_path, stage="local", data_dir=Path("~/data"))
    assert flags_of(triggers_command("keys list"))["--data-dir"] == "~/data"


def test_forgotten_stage_is_filled_in_by_the_operator(tmp_path: Path) -> None:
    work_on(tmp_path, stage="dev", region="eu-west-1")
    shell_commands.forget_stage()
    assert triggers_command("status") == "triggers status --stage STAGE --region eu-west-1"
    work_on(tmp_path, stage="local")
    shell_commands.forget_stage()
    assert triggers_command("keys list") == "triggers keys list --stage STAGE"
    assert triggers_command("dev") == "triggers dev"


def test_local_commands_have_the_data_folder(tmp_path: Path) -> None:
    work_on(tmp_path, stage="local", data_dir=Path("/my data"), profile="b", region="eu-west-1")
    assert triggers_command("keys list") == "triggers keys list --stage local --data-dir '/my data'"
    assert triggers_command("dev") == "triggers dev --data-dir '/my data'"


def test_commands_on_aws_need_a_stage_when_the_target_is_local(tmp_path: Path) -> None:
    work_on(tmp_path, stage="local")
    assert triggers_command("status") == "triggers status --stage STAGE"
    with pytest.raises(ConfigurationError):
        config.resolve(stage="STAGE", variables={}, folder=tmp_path)


def test_data_folder_is_not_carried_to_aws(tmp_path: Path) -> None:
    set_target(make_target())
    assert "--data-dir" not in triggers_command("keys list") + triggers_command("smoke")
    assert triggers_command("dev") == "triggers dev"


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("stage", ["dev", "local"])
def test_command_has_the_options_that_it_is_given(tmp_path: Path, words: str, stage: str) -> None:
    data_dir = Path("/data") if stage == "local" else None
    work_on(tmp_path, stage=stage, region="eu-west-1", profile="b", stack_name="mine", data_dir=data_dir)
    if words != "triggers openapi":
        known = {option for one in COMMANDS[words].params for option in one.opts}
        assert flags_of(triggers_command(words.removeprefix("triggers "))).keys() <= known


# Every command is made there


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text of the sources with its module, but no docstring and no help of an option."""
    for path in PACKAGE.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        shown_without_target = [node.value for node in nodes if isinstance(node, ast.Expr)]
        shown_without_target += [
            node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == "help"
        ]
        skipped = {id(node) for node in shown_without_target if isinstance(node, ast.Constant)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
                yield path.relative_to(PACKAGE).as_posix(), node.value


def test_no_message_writes_a_command_itself() -> None:
    looks_like_one = re.compile(r"(?<![\w./-])(aws|triggers)( [a-z]| ?$)")
    found = {one for one in texts() if looks_like_one.search(one[1])}
    found = {one for one in found if one[0] not in {MAKER, FOR_CLIENTS}}
    assert not found - REVIEWED, f"Make these commands with {MAKER}: {found - REVIEWED}"
    assert not REVIEWED - found, f"These are gone: {REVIEWED - found}"


def test_command_of_another_program_stands_in_backticks() -> None:
    """Otherwise a full stop, or the sentence after it, would be pasted with it."""
    looks_like_one = re.compile(r"\b(sudo|ulimit) -?[a-z]|\b(uv python|uv pip|pipx?) install|\bpython3? -m")
    in_backticks = re.compile(r"`[^`]*(`|$)")
    found = {one for one in texts() if looks_like_one.search(in_backticks.sub("", one[1]))}
    found -= {("ops/build/artifact.py", "python -m triggers_api.ops.build.artifact")}  # a program's name
    assert not found, f"Put these commands in backticks: {found}"


def test_command_of_python_runs_the_python_of_this_program() -> None:
    assert shlex.split(python_command("pip", "install", "botocore[crt]")) == [
        *(sys.executable, "-m", "pip", "install", "botocore[crt]")
    ]
