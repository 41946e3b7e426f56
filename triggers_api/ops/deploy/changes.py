"""Change a stack through change sets: create one, propose it, and execute it if the caller continues.

There are two kinds. An IMPORT change set adopts tables that an earlier stack kept, and may contain nothing
else. An ordinary one, created by SAM, brings the stack to what the template describes.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from triggers_api.errors import DeploymentError
from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.change_set import PendingChangeSet, pending_change_set
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.failures import follow_operation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.outputs import resolve_outputs
from triggers_api.ops.cloudformation.tags import stack_tags
from triggers_api.ops.cloudformation.versions import deployed_version, is_downgrade
from triggers_api.ops.deploy.progress import Downgrade, Outcome, Progress, Proposal, Step
from triggers_api.ops.deploy.sam import Sam
from triggers_api.ops.status import check_resources
from triggers_api.version import VERSION

_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


class StackChanges:
    """Changes one stack, or with `plan_only` proposes the changes."""

    def __init__(
        self, aws: Aws, cloudformation: CloudFormation, *, plan_only: bool, disable_rollback: bool
    ) -> None:
        self._aws, self._cloudformation = aws, cloudformation
        self._name = cloudformation.name
        self._plan_only, self._disable_rollback = plan_only, disable_rollback

    def adopt_tables(
        self, kept: Mapping[str, str], template: str, parameters: Mapping[str, str]
    ) -> Iterator[Progress]:
        """Import kept tables, unchanged, into a new stack.

        Args:
            kept: The tables' names by logical id.
            template: The template of the import.
            parameters: The stack parameters.

        Raises:
            DeploymentError: CloudFormation rejected the import, or the import failed.
        """
        names = " and ".join(kept.values())
        yield Step("adopt", f"Adopting {names}. Parameters that are not given have their defaults.")
        with pending_change_set(self._cloudformation) as pending:
            arn = self._cloudformation.create_import(template, parameters, kept)
            pending.record_created(arn)
            self._cloudformation.wait_for_import(arn)
            proposal = Proposal(self._cloudformation.change_set(arn), adopts=True)
            yield from self._propose_and_execute(pending, proposal, first=True)

    def update_stack(
        self,
        tool: Sam,
        built: Path,
        parameters: Mapping[str, str],
        stack: Stack | None,
        *,
        given: Iterable[str],
    ) -> Iterator[Progress]:
        """Bring the stack to what the template describes.

        Args:
            tool: The SAM CLI.
            built: The template that `sam build` wrote.
            parameters: The stack parameters.
            stack: The stack as it is; None before its first deployment.
            given: The names of the parameters that the operator gave.

        Raises:
            OperatorError: SAM failed, CloudFormation rejected the change set, or the change failed.
        """
        yield Step("change set", "Uploading the artifact and creating the change set.")
        with pending_change_set(self._cloudformation) as pending:
            tags = stack_tags(parameters["Stage"], stack)
            arn = tool.create_change_set(self._aws, built, parameters=parameters, tags=tags)
            if arn is None:
                yield from self._report_unchanged()
            else:
                pending.record_created(arn)
                now = self._cloudformation.stack()
                if now is not None and is_downgrade(now) and not (stack is not None and is_downgrade(stack)):
                    # Another user deployed a newer version after the preflight checks.
                    yield Downgrade(deployed_version(now), VERSION)
                before: Mapping[str, str | None] = dict.fromkeys(given) if stack is None else stack.parameters
                changed = {
                    name: (before[name], value)
                    for name, value in parameters.items()
                    if before.get(name, value) != value
                }
                proposal = Proposal(
                    self._cloudformation.change_set(arn),
                    parameters=changed,
                    deployed_version="" if stack is None else deployed_version(now or stack),
                )
                yield from self._propose_and_execute(pending, proposal, first=stack is None)

    def _report_unchanged(self) -> Iterator[Progress]:
        """Yield the outcome, after warnings about resources that were deleted by hand.

        CloudFormation compares templates only, so it does not see that such a resource is missing.
        """
        stack = self._cloudformation.stack()
        if stack is None:
            raise DeploymentError(
                f"Stack {self._name} no longer exists.",
                reason="another user deleted it in the meantime",
                hint="Deploy again.",
            )
        yield from check_resources(self._aws, stack)
        yield self._outcome(stack, changed=False, first=False)

    def _propose_and_execute(
        self, pending: PendingChangeSet, proposal: Proposal, *, first: bool
    ) -> Iterator[Progress]:
        change_set, adopts = proposal.change_set, proposal.adopts
        pending.record_stack(change_set)
        yield proposal
        if self._plan_only:
            return
        stack = self._cloudformation.describe(change_set.stack_id)
        started = Step("apply", f"Deploying stack {self._name}.", is_update=not stack.is_empty)
        try:
            events = self._cloudformation.execute(
                change_set, disable_rollback=self._disable_rollback and not adopts
            )
        except KeyboardInterrupt:
            # The response is lost. Whether CloudFormation has started shows in the stack.
            now = self._cloudformation.describe(stack.id)
            if (now.status, now.changed_at) != (stack.status, stack.changed_at):
                pending.record_executed()
                yield started
            raise
        pending.record_executed()
        yield started
        yield from follow_operation(self._cloudformation, events, stack, self._aws, _DONE)
        if not adopts:
            yield self._outcome(self._cloudformation.describe(stack.id), changed=True, first=first)

    def _outcome(self, stack: Stack, *, changed: bool, first: bool) -> Outcome:
        return Outcome(changed, stack.status, resolve_outputs(stack.outputs, self._aws.target), first)
