"""The command `triggers` and its sub-commands.

Nothing heavy is imported before a command needs it: a help page must not wait for boto3 and FastAPI. And
Typer takes apart the parameters of every command that it knows: it gets the one that the command line names,
which saves 6 % of a short command.
"""

from importlib import import_module
from typing import Annotated

import typer

from triggers_api.version import VERSION

_MODULES = {
    "dev": "dev",
    "doctor": "doctor",
    "deploy": "deploy",
    "status": "stack",
    "outputs": "stack",
    "smoke": "smoke",
    "verify": "verify",
    "destroy": "stack",
    "openapi": "openapi",
    "keys": "keys",
    "logs": "logs",
}
"""Where each command is, in the order of the help page."""


def make_app(first: str = "") -> typer.Typer:
    """Return the app with the command that a command line begins with; with all where that is none."""
    app = typer.Typer(
        name="triggers",
        help="Run and operate a Triggers API: a durable event inbox in your own AWS account, "
        "or on this machine. Example: triggers dev",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    for name in [first] if first in _MODULES else _MODULES:
        module = import_module(f"triggers_api.cli.commands.{_MODULES[name]}")
        if name in {"keys", "logs"}:
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def _version(value: bool) -> None:
    if value:
        typer.echo(f"triggers {VERSION}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
