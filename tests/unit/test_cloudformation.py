"""One stack through a boto3 client, on answers as CloudFormation gives them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY

from tests.support.stubbed_aws import AT, CHANGE_SET, NAME, STACK_ID, StubbedAws, described
from triggers_api.errors import DeploymentError
from triggers_api.ops.cloudformation.client import POLL_SECONDS, CloudFormation
from triggers_api.ops.cloudformation.models import ChangeSet

WAITING = ChangeSet(CHANGE_SET, STACK_ID, ())
STACK_TYPE = "AWS::CloudFormation::Stack"


class Recorded:
    """The stack, on recorded answers; `naps` are the waits between two looks at it."""

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
        """Note down a page of events, newest first; `token` asks for it, `then` leads to the next."""
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


def test_there_is_no_stack(recorded: Recorded) -> None:
    recorded.refuses("describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist")
    assert recorded.cloudformation.stack() is None


def test_a_deleted_stack_is_none(recorded: Recorded) -> None:
    recorded.answers("describe_stacks", described("DELETE_COMPLETE"))
    assert recorded.cloudformation.stack() is None


def test_a_deleted_stack_can_be_described_by_its_id(recorded: Recorded) -> None:
    recorded.answers("describe_stacks", described("DELETE_COMPLETE"), StackName=STACK_ID)
    assert recorded.cloudformation.described(STACK_ID).status == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("code", "message"),
    [("AccessDenied", "User is not authorized"), ("ValidationError", "1 validation error detected")],
)
def test_what_is_no_answer_to_whether_there_is_a_stack_passes(
    recorded: Recorded, code: str, message: str
) -> None:
    recorded.refuses("describe_stacks", code, message)
    with pytest.raises(ClientError, match=message):
        recorded.cloudformation.stack()


def test_a_stack_as_it_is_described(recorded: Recorded) -> None:
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


def test_a_stack_that_was_never_changed_was_changed_when_it_was_made(recorded: Recorded) -> None:
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
def test_a_stack_is_busy_while_an_operation_runs(recorded: Recorded, status: str, busy: bool) -> None:
    recorded.answers("describe_stacks", described(status))
    assert recorded.cloudformation.described(NAME).is_busy is busy


def test_the_resources_of_all_pages(recorded: Recorded) -> None:
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


def test_a_table_that_belongs_to_a_stack(recorded: Recorded) -> None:
    resource = {
        "StackName": "another",
        "LogicalResourceId": "EventsTable",
        "ResourceType": "AWS::DynamoDB::Table",
        "Timestamp": AT,
        "ResourceStatus": "CREATE_COMPLETE",
    }
    recorded.answers("describe_stack_resources", {"StackResources": [resource]}, PhysicalResourceId="table")
    assert recorded.cloudformation.owner_of("table") == "another"


def test_a_table_that_belongs_to_none(recorded: Recorded) -> None:
    recorded.refuses("describe_stack_resources", "ValidationError", "Stack for table does not exist")
    recorded.answers("describe_stack_resources", {"StackResources": []})
    assert recorded.cloudformation.owner_of("table") is None
    assert recorded.cloudformation.owner_of("table") is None


def test_a_table_whose_owner_may_not_be_asked_for_is_not_taken_for_free(recorded: Recorded) -> None:
    recorded.refuses("describe_stack_resources", "AccessDenied", "not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        recorded.cloudformation.owner_of("table")


def change(action: str, logical_id: str, type_: str = "AWS::DynamoDB::Table", **more: str) -> dict[str, Any]:
    changed = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": type_, **more}
    return {"Type": "Resource", "ResourceChange": changed}


def test_a_change_set_is_read_to_its_last_page(recorded: Recorded) -> None:
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


def test_a_change_set_of_nothing(recorded: Recorded) -> None:
    recorded.answers("describe_change_set", {"StackId": STACK_ID})
    assert recorded.cloudformation.change_set(CHANGE_SET).changes == ()


def test_the_tables_that_a_change_set_takes_out_of_use(recorded: Recorded) -> None:
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
    found = recorded.cloudformation.change_set(CHANGE_SET).tables_lost
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
def test_the_call_is_made_at_once_and_what_happens_is_looked_at_later(recorded: Recorded, what: str) -> None:
    recorded.shows([])
    if what == "execute":
        executes(recorded)
        recorded.cloudformation.execute(WAITING, disable_rollback=False)
    else:
        recorded.answers("delete_stack", {}, StackName=STACK_ID)
        recorded.cloudformation.delete(STACK_ID)
    assert recorded.aws.was_asked_all()


def test_a_bad_network_is_waited_out(recorded: Recorded) -> None:
    recorded.shows([])
    executes(recorded)
    for code in ("Throttling", "ServiceUnavailable", "ExpiredToken"):
        recorded.refuses("describe_stack_events", code, "no")
    recorded.shows([event(1, "CREATE_COMPLETE")])
    events = list(recorded.cloudformation.execute(WAITING, disable_rollback=False))
    assert [one.id for one in events] == ["event-1"]
    assert recorded.naps == [2.0, 4.0, 8.0]


def test_after_seven_times_a_stack_is_lost_sight_of(recorded: Recorded) -> None:
    recorded.shows([])
    executes(recorded)
    for _ in range(7):
        recorded.refuses("describe_stack_events", "ServiceUnavailable", "try later")
    events = recorded.cloudformation.execute(WAITING, disable_rollback=False)
    with pytest.raises(DeploymentError, match="was lost sight of") as caught:
        next(events)
    assert "try later" in caught.value.reason
    assert "triggers status" in caught.value.hint
    assert len(recorded.naps) == 6
    assert recorded.aws.was_asked_all()


def test_a_stack_that_somebody_else_deletes_has_no_more_events(recorded: Recorded) -> None:
    recorded.shows([])
    executes(recorded)
    recorded.shows([])
    recorded.answers("describe_stacks", described("CREATE_IN_PROGRESS"), StackName=STACK_ID)
    recorded.shows([])
    recorded.answers("describe_stacks", described("DELETE_COMPLETE"), StackName=STACK_ID)
    assert not list(recorded.cloudformation.execute(WAITING, disable_rollback=False))
    assert recorded.aws.was_asked_all()


def test_events_come_oldest_first_and_once_over_pages_and_looks(recorded: Recorded) -> None:
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
def test_an_operation_is_followed_to_the_stacks_own_final_event(
    recorded: Recorded, statuses: list[str]
) -> None:
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


def test_nothing_is_given_after_the_final_event_nor_is_it_mistaken(recorded: Recorded) -> None:
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
    assert [one.of_the_stack for one in events] == [True, False, False, True]
    assert events[2].reason == "no"


def test_a_stack_without_a_past_is_followed_from_its_first_event(recorded: Recorded) -> None:
    recorded.shows([])
    recorded.answers("execute_change_set", {})
    recorded.shows([event(2, "CREATE_COMPLETE"), event(1, "CREATE_IN_PROGRESS")])
    events = recorded.cloudformation.execute(WAITING, disable_rollback=False)
    assert [one.id for one in events] == ["event-1", "event-2"]


def test_a_deletion_is_followed_by_the_stacks_id(recorded: Recorded) -> None:
    before = event(1, "ROLLBACK_COMPLETE")
    recorded.shows([before])
    recorded.answers("delete_stack", {}, StackName=STACK_ID)
    kept = event(3, "DELETE_SKIPPED", "EventsTable")
    recorded.shows([event(4, "DELETE_COMPLETE"), kept, event(2, "DELETE_IN_PROGRESS"), before])
    found = [one.status for one in recorded.cloudformation.delete(STACK_ID)]
    assert found == ["DELETE_IN_PROGRESS", "DELETE_SKIPPED", "DELETE_COMPLETE"]


def imported(recorded: Recorded) -> str:
    tables = {"EventsTable": "triggers-api-events-dev"}
    arn = recorded.cloudformation.create_import("{}", {"Stage": "dev"}, tables)
    recorded.cloudformation.wait_for_import(arn)
    return arn


def test_an_import_names_the_tables_by_their_logical_ids(recorded: Recorded) -> None:
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


def test_an_import_that_cannot_be_says_why_in_the_words_of_aws(recorded: Recorded) -> None:
    why = "Resource triggers-api-events-dev already exists in stack another"
    recorded.answers("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    recorded.answers("describe_change_set", {"Status": "FAILED", "StatusReason": why})
    with pytest.raises(DeploymentError) as caught:
        imported(recorded)
    assert caught.value.message == "The tables cannot be adopted."
    assert caught.value.reason == why
    assert "Nothing was changed" in caught.value.hint


def test_an_import_that_fails_without_a_reason_has_one_all_the_same(recorded: Recorded) -> None:
    recorded.answers("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID})
    recorded.answers("describe_change_set", {"Status": "FAILED"})
    with pytest.raises(DeploymentError) as caught:
        imported(recorded)
    assert caught.value.reason


def test_a_change_set_is_discarded(recorded: Recorded) -> None:
    recorded.answers("delete_change_set", {}, ChangeSetName=CHANGE_SET)
    recorded.cloudformation.discard(CHANGE_SET)
    assert recorded.aws.was_asked_all()


def test_a_change_set_that_is_gone_is_discarded_already(recorded: Recorded) -> None:
    recorded.refuses("delete_change_set", "ChangeSetNotFound", "ChangeSet does not exist")
    recorded.cloudformation.discard(CHANGE_SET)


def test_a_change_set_that_cannot_be_discarded_is_an_error(recorded: Recorded) -> None:
    recorded.refuses("delete_change_set", "AccessDenied", "not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        recorded.cloudformation.discard(CHANGE_SET)


def test_the_change_sets_of_all_pages_and_whether_each_lives(recorded: Recorded) -> None:
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
def test_a_change_set_that_somebody_else_has_ended_is_not_executed(recorded: Recorded, code: str) -> None:
    recorded.shows([event(1, "UPDATE_COMPLETE")])
    recorded.refuses("execute_change_set", code, "ChangeSet cannot be executed in its current state")
    with pytest.raises(DeploymentError) as caught:
        recorded.cloudformation.execute(WAITING, disable_rollback=False)
    assert "deploy again" in caught.value.hint


def test_a_change_set_that_is_gone_cannot_be_shown(recorded: Recorded) -> None:
    recorded.refuses("describe_change_set", "ChangeSetNotFound", "ChangeSet does not exist")
    with pytest.raises(DeploymentError, match="cannot be executed any more"):
        recorded.cloudformation.change_set(CHANGE_SET)


def test_one_that_is_being_executed_is_not_discarded(recorded: Recorded) -> None:
    recorded.refuses("delete_change_set", "InvalidChangeSetStatus", "EXECUTE_IN_PROGRESS")
    recorded.answers("describe_change_set", {"Status": "CREATE_COMPLETE"}, ChangeSetName=CHANGE_SET)
    recorded.cloudformation.discard(CHANGE_SET)
    assert recorded.naps == []


def test_one_that_is_still_being_made_is_discarded_when_it_is_made(recorded: Recorded) -> None:
    recorded.refuses("delete_change_set", "InvalidChangeSetStatus", "CREATE_IN_PROGRESS")
    recorded.answers("describe_change_set", {"Status": "CREATE_IN_PROGRESS"}, ChangeSetName=CHANGE_SET)
    recorded.answers("delete_change_set", {}, ChangeSetName=CHANGE_SET)
    recorded.cloudformation.discard(CHANGE_SET)
    assert len(recorded.naps) == 1
    assert recorded.aws.was_asked_all()


def test_one_that_is_never_made_is_named(recorded: Recorded) -> None:
    for _ in range(7):
        recorded.refuses("delete_change_set", "InvalidChangeSetStatus", "CREATE_IN_PROGRESS")
        recorded.answers("describe_change_set", {"Status": "CREATE_IN_PROGRESS"})
    with pytest.raises(DeploymentError, match="is left") as caught:
        recorded.cloudformation.discard(CHANGE_SET)
    assert CHANGE_SET in caught.value.hint


def test_an_empty_stack_has_the_parameters_of_every_change_set_that_waits(recorded: Recorded) -> None:
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
    assert stack.waiting == ({"Stage": "another"}, {})
    assert stack.parameters == {}


def test_without_a_stack_there_are_no_change_sets(recorded: Recorded) -> None:
    recorded.refuses("list_change_sets", "ValidationError", f"Stack [{NAME}] does not exist")
    assert recorded.cloudformation.change_sets() == {}


def test_an_empty_stack_is_removed_by_its_id_and_waited_for(recorded: Recorded) -> None:
    recorded.answers("delete_stack", {}, StackName=STACK_ID)
    recorded.answers("describe_stacks", described("DELETE_COMPLETE"), StackName=STACK_ID)
    recorded.cloudformation.remove_empty(STACK_ID)
    assert recorded.aws.was_asked_all()


@pytest.mark.parametrize("of", ["StackName", "ChangeSetName", "OperationId"])
def test_the_failures_that_only_the_newer_call_knows(recorded: Recorded, of: str) -> None:
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
    found = recorded.cloudformation.failures(**{of: STACK_ID})
    assert found == ["the table exists", "a hook says no", "no permission"]


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "InvalidAction"])
def test_without_the_newer_call_there_are_no_more_failures(recorded: Recorded, code: str) -> None:
    recorded.refuses("describe_events", code, "no")
    assert recorded.cloudformation.failures(StackName=STACK_ID) == []


def test_another_error_of_the_newer_call_passes(recorded: Recorded) -> None:
    recorded.refuses("describe_events", "Throttling", "Rate exceeded")
    with pytest.raises(ClientError, match="Rate exceeded"):
        recorded.cloudformation.failures(StackName=STACK_ID)
