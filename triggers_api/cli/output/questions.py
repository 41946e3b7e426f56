"""Ask the operator: for confirmation, for a value, for a secret. Questions go to stderr."""

import sys

from triggers_api.cli.output import console
from triggers_api.errors import ConfirmationNeededError, DeclinedError


def read_secret(question: str) -> str:
    """Read one line from stdin, without echo if stdin is a terminal."""
    if console.is_terminal(sys.stdin):
        from getpass import getpass  # needed on a terminal only

        return getpass(f"{question}: ", sys.stderr).strip()
    return sys.stdin.readline().strip() if sys.stdin else ""


def has_more_lines() -> bool:
    """Read the rest of stdin to its end, and return whether it has more than blanks. A terminal has none."""
    return not (sys.stdin is None or console.is_terminal(sys.stdin)) and bool(sys.stdin.read().strip())


def is_interactive() -> bool:
    """Return whether a question can be shown and answered."""
    return console.is_terminal(sys.stdin) and console.is_terminal(sys.stderr)


def check_can_ask(*, no_input: bool, fix: str) -> None:
    """Check that the operator can be asked for confirmation.

    Raises:
        ConfirmationNeededError: --no-input was given, or the command does not run interactively.
    """
    if no_input or not is_interactive():
        raise ConfirmationNeededError(
            "Confirmation required: not running interactively.",
            reason="--no-input was given" if no_input else "the input is not a terminal",
            hint=fix,
        )


def check_can_confirm(*, yes: bool, no_input: bool) -> None:
    """Check that a confirmation was given with --yes, or can be asked for.

    Raises:
        ConfirmationNeededError: It was not given and cannot be asked for.
    """
    if not yes:
        check_can_ask(no_input=no_input, fix="Check what the command will do, then add --yes.")


def confirm(question: str, *, yes: bool, no_input: bool) -> None:
    """Ask for confirmation, unless it was given with --yes.

    Raises:
        ConfirmationNeededError: The question cannot be asked.
        DeclinedError: The answer is no.
    """
    check_can_confirm(yes=yes, no_input=no_input)
    if not yes and ask(f"{question} [y/N]").lower() not in {"y", "yes"}:
        raise DeclinedError("Nothing was changed.", reason="the answer was no", hint="Answer y to do it.")


def confirm_by_name(warning: str, name: str, *, given: str | None, no_input: bool) -> None:
    """Ask for a name to be typed, unless it was given with --confirm. A y is too quick if data can be lost.

    Raises:
        ConfirmationNeededError: The question cannot be asked.
        DeclinedError: The name is not the expected one.
    """
    if given is None:
        console.say(warning)
        check_can_ask(no_input=no_input, fix=f"Check what the command will do, then add --confirm {name}.")
        given = ask(f"Type {name} to continue")
    if given != name:
        raise DeclinedError(
            "Nothing was changed.", reason=f"the name given is not {name}", hint=f"Give {name}, exactly."
        )


def ask(question: str) -> str:
    """Ask a question on stderr, and return the answer.

    Raises:
        DeclinedError: The input ended. Ctrl-D is no answer, and does not accept a default.
    """
    console.prompt(question)
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        console.say("")
        raise
    if not answer:
        console.say("")
        raise DeclinedError("Nothing was changed.", reason="the input ended", hint="Answer the question.")
    return answer.strip()
