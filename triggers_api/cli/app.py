"""The command `triggers` and its sub-commands.

The module of a command is imported when the command is used, and Typer reads the parameters of that command
only, which saves 6 % of the time of a short command. For the same reason a command imports botocore, FastAPI
and the like in its function: a help page must not wait for them.
"""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from triggers_api.version import VERSION_LINE

_GROUPS = ("events", "hooks", "keys", "logs")
_SECTIONS = {
    "Local": ("dev", "openapi"),
    "Deploy": ("doctor", "deploy", "status", "outputs", "destroy"),
    "Check": ("smoke", "verify"),
    "Data": ("inbox", "events", "listen", "hooks"),
    "Keys and logs": ("keys", "logs"),
}
"""The help page. Each command is a module of `cli/commands/` with a function of the same name."""
_COMMANDS = tuple(name for names in _SECTIONS.values() for name in names)


class _LazyGroup(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # For an unknown name, load all: Typer suggests those that resemble it.
        for name in [cmd_name] if cmd_name in _COMMANDS else _COMMANDS:
            self.add_command(_load(name), name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, _COMMANDS))
        limit = formatter.width - 6 - width  # as Typer counts for its one list
        for title, names in _SECTIONS.items():
            commands = {name.ljust(width): self.get_command(ctx, name) for name in names}
            with formatter.section(title):
                formatter.write_dl(
                    [(name, command.get_short_help_str(limit)) for name, command in commands.items()]
                )


def make_app() -> typer.Typer:
    """Return the command `triggers`."""
    app = typer.Typer(
        name="triggers",
        cls=_LazyGroup,
        help="Run and operate a Triggers API: a durable event inbox in your own AWS account, "
        "or on this machine. Example: triggers dev",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    return app


def _load(name: str) -> Any:
    module = import_module(f"triggers_api.cli.commands.{name}")
    if name in _GROUPS:
        return typer.main.get_command(module.app)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(getattr(module, name))
    return typer.main.get_command(app)


def _print_version(value: bool) -> None:
    if value:
        from triggers_api.cli.output import console

        console.answer(VERSION_LINE)
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass
