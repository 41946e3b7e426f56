"""What is found before a stack can be deployed, by name, with how to mend it."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

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


@pytest.fixture
def aws() -> StubbedAws:
    return StubbedAws()


def failed(finding: Finding, *said: str) -> Finding:
    """Return a finding that keeps a deployment from working: it says how to mend it."""
    assert finding.state is State.FAILED
    assert finding.fix
    for part in said:
        assert part in f"{finding.message} {finding.fix}"
    return finding


def state_of(stack: Stack | None) -> Finding:
    return preflight.stack_state(StubbedAws(), stack)


# The runtime


def test_every_python_that_the_template_allows_has_an_end() -> None:
    assert set(END_OF_LIFE) == set(Template.load().parameters["Runtime"].allowed)


@pytest.mark.parametrize("name", END_OF_LIFE)
def test_a_python_is_kept_then_soon_deprecated_then_gone(name: str) -> None:
    end = END_OF_LIFE[name]
    kept = preflight.runtime(name, end - 180 * DAY)
    assert (kept.state, kept.fix) == (State.OK, "")
    assert str(end) in kept.message
    soon = preflight.runtime(name, end - 179 * DAY)
    assert (soon.state, preflight.runtime(name, end - DAY)) == (State.WARNING, soon)
    assert name in soon.message
    over = preflight.runtime(name, end)  # AWS itself refuses, later
    assert over.state is State.WARNING
    assert "deprecated" in over.message
    assert str(end) in over.message
    assert over == preflight.runtime(name, end + 1000 * DAY)


def test_the_newest_python_is_the_way_out() -> None:
    assert preflight.runtime("python3.11", date(2030, 1, 1)).fix == "Deploy with --runtime python3.14."


def test_a_python_that_nobody_knows_any_more_is_a_finding() -> None:
    failed(preflight.runtime("python3.8", date(2026, 1, 1)), "python3.8", "--runtime python3.14")


# The stack's state


def test_no_stack_yet_is_no_trouble() -> None:
    assert state_of(None).state is State.OK


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"]
)
def test_a_stack_at_rest_can_be_changed(status: str) -> None:
    found = state_of(make_stack(status))
    assert found.state is State.OK
    assert status in found.message


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_a_first_create_that_failed_is_known_by_name_and_can_be_cleared(status: str) -> None:
    found = state_of(make_stack(status))
    assert found.state is State.WARNING
    assert status in found.message
    assert "first create" in found.message
    assert "delete the rest" in found.fix


def test_what_a_plan_has_left_is_no_trouble() -> None:
    assert state_of(make_stack("REVIEW_IN_PROGRESS")).state is State.OK
    assert state_of(make_stack("REVIEW_IN_PROGRESS", stage=None)).state is State.OK


def test_an_empty_stack_in_which_anothers_change_set_waits_is_anothers() -> None:
    ours = make_stack("", stage="dev").parameters
    anothers = make_stack("", stage="prod").parameters
    for waiting, said in (
        (({"Name": "them"},), "not one of this program"),
        (({},), "not one of this program"),
        ((ours, {}), "not one of this program"),
        ((ours, anothers), "stage prod"),
    ):
        failed(state_of(replace(make_stack("REVIEW_IN_PROGRESS"), waiting=waiting)), said)
    vacant = make_stack("REVIEW_IN_PROGRESS", stage=None)
    assert state_of(replace(vacant, waiting=(ours, ours))).state is State.OK


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
def test_a_stack_that_somebody_works_on_is_busy_since_then(status: str) -> None:
    failed(state_of(make_stack(status)), "busy", status, "2026-11-22 10:30 UTC", "triggers status")


def test_an_update_that_could_not_be_undone_says_how_to_continue() -> None:
    stack = make_stack("UPDATE_ROLLBACK_FAILED", reason="the role is gone")
    command = f"aws cloudformation continue-update-rollback --stack-name {NAME} --region {REGION}"
    failed(state_of(stack), "UPDATE_ROLLBACK_FAILED", "the role is gone", command)


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_stack_that_could_not_be_cleared_away_leads_to_destroy(status: str) -> None:
    failed(state_of(make_stack(status, reason="no permission")), status, "no permission", "triggers destroy")


@pytest.mark.parametrize("status", ["UPDATE_FAILED", "IMPORT_ROLLBACK_FAILED"])
def test_a_stack_that_was_kept_as_it_failed_is_to_be_rolled_back(status: str) -> None:
    command = f"aws cloudformation rollback-stack --stack-name {NAME} --region {REGION}"
    failed(state_of(make_stack(status, reason="no permission")), status, "no permission", command)


def test_a_stuck_stack_without_a_reason_says_something() -> None:
    failed(state_of(make_stack("DELETE_FAILED")), "something could not be undone")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"])
def test_another_stages_stack_is_left_alone(status: str) -> None:
    failed(state_of(make_stack(status, stage="prod")), "belongs to stage prod", "--stack-name", "--stage")


def test_another_programs_stack_is_left_alone() -> None:
    failed(state_of(make_stack("CREATE_COMPLETE", stage=None)), "not one of this program")
    stack = make_stack("CREATE_COMPLETE", stage=None, Stage="dev")
    failed(state_of(stack), "not one of this program")


# Tables of another life


def has_tables(aws: StubbedAws, *names: str) -> None:
    """Note down which of the two tables there are."""
    for name in (EVENTS, KEYS):
        if name in names:
            aws.answers("dynamodb", "describe_table", {"Table": {"TableName": name}}, {"TableName": name})
        else:
            aws.refuses("dynamodb", "describe_table", "ResourceNotFoundException")


def has_resources(aws: StubbedAws, **status_by_name: str) -> None:
    """Note down the stack's tables, each with its state."""
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
    found = preflight.tables(aws, CloudFormation(aws.client("cloudformation"), NAME), stack, adopt=adopt)
    assert aws.was_asked_all()
    return found


