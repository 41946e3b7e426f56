"""The options that all commands on a stage share, with one wording and one meaning.

`@stage_options` adds them to a command. The command receives one `CommandContext` instead of ten parameters:

    @stage_options(no_input=True)
    def destroy(context: CommandContext, confirm: ConfirmOption = None) -> None: ...
"""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, Concatenate

import typer

from triggers_api.cli import config, flags
from triggers_api.cli.context import CommandContext, ErrorOptions, refuse_local

_STAGE = Annotated[
    str | None,
    typer.Option("--stage", metavar="STAGE", help="The stage.  [default: prod]", show_default=False),
]
_STAGE_OR_LOCAL = Annotated[
    str | None,
    typer.Option(
        "--stage",
        metavar="STAGE",
        help="The stage; local is the store of `triggers dev`.  [default: prod]",
        show_default=False,
    ),
]
_REGION = Annotated[
    str | None,
    typer.Option("--region", metavar="REGION", help="The AWS region of the stage.", show_default=False),
]
_PROFILE = Annotated[
    str | None,
    typer.Option("--profile", metavar="PROFILE", help="The AWS profile to use.", show_default=False),
]
_STACK_NAME = Annotated[
    str | None,
    typer.Option(
        "--stack-name", metavar="NAME", help="The stack.  [default: triggers-api-STAGE]", show_default=False
    ),
]
_DATA_DIR = Annotated[
    Path | None,
    typer.Option("--data-dir", help="With --stage local: the data folder.", show_default=False),
]
_JSON = Annotated[bool, typer.Option("--json", help="Print JSON, errors included.")]
_YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
_NO_INPUT = Annotated[
    bool, typer.Option("--no-input", help="Never prompt; fail if confirmation is required.")
]
_DEBUG = Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")]


def stage_options(
    *, local: bool = False, stack_name: bool = True, yes: bool = False, no_input: bool = False
) -> Callable[[Callable[Concatenate[CommandContext, ...], None]], Callable[..., None]]:
    """Add the shared options to a command, and call the command with what they resolve to.

    Args:
        local: The command also works on the local stage, and has --data-dir. Other commands refuse it.
        stack_name: The command has --stack-name.
        yes: The command has --yes.
        no_input: The command has --no-input.
    """
    options: dict[str, Any] = {"stage": _STAGE_OR_LOCAL if local else _STAGE}
    options |= {"region": _REGION, "profile": _PROFILE}
    options |= {"stack_name": _STACK_NAME} if stack_name else {}
    options |= {"data_dir": _DATA_DIR} if local else {}
    switches: dict[str, Any] = {"as_json": _JSON}
    switches |= {"yes": _YES} if yes else {}
    switches |= {"no_input": _NO_INPUT} if no_input else {}
    switches |= {"debug": _DEBUG}

    def decorate(command: Callable[Concatenate[CommandContext, ...], None]) -> Callable[..., None]:
        @wraps(command)
        def run(ctx: typer.Context, **given: Any) -> None:
            chosen = {name: given.pop(name) for name in options}
            on = {name: given.pop(name) for name in switches}
            errors: ErrorOptions = ctx.obj
            # Before the target is resolved: that may fail, too.
            errors.as_json, errors.debug = on["as_json"], on.pop("debug")
            target = config.resolve(**chosen)
            flags.work_on(target)
            if not local:
                refuse_local(target)
            command(CommandContext(target, **on), **given)

        _, *own = signature(command).parameters.values()
        shared = [
            Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
            for group, default in ((options, None), (switches, False))
            for name, annotation in group.items()
        ]
        context = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        # Typer reads the parameters of a command from its signature.
        run.__signature__ = signature(run).replace(parameters=[context, *own, *shared])  # type: ignore[attr-defined] # functions have none until it is set
        return run

    return decorate
