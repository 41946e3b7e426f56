"""The command `triggers` and its sub-commands.

Nothing heavy is imported before a command needs it: a help page must not wait for boto3 and FastAPI.
"""

from typing import Annotated

import typer

from triggers_api.cli import deploy, dev, doctor, keys, logs, openapi, smoke, stack, verify
from triggers_api.version import VERSION

app = typer.Typer(
    name="triggers",
    help="Run and operate a Triggers API: a durable event inbox in your own AWS account, or on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("dev")(dev.dev)
app.command("doctor")(doctor.doctor)
app.command("deploy")(deploy.deploy)
app.command("status")(stack.status)
app.command("outputs")(stack.outputs)
app.command("smoke")(smoke.smoke)
app.command("verify")(verify.verify)
app.command("destroy")(stack.destroy)
app.command("openapi")(openapi.openapi)
app.add_typer(keys.app, name="keys")
app.add_typer(logs.app, name="logs")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"triggers {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
