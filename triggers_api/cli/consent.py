"""The decisions of a deployment: what the operator agreed to on the command line, and questions for the rest.

Only the command line counts. `triggers.toml` may come with a cloned repository, so it cannot skip a question.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
