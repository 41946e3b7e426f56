"""Typed records of what CloudFormation reports: stacks, resources, change sets and events.

Each `parse` takes one item of an AWS response, so that only this module knows the response's field names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

TABLE = "AWS::DynamoDB::Table"
FAILED_CREATE = {"ROLLBACK_COMPLETE", "CREATE_FAILED"}
"""States after a failed first create. CloudFormation can only delete such a stack."""

_STACK = "AWS::CloudFormation::Stack"
_EMPTY = "REVIEW_IN_PROGRESS"
"""The state of a stack that was created for a change set which was never executed."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack, from `DescribeStacks`."""

    id: str
    name: str
    status: str
    reason: str
    changed_at: datetime
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    pending_parameters: tuple[Mapping[str, str], ...] = ()
    """In an empty stack, the parameters of each pending change set."""

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> Self:
        """Return the record of an item of `DescribeStacks`."""
        return cls(
            id=item["StackId"],
            name=item["StackName"],
            status=item["StackStatus"],
            reason=item.get("StackStatusReason", ""),
            changed_at=item.get("LastUpdatedTime") or item["CreationTime"],
            outputs={one["OutputKey"]: one["OutputValue"] for one in item.get("Outputs", [])},
            parameters=parse_parameters(item),
            tags={one["Key"]: one["Value"] for one in item.get("Tags", [])},
        )

    @property
    def is_empty(self) -> bool:
        """Whether the stack has never had a resource: no change set of it was executed yet."""
        return self.status == _EMPTY

    @property
    def is_busy(self) -> bool:
        """Whether an operation is running. An empty stack is idle in spite of its state's name."""
        return self.status.endswith("_IN_PROGRESS") and not self.is_empty

    @property
    def create_failed(self) -> bool:
        """Whether the first create failed."""
        return self.status in FAILED_CREATE

    @property
    def status_since(self) -> str:
        """The status, and the start of the operation that led to it."""
        return f"{self.status} since {self.changed_at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack, from `ListStackResources`."""

    logical_id: str
    physical_id: str
    type: str
    status: str

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> Self:
        """Return the record of an item of `ListStackResources`."""
        return cls(
            item["LogicalResourceId"],
            item.get("PhysicalResourceId", ""),
            item["ResourceType"],
            item["ResourceStatus"],
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one resource. `replacement` is `True`, `Conditional`, `False` or empty."""

    action: str
    logical_id: str
    type: str
    replacement: str
    physical_id: str

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> Self:
        """Return the record of a `ResourceChange` of `DescribeChangeSet`."""
        return cls(
            item["Action"],
            item["LogicalResourceId"],
            item["ResourceType"],
            item.get("Replacement", ""),
            item.get("PhysicalResourceId", ""),
        )

    @property
    def removes_resource(self) -> bool:
        """Whether the current resource is removed, or may be replaced."""
        return self.action == "Remove" or self.replacement in {"True", "Conditional"}


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set that can be executed."""

    id: str
    stack_id: str
    changes: tuple[Change, ...]

    @property
    def lost_tables(self) -> tuple[Change, ...]:
        """The tables that the change set removes from the stack or replaces."""
        return tuple(one for one in self.changes if one.type == TABLE and one.removes_resource)


@dataclass(frozen=True, slots=True)
class StackEvent:
    """An event of a resource, or of the stack itself."""

    id: str
    at: datetime
    logical_id: str
    type: str
    status: str
    reason: str
    is_of_stack: bool = False
    operation_id: str = ""

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> Self:
        """Return the record of an item of `DescribeStackEvents`."""
        return cls(
            id=item["EventId"],
            at=item["Timestamp"],
            logical_id=item["LogicalResourceId"],
            type=item["ResourceType"],
            status=item["ResourceStatus"],
            reason=item.get("ResourceStatusReason", ""),
            is_of_stack=item["ResourceType"] == _STACK and item.get("PhysicalResourceId") == item["StackId"],
            operation_id=item.get("OperationId", ""),
        )

    @property
    def is_final(self) -> bool:
        """Whether this is the stack's own last event of an operation."""
        return self.is_of_stack and not self.status.endswith("_IN_PROGRESS")


def parse_parameters(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a described stack or change set."""
    return {one["ParameterKey"]: one["ParameterValue"] for one in item.get("Parameters", [])}
