"""The smoke test of `triggers deploy`. The tests add what the emulator leaves out of a stack."""

import json
import signal
import subprocess
from typing import Any

import pytest

from tests.support.cloudformation_gaps import restoring
from tests.support.rehearsal import REGION, Rehearsal, error_of, said, stack_name
from triggers_api.ops.smoke.check_runner import CHECKS

pytestmark = pytest.mark.timeout(600)

STAGE = "tried"
TARGET = f"--stage {STAGE} --region {REGION} --stack-name {stack_name(STAGE)}"


def told(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def deployed(rehearsal: Rehearsal) -> subprocess.CompletedProcess[str]:
    with restoring(rehearsal.emulator):
        return rehearsal.run("deploy", "--stage", STAGE, "--yes", "--json")


@pytest.fixture
def narrow_preflight(rehearsal: Rehearsal, deployed: subprocess.CompletedProcess[str]) -> None:
    """Take methods from the deployed API's preflight by hand."""
    gateway = rehearsal.emulator.client("apigateway")
    api = rehearsal.ask("outputs", "--stage", STAGE)["ApiId"]
    for resource in gateway.get_resources(restApiId=api, limit=500, embed=["methods"])["items"]:
        if "OPTIONS" in resource.get("resourceMethods", {}):
            gateway.put_integration_response(
                restApiId=api,
                resourceId=resource["id"],
                httpMethod="OPTIONS",
                statusCode="200",
                responseParameters={"method.response.header.Access-Control-Allow-Methods": "'GET'"},
            )
    gateway.create_deployment(restApiId=api, stageName=STAGE)


def test_deploy_waits_for_the_api_and_all_checks_pass(
    rehearsal: Rehearsal, deployed: subprocess.CompletedProcess[str]
) -> None:
    assert deployed.returncode == 0, said(deployed)
    *_, outcome, smoke = told(deployed)
    assert (outcome["event"], outcome["changed"]) == ("outcome", True)
    assert (smoke["event"], smoke["passed"]) == ("smoke", True)
    assert len(smoke["checks"]) == len(CHECKS) + 4
    table = rehearsal.emulator.client("dynamodb").scan(TableName=f"triggers-api-keys-{STAGE}")
    kinds = {item["api_key"]["S"].partition("sha256:")[0]: item["is_active"] for item in table["Items"]}
    assert kinds == {"": {"BOOL": False}, "hook:": {"BOOL": False}}, "a key and a hook, both revoked"


def test_ctrl_c_during_the_smoke_test_reports_the_deployed_stack_and_how_to_retry(
    rehearsal: Rehearsal, deployed: subprocess.CompletedProcess[str]
) -> None:
    with rehearsal.started("deploy", "--stage", STAGE, "--yes") as process:
        assert process.stderr is not None
        assert any(line.startswith("Smoke test of ") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    *_, last = errors.splitlines()
    assert last.startswith("The stack is deployed. To repeat the smoke test: ")
    assert last.endswith(f" triggers smoke {TARGET}")


def test_failed_smoke_test_exits_6_names_the_logs_and_keeps_the_stack(
    rehearsal: Rehearsal, narrow_preflight: None
) -> None:
    before = rehearsal.stack(stack_name(STAGE))
    done = rehearsal.run("deploy", "--stage", STAGE, "--yes", "--json")
    assert done.returncode == 6, said(done)
    *_, outcome, smoke, error = told(done)
    assert outcome["changed"] is False
    assert [one["check"] for one in smoke["checks"] if not one["passed"]] == ["CORS preflight"]
    assert error["error"]["code"] == "CHECKS_FAILED"
    assert rehearsal.stack(stack_name(STAGE)) == before
    plain = rehearsal.run("deploy", "--stage", STAGE, "--yes")
    assert plain.returncode == 6, said(plain)
    assert "ApiUrl" in plain.stdout
    assert "CORS preflight\n  expected: " in plain.stderr
    logs = f" triggers logs tail {TARGET} --no-follow --request-id smoke-"
    assert logs in plain.stderr


def test_no_smoke_skips_the_smoke_test(rehearsal: Rehearsal, narrow_preflight: None) -> None:
    done = rehearsal.run("deploy", "--stage", STAGE, "--yes", "--no-smoke", "--json")
    assert done.returncode == 0, said(done)
    assert told(done)[-1]["event"] == "outcome"


def test_deploy_without_permission_to_create_a_key_reports_the_deployed_stack_and_how_to_retry(
    rehearsal: Rehearsal, deployed: subprocess.CompletedProcess[str]
) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    no_writing = {"Effect": "Deny", "Action": "dynamodb:PutItem", "Resource": "*"}
    user = rehearsal.as_user(rehearsal.emulator.user("reader", everything, no_writing))
    s3 = rehearsal.emulator.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        s3.delete_bucket_policy(Bucket=bucket["Name"])  # it asks for https, which the emulator has not
    done = user.run("deploy", "--stage", STAGE, "--yes", "--json")
    assert done.returncode == 6, said(done)
    assert told(done)[-2]["event"] == "outcome"
    error = error_of(done)
    assert error["message"].startswith("The stack is deployed, but its smoke test could not run.")
    assert "dynamodb:PutItem" in error["message"]
    assert f"triggers smoke --stage {STAGE}" in error["hint"]
