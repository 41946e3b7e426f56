"""`triggers logs`: what the deployed service wrote, and what Lambda wrote about it."""

from typing import Annotated

import typer

from triggers_api.cli.context import CommandContext, aws_for
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console

app = typer.Typer(
    help="Read the log of a stage. Example: triggers logs tail --stage prod",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    pass


@app.command()
@stage_options()
def tail(
    context: CommandContext,
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
) -> None:
    """Show the log of a stage, and follow it.

    Example: triggers logs tail --stage prod --since 1h --level WARNING
    """
    from triggers_api.cli.output.logs import LineWriter
    from triggers_api.ops.logs.group import Notice
    from triggers_api.ops.logs.tail import make_options
    from triggers_api.ops.logs.tail import tail as lines_of

    target = context.target
    options = make_options(since=since, follow=follow, request_id=request_id, level=level, text=text or "")
    aws = aws_for(target)
    if follow:
        console.say(f"Following {target.log_group} in {aws.region}, since {since}. Ctrl-C ends it.")
    write = LineWriter(as_json=context.as_json)
    for one in lines_of(aws, options):
        if isinstance(one, Notice):
            console.say(console.printable(one.message))
        else:
            write(one)
    if not write.lines:
        console.say(f"There is no such line in {target.log_group}, since {since}.")
