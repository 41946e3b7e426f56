"""A change set that is shown before it is executed: unless it is, it goes again, and so does its new stack.

Others may be at work in the stack too: what they made is not touched. SAM chooses the name of its change set,
and tells it at its end only. So where SAM was interrupted, what came with such a name meanwhile is taken for
its own; where it failed, only what failed too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import DeploymentError, OperatorError
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.failures import remedy_for
from triggers_api.ops.cloudformation.models import ChangeSet

_NAMES = (":changeSet/samcli-deploy", ":changeSet/triggers-adopt-")
_REVIEW = "REVIEW_IN_PROGRESS"


class Pending:
    """What is being made in a stack."""

    def __init__(self, cloudformation: CloudFormation) -> None:
        self._cloudformation = cloudformation
        self._had_stack = cloudformation.stack() is not None
        self._before = cloudformation.change_sets()
        self._arn: str | None = None
        self._stack_id: str | None = None
        self._is_executed = False

    def made(self, arn: str) -> None:
        """Note down the change set."""
        self._arn = arn

    def shown(self, change_set: ChangeSet) -> None:
        """Note down the stack that the change set is for."""
        self._stack_id = change_set.stack_id

    def executed(self) -> None:
        """Note down that it stays."""
        self._is_executed = True

    def take_away(self, *, interrupted: bool = False) -> None:
        """Delete the change set, and its stack where that was made for it and nobody else works in it."""
        if self._is_executed:
            return
        own = self._own(interrupted=interrupted)
        for arn in own:
            self._cloudformation.discard(arn)
        if self._had_stack:
            return
        others = [
            arn for arn, lives in self._cloudformation.change_sets().items() if lives and arn not in own
        ]
        stack = self._cloudformation.stack()  # last: somebody may just have executed one
        if not others and stack and stack.status == _REVIEW and self._stack_id in {None, stack.id}:
            self._cloudformation.remove_empty(stack.id)

    def explain(self, error: DeploymentError) -> None:
        """Put into an error why the change set failed its validation, where CloudFormation tells it."""
        for arn in () if self._is_executed else self._own(interrupted=False):
            if reasons := self._cloudformation.failures(ChangeSetName=arn):
                error.message, error.reason = "CloudFormation refuses the change set.", reasons[0]
                error.hint = remedy_for(reasons[0]) or error.hint
                return

    def _own(self, *, interrupted: bool) -> list[str]:
        if self._arn is not None:
            return [self._arn]
        new = {arn: one for arn, one in self._cloudformation.change_sets().items() if arn not in self._before}
        return [
            arn
            for arn, lives in new.items()
            if not lives or (interrupted and any(name in arn for name in _NAMES))
        ]


@contextmanager
def pending(cloudformation: CloudFormation) -> Iterator[Pending]:
    """Take away at the end what was made and not executed; what a failed one has to say is asked first."""
    one = Pending(cloudformation)
    try:
        yield one
    except SystemExit:  # told twice to end: at once
        raise
    except OperatorError as error:
        # What goes wrong now must not hide what went wrong first.
        try:
            if isinstance(error, DeploymentError):
                one.explain(error)
            one.take_away()
        except (ClientError, BotoCoreError, OperatorError) as trouble:
            error.hint += f" A change set may be left in {cloudformation.name} ({trouble})."
        raise
    except BaseException:
        one.take_away(interrupted=True)
        raise
    else:
        one.take_away()
