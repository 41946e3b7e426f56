"""`triggers events ack`, `requeue` and `delete`: change events by their ids, or all that match a filter."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.consent import begin_change, confirm_change
from triggers_api.cli.context import CommandContext
from triggers_api.cli.interrupts import stop_between_pieces
from triggers_api.cli.options import SinceOption, SourceOption, TypesOption, UntilOption, stage_options
from triggers_api.cli.output import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triggers_api.core.paging import Filter
    from triggers_api.ops.events.changes import Change, Changes
    from triggers_api.settings import Settings

_Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="The ids of events.", show_default=False)
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Count the events that match, and change nothing.")]


@stage_options(local=True, yes=True, no_input=True)
def acknowledge(
    context: CommandContext,
    event_ids: _Ids = None,
    status: Annotated[
        str | None,
        typer.Option(metavar="STATUS", help="pending or dead.  [default: pending]", show_default=False),
    ] = None,
    source: SourceOption = None,
    event_type: TypesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: _DryRun = False,
) -> None:
    """Acknowledge events, by their ids or by filters.

    Leased events are acknowledged too.
    Example: triggers events ack --stage prod --source shop --until 2d --dry-run
    """
    from triggers_api.core.events import PENDING
    from triggers_api.core.times import system_clock
    from triggers_api.ops.events.changes import STATUSES, Change
    from triggers_api.ops.events.filters import parse_filter

    wanted = None
    if _one_of(event_ids, [status, source, event_type, since, until]):
        wanted = parse_filter(
            status=status or PENDING,
            source=source,
            event_types=event_type or (),
            since=since,
            until=until,
            clock=system_clock,
            statuses=STATUSES[Change.ACKNOWLEDGE],
        )
    _change(context, Change.ACKNOWLEDGE, event_ids or [], wanted, dry_run=dry_run)


@stage_options(local=True, yes=True, no_input=True)
def requeue(
    context: CommandContext,
    event_ids: _Ids = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="acknowledged or dead.", show_default=False)
    ] = None,
    source: SourceOption = None,
    event_type: TypesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
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
    """Make acknowledged or dead events pending again, by their ids or by filters.

    They return to their old places, as if never received, with their full retention.
    Example: triggers events requeue --stage prod --status acknowledged --acknowledged-since 2h
    """
    from triggers_api.core.times import system_clock
    from triggers_api.ops.events.changes import STATUSES, Change
    from triggers_api.ops.events.filters import parse_filter

    filters = [status, source, event_type, since, until, acknowledged_since, acknowledged_until]
    wanted = None
    if _one_of(event_ids, filters):
        wanted = parse_filter(
            status=_required(status, Change.REQUEUE),
            source=source,
            event_types=event_type or (),
            since=since,
            until=until,
            clock=system_clock,
            acknowledged_since=acknowledged_since,
            acknowledged_until=acknowledged_until,
            statuses=STATUSES[Change.REQUEUE],
        )
    _change(context, Change.REQUEUE, event_ids or [], wanted, dry_run=dry_run)


@stage_options(local=True, stack_name=False, yes=True, no_input=True)
def delete(
    context: CommandContext,
    event_ids: _Ids = None,
    status: Annotated[
        str | None,
        typer.Option(metavar="STATUS", help="pending, acknowledged, dead, or any.", show_default=False),
    ] = None,
    source: SourceOption = None,
    event_type: TypesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: _DryRun = False,
) -> None:
    """Delete events for good, by their ids or by filters.

    Leased, delayed and expired events are deleted too.
    Example: triggers events delete --stage prod --source shop --status any --dry-run
    """
    from triggers_api.core.times import system_clock
    from triggers_api.ops.events.changes import STATUSES, Change
    from triggers_api.ops.events.filters import parse_filter

    wanted = None
    if _one_of(event_ids, [status, source, event_type, since, until]):
        wanted = parse_filter(
            status=_required(status, Change.DELETE),
            source=source,
            event_types=event_type or (),
            since=since,
            until=until,
            clock=system_clock,
            statuses=STATUSES[Change.DELETE],
        )
    _change(context, Change.DELETE, event_ids or [], wanted, dry_run=dry_run)


def _one_of(event_ids: "Sequence[str] | None", filters: "Sequence[object]") -> bool:
    """Return whether filters were given, and not ids.

    Raises:
        ConfigurationError: Both were given, or neither.
    """
    from triggers_api.errors import ConfigurationError

    has_filters = any(filters)
    if bool(event_ids) == has_filters:
        problem = "exclude each other" if event_ids else "are both missing"
        raise ConfigurationError(
            f"The ids and the filters {problem}.", hint="Give the ids of events, or filters such as --source."
        )
    return has_filters


def _required(status: str | None, change: "Change") -> str:
    from triggers_api.errors import ConfigurationError
    from triggers_api.ops.events.changes import STATUSES

    if status is None:
        raise ConfigurationError(
            "--status is missing.", hint=f"With filters, give --status {' or '.join(STATUSES[change])}."
        )
    return status


def _change(
    context: CommandContext,
    change: "Change",
    event_ids: "Sequence[str]",
    wanted: "Filter | None",
    *,
    dry_run: bool,
) -> None:
    from triggers_api.cli.output.event_changes import verb
    from triggers_api.core.times import system_clock
    from triggers_api.errors import ConfigurationError
    from triggers_api.ops.events.changes import Changes, fixed_in_time
    from triggers_api.ops.events.filters import parse_id
    from triggers_api.ops.events.stores import open_events

    ids = list(dict.fromkeys(map(parse_id, event_ids)))
    if dry_run and ids:
        raise ConfigurationError(
            "--dry-run counts what filters match.", hint="Leave it out, or give filters."
        )
    if not dry_run:
        begin_change(context, f"{verb(change)} events", table=context.target.events_table)
    settings = _settings(context, change)
    with open_events(context.target, shards=settings.inbox_shards) as store:
        changes = Changes(store, settings, clock=system_clock)
        if wanted is None:
            _change_ids(context, changes, change, ids)
        else:
            fixed = fixed_in_time(wanted, change, system_clock())
            _change_matching(context, changes, change, fixed, dry_run=dry_run)


def _settings(context: CommandContext, change: "Change") -> "Settings":
    from triggers_api.ops.events.changes import Change
    from triggers_api.ops.events.settings import read_settings
    from triggers_api.settings import Settings

    if change is Change.DELETE:  # a delete needs no setting, and so no stack
        return Settings.from_environment({})
    return read_settings(context.target, config.environment())


def _change_ids(
    context: CommandContext, changes: "Changes", change: "Change", event_ids: "Sequence[str]"
) -> None:
    from triggers_api.cli.output.event_changes import print_changed_ids, quantity, verb

    confirm_change(context, f"{verb(change)} {quantity(len(event_ids))}")
    done = changes.change_ids(change, event_ids)
    print_changed_ids(change, done, as_json=context.as_json)
    if done.missing:
        sys.exit(1)


def _change_matching(
    context: CommandContext, changes: "Changes", change: "Change", wanted: "Filter", *, dry_run: bool
) -> None:
    from collections import Counter as Tally

    from triggers_api.cli.output.counter import Counter
    from triggers_api.cli.output.event_changes import doing, print_changed, print_counts, quantity, verb
    from triggers_api.errors import TriggersError
    from triggers_api.ops.events.filters import filter_words
    from triggers_api.ops.shell_commands import triggers_command

    counts = changes.count(change, wanted)
    if dry_run:
        print_counts(change, counts, as_json=context.as_json)
        return
    number, is_bounded = sum(one.count for one in counts.values()), any(one.capped for one in counts.values())
    done: Tally[str] = Tally()
    is_complete = True
    if number or is_bounded:
        at_least = "at least " if is_bounded else ""
        confirm_change(context, f"{verb(change)} {at_least}{quantity(number)}")
        again = triggers_command(f"events {change}", *filter_words(wanted))
        total = None if is_bounded else number
        with stop_between_pieces() as stopped, Counter(doing(change), total) as counter:
            try:
                for status, changed in changes.change_matching(change, wanted):
                    done[status] += changed
                    counter.add(changed)
                    if stopped.is_set():
                        is_complete = False
                        break
            except TriggersError:
                console.say(f"Stopped after {quantity(done.total())}. To go on: {again}")
                raise
    print_changed(change, done, is_complete=is_complete, as_json=context.as_json)
    if not is_complete:
        console.say(f"Stopped. To go on: {again}")
        raise KeyboardInterrupt
