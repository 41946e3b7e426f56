"""`triggers events ack`, `requeue` and `delete`: change events by their ids, or all that match a filter."""

from typing import Annotated

import typer

from triggers_api.cli.commands.event_commands.change_run import run_change
from triggers_api.cli.context import CommandContext
from triggers_api.cli.options import stage_options

_Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="The ids of events.", show_default=False)
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Count the events that match, and change nothing.")]


@stage_options(local=True, yes=True, no_input=True, filters=True)
def acknowledge(
    context: CommandContext,
    event_ids: _Ids = None,
    status: Annotated[
        str | None,
        typer.Option(metavar="STATUS", help="pending or dead.  [default: pending]", show_default=False),
    ] = None,
    dry_run: _DryRun = False,
) -> None:
    """Acknowledge events, by ids or filters.

    Leased events are acknowledged too.
    Example: triggers events ack --stage prod --source shop --until 2d --dry-run
    """
    run_change(
        context,
        "ack",
        event_ids,
        status=status,
        default_status="pending",
        dry_run=dry_run,
    )


@stage_options(local=True, yes=True, no_input=True, filters=True)
def requeue(
    context: CommandContext,
    event_ids: _Ids = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="acknowledged or dead.", show_default=False)
    ] = None,
    acknowledged_since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only events acknowledged since then.", show_default=False),
    ] = None,
    acknowledged_until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only events acknowledged before that time.", show_default=False),
    ] = None,
    dry_run: _DryRun = False,
) -> None:
    """Make acknowledged or dead events pending again.

    They return to their old places, as if never received, with their full retention.
    Example: triggers events requeue --stage prod --status acknowledged --acknowledged-since 2h
    """
    run_change(
        context,
        "requeue",
        event_ids,
        status=status,
        acknowledged_since=acknowledged_since,
        acknowledged_until=acknowledged_until,
        dry_run=dry_run,
    )


@stage_options(local=True, stack_name=False, yes=True, no_input=True, filters=True)
def delete(
    context: CommandContext,
    event_ids: _Ids = None,
    status: Annotated[
        str | None,
        typer.Option(metavar="STATUS", help="pending, acknowledged, dead, or any.", show_default=False),
    ] = None,
    dry_run: _DryRun = False,
) -> None:
    """Delete events, by ids or filters. This cannot be undone.

    Leased, delayed and expired events are deleted too.
    Example: triggers events delete --stage prod --source shop --status any --dry-run
    """
    run_change(
        context,
        "delete",
        event_ids,
        status=status,
        dry_run=dry_run,
    )
