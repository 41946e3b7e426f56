"""Why an operation on a stack failed: the first cause, in AWS's words, with the remedy that is known."""

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
from triggers_api.ops.cloudformation.failures import failure, followed
from triggers_api.ops.cloudformation.models import StackEvent

CANCELLED = "Resource creation cancelled"
ASK_AGAIN = "Validation failed for 1 resource. Call DescribeEvents for details."


def of_resource(logical_id: str, status: str = "CREATE_FAILED", reason: str = "") -> StackEvent:
    return StackEvent("id", AT, logical_id, "AWS::DynamoDB::Table", status, reason)


def of_stack(status: str, reason: str = "") -> StackEvent:
    return StackEvent(
        "id", AT + timedelta(minutes=1), NAME, "AWS::CloudFormation::Stack", status, reason, of_the_stack=True
    )


def why(
    *events: StackEvent,
    reasons: Sequence[str] = (),
    status: str = "ROLLBACK_COMPLETE",
    of_the_stack: str = "",
    endpoint_url: str | None = None,
) -> DeploymentError:
    stack = make_stack(status, reason=of_the_stack)
    error = failure(stack, events, reasons, make_target(endpoint_url=endpoint_url), REGION)
    assert error.message == f"The stack {NAME} ended in {status}."
    assert EXIT_CODE[error.kind] == 5
    return error


def test_the_cause_is_the_first_failure_that_is_no_echo_of_another() -> None:
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
def test_a_cancelled_resource_is_no_cause(what: str) -> None:
    events = [of_resource("A", reason=f"Resource {what} cancelled"), of_resource("B", reason="broken")]
    assert why(*events).reason == "B: broken"


def test_a_resource_is_a_better_cause_than_the_stack() -> None:
    events = [of_stack("UPDATE_FAILED", "something failed"), of_resource("A", "UPDATE_FAILED", "broken")]
    assert why(*events).reason == "A: broken"


def test_with_no_failed_resource_it_is_the_stacks_own_reason() -> None:
    assert why(of_stack("CREATE_FAILED", "a hook said no")).reason == "a hook said no"


def test_a_stack_that_turned_back_without_a_failure_says_why() -> None:
    events = [of_stack("UPDATE_ROLLBACK_IN_PROGRESS", "cancelled by a user"), of_stack("ROLLBACK_COMPLETE")]
    assert why(*events).reason == "cancelled by a user"


def test_with_no_event_it_is_what_the_stack_says() -> None:
    assert why(of_the_stack="it is so").reason == "it is so"
    assert why().reason == "the stack ended in ROLLBACK_COMPLETE"


def test_what_only_the_newer_call_knows_comes_before_the_stacks_hint_to_it() -> None:
    known = "Resource of type 'AWS::DynamoDB::Table' with identifier 'x' already exists."
    events = [of_stack("CREATE_IN_PROGRESS"), of_stack("CREATE_FAILED", ASK_AGAIN)]
    error = why(*events, reasons=[known, "another"], status="CREATE_FAILED")
    assert error.reason == known
    assert "--adopt" in error.hint


def test_without_the_newer_call_the_stacks_own_words_have_to_do() -> None:
    assert why(of_stack("CREATE_FAILED", ASK_AGAIN), reasons=[]).reason == ASK_AGAIN


def test_a_resource_that_says_why_needs_no_newer_call() -> None:
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
def test_a_known_failure_comes_with_its_remedy(reason: str, remedy: str) -> None:
    error = why(of_resource("A", reason=reason))
    assert reason in error.reason
    assert remedy in error.hint.partition("Look at")[0]


def test_an_unknown_failure_comes_with_the_place_to_look() -> None:
    assert why(of_resource("A", reason="nobody knows")).hint.startswith("Look at https://")


def test_the_link_leads_to_the_stacks_events_in_the_console() -> None:
    hint = why(of_resource("A", reason="broken")).hint
    assert hint.endswith(
        f"https://{REGION}.console.aws.amazon.com/cloudformation/home?region={REGION}"
        f"#/stacks/events?stackId={quote(STACK_ID, safe='')}"
    )
    assert "%3Aaws%3Acloudformation%3A" in hint
    assert "stack%2Ftriggers-api-dev%2F" in hint


def test_an_emulator_has_no_console() -> None:
    hint = why(of_resource("A", reason="broken"), endpoint_url="http://127.0.0.1:4566").hint
    assert "http" not in hint
    assert "triggers status" in hint


# An operation, followed


def followed_to(aws: StubbedAws, *events: StackEvent, wanted: str) -> list[StackEvent]:
    cloudformation = CloudFormation(aws.client("cloudformation"), NAME)
    return list(followed(cloudformation, iter(events), make_stack("CREATE_IN_PROGRESS"), aws, {wanted}))


def test_an_operation_that_ends_as_wanted_is_told_and_no_more() -> None:
    aws = StubbedAws()
    aws.answers("cloudformation", "describe_stacks", described("CREATE_COMPLETE"), {"StackName": STACK_ID})
    event = of_stack("CREATE_COMPLETE")
    assert followed_to(aws, event, wanted="CREATE_COMPLETE") == [event]
    assert aws.was_asked_all()


@pytest.mark.parametrize(
    ("operation", "asked"), [("dddd-4", {"OperationId": "dddd-4"}), ("", {"StackName": STACK_ID})]
)
def test_the_cause_is_asked_of_the_operation_where_its_id_is_known(
    operation: str, asked: dict[str, str]
) -> None:
    aws = StubbedAws()
    aws.answers("cloudformation", "describe_stacks", described("ROLLBACK_COMPLETE"))
    failed = {"Timestamp": AT, "HookStatusReason": "a hook says no"}
    aws.answers("cloudformation", "describe_events", {"OperationEvents": [failed]}, {"Filters": ANY, **asked})
    event = replace(of_stack("CREATE_FAILED", ASK_AGAIN), operation_id=operation)
    with pytest.raises(DeploymentError) as caught:
        followed_to(aws, event, wanted="CREATE_COMPLETE")
    assert caught.value.reason == "a hook says no"
