"""What CloudFormation says of a stack: what it is, what a change set would do, what happens meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as CloudFormation describes it."""

    id: str
    name: str
    status: str
    reason: str
    changed_at: datetime
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    waiting: tuple[Mapping[str, str], ...] = ()
    """In a stack that has nothing yet: the parameters of each change set that waits in it."""

    @classmethod
    def parsed(cls, found: Mapping[str, Any]) -> Self:
        """Return it from an item of `DescribeStacks`."""
        return cls(
            id=found["StackId"],
            name=found["StackName"],
            status=found["StackStatus"],
            reason=found.get("StackStatusReason", ""),
            changed_at=found.get("LastUpdatedTime") or found["CreationTime"],
            outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
            parameters=parameters_of(found),
        )

    @property
    def is_busy(self) -> bool:
        """Tell whether an operation runs; one that waits for its change set does not."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack."""

    logical_id: str
    physical_id: str
    type: str
    status: str

    @classmethod
    def parsed(cls, found: Mapping[str, Any]) -> Self:
        """Return it from an item of `ListStackResources`."""
        return cls(
            found["LogicalResourceId"],
            found.get("PhysicalResourceId", ""),
            found["ResourceType"],
            found["ResourceStatus"],
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What a change set does to one resource. `replacement` is `True`, `Conditional`, `False` or nothing."""

    action: str
    logical_id: str
    type: str
    replacement: str
    physical_id: str

    @classmethod
    def parsed(cls, found: Mapping[str, Any]) -> Self:
        """Return it from a `ResourceChange` of `DescribeChangeSet`."""
        return cls(
            found["Action"],
            found["LogicalResourceId"],
            found["ResourceType"],
            found.get("Replacement", ""),
            found.get("PhysicalResourceId", ""),
        )

    @property
    def loses(self) -> bool:
        """Tell whether what is there now is taken out of use."""
        return self.action == "Remove" or self.replacement in {"True", "Conditional"}


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set that waits to be executed."""

    id: str
    stack_id: str
    changes: tuple[Change, ...]

    @property
    def tables_lost(self) -> tuple[Change, ...]:
        """The tables that it would replace, or take out of the stack."""
        return tuple(one for one in self.changes if one.type == "AWS::DynamoDB::Table" and one.loses)


@dataclass(frozen=True, slots=True)
class StackEvent:
    """Something that happened to a resource, or to the stack itself."""

    id: str
    at: datetime
    logical_id: str
    type: str
    status: str
    reason: str
    of_the_stack: bool = False
    operation_id: str = ""

    @classmethod
    def parsed(cls, found: Mapping[str, Any]) -> Self:
        """Return it from an item of `DescribeStackEvents`."""
        return cls(
            id=found["EventId"],
            at=found["Timestamp"],
            logical_id=found["LogicalResourceId"],
            type=found["ResourceType"],
            status=found["ResourceStatus"],
            reason=found.get("ResourceStatusReason", ""),
            of_the_stack=found["ResourceType"] == _STACK
            and found.get("PhysicalResourceId") == found["StackId"],
            operation_id=found.get("OperationId", ""),
        )

    @property
    def is_final(self) -> bool:
        """Tell whether it is the stack's own last event of an operation."""
        return self.of_the_stack and not self.status.endswith("_IN_PROGRESS")


def parameters_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a stack, or of a change set, as they are described."""
    return {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
