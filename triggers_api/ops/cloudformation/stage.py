"""Find the stack of a stage."""

from triggers_api.errors import StackMissingError
from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.ownership import belongs_to
from triggers_api.ops.shell_commands import triggers_command


def find_stack(aws: Aws) -> Stack:
    """Return the stage's stack.

    Raises:
        StackMissingError: There is no such stack, or it belongs to another stage or program.
    """
    name, stage = aws.target.stack_name.value, aws.target.stage.value
    stack = CloudFormation(aws.client("cloudformation"), name).stack()
    if stack is None:
        raise StackMissingError(
            f"There is no stack {name} in {aws.region}.",
            reason=f"stage {stage} is not deployed there, or the region or account is wrong",
            hint="Check --stage, --region, --profile and --stack-name. To deploy the stage: "
            + triggers_command("deploy"),
        )
    if not belongs_to(stack, stage):
        raise StackMissingError(
            f"Stack {name} does not belong to stage {stage}.",
            reason="it belongs to another program or another stage",
            hint="Check --stage and --stack-name.",
        )
    return stack
