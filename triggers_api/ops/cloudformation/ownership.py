"""Decide whether a stack belongs to a stage, by the parameters that every stack of this program has."""

from collections.abc import Mapping

from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import MARKER_PARAMETERS


def belongs_to(stack: Stack, stage: str) -> bool:
    """Return whether a stack belongs to the stage; an empty stack without change sets belongs to any."""
    return foreign_parameters(stack, stage) is None


def foreign_parameters(stack: Stack, stage: str) -> Mapping[str, str] | None:
    """Return the parameters that prove the stack is not the stage's; None if it is.

    An empty stack has no parameters yet. The parameters of its pending change sets are checked instead.
    """
    candidates = stack.pending_parameters if stack.is_empty else (stack.parameters,)
    for parameters in candidates:
        if not (parameters.keys() >= MARKER_PARAMETERS and parameters["Stage"] == stage):
            return parameters
    return None