@pytest.mark.parametrize("adopt", [False, True])
def test_no_table_is_in_the_way(aws: StubbedAws, adopt: bool) -> None:
    has_tables(aws)
    assert tables(aws, adopt=adopt).state is State.OK


def test_tables_of_the_stack_itself_are_not_in_the_way(aws: StubbedAws) -> None:
    has_resources(aws, events="CREATE_COMPLETE", keys="UPDATE_COMPLETE")
    assert tables(aws, make_stack("UPDATE_COMPLETE")).state is State.OK


@pytest.mark.parametrize("names", [(EVENTS,), (KEYS,), (EVENTS, KEYS)], ids=" ".join)
def test_kept_tables_are_in_the_way_and_the_flag_is_named(aws: StubbedAws, names: tuple[str, ...]) -> None:
    has_tables(aws, *names)
    for _ in names:
        owned_by(aws, None)
    failed(tables(aws), *names, "--adopt")


def test_kept_tables_may_be_adopted(aws: StubbedAws) -> None:
    has_tables(aws, EVENTS, KEYS)
    owned_by(aws, None)
    owned_by(aws, None)
    found = tables(aws, adopt=True)
    assert found.state is State.OK
    assert EVENTS in found.message
    assert KEYS in found.message
    assert "adopted" in found.message


@pytest.mark.parametrize("adopt", [False, True])
def test_a_table_of_another_stack_is_never_adopted(aws: StubbedAws, adopt: bool) -> None:
    has_tables(aws, EVENTS)
    owned_by(aws, "my-own-stack")
    failed(tables(aws, adopt=adopt), EVENTS, "--stack-name my-own-stack", "another --stage")


@pytest.mark.parametrize("adopt", [False, True])
def test_a_table_beside_a_live_stack_cannot_be_adopted(aws: StubbedAws, adopt: bool) -> None:
    has_resources(aws, keys="CREATE_COMPLETE")
    aws.answers("dynamodb", "describe_table", {"Table": {"TableName": EVENTS}}, {"TableName": EVENTS})
    owned_by(aws, None)
    failed(tables(aws, make_stack("UPDATE_COMPLETE"), adopt=adopt), EVENTS, "triggers destroy")


def test_a_table_behind_a_plan_may_be_adopted(aws: StubbedAws) -> None:
    has_tables(aws, EVENTS)
    owned_by(aws, None)
    assert tables(aws, make_stack("REVIEW_IN_PROGRESS", stage=None), adopt=True).state is State.OK


def test_a_table_that_the_failed_create_has_undone_is_not_the_stacks_own(aws: StubbedAws) -> None:
    has_resources(aws, events="DELETE_COMPLETE", keys="DELETE_COMPLETE")
    has_tables(aws, EVENTS)
    owned_by(aws, None)
    failed(tables(aws, make_stack("ROLLBACK_COMPLETE")), EVENTS, "--adopt")


