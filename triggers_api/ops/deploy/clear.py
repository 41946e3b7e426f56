"""Delete a stack that CloudFormation can do nothing else with, before a first deployment.

Two kinds of stack are in the way of a first create: one whose first create failed, and an empty one that an
interrupted plan left behind. The operator is asked before the first is deleted. An empty stack is deleted
without a question unless it has a live change set, since another user may be deciding about that right now.
"""

from collections.abc import Iterator

from triggers_api.errors import PreflightError
from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.failures import follow_operation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.deploy.progress import Obstacle, Progress, Step
from triggers_api.ops.shell_commands import triggers_command


def check_plannable(stack: Stack) -> None:
    """Check that a plan has something to compare with.

    Raises:
        PreflightError: The first create failed. A change set cannot be created for such a stack.
    """
    if stack.create_failed:
        raise PreflightError(
            f"There is nothing to compare with: the first create of stack {stack.name} failed.",
            reason=f"the stack is in {stack.status}",
            hint=f"Delete the stack and create a new one: {triggers_command('deploy')}",
        )


def clear_stack(aws: Aws, cloudformation: CloudFormation, stack: Stack) -> Iterator[Progress]:
    """Delete a stack that is empty or whose first create failed.

    Raises:
        PreflightError: The stack changed while the operator was asked.
        DeploymentError: A resource could not be deleted.
    """
    change_sets = cloudformation.change_sets()
    if stack.create_failed:
        yield Obstacle(stack, f"The first create of stack {stack.name} failed: it is in {stack.status}.")
    elif any(change_sets.values()):
        message = f"Stack {stack.name} has a pending change set, from another user or an interrupted plan."
        yield Obstacle(stack, message)
    cloudformation.check_unchanged(stack, change_sets)
    message = f"Deleting stack {stack.name} ({stack.status})."
    if stack.create_failed:
        events = cloudformation.delete_stack(stack.id)
        yield Step("clear", message)
        yield from follow_operation(cloudformation, events, stack, aws, {"DELETE_COMPLETE"})
    else:
        yield Step("tidy", message)
        cloudformation.delete_empty_stack(stack.id)
