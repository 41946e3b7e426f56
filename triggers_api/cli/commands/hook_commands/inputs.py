"""What the commands of `triggers hooks` share: their argument, their secrets, and how a change starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.consent import begin_change, confirm_change
from triggers_api.cli.context import CommandContext
from triggers_api.cli.output import questions
from triggers_api.errors import ConfigurationError
from triggers_api.ops.shell_commands import triggers_command

if TYPE_CHECKING:
    from triggers_api.ops.hooks.operations import Hooks

HookArgument = Annotated[
    str,
    typer.Argument(
        metavar="HOOK_OR_ID",
        help="An id or a prefix from `triggers hooks list`, a hook's URL, or - to read it from stdin.",
    ),
]
SecretOption = Annotated[
    str | None,
    typer.Option(
        metavar="-", help="Read the signing secret from stdin. Its only value is -.", show_default=False
    ),
]
PublicUrlOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The API's public URL, if it has a custom domain.", show_default=False),
]


def argument_or_stdin(argument: str) -> str:
    """Return a reference to a hook, which may be a secret: `-` reads it."""
    return questions.read_secret("Hook") if argument == "-" else argument


def read_whole_id(argument: str | None, *, no_input: bool) -> tuple[str, str | None]:
    """Return the whole id of a hook: of the argument, of `TRIGGERS_HOOK_ID`, or asked for.

    The second value is the URL of the API if the URL of the hook is given, else None.

    Raises:
        ConfigurationError: It is missing, or is no whole id. It is not repeated.
    """
    from triggers_api.ops.hooks.references import base_in, is_public, whole_id_in

    given = config.hook_id() if argument is None else argument_or_stdin(argument)
    if given is None and questions.is_interactive() and not no_input:
        given = questions.read_secret("URL of the hook")
    hint = f"Write the hook's URL to stdin: {triggers_command('hooks test', '-')}"
    if not given:
        raise ConfigurationError("The URL of the hook is missing.", hint=hint)
    whole_id = whole_id_in(given)
    if whole_id is None:
        kind = "the short id or the prefix" if is_public(given) else "no URL and no whole id"
        raise ConfigurationError(
            "A test needs the URL of the hook, or its whole id.",
            reason=f"this is {kind} of a hook, and only the digest of the whole id is stored",
            hint=hint,
        )
    return whole_id, base_in(given)


def read_secret(option: str | None, *, asks: str | None, no_input: bool) -> str | None:
    """Return the signing secret that the operator gives, None if there is none.

    Args:
        option: The value of --secret.
        asks: The question for a terminal if the option was not given; None to ask nothing.
        no_input: Ask nothing.

    Raises:
        ConfigurationError: The value is not `-`, or the secret has several lines. It is not repeated.
    """
    if option == "-":
        given = questions.read_secret("Signing secret")
        if questions.has_more_lines():
            raise ConfigurationError(
                "The signing secret on stdin has more than one line.",
                reason="a secret is one line, and a part of it would match no delivery",
                hint="Write the secret to stdin, and nothing after it.",
            )
        return given
    if option is not None:
        raise ConfigurationError(
            "The only value of --secret is -.",
            reason="other users of this machine can read a secret on a command line",
            hint="Write the secret to stdin, and give --secret -. Renew one that was on the command line.",
        )
    if asks is not None and questions.is_interactive() and not no_input:
        return questions.read_secret(asks) or None
    return None


@contextmanager
def hooks_to_change(context: CommandContext, action: str, *, creates: bool = False) -> Iterator["Hooks"]:
    """Announce a change, ask for confirmation if it needs one, and open the hooks. See `open_hooks`."""
    from triggers_api.ops.hooks.stores import open_hooks

    begin_change(context, action, table=context.target.keys_table)
    confirm_change(context, action)
    with open_hooks(context.target, creates=creates) as hooks:
        yield hooks


def hook_label(reference: str) -> str:
    """Return a description that does not reveal a hook's id."""
    from triggers_api.ops.hooks.references import is_public

    return f"hook {reference}" if is_public(reference) else "the given hook"
