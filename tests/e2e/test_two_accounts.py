"""Every command that is printed for one account, pasted into any shell, acts on that account only.

Both accounts have resources of the same names. The commands run with the profile `b` of a configuration file.
What they print runs in a shell without their variables: each profile of its own file leads to account `a`.
That account must stay as it was.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloudformation_gaps import restore
from tests.support.ministack import Emulator
from tests.support.printed import printed_commands
from tests.support.rehearsal import REGION, Rehearsal, said, stack_name, traces
from tests.support.tool_env import tool

pytestmark = pytest.mark.timeout(900)

AWSCLI = "awscli==1.46.3"
LOG_GROUP = "/aws/lambda/triggers-api-dev"
TABLES = ("triggers-api-events-dev", "triggers-api-keys-dev")
STACK: dict[str, Any] = {
    "Parameters": {
        "Stage": {"Type": "String", "Default": "dev"},
        "EventTtlDays": {"Type": "Number", "Default": 7},
        "CorsAllowOrigin": {"Type": "String", "Default": "*"},
    },
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "of-a"}}},
}
DENY_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}],
}
NO_VARIABLES = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@dataclass
class Accounts:
    """The commands with the profile `b`, and both accounts. The tests of this module run in order."""

    rehearsal: Rehearsal
    a: Emulator
    b: Emulator
    printed: list[str] = field(default_factory=list)
    """Every command that was printed so far."""

    def run(self, *arguments: str, code: int) -> str:
        """Run a command with the profile, and collect the commands that it prints."""
        done = self.rehearsal.run(*arguments, *("--stage", "dev", "--profile", "b"))
        assert done.returncode == code, said(done)
        text = done.stdout + done.stderr
        self.printed += printed_commands(text)
        return text

    def paste(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a printed command in a shell whose profiles are those of account `a`."""
        names = ("HOME", "LANG", "TMPDIR")
        environment = {name: self.rehearsal.environment[name] for name in names}
        folders = [tool(AWSCLI, "aws").parent, self.rehearsal.triggers.parent]
        path = os.pathsep.join([*map(str, folders), self.rehearsal.environment["PATH"]])
        return subprocess.run(
            ["timeout", "--signal=INT", "10", "/bin/sh", "-c", command],
            cwd=self.rehearsal.work,
            env={**environment, "PATH": path, "AWS_EC2_METADATA_DISABLED": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def state(account: Emulator) -> dict[str, Any]:
    """Return what a command could change in an account by mistake."""
    dynamodb = account.client("dynamodb")
    keys = dynamodb.scan(TableName=TABLES[1])["Items"]
    groups = account.client("logs").describe_log_groups()["logGroups"]
    return {
        **traces(account),
        "keys": sorted(json.dumps(one, sort_keys=True) for one in keys),
        "groups": {one["logGroupName"]: one.get("retentionInDays") for one in groups},
        "billing": [
            dynamodb.describe_table(TableName=name)["Table"]["BillingModeSummary"] for name in TABLES
        ],
    }


@pytest.fixture(scope="module")
def accounts(
    installed: Path, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Accounts]:
    folder = tmp_path_factory.mktemp("two-accounts")
    a, b = (replace(emulator, access_key_id=digit * 12, secret_access_key="x") for digit in "12")
    keys_of_a, keys_of_b = (
        f"aws_access_key_id = {one.access_key_id}\naws_secret_access_key = x\n" for one in (a, b)
    )
    # A command that forgot its endpoint must reach no other place than this.
    leads_to_a = f"region = {REGION}\n{keys_of_a}endpoint_url = {emulator.url}\n"
    config = folder / "config"
    config.write_text(f"[default]\n{leads_to_a}[profile b]\n{keys_of_b}")
    rehearsal = Rehearsal(installed, b, folder).with_variables(AWS_CONFIG_FILE=str(config), **NO_VARIABLES)
    rehearsal.make_folders()
    of_the_shell = folder / "home" / ".aws" / "config"
    of_the_shell.parent.mkdir()
    of_the_shell.write_text(f"[default]\n{leads_to_a}[profile b]\n{leads_to_a}")
    a.client("logs").create_log_group(logGroupName=LOG_GROUP)
    a.client("cloudformation").create_stack(StackName=stack_name("dev"), TemplateBody=json.dumps(STACK))
    for name, key in zip(TABLES, ("event_id", "api_key"), strict=True):
        a.client("dynamodb").create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        )
    accounts = Accounts(rehearsal, a, b)
    before = state(a)
    yield accounts
    assert state(a) == before


def test_fix_of_a_leftover_log_group_deletes_that_of_the_profile(accounts: Accounts) -> None:
    accounts.b.client("logs").create_log_group(logGroupName=LOG_GROUP)
    accounts.run("deploy", "--yes", code=3)
    accounts.run("doctor", code=3)
    fixes = [one for one in accounts.printed if " aws logs delete-log-group" in one]
    assert len(fixes) == 2
    for fix in fixes:
        accounts.paste(fix)
    assert accounts.b.client("logs").describe_log_groups()["logGroups"] == []
    assert len(accounts.a.client("logs").describe_log_groups()["logGroups"]) == 1


def test_next_steps_of_a_deployment_create_a_key_of_the_profile(accounts: Accounts) -> None:
    shown = accounts.run("deploy", "--yes", "--no-smoke", code=0)
    restore(accounts.b, stack_name("dev"))
    (create,) = printed_commands(shown.partition("Next:")[2])
    done = accounts.paste(create)
    assert done.returncode == 0, said(done)
    assert len(accounts.b.client("dynamodb").scan(TableName=TABLES[1])["Items"]) == 1


def test_fixes_of_verify_repair_the_stack_of_the_profile(accounts: Accounts) -> None:
    outputs = accounts.rehearsal.ask("outputs", "--stage", "dev", "--profile", "b")
    name = outputs["FunctionName"]
    accounts.b.client("lambda").update_function_configuration(FunctionName=name, MemorySize=128, Timeout=3)
    accounts.b.client("logs").put_retention_policy(logGroupName=LOG_GROUP, retentionInDays=1)
    accounts.b.client("iam").put_role_policy(
        RoleName=outputs["RoleName"], PolicyName="extra", PolicyDocument=json.dumps(DENY_ALL)
    )
    accounts.b.client("dynamodb").update_continuous_backups(
        TableName=TABLES[0], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    found = accounts.rehearsal.ask("verify", "--stage", "dev", "--profile", "b", code=6)["checks"]
    fixes = {one["check"]: one["fix"] for one in found if one["fix"]}
    accounts.printed += [command for fix in fixes.values() for command in printed_commands(fix)]
    for check in ("function: memory", "function: timeout", "log group: retention"):
        done = accounts.paste(fixes[check])
        assert done.returncode == 0, said(done)
    assert accounts.b.client("lambda").get_function_configuration(FunctionName=name)["MemorySize"] == 512
    assert accounts.b.client("logs").describe_log_groups()["logGroups"][0]["retentionInDays"] == 7


def test_hints_of_other_commands_lead_to_the_profile(accounts: Accounts) -> None:
    (key,) = accounts.rehearsal.ask("keys", "list", "--stage", "dev", "--profile", "b")["keys"]
    accounts.run("keys", "show", "abcd", code=1)
    accounts.run("keys", "show", key["id"], code=0)
    accounts.run("keys", "revoke", key["id"], code=0)
    accounts.run("keys", "rotate", key["id"], code=1)
    accounts.run("status", code=0)
    accounts.run("status", "--stack-name", "none", code=1)
    accounts.run("logs", "tail", "--no-follow", code=0)


def test_destroyed_stack_is_deployed_again_with_the_profile(accounts: Accounts) -> None:
    accounts.run("destroy", "--confirm", stack_name("dev"), code=0)
    accounts.run("deploy", "--yes", code=3)
    delete = [one for one in accounts.printed if "dynamodb delete-table" in one]
    assert len(delete) == 2
    for command in delete:
        done = accounts.paste(command)
        assert done.returncode == 0, said(done)
    assert accounts.b.client("dynamodb").list_tables()["TableNames"] == []


def test_every_printed_command_names_the_account_and_changes_no_other(accounts: Accounts) -> None:
    before = state(accounts.a)
    services = {one.partition(" aws ")[2].split()[0] for one in accounts.printed if " aws " in one}
    assert services == {"lambda", "logs", "dynamodb", "iam"}
    for command in sorted(set(accounts.printed)):
        assert "--profile b" in command
        assert accounts.b.url in command
        assert f"--region {REGION}" in command
        assert " aws " in command or "--stage dev" in command
        accounts.paste(command)
        assert state(accounts.a) == before, command
