"""`triggers doctor` on an emulated account: findings with fixes, and exit code 3 if a deploy cannot work."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import ministack
from tests.support.rehearsal import Rehearsal, said, sam_folder, traces
from triggers_api.ops.doctor import permissions

pytestmark = pytest.mark.timeout(600)

CHECKS = [
    "uv",
    "sam",
    "aws",
    "docker",
    "credentials",
    "region",
    "runtime",
    "stack",
    "tables",
    "log group",
    "artifact bucket",
    "access logs",
    "permissions",
]


def allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def failed(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    assert document["can_deploy"] is False
    return {one["check"]: one for one in document["findings"] if one["state"] == "failed"}


def test_doctor_passes_every_check_on_a_good_account(rehearsal: Rehearsal) -> None:
    before = traces(rehearsal.emulator)
    document = rehearsal.ask("doctor")
    assert document["can_deploy"] is True
    assert [one["check"] for one in document["findings"]] == CHECKS
    assert {one["state"] for one in document["findings"]} <= {"ok", "warning"}
    assert all(one["fix"] for one in document["findings"] if one["state"] != "ok")
    assert traces(rehearsal.emulator) == before


def test_doctor_prints_a_line_for_each_finding(rehearsal: Rehearsal) -> None:
    done = rehearsal.run("doctor", "--stage", "test")
    assert done.returncode == 0, said(done)
    assert "There is no stack triggers-api-test yet" in done.stdout
    assert done.stderr == "Ready to deploy.\n"


def test_doctor_names_missing_permissions(rehearsal: Rehearsal) -> None:
    services = ("cloudformation", "dynamodb", "s3", "logs", "apigateway")
    user = rehearsal.emulator.user(
        "limited", allow(*(f"{one}:*" for one in services), "iam:SimulatePrincipalPolicy", "iam:Get*")
    )
    found = failed(rehearsal.as_user(user).ask("doctor", code=3))
    assert found.keys() == {"permissions: Lambda", "permissions: IAM"}
    assert "lambda:CreateFunction" in found["permissions: Lambda"]["fix"]
    assert "iam:CreateRole" in found["permissions: IAM"]["fix"]
    assert "iam:GetRole" not in found["permissions: IAM"]["fix"], "that one he has"


def test_a_user_with_every_permission_may_deploy(rehearsal: Rehearsal) -> None:
    user = rehearsal.emulator.user("mighty", allow("*"))
    document = rehearsal.as_user(user).ask("doctor")
    states = {one["state"] for one in document["findings"] if one["check"].startswith("permissions: ")}
    assert states == {"ok"}


def test_doctor_warns_a_user_who_may_not_simulate_policies(rehearsal: Rehearsal) -> None:
    services = ("cloudformation", "dynamodb", "s3", "logs", "apigateway")
    user = rehearsal.emulator.user("unknowing", allow(*(f"{one}:*" for one in services)))
    document = rehearsal.as_user(user).ask("doctor")
    (finding,) = (one for one in document["findings"] if one["check"] == "permissions")
    assert finding["state"] == "unknown"
    assert "iam:SimulatePrincipalPolicy" in finding["fix"]


def test_doctor_reports_a_user_who_may_not_read_the_stack(rehearsal: Rehearsal) -> None:
    user = rehearsal.emulator.user("blind", allow("s3:*"))
    found = failed(rehearsal.as_user(user).ask("doctor", code=3))
    assert found.keys() == {"stack"}
    assert "cloudformation:DescribeStacks" in found["stack"]["message"]
    assert found["stack"]["fix"]


def test_doctor_reports_missing_credentials(rehearsal: Rehearsal) -> None:
    nobody = rehearsal.with_variables(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    found = failed(nobody.ask("doctor", code=3))
    assert found.keys() == {"credentials"}
    assert "aws configure" in found["credentials"]["fix"]
    done = nobody.run("doctor")
    assert done.returncode == 3
    assert " aws configure`" in done.stdout


def test_doctor_finds_resources_left_by_an_earlier_deployment(rehearsal: Rehearsal) -> None:
    emulator = rehearsal.emulator
    emulator.client("dynamodb").create_table(
        TableName="triggers-api-keys-before",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "api_key", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "api_key", "KeyType": "HASH"}],
    )
    emulator.client("logs").create_log_group(logGroupName="/aws/lambda/triggers-api-before")
    found = failed(rehearsal.ask("doctor", "--stage", "before", code=3))
    assert found.keys() == {"tables", "log group"}
    assert "--adopt" in found["tables"]["fix"]
    assert "aws logs delete-log-group" in found["log group"]["fix"]


def make_sams_bucket(rehearsal: Rehearsal, folder: Path) -> None:
    """Make it without the policy by which it takes nothing over plain HTTP: the emulator has no TLS."""
    template = folder / "template.json"
    template.write_text('{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}')
    command = [str(sam_folder() / "sam"), "package", "--resolve-s3", "--region=us-east-1"]
    rehearsal.make_folders()
    subprocess.run(
        [*command, f"--template-file={template}", f"--output-template-file={folder / 'packaged.json'}"],
        cwd=folder,
        env=rehearsal.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    s3 = rehearsal.emulator.client("s3")
    (bucket,) = s3.list_buckets()["Buckets"]
    s3.delete_bucket_policy(Bucket=bucket["Name"])


def test_permissions_that_doctor_asks_for_suffice_to_deploy_and_destroy(
    rehearsal: Rehearsal, tmp_path: Path
) -> None:
    actions = [one for of_service in permissions.ACTIONS.values() for one in of_service]
    make_sams_bucket(rehearsal, tmp_path)
    user = rehearsal.as_user(rehearsal.emulator.user("operator", allow(*actions)))
    commands: dict[str, tuple[str, ...]] = {
        "doctor": ("doctor",),
        "deploy": ("deploy", "--yes", "--no-smoke"),
        "deploy again": ("deploy", "--yes", "--no-smoke"),
        "plan": ("deploy", "--plan", "--parameter", "CorsAllowOrigin=https://shop.example"),
        "status": ("status",),
        "outputs": ("outputs",),
        "destroy": ("destroy", "--confirm", "triggers-api-his"),
        "plan to adopt": ("deploy", "--plan", "--adopt"),
    }
    done = {name: user.run(*command, "--stage", "his") for name, command in commands.items()}
    assert {name: one.stderr for name, one in done.items() if one.returncode} == {}


def test_doctor_finds_a_sam_stack_without_its_bucket(rehearsal: Rehearsal) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"SourceBucket": {"Value": "gone"}},
    }
    name = "aws-sam-cli-managed-default"
    with ministack.running() as account:
        cloudformation = account.client("cloudformation")
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        found = failed(rehearsal.as_user(account).ask("doctor", code=3))
    assert found.keys() == {"artifact bucket"}
    fix = found["artifact bucket"]["fix"]
    assert "aws cloudformation delete-stack " in fix
    assert "--stack-name aws-sam-cli-managed-default" in fix
