"""The preflight checks: what each reports, and the fix."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from tests.support.documents import DOCUMENTS
from tests.support.stubbed_aws import AT, NAME, REGION, StubbedAws, described, make_stack
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.deploy import preflight
from triggers_api.ops.deploy.preflight import END_OF_LIFE, SAM_STACK
from triggers_api.ops.findings import Finding, State

EVENTS, KEYS = "triggers-api-events-dev", "triggers-api-keys-dev"
LOG_GROUP = "/aws/lambda/triggers-api-dev"
DAY = timedelta(days=1)
STATUSES = (
    botocore.session.Session().get_service_model("cloudformation").shape_for("StackStatus").metadata["enum"]
)
DOCUMENTED_CALLS = {
    "UPDATE_ROLLBACK_FAILED": "continue-update-rollback",
    "UPDATE_FAILED": "rollback-stack",
    "CREATE_FAILED": "rollback-stack",
}
"""The call that the CloudFormation API reference names for a state, apart from the deletion of the stack."""


pytestmark = pytest.mark.usefixtures("dev_target")


@pytest.fixture
def aws() -> StubbedAws:
    return StubbedAws()


def failed(finding: Finding, *said: str) -> Finding:
    """Check that a finding failed with a fix and these texts, and return it."""
    assert finding.state is State.FAILED
    assert finding.fix
    for part in said:
        assert part in f"{finding.message} {finding.fix}"
    return finding


def state_of(stack: Stack | None) -> Finding:
    return preflight.check_stack(StubbedAws(), stack)


# The runtime


def test_every_runtime_of_the_template_has_an_end_of_life() -> None:
    assert set(END_OF_LIFE) == set(Template.load().parameters["Runtime"].allowed)


@pytest.mark.parametrize("name", END_OF_LIFE)
def test_runtime_warns_before_and_after_its_end_of_life(name: str) -> None:
    end = END_OF_LIFE[name]
    kept = preflight.check_runtime(name, end - 180 * DAY)
    assert (kept.state, kept.fix) == (State.OK, "")
    assert str(end) in kept.message
    soon = preflight.check_runtime(name, end - 179 * DAY)
    assert (soon.state, preflight.check_runtime(name, end - DAY)) == (State.WARNING, soon)
    assert name in soon.message
    over = preflight.check_runtime(name, end)  # AWS itself refuses, later
    assert over.state is State.WARNING
    assert "deprecated" in over.message
    assert str(end) in over.message
    assert over == preflight.check_runtime(name, end + 1000 * DAY)


def test_runtime_fix_is_the_newest_python() -> None:
    assert preflight.check_runtime("python3.11", date(2030, 1, 1)).fix == "Deploy with --runtime python3.14."


def test_unknown_runtime_fails() -> None:
    failed(preflight.check_runtime("python3.8", date(2026, 1, 1)), "python3.8", "--runtime python3.14")


# The stack's state


def test_missing_stack_is_ok() -> None:
    assert state_of(None).state is State.OK


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"]
)
def test_idle_stack_is_ok(status: str) -> None:
    found = state_of(make_stack(status))
    assert found.state is State.OK
    assert status in found.message


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_failed_first_create_is_a_warning(status: str) -> None:
    found = state_of(make_stack(status))
    assert found.state is State.WARNING
    assert status in found.message
    assert "first create" in found.message
    assert "delete the failed stack" in found.fix


def test_empty_stack_is_ok() -> None:
    assert state_of(make_stack("REVIEW_IN_PROGRESS")).state is State.OK
    assert state_of(make_stack("REVIEW_IN_PROGRESS", stage=None)).state is State.OK


def test_empty_stack_belongs_to_the_owner_of_its_change_set() -> None:
    ours = make_stack("", stage="dev").parameters
    anothers = make_stack("", stage="prod").parameters
    for waiting, said in (
        (({"Name": "them"},), "not created by this program"),
        (({},), "not created by this program"),
        ((ours, {}), "not created by this program"),
        ((ours, anothers), "stage prod"),
    ):
        failed(state_of(replace(make_stack("REVIEW_IN_PROGRESS"), pending_parameters=waiting)), said)
    vacant = make_stack("REVIEW_IN_PROGRESS", stage=None)
    assert state_of(replace(vacant, pending_parameters=(ours, ours))).state is State.OK


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
        "IMPORT_ROLLBACK_IN_PROGRESS",
    ],
)
def test_busy_stack_fails_with_its_start_time(status: str) -> None:
    failed(state_of(make_stack(status)), "busy", status, "2026-11-22 10:30 UTC", "triggers status")


def test_failed_rollback_names_the_command_to_continue_it() -> None:
    stack = make_stack("UPDATE_ROLLBACK_FAILED", reason="the role is gone")
    command = f"`aws cloudformation continue-update-rollback --region {REGION} --stack-name {NAME}`"
    failed(state_of(stack), "UPDATE_ROLLBACK_FAILED", "the role is gone", command)


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "DELETE_FAILED"])
def test_failed_deletion_of_a_stack_leads_to_destroy(status: str) -> None:
    failed(state_of(make_stack(status, reason="no permission")), status, "no permission", "triggers destroy")


def test_failed_update_without_rollback_leads_to_rollback_stack() -> None:
    command = f"`aws cloudformation rollback-stack --region {REGION} --stack-name {NAME}`"
    stack = make_stack("UPDATE_FAILED", reason="no permission")
    failed(state_of(stack), "UPDATE_FAILED", "no permission", command)


def test_failed_rollback_of_an_import_leads_to_a_new_stack() -> None:
    stack = make_stack("IMPORT_ROLLBACK_FAILED", reason="no permission")
    failed(state_of(stack), "no permission", "triggers destroy", "keeps the tables", "--adopt`")


@pytest.mark.parametrize("status", STATUSES)
def test_every_state_of_a_stack_has_the_advice_that_aws_documents(status: str) -> None:
    finding = state_of(make_stack(status))
    is_busy = status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"
    if status in {"CREATE_FAILED", "ROLLBACK_COMPLETE"}:  # deploy deletes such a stack
        assert finding.state is State.WARNING
    else:
        assert (finding.state is State.FAILED) is (is_busy or status.endswith("_FAILED"))
    assert (finding.state is State.OK) is (finding.fix == "")
    calls = set(re.findall(r"aws cloudformation ([\w-]+)", finding.fix))
    assert calls <= {DOCUMENTED_CALLS.get(status)}
    if finding.state is not State.OK and not is_busy:
        assert f"`{status}`" in DOCUMENTS["deploy/guide/troubleshooting.md"]


def test_stuck_stack_without_a_reason_has_a_default_reason() -> None:
    failed(state_of(make_stack("DELETE_FAILED")), "a change could not be rolled back")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"])
def test_stack_of_another_stage_fails(status: str) -> None:
    failed(state_of(make_stack(status, stage="prod")), "belongs to stage prod", "--stack-name", "--stage")


def test_stack_of_another_program_fails() -> None:
    failed(state_of(make_stack("CREATE_COMPLETE", stage=None)), "not created by this program")
    stack = make_stack("CREATE_COMPLETE", stage=None, Stage="dev")
    failed(state_of(stack), "not created by this program")


# Tables of an earlier stack


def has_tables(aws: StubbedAws, *names: str) -> None:
    """Answer for the tables that exist."""
    for name in (EVENTS, KEYS):
        if name in names:
            aws.answers("dynamodb", "describe_table", {"Table": {"TableName": name}}, {"TableName": name})
        else:
            aws.refuses("dynamodb", "describe_table", "ResourceNotFoundException")


def has_resources(aws: StubbedAws, **status_by_name: str) -> None:
    """Answer with the stack's tables and their states."""
    ids = {"events": ("EventsTable", EVENTS), "keys": ("ApiKeysTable", KEYS)}
    summaries = [
        {
            "LogicalResourceId": ids[word][0],
            "PhysicalResourceId": ids[word][1],
            "ResourceType": "AWS::DynamoDB::Table",
            "LastUpdatedTimestamp": AT,
            "ResourceStatus": status,
        }
        for word, status in status_by_name.items()
    ]
    aws.answers("cloudformation", "list_stack_resources", {"StackResourceSummaries": summaries})