def test_a_dynamodb_that_may_not_be_asked_is_an_error(aws: StubbedAws) -> None:
    aws.refuses("dynamodb", "describe_table", "AccessDeniedException", "not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        tables(aws)


# The log group


def has_log_groups(aws: StubbedAws, *names: str) -> None:
    groups = [{"logGroupName": name} for name in names]
    aws.answers("logs", "describe_log_groups", {"logGroups": groups}, {"logGroupNamePrefix": LOG_GROUP})


def test_no_log_group_is_in_the_way(aws: StubbedAws) -> None:
    has_log_groups(aws)
    assert preflight.log_group(aws, None).state is State.OK


def test_a_log_group_with_a_longer_name_is_another_stages(aws: StubbedAws) -> None:
    has_log_groups(aws, f"{LOG_GROUP}-2")
    assert preflight.log_group(aws, None).state is State.OK


def test_a_log_group_in_the_way_comes_with_the_command_that_deletes_it(aws: StubbedAws) -> None:
    has_log_groups(aws, LOG_GROUP, f"{LOG_GROUP}-2")
    command = f"aws logs delete-log-group --log-group-name {LOG_GROUP} --region {REGION}"
    failed(preflight.log_group(aws, None), LOG_GROUP, command)


def test_the_stacks_own_log_group_is_not_in_the_way(aws: StubbedAws) -> None:
    assert preflight.log_group(aws, make_stack("UPDATE_COMPLETE")).state is State.OK


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_log_group_behind_a_stack_that_holds_nothing_is_in_the_way(aws: StubbedAws, status: str) -> None:
    has_log_groups(aws, LOG_GROUP)
    failed(preflight.log_group(aws, make_stack(status)), LOG_GROUP)


# SAM's bucket


def has_sam_stack(aws: StubbedAws, status: str = "CREATE_COMPLETE", bucket: str | None = "bucket") -> None:
    outputs = [{"OutputKey": "SourceBucket", "OutputValue": bucket}] if bucket else []
    answer = described(status, name=SAM_STACK, Outputs=outputs)
    aws.answers("cloudformation", "describe_stacks", answer, {"StackName": SAM_STACK})


def test_before_the_first_deployment_there_is_no_bucket(aws: StubbedAws) -> None:
    aws.refuses("cloudformation", "describe_stacks", "ValidationError", f"{SAM_STACK} does not exist")
    assert preflight.artifact_bucket(aws).state is State.OK


def test_sams_bucket_is_there(aws: StubbedAws) -> None:
    has_sam_stack(aws)
    aws.answers("s3", "head_bucket", {}, {"Bucket": "bucket"})
    found = preflight.artifact_bucket(aws)
    assert found.state is State.OK
    assert "bucket" in found.message


def test_a_bucket_that_is_gone_leads_to_deleting_sams_stack(aws: StubbedAws) -> None:
    has_sam_stack(aws)
    aws.refuses("s3", "head_bucket", "404", "Not Found")
    command = f"aws cloudformation delete-stack --stack-name {SAM_STACK} --region {REGION}"
    failed(preflight.artifact_bucket(aws), "bucket", "gone", command)


@pytest.mark.parametrize("code", ["403", "AccessDenied"])
def test_a_bucket_that_is_closed_is_not_taken_for_gone(aws: StubbedAws, code: str) -> None:
    has_sam_stack(aws)
    aws.refuses("s3", "head_bucket", code, "Forbidden")
    found = failed(preflight.artifact_bucket(aws), "closed to these credentials", "Ask for s3:*")
    assert "delete-stack" not in found.fix


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_a_stack_of_sam_that_never_got_its_bucket_is_a_finding(aws: StubbedAws, status: str) -> None:
    has_sam_stack(aws, status, bucket=None)
    failed(preflight.artifact_bucket(aws), SAM_STACK)


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_while_sam_makes_its_bucket_it_is_waited_for_first(aws: StubbedAws, status: str) -> None:
    has_sam_stack(aws, status, bucket=None)
    if status == "REVIEW_IN_PROGRESS":
        aws.answers("cloudformation", "list_change_sets", {"Summaries": []})
    failed(preflight.artifact_bucket(aws), status, "Try again in a minute", "If it stays so", "delete-stack")


# The role for access logs


def has_role(aws: StubbedAws, role: str | None) -> None:
    aws.answers("apigateway", "get_account", {} if role is None else {"cloudwatchRoleArn": role})


@pytest.mark.parametrize("needed", [False, True])
def test_with_a_role_the_gateway_can_log(aws: StubbedAws, needed: bool) -> None:
    has_role(aws, "arn:aws:iam::123456789012:role/logs")
    found = preflight.logging_role(aws, needed=needed)
    assert found.state is State.OK
    assert "role/logs" in found.message


def test_without_a_role_access_logs_fail(aws: StubbedAws) -> None:
    has_role(aws, None)
    failed(preflight.logging_role(aws, needed=True), "update-account", "--parameter AccessLogs=false")


def test_without_access_logs_no_role_is_needed(aws: StubbedAws) -> None:
    has_role(aws, None)
    assert preflight.logging_role(aws, needed=False).state is State.OK


# All of them


@pytest.mark.parametrize("access_logs", [False, True])
def test_preflight_makes_each_check_once(aws: StubbedAws, access_logs: bool) -> None:
    has_tables(aws)
    has_log_groups(aws)
    has_sam_stack(aws)
    aws.answers("s3", "head_bucket", {})
    if access_logs:
        has_role(aws, "role")
    found = [one.check for one in preflight.preflight(aws, None, adopt=False, access_logs=access_logs)]
    assert found == ["stack", "tables", "log group", "artifact bucket", *(["access logs"] * access_logs)]
    assert aws.was_asked_all()
