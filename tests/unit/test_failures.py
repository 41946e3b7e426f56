"""The explanation of a failed stack operation: its root cause, and the fix for known causes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from botocore.stub import ANY

from tests.support.stubbed_aws import (
    AT,
    NAME,
    REGION,
    STACK_ID,
    StubbedAws,
    described,
    make_stack,
    make_target,
)
from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.errors import DeploymentError
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.failures import follow_operation, stack_failure
from triggers_api.ops.cloudformation.models import StackEvent

CANCELLED = "Resource creation cancelled"
ASK_AGAIN = "Validation failed for 1 resource. Call DescribeEvents for details."


def of_resource(logical_id: str, status: str = "CREATE_FAILED", reason: str = "") -> StackEvent:
    return StackEvent("id", AT, logical_id, "AWS::DynamoDB::Table", status, reason)


def of_stack(status: str, reason: str = "") -> StackEvent:
    return StackEvent(
        "id", AT + timedelta(minutes=1), NAME, "AWS::CloudFormation::Stack", status, reason, is_of_stack=True
    )


def why(
    *events: StackEvent,
    reasons: Sequence[str] = (),
    status: str = "ROLLBACK_COMPLETE",
    stack_reason: str = "",
    endpoint_url: str | None = None,
) -> DeploymentError:
    stack = make_stack(status, reason=stack_reason)
    error = stack_failure(stack, events, reasons, make_target(endpoint_url=endpoint_url), REGION)
    assert error.message == f"Stack {NAME} ended in {status}."
    assert EXIT_CODE[error.kind] == 5
    return error


def test_root_cause_is_the_first_failure() -> None:
    error = why(
        of_stack("CREATE_IN_PROGRESS", "User Initiated"),
        of_resource("ApiKeysTable", reason=CANCELLED),
        of_resource("EventsTable", reason="the first"),
        of_resource("TriggersApiLogGroup", reason="the second"),
        of_resource("TriggersApiRole", reason=CANCELLED),
        of_stack("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [EventsTable]."),
        of_stack("ROLLBACK_COMPLETE"),
    )
    assert error.reason == "EventsTable: the first"


@pytest.mark.parametrize("what", ["creation", "update", "deletion"])
def test_cancelled_resource_is_not_the_cause(what: str) -> None:
    events = [of_resource("A", reason=f"Resource {what} cancelled"), of_resource("B", reason="broken")]
    assert why(*events).reason == "B: broken"


def test_resource_failure_precedes_stack_failure() -> None:
    events = [of_stack("UPDATE_FAILED", "something failed"), of_resource("A", "UPDATE_FAILED", "broken")]
    assert why(*events).reason == "A: broken"


def test_cause_is_the_stack_event_when_no_resource_failed() -> None:
    assert why(of_stack("CREATE_FAILED", "a hook said no")).reason == "a hook said no"


def test_cause_is_the_rollback_when_nothing_failed() -> None:
    events = [of_stack("UPDATE_ROLLBACK_IN_PROGRESS", "cancelled by a user"), of_stack("ROLLBACK_COMPLETE")]
    assert why(*events).reason == "cancelled by a user"


def test_cause_is_the_stack_reason_when_there_are_no_events() -> None:
    assert why(stack_reason="it is so").reason == "it is so"
    assert why().reason == "the stack ended in ROLLBACK_COMPLETE"


def test_describe_events_reason_precedes_stack_reason() -> None:
    known = "Resource of type 'AWS::DynamoDB::Table' with identifier 'x' already exists."
    events = [of_stack("CREATE_IN_PROGRESS"), of_stack("CREATE_FAILED", ASK_AGAIN)]
    error = why(*events, reasons=[known, "another"], status="CREATE_FAILED")
    assert error.reason == known
    assert "--adopt" in error.hint


def test_stack_reason_is_used_without_describe_events() -> None:
    assert why(of_stack("CREATE_FAILED", ASK_AGAIN), reasons=[]).reason == ASK_AGAIN


def test_resource_reason_precedes_describe_events_reason() -> None:
    assert why(of_resource("A", reason="broken"), reasons=["older"]).reason == "A: broken"


REMEDIES = [
    ("Resource of type 'AWS::Logs::LogGroup' with identifier '{/aws/lambda/x}' already exists", "log group"),
    ("The specified log group already exists", "log group"),
    ("triggers-api-events-dev already exists: AWS::DynamoDB::Table", "--adopt"),
    ("Resource of type 'AWS::DynamoDB::Table' with identifier 'x' already exists.", "--adopt"),
    ("Table already exists: triggers-api-events-dev", "--adopt"),
    ("triggers-api-dev already exists in stack arn:aws:cloudformation", "another --stage"),
    ("User: arn:aws:iam::1:user/a is not authorized to perform: iam:CreateRole on resource", "permission"),
    ("API: dynamodb:CreateTable AccessDenied", "triggers doctor"),
    ("CloudWatch Logs role ARN must be set in account settings to enable logging", "AccessLogs=false"),
    ("The runtime parameter of python3.8 is no longer supported for creating functions", "--runtime"),
    ("You have reached the maximum number of REST APIs", "quota"),
    ("LimitExceededException: Subscriber limit exceeded", "quota"),
    ("S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.", "deploy again"),
    ("Rate exceeded (Service: Lambda, Status Code: 429)", "in a minute"),
    ("It is protected against deletion. Disable deletion protection first.", "DeletionProtection=false"),
    ("Table 'x' can't be deleted while DeletionProtectionEnabled is True", "DeletionProtection=false"),
]


@pytest.mark.parametrize(("reason", "remedy"), REMEDIES)
def test_known_failure_has_its_remedy(reason: str, remedy: str) -> None:
    error = why(of_resource("A", reason=reason))
    assert reason in error.reason
    assert remedy in error.hint.partition("See http")[0]


def test_unknown_failure_links_to_the_console() -> None:
    assert why(of_resource("A", reason="nobody knows")).hint.startswith("See https://")


def test_console_link_leads_to_the_stack_events() -> None:
    hint = why(of_resource("A", reason="broken")).hint
    assert hint.endswith(
        f"https://{REGION}.console.aws.amazon.com/cloudformation/home?region={REGION}"
        f"#/stacks/events?stackId={quote(STACK_ID, safe='')}"
    )
    assert "%3Aaws%3Acloudformation%3A" in hint
    assert "stack%2Ftriggers-api-dev%2F" in hint


def test_emulator_has_no_console_link() -> None:
    hint = why(of_resource("A", reason="broken"), endpoint_url="http://127.0.0.1:4566").hint
    assert "http" not in hint
    assert "triggers status" in hint


# Following an operation


def followed_to(aws: StubbedAws, *events: StackEvent, expected: str) -> list[StackEvent]:
    cloudformation = CloudFormation(aws.client("cloudformation"), NAME)
    return list(
        follow_operation(cloudformation, iter(events), make_stack("CREATE_IN_PROGRESS"), aws, {expected})
    )


def test_successful_operation_yields_its_events() -> None:
    aws = StubbedAws()
    aws.answers("cloudformation", "describe_stacks", described("CREATE_COMPLETE"), {"StackName": STACK_ID})
    event = of_stack("CREATE_COMPLETE")
    assert followed_to(aws, event, expected="CREATE_COMPLETE") == [event]
    assert aws.was_asked_all()


@pytest.mark.parametrize(
    ("operation", "asked"), [("dddd-4", {"OperationId": "dddd-4"}), ("", {"StackName": STACK_ID})]
)
def test_failure_reasons_are_scoped_to_the_operation_if_known(operation: str, asked: dict[str, str]) -> None:
    aws = StubbedAws()
    aws.answers("cloudformation", "describe_stacks", described("ROLLBACK_COMPLETE"))
    failed = {"Timestamp": AT, "HookStatusReason": "a hook says no"}
    aws.answers("cloudformation", "describe_events", {"OperationEvents": [failed]}, {"Filters": ANY, **asked})
    event = replace(of_stack("CREATE_FAILED", ASK_AGAIN), operation_id=operation)
    with pytest.raises(DeploymentError) as caught:
        followed_to(aws, event, expected="CREATE_COMPLETE")
    assert caught.value.reason == "a hook says no"