def owned_by(aws: StubbedAws, owner: str | None) -> None:
    if owner is None:
        aws.refuses("cloudformation", "describe_stack_resources", "ValidationError", "it does not exist")
        return
    resource: dict[str, Any] = {
        "StackName": owner,
        "LogicalResourceId": "EventsTable",
        "ResourceType": "AWS::DynamoDB::Table",
        "Timestamp": AT,
        "ResourceStatus": "CREATE_COMPLETE",
    }
    aws.answers("cloudformation", "describe_stack_resources", {"StackResources": [resource]})


def tables(aws: StubbedAws, stack: Stack | None = None, *, adopt: bool = False) -> Finding:
    found = preflight.check_tables(
        aws, CloudFormation(aws.client("cloudformation"), NAME), stack, adopt=adopt
    )
    assert aws.was_asked_all()
    return found


@pytest.mark.parametrize("adopt", [False, True])
def test_tables_are_ok_when_none_exists(aws: StubbedAws, adopt: bool) -> None:
    has_tables(aws)
    assert tables(aws, adopt=adopt).state is State.OK


def test_tables_of_the_stack_itself_are_ok(aws: StubbedAws) -> None:
    has_resources(aws, events="CREATE_COMPLETE", keys="UPDATE_COMPLETE")
    assert tables(aws, make_stack("UPDATE_COMPLETE")).state is State.OK


