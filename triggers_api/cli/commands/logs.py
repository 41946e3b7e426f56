"""`triggers logs`: what the deployed service wrote, and what Lambda wrote about it."""

from typing import Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.options import (
    DebugOption,
    ProfileOption,
    RegionOption,
    StackNameOption,
    StageOption,
)
from triggers_api.cli.output import console
from triggers_api.errors import ConfigurationError
from triggers_api.ops.target import Target

app = typer.Typer(
    help="Read the log of a stage. Example: triggers logs tail --stage prod", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    pass


@app.command()
def tail(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="From when on: 30s, 10m, 2h, 3d, or 2026-11-22T08:00:00Z.")
    ] = "10m",
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for what comes; Ctrl-C ends it.")
    ] = True,
    request_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="All lines of one request, by its id or by Lambda's.", show_default=False
        ),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL",
            help="This level and above: DEBUG, INFO, WARNING, ERROR or CRITICAL.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--filter", metavar="TEXT", help="Lines with this text, in capitals or not.", show_default=False
        ),
    ] = None,
    stage: StageOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    stack_name: StackNameOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, an error too.")
    ] = False,
    debug: DebugOption = False,  # noqa: ARG001 - read where errors end
) -> None:
    """Show the log of a stage, and follow it.

    Example: triggers logs tail --stage prod --since 1h --level WARNING
    """
    from triggers_api.cli.output.logs import LineWriter
    from triggers_api.ops.aws import Aws, region_of
    from triggers_api.ops.logs.group import Notice
    from triggers_api.ops.logs.tail import make_options
    from triggers_api.ops.logs.tail import tail as lines_of

    target = config.resolve(stage=stage, region=region, profile=profile, stack_name=stack_name)
    _refuse_local(target)
    options = make_options(since=since, follow=follow, request_id=request_id, level=level, text=text or "")
    aws = Aws(target, region_of(target))
    if follow:
        console.say(f"Following {target.log_group} in {aws.region}, since {since}. Ctrl-C ends it.")
    write = LineWriter(as_json=as_json)
    for one in lines_of(aws, options):
        if isinstance(one, Notice):
            console.say(console.printable(one.message))
        else:
            write(one)
    if not write.lines:
        console.say(f"There is no such line in {target.log_group}, since {since}.")


def _refuse_local(target: Target) -> None:
    if target.is_local:
        raise ConfigurationError(
            "The stage local has no log group.",
            reason=f"the stage is {target.stage}, and triggers dev writes its log to its stderr",
            hint="Look there, or give another --stage.",
        )
