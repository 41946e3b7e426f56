"""A change set that is shown before it is executed: unless it is, it goes again, and so does its new stack.

SAM chooses the name of its change set, and tells it at its end only. So where SAM was interrupted or failed,
what came into the stack meanwhile is taken for its own; else only what it has told of is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.errors import DeploymentError
from triggers_api.ops.cloudformation import CloudFormation
from triggers_api.ops.failures import remedy_for
from triggers_api.ops.stack import ChangeSet


class Pending:
    """What is being made in a stack. Others may be at work there too: what they made is not touched."""

    def __init__(self, cloudformation: CloudFormation) -> None:
        self._cloudformation = cloudformation
        self._had_stack = cloudformation.stack() is not None
        self._before = cloudformation.change_sets()
        self._arn: str | None = None
        self._stack_id: str | None = None
        self._is_empty = self._is_executed = False

    def made(self, arn: str | None) -> None:
        """Note down the change set; None where there was nothing to change, and SAM left an empty one."""
        self._arn, self._is_empty = arn, arn is None

    def shown(self, change_set: ChangeSet) -> None:
        """Note down the stack that the change set is for."""
        self._stack_id = change_set.stack_id

    def executed(self) -> None:
        """Note down that it stays."""
        self._is_executed = True

    def take_away(self) -> None:
        """Delete the change set, and its stack where that was made for it and nobody else works in it."""
        if self._is_executed:
            return
        for arn in self._own():
            self._cloudformation.discard(arn)
        stack = None if self._had_stack else self._cloudformation.stack()
        if stack is None or stack.status != "REVIEW_IN_PROGRESS" or self._stack_id not in {None, stack.id}:
            return
        if not any(self._cloudformation.change_sets().values()):
            self._cloudformation.remove_empty(stack.id)

    def better(self, error: DeploymentError) -> DeploymentError:
        """Return an error that says why a change set failed its validation, where CloudFormation tells it."""
        for arn in () if self._is_executed else self._own():
            if reasons := self._cloudformation.failures(ChangeSetName=arn):
                hint = remedy_for(reasons[0]) or error.hint
                return DeploymentError("CloudFormation refuses the change set.", reason=reasons[0], hint=hint)
        return error

    def _own(self) -> list[str]:
        if self._arn is not None:
            return [self._arn]
        found = self._cloudformation.change_sets()
        return [
            arn for arn, waits in found.items() if arn not in self._before and not (waits and self._is_empty)
        ]


@contextmanager
def pending(cloudformation: CloudFormation) -> Iterator[Pending]:
    """Take away at the end what was made and not executed; what a failed one has to say is asked first."""
    one = Pending(cloudformation)
    try:
        yield one
    except DeploymentError as error:
        raise one.better(error) from error
    finally:
        one.take_away()
