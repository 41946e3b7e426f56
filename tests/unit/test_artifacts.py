"""What a plan has uploaded goes again, unless another deployment of the stack needs it."""

from contextlib import suppress
from typing import Any

import pytest

from tests.support.stubbed_aws import CHANGE_SET, NAME, StubbedAws, described
from triggers_api.errors import DeploymentError
from triggers_api.ops.artifacts import taken_back
from triggers_api.ops.checks import SAM_STACK
from triggers_api.ops.cloudformation import CloudFormation

BUCKET = "aws-sam-cli-managed-default-samclisourcebucket-1"
PREFIX = f"{NAME}/"
NEW = {"Key": f"{PREFIX}0a1b.zip", "VersionId": "1"}
WAITS = {"ChangeSetId": CHANGE_SET, "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE"}
BEING_MADE = {"ChangeSetId": CHANGE_SET, "Status": "CREATE_PENDING", "ExecutionStatus": "UNAVAILABLE"}
FAILED = {"ChangeSetId": CHANGE_SET, "Status": "FAILED", "ExecutionStatus": "UNAVAILABLE"}


class Account(StubbedAws):
    """SAM's bucket exists; nothing is in it before the plan, and `NEW` after."""

    def has_bucket(self) -> None:
        outputs = [{"OutputKey": "SourceBucket", "OutputValue": BUCKET}]
        answer = described("CREATE_COMPLETE", name=SAM_STACK, Outputs=outputs)
        self.answers("cloudformation", "describe_stacks", answer, {"StackName": SAM_STACK})

    def has_objects(self, *objects: dict[str, str]) -> None:
        asked = {"Bucket": BUCKET, "Prefix": PREFIX}
        self.answers("s3", "list_object_versions", {"Versions": list(objects)}, asked)

    def has_stack(self, status: str, *change_sets: dict[str, str]) -> None:
        self.answers("cloudformation", "describe_stacks", described(status), {"StackName": NAME})
        if not status.endswith("UPDATE_IN_PROGRESS"):
            answer = {"Summaries": list(change_sets)}
            self.answers("cloudformation", "list_change_sets", answer, {"StackName": NAME})

    def plans(self, *, fails: bool = False) -> None:
        with taken_back(self, CloudFormation(self.client("cloudformation"), NAME)):
            if fails:
                raise KeyboardInterrupt


@pytest.fixture
def account() -> Account:
    account = Account()
    account.has_bucket()
    account.has_objects()
    return account


@pytest.mark.parametrize("change_sets", [(), (FAILED,)], ids=["no change set", "one that failed"])
@pytest.mark.parametrize("fails", [False, True], ids=["to its end", "interrupted"])
def test_what_was_uploaded_meanwhile_is_deleted(
    account: Account, change_sets: tuple[dict[str, str], ...], fails: bool
) -> None:
    account.has_stack("UPDATE_COMPLETE", *change_sets)
    account.has_bucket()
    account.has_objects(NEW)
    deleted = {"Bucket": BUCKET, "Delete": {"Objects": [NEW], "Quiet": True}}
    account.answers("s3", "delete_objects", {}, deleted)
    with suppress(KeyboardInterrupt):
        account.plans(fails=fails)
    assert account.was_asked_all()


@pytest.mark.parametrize(
    ("status", "change_sets"),
    [("UPDATE_COMPLETE", (WAITS,)), ("UPDATE_COMPLETE", (FAILED, BEING_MADE)), ("UPDATE_IN_PROGRESS", ())],
    ids=["one waits", "one is being made", "one is executed"],
)
def test_nothing_is_deleted_that_another_deployment_may_use(
    account: Account, status: str, change_sets: tuple[dict[str, str], ...]
) -> None:
    account.has_stack(status, *change_sets)
    account.plans()
    assert account.was_asked_all()


def test_what_was_there_before_stays() -> None:
    account = Account()
    account.has_bucket()
    account.has_objects(NEW)
    account.has_stack("UPDATE_COMPLETE")
    account.has_bucket()
    account.has_objects(NEW)
    account.plans()
    assert account.was_asked_all()


def test_what_cannot_be_deleted_is_named(account: Account) -> None:
    account.has_stack("UPDATE_COMPLETE")
    account.has_bucket()
    account.has_objects(NEW)
    refused: dict[str, Any] = {"Errors": [{"Key": NEW["Key"], "Code": "AccessDenied"}]}
    account.answers("s3", "delete_objects", refused)
    with pytest.raises(DeploymentError, match=BUCKET) as caught:
        account.plans()
    assert NEW["Key"] in caught.value.reason
