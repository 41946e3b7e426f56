"""The deployed stack: where its resources are, and what they should be.

What a resource should be is read from `deploy/template.yaml` with the stack's own parameters, and not written
down a second time. The permissions of the role are the exception: there the template itself is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triggers_api.errors import StackMissingError
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.outputs import resolve_outputs
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Target

SERVICES = ("lambda", "logs", "dynamodb", "iam", "apigateway", "events", "cloudwatch")


@dataclass(frozen=True, slots=True)
class LiveStack:
    """A deployed stack.

    The clients are created beforehand: threads may share a client, but not the session that creates it.
    """

    stack: Stack
    template: Template
    target: Target
    clients: Mapping[str, Any]

    @property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs; behind an emulator `ApiUrl` is the emulator's."""
        return resolve_outputs(self.stack.outputs, self.target)

    def output(self, name: str) -> str:
        """Return an output.

        Raises:
            StackMissingError: The stack has no such output.
        """
        outputs = self.outputs
        if name not in outputs:
            raise StackMissingError(
                f"The stack has no output {name}.",
                reason=f"its state is {self.stack.status}",
                hint=f"See `{triggers_command('status')}`, and run `{triggers_command('deploy')}`.",
            )
        return outputs[name]

    def expected(self, logical_id: str) -> dict[str, Any]:
        """Return the properties that a resource should have."""
        return self.template.resolve_properties(logical_id, {**self.stack.parameters, "Stage": self.stage})

    @property
    def stage(self) -> str:
        """The name of the stack's stage."""
        return self.target.stage.value

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """Return the ARN of a resource in the stack's account, and in its region unless it is global."""
        _, partition, _, region, account, _ = self.stack.id.split(":", 5)
        return f"arn:{partition}:{service}:{region if regional else ''}:{account}:{resource}"
