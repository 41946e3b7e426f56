"""The options that all commands on a stage share, with one wording and one meaning.

`@stage_options` adds them to a command. The command receives one `CommandContext`:

    @stage_options(no_input=True)
    def destroy(context: CommandContext, confirm: ConfirmOption = None) -> None: ...
"""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Concatenate, get_args

import typer

from triggers_api.cli import config
from triggers_api.cli.context import CommandContext, ErrorOptions, Filters, refuse_local
from triggers_api.cli.output import questions
from triggers_api.ops.credentials import set_code_prompt
from triggers_api.ops.shell_commands import set_target

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

SourceOption = Annotated[
    str | None, typer.Option("--source", help="Only events of this source.", show_default=False)
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Print every check, also if all pass.")]
TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Only events of this type. Repeatable.", show_default=False),
]

_TIME = "2026-11-22T08:00:00Z, or 30s, 10m, 2h or 3d before now"
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help=f"Only events created since then: {_TIME}.", show_default=False
    ),
]
_UNTIL = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Only events created before that time.", show_default=False),
]


def stage_options(
    *,
    local: bool = False,
    stack_name: bool = True,
    yes: bool = False,
    no_input: bool = False,
    filters: bool = False,
) -> Callable[[Callable[Concatenate[CommandContext, ...], None]], Callable[..., None]]:
    """Add the shared options to a command, and call the command with what they resolve to.

    Args:
        local: The command also works on the local stage, and has --data-dir. Other commands refuse it.
        stack_name: The command has --stack-name.
        yes: The command has --yes.
        no_input: The command has --no-input.
        filters: The command has --source, --type, --since and --until.
    """
    options = {
        "source": SourceOption if filters else None,
        "event_type": TypesOption if filters else None,
        "since": SinceOption if filters else None,
        "until": _UNTIL if filters else None,
        "stage": _STAGE_OR_LOCAL if local else _STAGE,
        "region": _REGION,
        "profile": _PROFILE,
        "stack_name": _STACK_NAME if stack_name else None,
        "data_dir": _DATA_DIR if local else None,
        "as_json": _JSON,
        "yes": _YES if yes else None,
        "no_input": _NO_INPUT if no_input else None,
        "debug": _DEBUG,
    }
    shared = [_parameter(name, option) for name, option in options.items() if option is not None]

    def decorate(command: Callable[Concatenate[CommandContext, ...], None]) -> Callable[..., None]:
        @wraps(command)
        def run(ctx: typer.Context, **given: Any) -> None:
            context = _resolve(ctx.obj, **{option.name: given.pop(option.name) for option in shared})
            if not local:
                refuse_local(context.target)
            command(context, **given)

        _, *own = signature(command).parameters.values()
        ctx = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        # Typer reads the options of a command from its signature.
        run.__signature__ = Signature([ctx, *own, *shared])  # type: ignore[attr-defined] # a function has none before
        return run

    return decorate


def _parameter(name: str, option: Any) -> Parameter:
    value_type, _ = get_args(option)
    default = False if value_type is bool else None
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=option)


def _resolve(
    errors: ErrorOptions,
    *,
    as_json: bool,
    debug: bool,
    yes: bool = False,
    no_input: bool = False,
    source: str | None = None,
    event_type: list[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    **target_options: Any,
) -> CommandContext:
    errors.as_json, errors.debug = as_json, debug  # first: resolving the target may fail
    target = config.resolve(**target_options)
    set_target(target)
    set_code_prompt(questions.ask if questions.is_interactive() and not no_input else None)
    filters = Filters(source=source, event_types=event_type or (), since=since, until=until)
    return CommandContext(target, as_json, yes, no_input, filters)
