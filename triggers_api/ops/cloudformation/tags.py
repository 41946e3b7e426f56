"""The tags of a stage's stack, by which Cost Explorer shows what the stage costs.

CloudFormation copies them to the stack's resources.
"""

from triggers_api.ops.cloudformation.models import Stack
from triggers_api.version import VERSION

STAGE_TAG = "stage"

_RESERVED = "aws:"


def stack_tags(stage: str, stack: Stack | None) -> dict[str, str]:
    """Return the tags for the next deployment of a stage, which keeps those that the operator added.

    Args:
        stage: The stage.
        stack: The stack as it is; None before its first deployment.
    """
    found = {} if stack is None else stack.tags
    kept = {key: value for key, value in found.items() if not key.startswith(_RESERVED)}
    return {**kept, "application": "triggers-api", STAGE_TAG: stage, "version": VERSION}
