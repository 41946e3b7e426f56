"""The uploads of a plan are deleted, unless another deployment of the stack may need them."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from tests.support.stubbed_aws import AT, CHANGE_SET, NAME, STACK_ID, StubbedAws, described
from triggers_api.errors import DeploymentError
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.deploy.preflight import SAM_STACK
from triggers_api.ops.deploy.uploads import remove_uploads

BUCKET = "aws-sam-cli-managed-default-samclisourcebucket-1"
PREFIX = f"{NAME}/"
NEW = {"Key": f"{PREFIX}0a1b.zip", "VersionId": "1"}
WAITS = {"ChangeSetId": CHANGE_SET, "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE"}
BEING_MADE = {"ChangeSetId": CHANGE_SET, "Status": "CREATE_PENDING", "ExecutionStatus": "UNAVAILABLE"}
FAILED = {"ChangeSetId": CHANGE_SET, "Status": "FAILED", "ExecutionStatus": "UNAVAILABLE"}


class Account(StubbedAws):
    """SAM's bucket exists. It is empty before the plan, and holds `NEW` after it."""

    def has_bucket(self) -> None:
        outputs = [{"OutputKey": "SourceBucket", "OutputValue": BUCKET}]
        answer = described("CREATE_COMPLETE", name=SAM_STACK, Outputs=outputs)
        self.answers("cloudformation", "describe_stacks", answer, {"StackName": SAM_STACK})

    def has_objects(self, *objects: dict[str, str]) -> None:
        asked = {"Bucket": BUCKET, "Prefix": PREFIX}
        self.answers("s3", "list_object_versions", {"Versions": list(objects)}, asked)

    def has_stack(self, status: str = "UPDATE_COMPLETE", **more: Any) -> None:
        answer = described(status, **more)
        self.answers("cloudformation", "describe_stacks", answer, {"StackName": NAME})

    def has_change_sets(self, *change_sets: dict[str, str]) -> None:
        answer = {"Summaries": list(change_sets)}
        self.answers("cloudformation", "list_change_sets", answer, {"StackName": NAME})

    def plans(self, *, fails: type[BaseException] | None = None) -> bool:
        """Make a plan, and return whether its uploads are kept."""
        with remove_uploads(self, CloudFormation(self.client("cloudformation"), NAME)) as uploads:
            if fails:
                raise fails
        return uploads.are_kept


@pytest.fixture
def account() -> Account:
    account = Account()
    account.has_bucket()
    account.has_stack()
    account.has_objects()
    account.has_bucket()
    account.has_objects(NEW)
    return account


@pytest.mark.parametrize("change_sets", [(), (FAILED,)], ids=["no change set", "one that failed"])
@pytest.mark.parametrize("fails", [None, KeyboardInterrupt], ids=["to its end", "interrupted"])
def test_uploads_of_a_plan_are_deleted(
    account: Account, change_sets: tuple[dict[str, str], ...], fails: type[BaseException] | None
) -> None:
    account.has_stack()
    account.has_change_sets(*change_sets)
    deleted = {"Bucket": BUCKET, "Delete": {"Objects": [NEW], "Quiet": True}}
    account.answers("s3", "delete_objects", {}, deleted)
    with suppress(KeyboardInterrupt):
        assert not account.plans(fails=fails)
    assert account.was_asked_all()


def test_failed_clean_up_does_not_hide_why_the_plan_failed() -> None:
    account = Account()
    account.has_bucket()
    account.has_stack()
    account.has_objects()
    account.has_bucket()
    account.refuses("s3", "list_object_versions", "AccessDenied")
    cleanup = remove_uploads(account, CloudFormation(account.client("cloudformation"), NAME))
    with pytest.raises(DeploymentError, match="sam deploy failed") as caught, cleanup:
        raise DeploymentError("sam deploy failed.", hint="Try again.")
    assert caught.value.hint.startswith("The plan's uploads may be left")
    assert caught.value.hint.endswith(" Try again."), "a command there ends the line"


@pytest.mark.parametrize("one", [WAITS, BEING_MADE], ids=["waits", "is being made"])
def test_uploads_are_kept_when_another_change_set_is_live(account: Account, one: dict[str, str]) -> None:
    account.has_stack()
    account.has_change_sets(FAILED, one)
    assert account.plans()
    assert account.was_asked_all()


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"status": "UPDATE_IN_PROGRESS"},
        {"LastUpdatedTime": AT + timedelta(seconds=30)},
        {"StackId": f"{STACK_ID}-new"},
    ],
    ids=["is at work", "has ended", "has made the stack anew"],
)
def test_uploads_are_kept_when_another_deployment_ran(account: Account, meanwhile: dict[str, Any]) -> None:
    account.has_stack(**meanwhile)
    assert account.plans()
    assert account.was_asked_all()


def test_second_interrupt_skips_cleanup() -> None:
    account = Account()
    account.has_bucket()
    account.has_stack()
    account.has_objects()
    with pytest.raises(SystemExit):
        account.plans(fails=SystemExit)
    assert account.was_asked_all()


def test_earlier_uploads_are_kept() -> None:
    account = Account()
    account.has_bucket()
    account.has_stack()
    account.has_objects(NEW)
    account.has_bucket()
    account.has_objects(NEW)
    assert not account.plans()
    assert account.was_asked_all()


def test_failed_deletion_names_the_object(account: Account) -> None:
    account.has_stack()
    account.has_change_sets()
    refused: dict[str, Any] = {"Errors": [{"Key": NEW["Key"], "Code": "AccessDenied"}]}
    account.answers("s3", "delete_objects", refused)
    with pytest.raises(DeploymentError, match=BUCKET) as caught:
        account.plans()
    assert NEW["Key"] in caught.value.reason
