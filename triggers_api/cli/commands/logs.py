"""`triggers logs`: the log of the deployed service, with Lambda's own lines."""

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
        str,
        typer.Option(
            metavar="TIME", help="The earliest time: 30s, 10m, 2h, 3d ago, or 2026-11-22T08:00:00Z."
        ),
    ] = "10m",
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for new lines until Ctrl-C.")
    ] = True,
    request_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Only the lines of one request, by request id or Lambda request id.",
            show_default=False,
        ),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL",
            help="The lowest level to show: DEBUG, INFO, WARNING, ERROR or CRITICAL.",
            show_default=False,
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            help="Only requests answered with this status, such as 401, or this class, such as 5xx.",
            show_default=False,
        ),
    ] = None,
    key_id: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="ID",
            help="Only requests with the key of this id, also refused ones.",
            show_default=False,
        ),
    ] = None,
    hook_id: Annotated[
        str | None,
        typer.Option(
            "--hook",
            metavar="ID",
            help="Only deliveries to the hook of this id, also refused ones.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="TEXT",
            help="Only lines that show this text, in any case. The time is not searched.",
            show_default=False,
        ),
    ] = None,
    lambda_lines: Annotated[
        bool,
        typer.Option(
            "--lambda",
            help="Show Lambda's own lines too, such as START and REPORT. Those that report a failure, and "
            "those of a --request-id, are always shown.",
        ),
    ] = False,
) -> None:
    """Show the log of a stage, and follow it.

    A terminal shows times in this machine's time zone, and the date if it is not today. A pipe and --json get
    dates and times in UTC. With --json, prints one JSON object per line.

    Example: triggers logs tail --stage prod --since 1h --status 401
    """
    from triggers_api.cli.output.logs import LineWriter
    from triggers_api.ops.logs.group import Notice
    from triggers_api.ops.logs.tail import parse_options, read_log

    target = context.target
    options = parse_options(
        since=since,
        follow=follow,
        request_id=request_id,
        level=level,
        status=status,
        key_id=key_id,
        hook_id=hook_id,
        text=text or "",
        lambda_lines=lambda_lines,
    )
    aws = aws_for(target)
    if follow:
        console.say(f"Following {target.log_group} in {aws.region}, since {since}. Press Ctrl-C to stop.")
    write = LineWriter(as_json=context.as_json)
    for one in read_log(aws, options):
        if isinstance(one, Notice):
            console.say(one.message)
        else:
            write(one)
    if not write.lines:
        console.say(f"No matching lines in {target.log_group} since {since}.")
