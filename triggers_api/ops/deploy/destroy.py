"""`triggers destroy` without its terminal: what a deleted stack takes with it, and what stays."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import PreflightError
from triggers_api.ops.aws import Aws, explanation
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.failures import followed
from triggers_api.ops.cloudformation.models import Resource, Stack, StackEvent
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.status import stack_of


@dataclass(frozen=True, slots=True)
class Inventory:
    """A stack's resources: those that are deleted with it, and those that its template keeps."""

    stack: Stack
    deleted: tuple[Resource, ...]
    kept: tuple[Resource, ...]
    change_sets: Mapping[str, bool]
    """Each with whether it waits: another's, or an interrupted plan's."""


def take_inventory(aws: Aws) -> Inventory:
    """Return what goes and what stays.

    `StackMissingError` where there is no such stack, `PreflightError` where somebody is at work on it.
    """
    stack = stack_of(aws)
    if stack.is_busy:
        raise PreflightError(
            f"The stack {stack.name} is busy: {stack.status} since {stack.changed_at:%Y-%m-%d %H:%M} UTC.",
            reason="somebody else, or an earlier run, is at work",
            hint="Follow it with triggers status; destroy it when that is done.",
        )
    cloudformation = aws.client("cloudformation")
    retained: set[str] = set()
    if stack.status != "REVIEW_IN_PROGRESS":
        template = cloudformation.get_template(StackName=stack.id, TemplateStage="Processed")["TemplateBody"]
        retained = {
            name
            for name, resource in template["Resources"].items()
            if resource.get("DeletionPolicy", "Delete").startswith("Retain")
        }
    ours = CloudFormation(cloudformation, stack.name)
    resources = [one for one in ours.resources() if one.status != "DELETE_COMPLETE"]
    return Inventory(
        stack=stack,
        deleted=tuple(one for one in resources if one.logical_id not in retained),
        kept=tuple(one for one in resources if one.logical_id in retained),
        change_sets=ours.change_sets(),
    )


def parameters_to_give_again(stack: Stack) -> dict[str, str]:
    """Return what a stack has that a new one would not: parameters that differ from the template's defaults.

    Not the tables' protection, which adopting keeps as it is.
    """
    known = Template.load().parameters
    return {
        name: value
        for name, value in stack.parameters.items()
        if name in known.keys() - {"Stage", "DeletionProtection"} and value != known[name].default
    }


def destroy(aws: Aws, inventory: Inventory) -> Generator[StackEvent, None, None]:
    """Delete the stack and yield what happens; `DeploymentError` where something cannot be deleted.

    `PreflightError` where the stack is not as it was when the inventory was taken.
    """
    cloudformation = CloudFormation(aws.client("cloudformation"), inventory.stack.name)
    stack = inventory.stack
    try:
        cloudformation.check_unchanged(stack, inventory.change_sets)
        yield from followed(cloudformation, cloudformation.delete(stack.id), stack, aws, {"DELETE_COMPLETE"})
    except (ClientError, BotoCoreError) as error:
        raise explanation(error, aws.target, aws.region) from error