@pytest.mark.parametrize("names", [(EVENTS,), (KEYS,), (EVENTS, KEYS)], ids=" ".join)
def test_kept_tables_fail_and_name_the_adopt_flag(aws: StubbedAws, names: tuple[str, ...]) -> None:
    has_tables(aws, *names)
    for _ in names:
        owned_by(aws, None)
    failed(tables(aws), *names, "--adopt")


def test_kept_tables_are_ok_with_adopt(aws: StubbedAws) -> None:
    has_tables(aws, EVENTS, KEYS)
    owned_by(aws, None)
    owned_by(aws, None)
    found = tables(aws, adopt=True)
    assert found.state is State.OK
    assert EVENTS in found.message
    assert KEYS in found.message
    assert "adopted" in found.message


@pytest.mark.parametrize("adopt", [False, True])
def test_table_of_another_stack_fails_even_with_adopt(aws: StubbedAws, adopt: bool) -> None:
    has_tables(aws, EVENTS)
    owned_by(aws, "my-own-stack")
    failed(tables(aws, adopt=adopt), EVENTS, "--stack-name my-own-stack", "another --stage")


@pytest.mark.parametrize("adopt", [False, True])
def test_table_outside_of_a_live_stack_fails_even_with_adopt(aws: StubbedAws, adopt: bool) -> None:
    has_resources(aws, keys="CREATE_COMPLETE")
    aws.answers("dynamodb", "describe_table", {"Table": {"TableName": EVENTS}}, {"TableName": EVENTS})
    owned_by(aws, None)
    failed(tables(aws, make_stack("UPDATE_COMPLETE"), adopt=adopt), EVENTS, "triggers destroy")


def test_table_outside_of_an_empty_stack_can_be_adopted(aws: StubbedAws) -> None:
    has_tables(aws, EVENTS)
    owned_by(aws, None)
    assert tables(aws, make_stack("REVIEW_IN_PROGRESS", stage=None), adopt=True).state is State.OK


def test_table_that_a_failed_create_deleted_is_not_in_the_stack(aws: StubbedAws) -> None:
    has_resources(aws, events="DELETE_COMPLETE", keys="DELETE_COMPLETE")
    has_tables(aws, EVENTS)
    owned_by(aws, None)
    failed(tables(aws, make_stack("ROLLBACK_COMPLETE")), EVENTS, "--adopt")


