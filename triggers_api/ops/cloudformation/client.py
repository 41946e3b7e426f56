"""One CloudFormation stack, through a boto3 client: read, changed by change sets, and followed to the end."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from triggers_api.errors import DeploymentError, PreflightError
from triggers_api.ops.cloudformation.models import (
    Change,
    ChangeSet,
    Resource,
    Stack,
    StackEvent,
    parameters_of,
)

POLL_SECONDS = 2.0
"""CloudFormation allows few calls a second, all programs of an account together."""

TABLE = "AWS::DynamoDB::Table"
_PAUSES = (2.0, 4.0, 8.0, 16.0, 30.0, 30.0)
_GONE = {"ChangeSetNotFound", "ChangeSetNotFoundException"}
_NOT_NOW = {"InvalidChangeSetStatus", "InvalidChangeSetStatusException"}
_BEING_MADE = {"CREATE_PENDING", "CREATE_IN_PROGRESS"}
_NOT_THERE = {"AccessDenied", "AccessDeniedException", "InvalidAction", "UnknownOperationException"}

T = TypeVar("T")


class CloudFormation:
    """The stack of one name, through a boto3 client."""

    def __init__(self, client: Any, name: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self.name, self._sleep = client, name, sleep

    def stack(self) -> Stack | None:
        """Return the stack; None where there is none, or where it was deleted."""
        try:
            found = self.described(self.name)
        except ClientError as error:
            if _does_not_exist(error):
                return None
            raise
        if found.status == "REVIEW_IN_PROGRESS":
            return replace(found, waiting=tuple(self._waiting()))
        return None if found.status == "DELETE_COMPLETE" else found

    def described(self, name_or_id: str) -> Stack:
        """Return a stack, by its id a deleted one too."""
        (found,) = self._client.describe_stacks(StackName=name_or_id)["Stacks"]
        return Stack.parsed(found)

    def resources(self) -> list[Resource]:
        """Return the stack's resources."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return [Resource.parsed(one) for page in pages for one in page["StackResourceSummaries"]]

    def owner_of(self, physical_id: str) -> str | None:
        """Return the name of the stack that a resource belongs to; None where it belongs to none."""
        try:
            found = self._client.describe_stack_resources(PhysicalResourceId=physical_id)["StackResources"]
        except ClientError as error:
            if _does_not_exist(error):
                return None
            raise
        return found[0]["StackName"] if found else None

    def change_set(self, arn: str) -> ChangeSet:
        """Return what a change set would do; `DeploymentError` where somebody has deleted it."""
        with _still_there():
            pages = self._client.get_paginator("describe_change_set").paginate(ChangeSetName=arn)
            found = list(pages)
        changes = [
            one["ResourceChange"]
            for page in found
            for one in page.get("Changes", [])
            if "ResourceChange" in one
        ]
        return ChangeSet(arn, found[0]["StackId"], tuple(Change.parsed(one) for one in changes))

    def create_import(self, template: str, parameters: Mapping[str, str], tables: Mapping[str, str]) -> str:
        """Begin the change set that takes existing tables, by logical id and name, into a new stack."""
        made = self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"triggers-adopt-{int(time.time())}",
            ChangeSetType="IMPORT",
            TemplateBody=template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            ResourcesToImport=[
                {
                    "ResourceType": TABLE,
                    "LogicalResourceId": logical_id,
                    "ResourceIdentifier": {"TableName": name},
                }
                for logical_id, name in tables.items()
            ],
        )
        arn: str = made["Id"]
        return arn

    def wait_for_import(self, arn: str) -> None:
        """Return when the change set is made; `DeploymentError` where CloudFormation refuses it."""
        try:
            waiter = self._client.get_waiter("change_set_create_complete")
            waiter.wait(ChangeSetName=arn, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": 150})
        except WaiterError as error:
            reason = error.last_response.get("StatusReason") or str(error)
            raise DeploymentError(
                "The tables cannot be adopted.",
                reason=reason,
                hint="Nothing was changed. Check that the tables belong to no other stack.",
            ) from error

    def change_sets(self) -> dict[str, bool]:
        """Return the ids of the stack's change sets, and whether each is being made, waits or is executed."""
        pages = self._client.get_paginator("list_change_sets").paginate(StackName=self.name)
        try:
            return {one["ChangeSetId"]: _lives(one) for page in pages for one in page["Summaries"]}
        except ClientError as error:
            if _does_not_exist(error):
                return {}
            raise

    def discard(self, arn: str) -> None:
        """Delete a change set; one that is gone is as good, and one that is being executed stays.

        CloudFormation deletes none that it is still making: that is waited for.
        """
        for seconds in (*_PAUSES, 0.0):
            try:
                self._client.delete_change_set(ChangeSetName=arn)
            except ClientError as error:
                if _is_gone(error):
                    return
                if error.response["Error"]["Code"] not in _NOT_NOW:
                    raise
                if self._described_change_set(arn).get("Status") not in _BEING_MADE:
                    return
                self._sleep(seconds)
            else:
                return
        raise DeploymentError(
            f"A change set is left in the stack {self.name}.",
            reason="CloudFormation is still making it",
            hint=f"Delete it later: aws cloudformation delete-change-set --change-set-name {arn}",
        )

    def execute(self, change_set: ChangeSet, *, disable_rollback: bool) -> Iterator[StackEvent]:
        """Execute a change set, and return what happens from then on until CloudFormation is done.

        `DeploymentError` where somebody has deleted it meanwhile, or has changed the stack.
        """
        last = self._last_event(change_set.stack_id)
        # The token lets botocore repeat a call whose answer was lost.
        token = uuid4().hex
        with _still_there():
            self._client.execute_change_set(
                ChangeSetName=change_set.id, DisableRollback=disable_rollback, ClientRequestToken=token
            )
        return self._follow(change_set.stack_id, last)

    def delete(self, stack_id: str) -> Iterator[StackEvent]:
        """Delete the stack, and return what happens from then on until CloudFormation is done."""
        last = self._last_event(stack_id)
        self._client.delete_stack(StackName=stack_id)
        return self._follow(stack_id, last)

    def remove_empty(self, stack_id: str) -> None:
        """Delete a stack that has never had a resource, and wait: there is nothing in it to follow."""
        self._client.delete_stack(StackName=stack_id)
        waiter = self._client.get_waiter("stack_delete_complete")
        waiter.wait(StackName=stack_id, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": 150})

    def check_unchanged(self, stack: Stack, change_sets: Mapping[str, bool]) -> None:
        """Return where a stack is as it was seen, its change sets too; else `PreflightError`."""
        if self.described(stack.id).status != stack.status or self.change_sets() != change_sets:
            raise PreflightError(
                f"The stack {self.name} is not as it was a moment ago.",
                reason="somebody else is at work on it",
                hint="See triggers status, and try again.",
            )

    def failures(self, **of: str) -> list[str]:
        """Return the reasons of failures, first things first, as the newer `DescribeEvents` knows them.

        `of` names an `OperationId`, a `ChangeSetName` or a `StackName`. Empty where a policy, or an emulator,
        does not know that call: the stack's own events have to do then.
        """
        try:
            pages = self._client.get_paginator("describe_events").paginate(
                Filters={"FailedEvents": True}, **of
            )
            events = [one for page in pages for one in page.get("OperationEvents", [])]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_THERE:
                raise
            return []
        reasons = [
            one.get("ValidationStatusReason")
            or one.get("HookStatusReason")
            or one.get("ResourceStatusReason")
            for one in sorted(events, key=lambda one: one["Timestamp"])
        ]
        return [reason for reason in reasons if reason]

    def _waiting(self) -> Iterator[dict[str, str]]:
        """Give the parameters of each change set that waits; one that is just gone waits no more."""
        for arn, lives in self.change_sets().items():
            if lives and (found := self._described_change_set(arn)):
                yield parameters_of(found)

    def _described_change_set(self, arn: str) -> Mapping[str, Any]:
        """Return a change set as AWS describes it; nothing where there is none."""
        try:
            found: Mapping[str, Any] = self._client.describe_change_set(ChangeSetName=arn)
        except ClientError as error:
            if _is_gone(error):
                return {}
            raise
        return found

    def _last_event(self, stack_id: str) -> str | None:
        """Return the id of the newest event."""
        events = self._client.describe_stack_events(StackName=stack_id)["StackEvents"]
        return events[0]["EventId"] if events else None

    def _follow(self, stack_id: str, last: str | None) -> Iterator[StackEvent]:
        """Give the events after `last`, oldest first, until the stack's own final one.

        A stack that somebody else has deleted meanwhile has no more events: there it ends too.
        """
        while True:
            fresh = self._patiently(partial(self._events_after, stack_id, last))
            for event in reversed(fresh):
                last = event.id
                yield event
                if event.is_final:
                    return
            if not fresh and self._patiently(partial(self.described, stack_id)).status == "DELETE_COMPLETE":
                return
            self._sleep(POLL_SECONDS)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask again where the network or AWS fails for a while: CloudFormation goes on meanwhile."""
        for seconds in _PAUSES:
            try:
                return ask()
            except (ClientError, BotoCoreError):
                self._sleep(seconds)
        try:
            return ask()
        except (ClientError, BotoCoreError) as error:
            raise DeploymentError(
                f"The stack {self.name} was lost sight of.",
                reason=str(error),
                hint="CloudFormation goes on: see triggers status.",
            ) from error

    def _events_after(self, stack_id: str, last: str | None) -> list[StackEvent]:
        found: list[StackEvent] = []
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for one in page["StackEvents"]:
                if one["EventId"] == last:
                    return found
                found.append(StackEvent.parsed(one))
        return found


@contextmanager
def _still_there() -> Iterator[None]:
    """Say it where a change set is gone, or may no longer be executed."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE | _NOT_NOW:
            raise
        raise DeploymentError(
            "The change set cannot be executed any more.",
            reason=error.response["Error"].get("Message", ""),
            hint="Somebody else has worked on the stack meanwhile: deploy again.",
        ) from error


def _lives(summary: Mapping[str, Any]) -> bool:
    return (
        summary["ExecutionStatus"] in {"AVAILABLE", "EXECUTE_IN_PROGRESS"} or summary["Status"] in _BEING_MADE
    )


def _is_gone(error: ClientError) -> bool:
    """Tell whether a change set is not there, or its stack is not."""
    return error.response["Error"]["Code"] in _GONE or _does_not_exist(error)


def _does_not_exist(error: ClientError) -> bool:
    said = error.response["Error"]
    return said["Code"] == "ValidationError" and "does not exist" in said.get("Message", "")
