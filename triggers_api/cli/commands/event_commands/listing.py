"""`triggers events list` and `triggers events show`."""

from itertools import islice
from typing import Annotated

import typer

from triggers_api.cli.context import CommandContext
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console

_LIMIT = 50


@stage_options(local=True, stack_name=False, filters=True)
def list_events(
    context: CommandContext,
    status: Annotated[
        str, typer.Option(metavar="STATUS", help="pending, acknowledged, dead, or any.")
    ] = "pending",
    newest: Annotated[bool, typer.Option("--newest", help="Show the newest events first.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=1_000_000,
            help=f"The most events to show.  [default: {_LIMIT}]",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show every event that matches.")] = False,
) -> None:
    """List events, oldest first, without their payloads.

    With --json, prints one JSON object per line, with the payload.
    Example: triggers events list --stage prod --status dead --since 2h
    """
    from triggers_api.cli.output.damage import report_damaged_events
    from triggers_api.cli.output.events import print_events
    from triggers_api.core.times import system_clock
    from triggers_api.errors import ConfigurationError
    from triggers_api.ops.events.filters import parse_filter
    from triggers_api.ops.events.stores import open_events
    from triggers_api.ops.events.walk import walk

    if everything and limit is not None:
        raise ConfigurationError("--limit and --all exclude each other.", hint="Give one of them.")
    wanted = parse_filter(status=status, clock=system_clock, **context.filters)
    most = None if everything else limit or _LIMIT
    with report_damaged_events(), open_events(context.target) as store:
        found = walk(store, system_clock, wanted, newest_first=newest)
        shown = print_events(islice(found, most), system_clock, as_json=context.as_json, stream=everything)
        if shown == most and next(found, None) is not None:
            console.say(f"There are more than {most}. Give --limit, or --all for every one.")
    if not shown:
        console.say("No event matches.")


@stage_options(local=True, stack_name=False)
def show_event(
    context: CommandContext,
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the event.")],
    body: Annotated[
        bool,
        typer.Option("--body", help="Print only the payload; of a webhook, the body byte for byte."),
    ] = False,
) -> None:
    """Show an event, whatever its status.

    --body prints the body of a webhook as it was sent, with no line break after it.
    Example: triggers events show 01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34 --body
    """
    from triggers_api.cli.output.events import print_event
    from triggers_api.core.times import seconds, system_clock
    from triggers_api.errors import ConfigurationError, CorruptRecordError, NotFoundError
    from triggers_api.ops.events.filters import parse_id
    from triggers_api.ops.events.stores import open_events

    if body and context.as_json:
        raise ConfigurationError("--body and --json exclude each other.", hint="Give one of them.")
    wanted = parse_id(event_id)
    with open_events(context.target) as store:
        try:
            event = store.get(wanted, seconds(system_clock()))
        except CorruptRecordError as error:
            raise CorruptRecordError(
                f"Event {wanted} is damaged.",
                reason=error.message,
                hint=f"The API can still delete it: DELETE /v1/events/{wanted}",
            ) from error
    if event is None:
        raise NotFoundError(
            f"There is no event {wanted} on stage {context.target.stage.value}.",
            hint="It was deleted, has expired, or is elsewhere: check --stage, --region and --profile.",
        )
    if body and event.webhook is not None:
        console.answer_bytes(event.webhook.body)
    elif body:
        console.answer_json_text(event.payload)
    else:
        print_event(event, system_clock, as_json=context.as_json)
