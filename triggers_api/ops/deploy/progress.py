"""The events that a deployment yields: what it reports, and what it asks the caller to decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from triggers_api.ops.cloudformation.models import ChangeSet, Stack, StackEvent
from triggers_api.ops.findings import Finding


@dataclass(frozen=True, slots=True)
class Step:
    """A stage starts. At `apply` and `clear` CloudFormation is already changing the stack.

    `is_update`: `apply` updates a stack, instead of creating one or importing tables into one.
    """

    name: str
    message: str
    is_update: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """The artifact was built.

    `zipped_bytes` is its size, and `deployed_bytes` the size of the deployed one, if that is known.
    `compiled_by` is the version of the Python that compiled it; None if it holds sources.
    """

    zipped_bytes: int
    deployed_bytes: int | None
    compiled_by: str | None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A decision: an unusable stack has to be deleted first. Continuing deletes it."""

    stack: Stack
    message: str


@dataclass(frozen=True, slots=True)
class Downgrade:
    """A decision: the stack has a newer version than this program. Continuing deploys the older one."""

    deployed: str
    new: str

    @property
    def message(self) -> str:
        """What may go wrong."""
        return (
            f"Version {self.deployed} is deployed, and this program is the older {self.new}. "
            "It may not understand what the newer version stored."
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision: a change set is ready. Continuing executes it.

    `parameters` holds the stack parameters that change, each with its value before and after. On a first
    deployment there is no value before, those that the operator gave are listed, and `deployed_version` is
    empty.
    """

    change_set: ChangeSet
    adopts: bool = False
    parameters: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    deployed_version: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The deployment succeeded. `changed` is False if the stack was already up to date."""

    changed: bool
    status: str
    outputs: Mapping[str, str]
    first: bool = False


Progress = Step | Finding | Built | Obstacle | Downgrade | Proposal | StackEvent | Outcome
