"""Clean up a change set that was created for review but never executed.

Declining, interrupting or failing a deployment leaves a change set behind and, on a first deployment, an
empty stack in REVIEW_IN_PROGRESS. `pending_change_set` deletes both on exit, unless the change set was
executed.

Change sets of other users are never touched. SAM generates the name of its change set and reports it only
when it finishes. If SAM is interrupted, any new change set with SAM's name prefix is assumed to be ours; if
SAM fails, only new change sets that failed are.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import DeploymentError, OperatorError
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.failures import find_remedy
from triggers_api.ops.cloudformation.models import ChangeSet

_OUR_NAMES = (":changeSet/samcli-deploy", ":changeSet/triggers-adopt-")


class PendingChangeSet:
    """Tracks the change set of one deployment, and the stack created for it."""

    def __init__(self, cloudformation: CloudFormation) -> None:
        self._cloudformation = cloudformation
        self._stack_existed = cloudformation.stack() is not None
        self._earlier_change_sets = cloudformation.change_sets()
        self._arn: str | None = None
        self._stack_id: str | None = None
        self._is_executed = False

    def record_created(self, arn: str) -> None:
        """Record the ARN of the change set."""
        self._arn = arn

    def record_stack(self, change_set: ChangeSet) -> None:
        """Record the stack that the change set belongs to."""
        self._stack_id = change_set.stack_id

    def record_executed(self) -> None:
        """Record that the change set was executed, so that nothing is deleted."""
        self._is_executed = True

    def delete_unexecuted(self, *, interrupted: bool = False) -> None:
        """Delete the change set, and its stack if it is new, empty and not used by anyone else.

        Args:
            interrupted: SAM did not finish, so ownership is inferred from the name prefix.

        Raises:
            OperatorError: CloudFormation refused a deletion.
        """
        if self._is_executed:
            return
        ours = self._find_ours(interrupted=interrupted)
        for arn in ours:
            self._cloudformation.delete_change_set(arn)
        if self._stack_existed:
            return
        in_use = any(live and arn not in ours for arn, live in self._cloudformation.change_sets().items())
        # Read the stack last: another user may have executed a change set in the meantime.
        stack = self._cloudformation.stack()
        if not in_use and stack and stack.is_empty and self._stack_id in {None, stack.id}:
            self._cloudformation.delete_empty_stack(stack.id)

    def explain_failure(self, error: DeploymentError) -> None:
        """Replace an error's message with the reason why CloudFormation rejected the change set, if known."""
        for arn in () if self._is_executed else self._find_ours(interrupted=False):
            if reasons := self._cloudformation.failure_reasons(ChangeSetName=arn):
                error.message, error.reason = "CloudFormation rejected the change set.", reasons[0]
                error.hint = find_remedy(reasons[0]) or error.hint
                return

    def _find_ours(self, *, interrupted: bool) -> list[str]:
        if self._arn is not None:
            return [self._arn]
        return [
            arn
            for arn, live in self._cloudformation.change_sets().items()
            if arn not in self._earlier_change_sets
            and (not live or (interrupted and any(name in arn for name in _OUR_NAMES)))
        ]


@contextmanager
def pending_change_set(cloudformation: CloudFormation) -> Iterator[PendingChangeSet]:
    """Track the change set that the block creates, and delete it on exit unless it was executed.

    A `SystemExit` (the second Ctrl-C) skips the cleanup.

    Raises:
        OperatorError: CloudFormation refused a deletion. If the block itself failed, its own error is raised
            instead, with a note about the change set in the hint.
    """
    pending = PendingChangeSet(cloudformation)
    try:
        yield pending
    except SystemExit:
        raise
    except OperatorError as error:
        try:
            if isinstance(error, DeploymentError):
                pending.explain_failure(error)  # before its change set is deleted
            pending.delete_unexecuted()
        except (ClientError, BotoCoreError, OperatorError) as cleanup_error:
            left = f"Stack {cloudformation.name} may still have a change set ({cleanup_error})."
            error.hint = f"{left} {error.hint}"
        raise
    except BaseException:
        pending.delete_unexecuted(interrupted=True)
        raise
    else:
        pending.delete_unexecuted()
