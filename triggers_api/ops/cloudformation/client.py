"""Read and change one CloudFormation stack through a botocore client."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError, WaiterError

from triggers_api.errors import DeploymentError, PreflightError
from triggers_api.ops.cloudformation.events import POLL_SECONDS, RETRY_PAUSES, EventStream
from triggers_api.ops.cloudformation.models import (
    TABLE,
    Change,
    ChangeSet,
    Resource,
    Stack,
    StackEvent,
    parse_parameters,
)
from triggers_api.ops.shell_commands import aws_command, triggers_command

_WAITER = {"Delay": POLL_SECONDS, "MaxAttempts": 150}
_CHANGE_SET_MISSING = {"ChangeSetNotFound", "ChangeSetNotFoundException"}
_WRONG_STATUS = {"InvalidChangeSetStatus", "InvalidChangeSetStatusException"}
_BEING_CREATED = {"CREATE_PENDING", "CREATE_IN_PROGRESS"}
_CALL_UNAVAILABLE = {"AccessDenied", "AccessDeniedException", "InvalidAction", "UnknownOperationException"}


class CloudFormation:
    """The stack of one name. Every method may raise the errors of botocore; see `ops/aws_errors.py`."""

    def __init__(self, client: Any, name: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self.name, self._sleep = client, name, sleep

    def stack(self) -> Stack | None:
        """Return the stack; None if it does not exist or was deleted."""
        try:
            stack = self.describe(self.name)
        except ClientError as error:
            if _does_not_exist(error):
                return None
            raise
        if stack.is_empty:
            return replace(stack, pending_parameters=tuple(self._pending_parameters()))
        return None if stack.status == "DELETE_COMPLETE" else stack

    def describe(self, name_or_id: str) -> Stack:
        """Return a stack. A deleted stack can be found by its id only."""
        (item,) = self._client.describe_stacks(StackName=name_or_id)["Stacks"]
        return Stack.parse(item)

    def resources(self) -> list[Resource]:
        """Return the stack's resources."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return [Resource.parse(item) for page in pages for item in page["StackResourceSummaries"]]

    def find_owner(self, physical_id: str) -> str | None:
        """Return the name of the stack that a resource belongs to; None if it belongs to none."""
        try:
            items = self._client.describe_stack_resources(PhysicalResourceId=physical_id)["StackResources"]
        except ClientError as error:
            if _does_not_exist(error):
                return None
            raise
        return items[0]["StackName"] if items else None

    def change_set(self, arn: str) -> ChangeSet:
        """Return what a change set would change.

        Raises:
            DeploymentError: Another user deleted the change set.
        """
        with _require_change_set():
            pages = list(self._client.get_paginator("describe_change_set").paginate(ChangeSetName=arn))
        changes = [
            Change.parse(item["ResourceChange"])
            for page in pages
            for item in page.get("Changes", [])
            if "ResourceChange" in item
        ]
        return ChangeSet(arn, pages[0]["StackId"], tuple(changes))

    def change_sets(self) -> dict[str, bool]:
        """Return the ARNs of the stack's change sets, each with whether it is live.

        A live change set is being created, can be executed, or is being executed.
        """
        pages = self._client.get_paginator("list_change_sets").paginate(StackName=self.name)
        try:
            return {item["ChangeSetId"]: _is_live(item) for page in pages for item in page["Summaries"]}
        except ClientError as error:
            if _does_not_exist(error):
                return {}
            raise

    def create_import(self, template: str, parameters: Mapping[str, str], tables: Mapping[str, str]) -> str:
        """Start creating a change set that imports existing tables into a new stack, and return its ARN.

        Args:
            template: A template of these tables alone.
            parameters: The stack parameters.
            tables: The tables' names by logical id.
        """
        response = self._client.create_change_set(
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
        arn: str = response["Id"]
        return arn

    def wait_for_import(self, arn: str) -> None:
        """Wait until the change set of an import is created.

        Raises:
            DeploymentError: CloudFormation rejected it.
        """
        try:
            self._client.get_waiter("change_set_create_complete").wait(
                ChangeSetName=arn, WaiterConfig=_WAITER
            )
        except WaiterError as error:
            raise DeploymentError(
                "The tables cannot be adopted.",
                reason=error.last_response.get("StatusReason") or str(error),
                hint="Nothing was changed. Check that the tables belong to no other stack.",
            ) from error

    def delete_change_set(self, arn: str) -> None:
        """Delete a change set, unless it is already gone or is being executed.

        CloudFormation refuses to delete a change set while it is being created, so this waits for it.

        Raises:
            DeploymentError: CloudFormation was still creating it after a minute and a half.
        """
        for pause in (*RETRY_PAUSES, 0.0):
            try:
                self._client.delete_change_set(ChangeSetName=arn)
            except ClientError as error:
                if _is_missing(error):
                    return
                if error.response["Error"]["Code"] not in _WRONG_STATUS:
                    raise
                if self._describe_change_set(arn).get("Status") not in _BEING_CREATED:
                    return
                self._sleep(pause)
            else:
                return
        raise DeploymentError(
            f"Could not delete a change set of stack {self.name}.",
            reason="CloudFormation is still creating it",
            hint="Delete it later: "
            + aws_command("cloudformation", "delete-change-set", "--change-set-name", arn),
        )

    def execute(self, change_set: ChangeSet, *, disable_rollback: bool) -> Iterator[StackEvent]:
        """Execute a change set, and return the events of the operation.

        Raises:
            DeploymentError: Another user deleted the change set or changed the stack, or, from the returned
                iterator, CloudFormation became unreachable.
        """
        events = self._open_events(change_set.stack_id)
        with _require_change_set():
            self._client.execute_change_set(
                ChangeSetName=change_set.id,
                DisableRollback=disable_rollback,
                ClientRequestToken=uuid4().hex,  # lets botocore retry the call after a lost response
            )
        return events.follow()

    def delete_stack(self, stack_id: str) -> Iterator[StackEvent]:
        """Delete the stack, and return the events of the operation."""
        events = self._open_events(stack_id)
        self._client.delete_stack(StackName=stack_id)
        return events.follow()

    def delete_empty_stack(self, stack_id: str) -> None:
        """Delete a stack that never had a resource, and wait: such a deletion has no events to follow."""
        self._client.delete_stack(StackName=stack_id)
        self._client.get_waiter("stack_delete_complete").wait(StackName=stack_id, WaiterConfig=_WAITER)

    def check_unchanged(self, stack: Stack, change_sets: Mapping[str, bool]) -> None:
        """Check that the stack and its change sets are still as they were read.

        Raises:
            PreflightError: They are not.
        """
        if self.describe(stack.id).status != stack.status or self.change_sets() != change_sets:
            raise PreflightError(
                f"Stack {self.name} changed in the meantime.",
                reason="another user or process is working on it",
                hint=f"Try again after a look at the stack: {triggers_command('status')}",
            )

    def failure_reasons(self, **scope: str) -> list[str]:
        """Return the reasons of failures, oldest first, from the newer call `DescribeEvents`.

        It explains failed validations, which the stack's own events do not. The result is empty if a policy
        denies the call or an emulator does not have it; the caller falls back to the stack's events.

        Args:
            scope: One of `OperationId`, `ChangeSetName` or `StackName`.
        """
        try:
            pages = self._client.get_paginator("describe_events").paginate(
                Filters={"FailedEvents": True}, **scope
            )
            events = [item for page in pages for item in page.get("OperationEvents", [])]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CALL_UNAVAILABLE:
                raise
            return []
        reasons = [
            item.get("ValidationStatusReason")
            or item.get("HookStatusReason")
            or item.get("ResourceStatusReason")
            for item in sorted(events, key=lambda item: item["Timestamp"])
        ]
        return [reason for reason in reasons if reason]

    def _open_events(self, stack_id: str) -> EventStream:
        return EventStream(self._client, self.name, stack_id, sleep=self._sleep)

    def _pending_parameters(self) -> Iterator[dict[str, str]]:
        """Yield the parameters of each live change set that still exists."""
        for arn, live in self.change_sets().items():
            if live and (item := self._describe_change_set(arn)):
                yield parse_parameters(item)

    def _describe_change_set(self, arn: str) -> Mapping[str, Any]:
        """Return the first page of a change set's description; empty if it does not exist."""
        try:
            item: Mapping[str, Any] = self._client.describe_change_set(ChangeSetName=arn)
        except ClientError as error:
            if _is_missing(error):
                return {}
            raise
        return item


@contextmanager
def _require_change_set() -> Iterator[None]:
    """Raise `DeploymentError` if the change set is gone or can no longer be executed."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _CHANGE_SET_MISSING | _WRONG_STATUS:
            raise
        raise DeploymentError(
            "The change set can no longer be executed.",
            reason=error.response["Error"].get("Message", ""),
            hint="Another user changed the stack in the meantime: deploy again.",
        ) from error


def _is_live(summary: Mapping[str, Any]) -> bool:
    return (
        summary["ExecutionStatus"] in {"AVAILABLE", "EXECUTE_IN_PROGRESS"}
        or summary["Status"] in _BEING_CREATED
    )


def _is_missing(error: ClientError) -> bool:
    """Return whether an error means that a change set, or its stack, does not exist."""
    return error.response["Error"]["Code"] in _CHANGE_SET_MISSING or _does_not_exist(error)


def _does_not_exist(error: ClientError) -> bool:
    """Return whether an error means that a stack does not exist; CloudFormation has no code for it."""
    details = error.response["Error"]
    return details["Code"] == "ValidationError" and "does not exist" in details.get("Message", "")
