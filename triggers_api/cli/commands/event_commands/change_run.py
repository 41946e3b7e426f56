"""What `triggers events ack`, `requeue` and `delete` have in common: check, count, ask, change, and go on."""

import sys
from typing import TYPE_CHECKING

from triggers_api.cli import config
from triggers_api.cli.consent import begin_change, confirm_change
from triggers_api.cli.context import CommandContext
from triggers_api.cli.interrupts import stop_between_pieces
from triggers_api.cli.output import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triggers_api.core.paging import Filter
    from triggers_api.ops.events.changes import Change, Changes
    from triggers_api.settings import Settings


def run_change(
    context: CommandContext,
    name: str,
    event_ids: "Sequence[str] | None",
    *,
    status: str | None,
    default_status: str | None = None,
    dry_run: bool,
    **acknowledged: str | None,
) -> None:
    """Change the events of ids, or of the filters.

    Args:
        context: The options of the command, and its filters.
        name: The command.
        event_ids: The ids.
        status: The status that was given.
        default_status: The status of filters without one. None: it must be given.
        dry_run: Count, and change nothing.
        acknowledged: `acknowledged_since` and `acknowledged_until`, as `parse_filter` takes them.

    Raises:
        ConfigurationError: The arguments are wrong. Nothing was changed.
        TriggersError: The change failed. Some events may be changed.
        KeyboardInterrupt: Ctrl-C stopped the change between two pieces.
    """
    from triggers_api.cli.output.damage import report_damaged_events
    from triggers_api.cli.output.event_changes import verb
    from triggers_api.core.times import system_clock
    from triggers_api.ops.events.changes import STATUSES, Change, Changes
    from triggers_api.ops.events.filters import parse_filter, parse_id
    from triggers_api.ops.events.stores import open_events

    change = Change(name)
    given = [status, *context.filters.values(), *acknowledged.values()]
    has_filters = any(one not in (None, ()) for one in given)
    _check_arguments(event_ids, has_filters=has_filters, dry_run=dry_run)
    ids = list(dict.fromkeys(map(parse_id, event_ids or ())))
    if has_filters:
        wanted = parse_filter(
            status=_required(status or default_status, STATUSES[change]),
            clock=system_clock,
            statuses=STATUSES[change],
            **context.filters,
            **acknowledged,
        )
    if not dry_run:
        begin_change(context, f"{verb(change)} events", table=context.target.events_table)
    settings = _settings(context, change)
    shards = settings.inbox_shards
    with (
        report_damaged_events() as damaged,
        open_events(context.target, shards=shards, is_patient=True) as store,
    ):
        changes = Changes(store, settings, clock=system_clock)
        if has_filters:
            fixed = changes.fix_in_time(change, wanted)
            _change_matching(context, changes, change, fixed, dry_run=dry_run)
        else:
            _change_ids(context, changes, change, ids)
    if damaged.number:
        sys.exit(1)


def _check_arguments(event_ids: "Sequence[str] | None", *, has_filters: bool, dry_run: bool) -> None:
    from triggers_api.errors import ConfigurationError

    if bool(event_ids) == has_filters:
        problem = "exclude each other" if event_ids else "are both missing"
        raise ConfigurationError(
            f"The ids and the filters {problem}.", hint="Give the ids of events, or filters such as --source."
        )
    if dry_run and event_ids:
        raise ConfigurationError(
            "--dry-run counts what filters match.", hint="Leave it out, or give filters."
        )


def _required(status: str | None, statuses: "Sequence[str]") -> str:
    from triggers_api.errors import ConfigurationError

    if status is None:
        raise ConfigurationError(
            "--status is missing.", hint=f"With filters, give --status {' or '.join(statuses)}."
        )
    return status


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
    from triggers_api.cli.output.event_changes import (
        must_deliver_changes,
        print_changed_ids,
        quantity,
        verb,
    )

    confirm_change(context, f"{verb(change)} {quantity(len(event_ids))}")
    done = changes.change_ids(change, event_ids)
    with must_deliver_changes(change, len(done.changed)):
        print_changed_ids(change, done, as_json=context.as_json)
    if done.missing:
        sys.exit(1)


def _change_matching(
    context: CommandContext, changes: "Changes", change: "Change", wanted: "Filter", *, dry_run: bool
) -> None:
    from collections import Counter as Tally

    from triggers_api.cli.output.counter import Counter
    from triggers_api.cli.output.event_changes import (
        doing,
        must_deliver_changes,
        print_changed,
        print_counts,
        quantity,
        verb,
    )
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
                for piece in changes.change_matching(change, wanted):
                    done[piece.status] += piece.count
                    counter.add(piece.count)
                    if stopped.is_set() and not piece.is_last:
                        is_complete = False
                        break
            except TriggersError:
                console.say(f"Stopped after {quantity(done.total())}. To go on: {again}")
                raise
    with must_deliver_changes(change, done.total()):
        print_changed(change, done, is_complete=is_complete, as_json=context.as_json)
    if not is_complete:
        console.say(f"Stopped. To go on: {again}")
        raise KeyboardInterrupt
