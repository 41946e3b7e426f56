"""Decide whether a stack belongs to a stage, by the parameters that every stack of ours has."""

from collections.abc import Mapping

from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import MARKS


def belongs_to(stack: Stack, stage: str) -> bool:
    """Tell whether a stack is a stage's; one with nothing in it, and nothing to come, is anybody's."""
    return foreign_parameters(stack, stage) is None


def foreign_parameters(stack: Stack, stage: str) -> Mapping[str, str] | None:
    """Return the parameters that tell a stack is not the stage's: its own, or those that wait in it."""
    those = stack.waiting if stack.status == "REVIEW_IN_PROGRESS" else (stack.parameters,)
    return next((one for one in those if not (one.keys() >= MARKS and one["Stage"] == stage)), None)
