"""The CloudFormation client, on responses recorded from CloudFormation."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY

from tests.support.stubbed_aws import AT, CHANGE_SET, NAME, STACK_ID, StubbedAws, described
from triggers_api.errors import DeploymentError
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.events import POLL_SECONDS
from triggers_api.ops.cloudformation.models import ChangeSet

WAITING = ChangeSet(CHANGE_SET, STACK_ID, ())
STACK_TYPE = "AWS::CloudFormation::Stack"


class Recorded:
    """The stack, on recorded responses; `naps` are the pauses between polls."""

    def __init__(self) -> None:
        self.aws = StubbedAws()
        self.naps: list[float] = []
        client = self.aws.client("cloudformation")
        self.cloudformation = CloudFormation(client, NAME, sleep=self.naps.append)

    def answers(self, operation: str, answer: dict[str, Any], **asked: Any) -> None:
        self.aws.answers("cloudformation", operation, answer, asked or None)

    def refuses(self, operation: str, code: str, message: str) -> None:
        self.aws.refuses("cloudformation", operation, code, message)

    def shows(self, events: Sequence[dict[str, Any]], *, token: str | None = None, then: str = "") -> None:
        """Record a page of events, newest first. `token` requests it, and `then` requests the next one."""
        asked = {"StackName": STACK_ID} | ({"NextToken": token} if token else {})
        more = {"NextToken": then} if then else {}
        self.answers("describe_stack_events", {"StackEvents": list(events), **more}, **asked)


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def event(
    number: int, status: str, logical_id: str = NAME, *, reason: str = "", physical_id: str = STACK_ID
) -> dict[str, Any]:
    return {
        "StackId": STACK_ID,
        "StackName": NAME,
        "EventId": f"event-{number}",
        "Timestamp": AT + timedelta(seconds=number),
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id if logical_id == NAME else "",
        "ResourceType": STACK_TYPE if logical_id == NAME else "AWS::DynamoDB::Table",
        "ResourceStatus": status,
        **({"ResourceStatusReason": reason} if reason else {}),
    }


def test_missing_stack_is_none(recorded: Recorded) -> None:
    recorded.refuses("describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist")
    assert recorded.cloudformation.stack() is None


def test_deleted_stack_is_none(recorded: Recorded) -> None:
    recorded.answers("describe_stacks", described("DELETE_COMPLETE"))
    assert recorded.cloudformation.stack() is None


def test_deleted_stack_can_be_described_by_its_id(recorded: Recorded) -> None:
    recorded.answers("describe_stacks", described("DELETE_COMPLETE"), StackName=STACK_ID)
    assert recorded.cloudformation.describe(STACK_ID).status == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("code", "message"),
    [("AccessDenied", "User is not authorized"), ("ValidationError", "1 validation error detected")],
)
def test_other_errors_of_the_stack_lookup_propagate(recorded: Recorded, code: str, message: str) -> None:
    recorded.refuses("describe_stacks", code, message)
    with pytest.raises(ClientError, match=message):
        recorded.cloudformation.stack()


def test_stack_is_parsed_from_its_description(recorded: Recorded) -> None:
    later = AT + timedelta(days=1)
    answer = described(
        "UPDATE_ROLLBACK_COMPLETE",
        StackStatusReason="no luck",
        LastUpdatedTime=later,
        Outputs=[{"OutputKey": "ApiId", "OutputValue": "abc"}],
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": "dev"}],
    )
    recorded.answers("describe_stacks", answer, StackName=NAME)
    stack = recorded.cloudformation.stack()
    assert stack is not None
    assert (stack.id, stack.name, stack.status) == (STACK_ID, NAME, "UPDATE_ROLLBACK_COMPLETE")
    assert (stack.reason, stack.changed_at) == ("no luck", later)
    assert (stack.outputs, stack.parameters) == ({"ApiId": "abc"}, {"Stage": "dev"})


def test_changed_at_of_a_new_stack_is_its_creation_time(recorded: Recorded) -> None:
    recorded.answers("describe_stacks", described("CREATE_COMPLETE"))
    stack = recorded.cloudformation.stack()
    assert stack is not None
    assert (stack.changed_at, stack.reason, stack.outputs, stack.parameters) == (AT, "", {}, {})


@pytest.mark.parametrize(
    ("status", "busy"),
    [
        ("CREATE_IN_PROGRESS", True),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", True),
        ("UPDATE_ROLLBACK_IN_PROGRESS", True),
        ("DELETE_IN_PROGRESS", True),
        ("REVIEW_IN_PROGRESS", False),
        ("CREATE_COMPLETE", False),
        ("ROLLBACK_FAILED", False),
    ],
)
def test_stack_is_busy_while_an_operation_runs(recorded: Recorded, status: str, busy: bool) -> None:
    recorded.answers("describe_stacks", described(status))
    assert recorded.cloudformation.describe(NAME).is_busy is busy


def test_resources_reads_every_page(recorded: Recorded) -> None:
    def resource(number: int) -> dict[str, Any]:
        return {
            "LogicalResourceId": f"R{number}",
            "ResourceType": "AWS::Logs::LogGroup",
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": AT,
        }

    first = {"StackResourceSummaries": [resource(1) | {"PhysicalResourceId": "/aws/one"}], "NextToken": "2"}
    recorded.answers("list_stack_resources", first, StackName=NAME)
    last = {"StackResourceSummaries": [resource(2)]}
    recorded.answers("list_stack_resources", last, StackName=NAME, NextToken="2")
    found = recorded.cloudformation.resources()
    assert [(one.logical_id, one.physical_id) for one in found] == [("R1", "/aws/one"), ("R2", "")]
    assert recorded.aws.was_asked_all()


def test_owner_of_a_table_is_its_stack(recorded: Recorded) -> None:
    resource = {
        "StackName": "another",
        "LogicalResourceId": "EventsTable",
        "ResourceType": "AWS::DynamoDB::Table",
        "Timestamp": AT,
        "ResourceStatus": "CREATE_COMPLETE",
    }
    recorded.answers("describe_stack_resources", {"StackResources": [resource]}, PhysicalResourceId="table")
    assert recorded.cloudformation.find_owner("table") == "another"


def test_owner_of_an_independent_table_is_none(recorded: Recorded) -> None:
    recorded.refuses("describe_stack_resources", "ValidationError", "Stack for table does not exist")
    recorded.answers("describe_stack_resources", {"StackResources": []})
    assert recorded.cloudformation.find_owner("table") is None
    assert recorded.cloudformation.find_owner("table") is None


def test_denied_owner_lookup_is_an_error(recorded: Recorded) -> None:
    recorded.refuses("describe_stack_resources", "AccessDenied", "not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        recorded.cloudformation.find_owner("table")


def change(action: str, logical_id: str, type_: str = "AWS::DynamoDB::Table", **more: str) -> dict[str, Any]:
    changed = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": type_, **more}
    return {"Type": "Resource", "ResourceChange": changed}


def test_change_set_reads_every_page(recorded: Recorded) -> None:
    first = {"StackId": STACK_ID, "Changes": [change("Add", "One")], "NextToken": "2"}
    recorded.answers("describe_change_set", first, ChangeSetName=CHANGE_SET)
    hook: dict[str, Any] = {"Type": "Resource"}
    second = {"Changes": [hook, change("Modify", "Two", Replacement="False")], "NextToken": "3"}
    recorded.answers("describe_change_set", second, ChangeSetName=CHANGE_SET, NextToken="2")
    third = {"Changes": [change("Remove", "Three", PhysicalResourceId="three")]}
    recorded.answers("describe_change_set", third, ChangeSetName=CHANGE_SET, NextToken="3")
    found = recorded.cloudformation.change_set(CHANGE_SET)
    assert (found.id, found.stack_id) == (CHANGE_SET, STACK_ID)
    assert [(one.action, one.logical_id, one.replacement, one.physical_id) for one in found.changes] == [
        ("Add", "One", "", ""),
        ("Modify", "Two", "False", ""),
        ("Remove", "Three", "", "three"),
    ]
    assert recorded.aws.was_asked_all()


def test_change_set_without_changes_is_empty(recorded: Recorded) -> None:
    recorded.answers("describe_change_set", {"StackId": STACK_ID})
    assert recorded.cloudformation.change_set(CHANGE_SET).changes == ()


def test_lost_tables_are_those_removed_or_replaced(recorded: Recorded) -> None:
    changes = [
        change("Remove", "Removed"),
        change("Modify", "Replaced", Replacement="True"),
        change("Modify", "PerhapsReplaced", Replacement="Conditional"),
        change("Modify", "Changed", Replacement="False"),
        change("Add", "Added"),
        change("Import", "Imported"),
        change("Remove", "LogGroup", "AWS::Logs::LogGroup"),
    ]
    recorded.answers("describe_change_set", {"StackId": STACK_ID, "Changes": changes})
    found = recorded.cloudformation.change_set(CHANGE_SET).lost_tables
    assert [one.logical_id for one in found] == ["Removed", "Replaced", "PerhapsReplaced"]


def executes(recorded: Recorded, *, disable_rollback: bool = False) -> None:
    recorded.answers(
        "execute_change_set",
        {},
        ChangeSetName=CHANGE_SET,
        DisableRollback=disable_rollback,
        ClientRequestToken=ANY,
    )


@pytest.mark.parametrize("what", ["execute", "delete"])
def test_operation_starts_before_its_events_are_read(recorded: Recorded, what: str) -> None:
    recorded.shows([])
    if what == "execute":
        executes(recorded)
        recorded.cloudformation.execute(WAITING, disable_rollback=False)
    else:
        recorded.answers("delete_stack", {}, StackName=STACK_ID)
        recorded.cloudformation.delete_stack(STACK_ID)
    assert recorded.aws.was_asked_all()


def test_polling_survives_a_short_outage(recorded: Recorded) -> None:
    recorded.shows([])
    executes(recorded)
    for code in ("Throttling", "ServiceUnavailable", "ExpiredToken"):
        recorded.refuses("describe_stack_events", code, "no")
    recorded.shows([event(1, "CREATE_COMPLETE")])
    events = list(recorded.cloudformation.execute(WAITING, disable_rollback=False))
    assert [one.id for one in events] == ["event-1"]
    assert recorded.naps == [2.0, 4.0, 8.0]


def test_polling_gives_up_after_seven_failures(recorded: Recorded) -> None:
    recorded.shows([])
    executes(recorded)
    for _ in range(7):
        recorded.refuses("describe_stack_events", "ServiceUnavailable", "try later")
    events = recorded.cloudformation.execute(WAITING, disable_rollback=False)
    with pytest.raises(DeploymentError, match="Lost contact with CloudFormation") as caught:
        next(events)
    assert "try later" in caught.value.reason
    assert "triggers status" in caught.value.hint
    assert len(recorded.naps) == 6
    assert recorded.aws.was_asked_all()


def test_events_end_when_another_user_deletes_the_stack(recorded: Recorded) -> None:
    recorded.shows([])
    executes(recorded)
    recorded.shows([])
    recorded.answers("describe_stacks", described("CREATE_IN_PROGRESS"), StackName=STACK_ID)
    recorded.shows([])
    recorded.answers("describe_stacks", described("DELETE_COMPLETE"), StackName=STACK_ID)
    assert not list(recorded.cloudformation.execute(WAITING, disable_rollback=False))
    assert recorded.aws.was_asked_all()


def test_events_come_oldest_first_and_once_over_pages_and_polls(recorded: Recorded) -> None:
    before = event(1, "CREATE_COMPLETE")
    recorded.shows([before, event(0, "CREATE_IN_PROGRESS")])
    stack = recorded.cloudformation
    executes(recorded, disable_rollback=True)
    second, third = event(2, "UPDATE_IN_PROGRESS"), event(3, "UPDATE_IN_PROGRESS", "EventsTable")
    fourth = event(4, "UPDATE_COMPLETE", "EventsTable")
    fifth, sixth = event(5, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), event(6, "UPDATE_COMPLETE")
    recorded.shows([third], then="more")
    recorded.shows([second, before], token="more")
    recorded.shows([third, second, before])
    recorded.answers("describe_stacks", described("UPDATE_IN_PROGRESS"), StackName=STACK_ID)
    recorded.shows([fifth, fourth, third])
    recorded.shows([sixth, fifth, fourth])
    found = [one.id for one in stack.execute(WAITING, disable_rollback=True)]
    assert found == [f"event-{number}" for number in range(2, 7)]
    assert recorded.naps == [POLL_SECONDS] * 3
    assert recorded.aws.was_asked_all()


@pytest.mark.parametrize(
    "statuses",
    [
        ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"],
        ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"],
        ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED"],
        ["CREATE_IN_PROGRESS", "CREATE_FAILED"],
        ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"],
        ["UPDATE_IN_PROGRESS", "UPDATE_FAILED"],
        [
            "UPDATE_IN_PROGRESS",
            "UPDATE_ROLLBACK_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE",
        ],
        ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"],
        ["IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"],
        ["IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE"],
    ],
    ids=" ".join,
)
def test_events_end_with_the_final_event_of_the_stack(recorded: Recorded, statuses: list[str]) -> None:
    before = event(0, "REVIEW_IN_PROGRESS")
    recorded.shows([before])
    executes(recorded)
    for number in range(1, len(statuses) + 1):
        seen = [event(one, statuses[one - 1]) for one in range(1, number + 1)]
        recorded.shows([*reversed(seen), before])
    events = recorded.cloudformation.execute(WAITING, disable_rollback=False)
    assert [one.status for one in events] == statuses
    assert len(recorded.naps) == len(statuses) - 1
    assert recorded.aws.was_asked_all()


def test_only_the_stacks_own_event_is_final(recorded: Recorded) -> None:
    before = event(0, "CREATE_COMPLETE")
    nested = event(2, "UPDATE_COMPLETE", physical_id=f"{STACK_ID}-nested")
    failed = event(3, "UPDATE_FAILED", "EventsTable", reason="no")
    final = event(4, "UPDATE_ROLLBACK_COMPLETE")
    recorded.shows([before])
    recorded.answers("execute_change_set", {})
    later = event(5, "UPDATE_IN_PROGRESS")
    recorded.shows([later, final, failed, nested, event(1, "UPDATE_IN_PROGRESS"), before])
    events = list(recorded.cloudformation.execute(WAITING, disable_rollback=False))
    assert [one.id for one in events] == ["event-1", "event-2", "event-3", "event-4"]
    assert [one.is_of_stack for one in events] == [True, False, False, True]
    assert events[2].reason == "no"


def test_events_of_a_new_stack_start_with_its_first(recorded: Recorded) -> None:
    recorded.shows([])
    recorded.answers("execute_change_set", {})
    recorded.shows([event(2, "CREATE_COMPLETE"), event(1, "CREATE_IN_PROGRESS")])
    events = recorded.cloudformation.execute(WAITING, disable_rollback=False)
    assert [one.id for one in events] == ["event-1", "event-2"]


def test_deletion_events_are_read_by_stack_id(recorded: Recorded) -> None:
    before = event(1, "ROLLBACK_COMPLETE")
    recorded.shows([before])
    recorded.answers("delete_stack", {}, StackName=STACK_ID)
    kept = event(3, "DELETE_SKIPPED", "EventsTable")
    recorded.shows([event(4, "DELETE_COMPLETE"), kept, event(2, "DELETE_IN_PROGRESS"), before])
    found = [one.status for one in recorded.cloudformation.delete_stack(STACK_ID)]
    assert found == ["DELETE_IN_PROGRESS", "DELETE_SKIPPED", "DELETE_COMPLETE"]


def imported(recorded: Recorded) -> str:
    tables = {"EventsTable": "triggers-api-events-dev"}
    arn = recorded.cloudformation.create_import("{}", {"Stage": "dev"}, tables)
    recorded.cloudformation.wait_for_import(arn)
    return arn


def test_import_maps_logical_ids_to_tables(recorded: Recorded) -> None:
    seen: dict[str, Any] = {}
    client = recorded.aws.client("cloudformation")
    client.meta.events.register(
        "provide-client-params.cloudformation.CreateChangeSet", lambda params, **_: seen.update(params)
    )
    recorded.answers("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    recorded.answers("describe_change_set", {"Status": "CREATE_COMPLETE"}, ChangeSetName=CHANGE_SET)
    assert imported(recorded) == CHANGE_SET
    assert seen["ChangeSetType"] == "IMPORT"
    assert (seen["StackName"], seen["TemplateBody"]) == (NAME, "{}")
    assert seen["Parameters"] == [{"ParameterKey": "Stage", "ParameterValue": "dev"}]
    assert seen["ResourcesToImport"] == [
        {
            "ResourceType": "AWS::DynamoDB::Table",
            "LogicalResourceId": "EventsTable",
            "ResourceIdentifier": {"TableName": "triggers-api-events-dev"},
        }
    ]


def test_rejected_import_reports_the_reason_of_aws(recorded: Recorded) -> None:
    why = "Resource triggers-api-events-dev already exists in stack another"
    recorded.answers("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    recorded.answers("describe_change_set", {"Status": "FAILED", "StatusReason": why})
    with pytest.raises(DeploymentError) as caught:
        imported(recorded)
    assert caught.value.message == "The tables cannot be adopted."
    assert caught.value.reason == why
    assert "Nothing was changed" in caught.value.hint


def test_rejected_import_without_a_reason_has_a_default_reason(recorded: Recorded) -> None:
    recorded.answers("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    recorded.answers("describe_change_set", {"Status": "FAILED"})
    with pytest.raises(DeploymentError) as caught:
        imported(recorded)
    assert caught.value.reason


def test_delete_change_set_deletes_it(recorded: Recorded) -> None:
    recorded.answers("delete_change_set", {}, ChangeSetName=CHANGE_SET)
    recorded.cloudformation.delete_change_set(CHANGE_SET)
    assert recorded.aws.was_asked_all()


def test_delete_change_set_accepts_a_missing_one(recorded: Recorded) -> None:
    recorded.refuses("delete_change_set", "ChangeSetNotFound", "ChangeSet does not exist")
    recorded.cloudformation.delete_change_set(CHANGE_SET)


def test_delete_change_set_raises_other_errors(recorded: Recorded) -> None:
    recorded.refuses("delete_change_set", "AccessDenied", "not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        recorded.cloudformation.delete_change_set(CHANGE_SET)


def test_change_sets_reads_every_page_and_marks_live_ones(recorded: Recorded) -> None:
    def summary(name: str, status: str, execution: str) -> dict[str, str]:
        return {"ChangeSetId": name, "Status": status, "ExecutionStatus": execution}

    made, failed = summary("1", "CREATE_COMPLETE", "AVAILABLE"), summary("2", "FAILED", "UNAVAILABLE")
    recorded.answers("list_change_sets", {"Summaries": [made, failed], "NextToken": "2"}, StackName=NAME)
    outdated = summary("3", "CREATE_COMPLETE", "OBSOLETE")
    begun = summary("4", "CREATE_PENDING", "UNAVAILABLE")
    at_it = summary("5", "CREATE_IN_PROGRESS", "UNAVAILABLE")
    executed = summary("6", "CREATE_COMPLETE", "EXECUTE_IN_PROGRESS")
    last = {"Summaries": [outdated, begun, at_it, executed]}
    recorded.answers("list_change_sets", last, StackName=NAME, NextToken="2")
    lives = {"1": True, "2": False, "3": False, "4": True, "5": True, "6": True}
    assert recorded.cloudformation.change_sets() == lives
    assert recorded.aws.was_asked_all()


@pytest.mark.parametrize("code", ["ChangeSetNotFound", "InvalidChangeSetStatus"])
def test_execute_fails_when_another_user_ended_the_change_set(recorded: Recorded, code: str) -> None:
    recorded.shows([event(1, "UPDATE_COMPLETE")])
    recorded.refuses("execute_change_set", code, "ChangeSet cannot be executed in its current state")
    with pytest.raises(DeploymentError) as caught:
        recorded.cloudformation.execute(WAITING, disable_rollback=False)
    assert "deploy again" in caught.value.hint


def test_missing_change_set_cannot_be_read(recorded: Recorded) -> None:
    recorded.refuses("describe_change_set", "ChangeSetNotFound", "ChangeSet does not exist")
    with pytest.raises(DeploymentError, match="can no longer be executed"):
        recorded.cloudformation.change_set(CHANGE_SET)


def test_delete_change_set_leaves_one_that_is_being_executed(recorded: Recorded) -> None:
    recorded.refuses("delete_change_set", "InvalidChangeSetStatus", "EXECUTE_IN_PROGRESS")
    recorded.answers("describe_change_set", {"Status": "CREATE_COMPLETE"}, ChangeSetName=CHANGE_SET)
    recorded.cloudformation.delete_change_set(CHANGE_SET)
    assert recorded.naps == []


def test_delete_change_set_waits_until_it_is_created(recorded: Recorded) -> None:
    recorded.refuses("delete_change_set", "InvalidChangeSetStatus", "CREATE_IN_PROGRESS")
    recorded.answers("describe_change_set", {"Status": "CREATE_IN_PROGRESS"}, ChangeSetName=CHANGE_SET)
    recorded.answers("delete_change_set", {}, ChangeSetName=CHANGE_SET)
    recorded.cloudformation.delete_change_set(CHANGE_SET)
    assert len(recorded.naps) == 1
    assert recorded.aws.was_asked_all()


def test_delete_change_set_gives_up_on_one_that_is_never_created(recorded: Recorded) -> None:
    for _ in range(7):
        recorded.refuses("delete_change_set", "InvalidChangeSetStatus", "CREATE_IN_PROGRESS")
        recorded.answers("describe_change_set", {"Status": "CREATE_IN_PROGRESS"})
    with pytest.raises(DeploymentError, match="Could not delete a change set") as caught:
        recorded.cloudformation.delete_change_set(CHANGE_SET)
    assert CHANGE_SET in caught.value.hint


def test_empty_stack_has_the_parameters_of_every_live_change_set(recorded: Recorded) -> None:
    recorded.answers("describe_stacks", described("REVIEW_IN_PROGRESS"), StackName=NAME)
    names = ("one", "gone", "without")
    sets = [
        {"ChangeSetId": name, "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE"} for name in names
    ]
    recorded.answers("list_change_sets", {"Summaries": sets}, StackName=NAME)
    parameters = [{"ParameterKey": "Stage", "ParameterValue": "another"}]
    recorded.answers("describe_change_set", {"Status": "x", "Parameters": parameters}, ChangeSetName="one")
    recorded.refuses("describe_change_set", "ChangeSetNotFound", "it is gone")
    recorded.answers("describe_change_set", {"Status": "CREATE_COMPLETE"}, ChangeSetName="without")
    stack = recorded.cloudformation.stack()
    assert stack is not None
    assert stack.pending_parameters == ({"Stage": "another"}, {})
    assert stack.parameters == {}


def test_missing_stack_has_no_change_sets(recorded: Recorded) -> None:
    recorded.refuses("list_change_sets", "ValidationError", f"Stack [{NAME}] does not exist")
    assert recorded.cloudformation.change_sets() == {}


def test_delete_empty_stack_uses_its_id_and_waits(recorded: Recorded) -> None:
    recorded.answers("delete_stack", {}, StackName=STACK_ID)
    recorded.answers("describe_stacks", described("DELETE_COMPLETE"), StackName=STACK_ID)
    recorded.cloudformation.delete_empty_stack(STACK_ID)
    assert recorded.aws.was_asked_all()


@pytest.mark.parametrize("of", ["StackName", "ChangeSetName", "OperationId"])
def test_failure_reasons_come_from_describe_events(recorded: Recorded, of: str) -> None:
    first = [
        {"Timestamp": AT + timedelta(seconds=3), "ResourceStatusReason": "no permission"},
        {"Timestamp": AT, "ValidationStatusReason": "the table exists"},
    ]
    last = [
        {"Timestamp": AT + timedelta(seconds=1)},
        {"Timestamp": AT + timedelta(seconds=2), "HookStatusReason": "a hook says no"},
    ]
    asked = {of: STACK_ID, "Filters": {"FailedEvents": True}}
    recorded.answers("describe_events", {"OperationEvents": first, "NextToken": "2"}, **asked)
    recorded.answers("describe_events", {"OperationEvents": last}, **asked, NextToken="2")
    found = recorded.cloudformation.failure_reasons(**{of: STACK_ID})
    assert found == ["the table exists", "a hook says no", "no permission"]


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "InvalidAction"])
def test_failure_reasons_are_empty_without_describe_events(recorded: Recorded, code: str) -> None:
    recorded.refuses("describe_events", code, "no")
    assert recorded.cloudformation.failure_reasons(StackName=STACK_ID) == []


def test_failure_reasons_propagates_other_errors(recorded: Recorded) -> None:
    recorded.refuses("describe_events", "Throttling", "Rate exceeded")
    with pytest.raises(ClientError, match="Rate exceeded"):
        recorded.cloudformation.failure_reasons(StackName=STACK_ID)
