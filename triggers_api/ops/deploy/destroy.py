"""Delete a stage's stack, after an inventory of the resources that are deleted and of those that stay."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import PreflightError
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import operator_error
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.failures import follow_operation
from triggers_api.ops.cloudformation.models import Resource, Stack, StackEvent
from triggers_api.ops.cloudformation.stage import find_stack
from triggers_api.ops.cloudformation.template import Template, parse_template
from triggers_api.ops.shell_commands import triggers_command


@dataclass(frozen=True, slots=True)
class Inventory:
    """A stack's resources: those deleted with the stack, and those that its template keeps."""

    stack: Stack
    deleted: tuple[Resource, ...]
    kept: tuple[Resource, ...]
    change_sets: Mapping[str, bool]
    """The ARN of each change set, with whether it is live; see `CloudFormation.change_sets`."""


def take_inventory(aws: Aws) -> Inventory:
    """Return what deleting the stack would delete and keep.

    Raises:
        StackMissingError: There is no such stack, or it belongs to another stage or program.
        PreflightError: An operation is running on the stack.
    """
    stack = find_stack(aws)
    if stack.is_busy:
        raise PreflightError(
            f"Stack {stack.name} is busy: {stack.status_since}.",
            reason="another user, or an earlier run, is working on it",
            hint=f"Destroy it when that is done. To watch it: {triggers_command('status')}",
        )
    client = aws.client("cloudformation")
    kept = set() if stack.is_empty else _find_kept(client, stack)
    cloudformation = CloudFormation(client, stack.name)
    resources = [one for one in cloudformation.resources() if one.status != "DELETE_COMPLETE"]
    return Inventory(
        stack=stack,
        deleted=tuple(one for one in resources if one.logical_id not in kept),
        kept=tuple(one for one in resources if one.logical_id in kept),
        change_sets=cloudformation.change_sets(),
    )


def _find_kept(client: Any, stack: Stack) -> set[str]:
    """Return the logical ids of the resources that the deletion of the stack keeps."""
    body = client.get_template(StackName=stack.id, TemplateStage="Processed")["TemplateBody"]
    resources = parse_template(body).get("Resources", {})
    return {name for name, one in resources.items() if str(one.get("DeletionPolicy")).startswith("Retain")}


def parameters_to_restore(stack: Stack) -> dict[str, str]:
    """Return the parameters to pass again when the stack is recreated: those that are not the defaults.

    The tables' deletion protection is left out, because adopting a table keeps it.
    """
    known = Template.load().parameters
    return {
        name: value
        for name, value in stack.parameters.items()
        if name in known.keys() - {"Stage", "DeletionProtection"} and value != known[name].default
    }


def destroy(aws: Aws, inventory: Inventory) -> Generator[StackEvent, None, None]:
    """Delete the stack, and yield its events.

    Raises:
        PreflightError: The stack changed after the inventory was taken.
        DeploymentError: A resource could not be deleted.
        OperatorError: An AWS call failed.
    """
    stack = inventory.stack
    cloudformation = CloudFormation(aws.client("cloudformation"), stack.name)
    try:
        cloudformation.check_unchanged(stack, inventory.change_sets)
        events = cloudformation.delete_stack(stack.id)
        yield from follow_operation(cloudformation, events, stack, aws, {"DELETE_COMPLETE"})
    except (ClientError, BotoCoreError) as error:
        raise operator_error(error, aws.target, aws.region) from error
