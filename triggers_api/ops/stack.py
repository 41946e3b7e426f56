"""What CloudFormation says of a stack: what it is, what a change set would do, what happens meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


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


@dataclass(frozen=True, slots=True)
class Change:
    """What a change set does to one resource. `replacement` is `True`, `Conditional`, `False` or nothing."""

    action: str
    logical_id: str
    type: str
    replacement: str
    physical_id: str

    @property
    def loses(self) -> bool:
        """Tell whether what is there now is taken out of use."""
        return self.action == "Remove" or self.replacement in {"True", "Conditional"}


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set that waits to be executed."""

    id: str
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

    @property
    def is_final(self) -> bool:
        """Tell whether it is the stack's own last event of an operation."""
        return self.of_the_stack and not self.status.endswith("_IN_PROGRESS")