def test_denied_table_lookup_is_an_error(aws: StubbedAws) -> None:
    aws.refuses("dynamodb", "describe_table", "AccessDeniedException", "not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        tables(aws)


# The log group


def has_log_groups(aws: StubbedAws, *names: str) -> None:
    groups = [{"logGroupName": name} for name in names]
    aws.answers("logs", "describe_log_groups", {"logGroups": groups}, {"logGroupNamePrefix": LOG_GROUP})


def test_log_group_is_ok_when_none_exists(aws: StubbedAws) -> None:
    has_log_groups(aws)
    assert preflight.check_log_group(aws, None).state is State.OK


def test_log_group_with_the_name_as_prefix_is_ignored(aws: StubbedAws) -> None:
    has_log_groups(aws, f"{LOG_GROUP}-2")
    assert preflight.check_log_group(aws, None).state is State.OK


def test_existing_log_group_fails_with_the_command_to_delete_it(aws: StubbedAws) -> None:
    has_log_groups(aws, LOG_GROUP, f"{LOG_GROUP}-2")
    command = f"Delete it: aws logs delete-log-group --region {REGION} --log-group-name {LOG_GROUP}"
    failed(preflight.check_log_group(aws, None), LOG_GROUP, command)


def test_log_group_of_the_stack_itself_is_ok(aws: StubbedAws) -> None:
    assert preflight.check_log_group(aws, make_stack("UPDATE_COMPLETE")).state is State.OK


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_existing_log_group_fails_when_the_stack_has_no_resources(aws: StubbedAws, status: str) -> None:
    has_log_groups(aws, LOG_GROUP)
    failed(preflight.check_log_group(aws, make_stack(status)), LOG_GROUP)


# SAM's bucket


def has_sam_stack(aws: StubbedAws, status: str = "CREATE_COMPLETE", bucket: str | None = "bucket") -> None:
    outputs = [{"OutputKey": "SourceBucket", "OutputValue": bucket}] if bucket else []
    answer = described(status, name=SAM_STACK, Outputs=outputs)
    aws.answers("cloudformation", "describe_stacks", answer, {"StackName": SAM_STACK})


def test_missing_sam_stack_is_ok(aws: StubbedAws) -> None:
    aws.refuses("cloudformation", "describe_stacks", "ValidationError", f"{SAM_STACK} does not exist")
    assert preflight.check_artifact_bucket(aws).state is State.OK


def test_existing_bucket_is_ok(aws: StubbedAws) -> None:
    has_sam_stack(aws)
    aws.answers("s3", "head_bucket", {}, {"Bucket": "bucket"})
    found = preflight.check_artifact_bucket(aws)
    assert found.state is State.OK
    assert "bucket" in found.message


def test_missing_bucket_leads_to_deleting_the_sam_stack(aws: StubbedAws) -> None:
    has_sam_stack(aws)
    aws.refuses("s3", "head_bucket", "404", "Not Found")
    command = f"aws cloudformation delete-stack --region {REGION} --stack-name {SAM_STACK}"
    failed(preflight.check_artifact_bucket(aws), "bucket", "does not exist", command)


@pytest.mark.parametrize("code", ["403", "AccessDenied"])
def test_inaccessible_bucket_is_not_reported_as_missing(aws: StubbedAws, code: str) -> None:
    has_sam_stack(aws)
    aws.refuses("s3", "head_bucket", code, "Forbidden")
    found = failed(preflight.check_artifact_bucket(aws), "no access to it", "Ask for s3:*")
    assert "delete-stack" not in found.fix


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_sam_stack_without_a_bucket_fails(aws: StubbedAws, status: str) -> None:
    has_sam_stack(aws, status, bucket=None)
    failed(preflight.check_artifact_bucket(aws), SAM_STACK)


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_sam_stack_in_progress_suggests_waiting_first(aws: StubbedAws, status: str) -> None:
    has_sam_stack(aws, status, bucket=None)
    if status == "REVIEW_IN_PROGRESS":
        aws.answers("cloudformation", "list_change_sets", {"Summaries": []})
    failed(
        preflight.check_artifact_bucket(aws),
        status,
        "Try again in a minute",
        "If the state does not change",
        "delete-stack",
    )


# The role for access logs


def has_role(aws: StubbedAws, role: str | None) -> None:
    aws.answers("apigateway", "get_account", {} if role is None else {"cloudwatchRoleArn": role})


@pytest.mark.parametrize("needed", [False, True])
def test_logging_role_is_ok_when_set(aws: StubbedAws, needed: bool) -> None:
    has_role(aws, "arn:aws:iam::123456789012:role/logs")
    found = preflight.check_logging_role(aws, needed=needed)
    assert found.state is State.OK
    assert "role/logs" in found.message


def test_missing_logging_role_fails_when_access_logs_are_on(aws: StubbedAws) -> None:
    has_role(aws, None)
    failed(preflight.check_logging_role(aws, needed=True), "update-account", "--parameter AccessLogs=false")


def test_missing_logging_role_is_ok_when_access_logs_are_off(aws: StubbedAws) -> None:
    has_role(aws, None)
    assert preflight.check_logging_role(aws, needed=False).state is State.OK


# All of them


@pytest.mark.parametrize("access_logs", [False, True])
def test_preflight_runs_each_check_once(aws: StubbedAws, access_logs: bool) -> None:
    has_tables(aws)
    has_log_groups(aws)
    has_sam_stack(aws)
    aws.answers("s3", "head_bucket", {})
    if access_logs:
        has_role(aws, "role")
    found = [one.check for one in preflight.preflight(aws, None, adopt=False, access_logs=access_logs)]
    assert found == ["stack", "tables", "log group", "artifact bucket", *(["access logs"] * access_logs)]
    assert aws.was_asked_all()
