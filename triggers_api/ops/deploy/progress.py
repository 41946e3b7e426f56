"""What a deployment has to tell, and what it puts to whoever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from triggers_api.ops.cloudformation.models import ChangeSet, Stack, StackEvent
from triggers_api.ops.findings import Finding


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the work begins. With `apply` and `clear` CloudFormation is at work already."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Built:
    """The artifact is there, with its size as a zip file.

    `deployed_bytes` is the size of the one it comes after; None where there is none, or Lambda does not tell.
    `compiled_by` is the version of the Python that compiled it; None where it holds sources.
    """

    zipped_bytes: int
    deployed_bytes: int | None
    compiled_by: str | None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A stack without use is in the way: going on deletes it."""

    stack: Stack
    message: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change set waits: going on executes it.

    `parameters` are those that change, each with its value before and after.
    """

    change_set: ChangeSet
    adopts: bool = False
    parameters: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end: whether anything was changed, and the stack's outputs."""

    changed: bool
    status: str
    outputs: Mapping[str, str]
    first: bool = False


Progress = Step | Finding | Built | Obstacle | Proposal | StackEvent | Outcome
