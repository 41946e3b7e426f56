"""`triggers inbox`: what waits in the inbox of a stage, and how old it is."""

import sys
import time
from typing import Annotated

import typer

from triggers_api.cli.context import CommandContext
from triggers_api.cli.options import SourceOption, TypesOption, stage_options
from triggers_api.cli.output import console

_WATCH_SECONDS = 5


@stage_options(local=True, stack_name=False)
def inbox(
    context: CommandContext,
    source: SourceOption = None,
    event_type: TypesOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print a line every five seconds, until Ctrl-C.")
    ] = False,
    max_age: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Exit with 6 if an event has been pending for longer: 30m, 24h.",
            show_default=False,
        ),
    ] = None,
    max_pending: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Exit with 6 if more events are pending.", show_default=False),
    ] = None,
) -> None:
    """Show what waits in the inbox, and since when.

    Includes when the first event expires, and the most frequent sources and types. Needs no API key.
    Example: triggers inbox --stage prod --max-age 1h
    """
    from triggers_api.cli.exit_codes import EXIT_CODE
    from triggers_api.cli.output.inbox import excess, print_line, print_overview
    from triggers_api.core.events import PENDING
    from triggers_api.core.times import system_clock
    from triggers_api.errors import ChecksFailedError
    from triggers_api.ops.durations import parse_duration
    from triggers_api.ops.events.filters import parse_filter
    from triggers_api.ops.events.overview import read_overview
    from triggers_api.ops.events.stores import open_events

    oldest = None if max_age is None else parse_duration(max_age)
    wanted = parse_filter(
        status=PENDING,
        source=source,
        event_types=event_type or (),
        since=None,
        until=None,
        clock=system_clock,
    )
    with open_events(context.target) as store:
        while True:
            overview = read_overview(store, system_clock, wanted, look=not watch)
            exceeded = excess(overview, max_age=oldest, max_pending=max_pending)
            if not watch:
                break
            print_line(overview, exceeded, as_json=context.as_json)
            if exceeded:
                break
            time.sleep(_WATCH_SECONDS)
    if not watch:
        print_overview(overview, exceeded, as_json=context.as_json)
    if exceeded:
        console.say(*(f"exceeded: {one}" for one in exceeded))
        sys.exit(EXIT_CODE[ChecksFailedError.kind])
