"""What the operator agrees to before a command changes a stage: on the command line, or when asked.

Only the command line counts. `triggers.toml` may come with a cloned repository, so it cannot skip a question.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triggers_api.cli import config
from triggers_api.cli.context import CommandContext, announce_store
from triggers_api.cli.output import questions
from triggers_api.errors import ConfirmationNeededError
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.ops.deploy.progress import Progress


@dataclass(frozen=True, slots=True)
class Consent:
    """The decisions that the operator made on the command line. `deploy` asks for all others."""

    all_decisions: bool
    all_changes: bool
    downgrade: bool
    """The value of --allow-downgrade, which --yes does not include."""
    confirmed_stack: str | None
    """The value of --confirm: the name of the stack, which may lose a table."""
    no_input: bool


def require_consent(progress: "Progress", target: Target, consent: Consent) -> None:
    """Ask the operator if the progress is a decision that the command line did not make.

    Raises:
        DeclinedError: The operator declined.
        ConfirmationNeededError: The command is not running interactively.
    """
    from triggers_api.ops.deploy.progress import Downgrade, Obstacle, Proposal

    if isinstance(progress, Obstacle):
        question = "Delete the stack and create a new one?"
        questions.confirm(question, yes=consent.all_decisions, no_input=consent.no_input)
    elif isinstance(progress, Downgrade) and not consent.downgrade:
        if consent.all_decisions:
            raise ConfirmationNeededError(
                f"--yes does not replace version {progress.deployed} with the older {progress.new}.",
                reason="the older version may not understand what the newer one stored",
                hint="Update this program, or add --allow-downgrade.",
            )
        question = f"Replace version {progress.deployed} with the older {progress.new}?"
        questions.confirm(question, yes=False, no_input=consent.no_input)
    elif isinstance(progress, Proposal):
        lost = ", ".join(one.physical_id or one.logical_id for one in progress.change_set.lost_tables)
        if lost:
            questions.confirm_by_name(
                f"This change removes or replaces table {lost}. The service loses access to its data.",
                target.stack_name.value,
                given=consent.confirmed_stack,
                no_input=consent.no_input,
            )
        else:
            questions.confirm("Apply these changes?", yes=consent.all_changes, no_input=consent.no_input)


def begin_change(context: CommandContext, action: str, *, table: str) -> None:
    """Announce a change of stored data. Call it before the first request, and `confirm_change` afterwards.

    Args:
        context: The options of the command.
        action: What the command does, such as `Delete events`.
        table: The table that it changes.

    Raises:
        ConfirmationNeededError: The change needs a confirmation that was not given and cannot be asked for.
        OperatorError: AWS cannot be reached, or rejects the credentials.
    """
    if needs_confirmation(context):
        questions.check_can_confirm(yes=context.yes, no_input=context.no_input)
    announce_store(context.target, action, table=table)


def confirm_change(context: CommandContext, action: str) -> None:
    """Ask for confirmation if the change needs one.

    A change in production does, and so does one whose stage or profile `triggers.toml` chose.

    Raises:
        DeclinedError: The operator declined.
    """
    if needs_confirmation(context):
        place = f"on stage {context.target.stage}" if _is_from_file(context.target) else "in production"
        questions.confirm(f"{action} {place}?", yes=context.yes, no_input=context.no_input)


def needs_confirmation(context: CommandContext) -> bool:
    """Return whether a change is asked for: in production, and on a stage that `triggers.toml` chose."""
    target = context.target
    return target.stage.value == config.DEFAULT_STAGE or (_is_from_file(target) and not target.is_local)


def _is_from_file(target: Target) -> bool:
    return config.FILE in {one.origin for one in (target.stage, target.profile) if one is not None}
