"""`triggers events export` and `import`: copy events to a file, and from it into a stage."""

import sys
from typing import Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.consent import begin_change, confirm_change
from triggers_api.cli.context import CommandContext
from triggers_api.cli.interrupts import stop_between_pieces
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console


@stage_options(local=True, stack_name=False, filters=True)
def export(
    context: CommandContext,
    status: Annotated[
        str, typer.Option(metavar="STATUS", help="pending, acknowledged, dead, or any.")
    ] = "any",
) -> None:
    """Print events with every field, one JSON object per line.

    Stop producers and consumers first if the copy must be exact.
    Example: triggers events export --stage prod > events.ndjson
    """
    from dataclasses import replace

    from triggers_api.cli.output.counter import Counter
    from triggers_api.cli.output.damage import report_damaged_events
    from triggers_api.cli.output.event_changes import quantity
    from triggers_api.core.times import system_clock
    from triggers_api.ops.events.filters import filter_words, parse_filter
    from triggers_api.ops.events.record import to_line
    from triggers_api.ops.events.stores import open_events
    from triggers_api.ops.events.walk import walk
    from triggers_api.ops.shell_commands import triggers_command

    wanted = parse_filter(status=status, clock=system_clock, **context.filters)
    last, is_complete = None, True
    with (
        report_damaged_events() as damaged,
        open_events(context.target, is_patient=True) as store,
        stop_between_pieces() as stopped,
        Counter("Exporting events", None, beside_output=True) as counter,
    ):
        for event in walk(store, system_clock, wanted):
            if stopped.is_set():
                is_complete = False
                break
            console.answer_json_text(to_line(event))
            last = event
            counter.add(1)
    console.say(f"Exported {quantity(counter.done)}.")
    if not is_complete:
        # The last event comes again, which an import skips: another may have its time.
        rest = replace(wanted, since=last.created_at if last else wanted.since)
        console.say(f"Stopped. For the rest: {triggers_command('events export', *filter_words(rest))}")
        raise KeyboardInterrupt
    if damaged.number:
        sys.exit(1)


@stage_options(local=True, yes=True, no_input=True)
def import_events(
    context: CommandContext,
    file: Annotated[str, typer.Argument(metavar="FILE", help="An export, or - for stdin.")],
) -> None:
    """Store the events of an export, with their ids, times and states.

    What exists already is left alone, so an interrupted import can be repeated. Idempotency keys do not move.
    Example: triggers events import events.ndjson --stage prod
    """
    from triggers_api.cli.output.counter import Counter
    from triggers_api.cli.output.event_changes import quantity
    from triggers_api.core.times import system_clock
    from triggers_api.errors import TriggersError
    from triggers_api.ops.events.files import count_lines, open_lines, read_lines
    from triggers_api.ops.events.record import parse_line
    from triggers_api.ops.events.restoring import Restored, restore_lines
    from triggers_api.ops.events.settings import read_settings
    from triggers_api.ops.events.stores import open_events

    total = Restored()
    with open_lines(file) as lines:
        number = count_lines(lines, parse_line)
        begin_change(context, f"Import {quantity(number)}", table=context.target.events_table)
        confirm_change(context, f"Import {quantity(number)}")
        settings = read_settings(context.target, config.environment())
        with (
            open_events(context.target, shards=settings.inbox_shards, is_patient=True) as store,
            stop_between_pieces() as stopped,
            Counter("Importing events", number) as counter,
        ):
            try:
                for restored in restore_lines(store, system_clock, read_lines(lines, parse_line)):
                    total += restored
                    counter.add(restored.total)
                    if stopped.is_set():
                        break
            except TriggersError:
                console.say(f"Stopped after {quantity(total.total)}. Repeat the command to go on.")
                raise
    is_complete = total.total == number
    if context.as_json:
        console.answer_json(
            {
                "imported": total.stored,
                "existing": total.existing,
                "expired": total.expired,
                "complete": is_complete,
            }
        )
    else:
        console.answer(f"Imported {quantity(total.stored)}.")
        if total.existing:
            console.say(f"Skipped, because they exist already: {quantity(total.existing)}.")
        if total.expired:
            console.say(f"Skipped, because they have expired: {quantity(total.expired)}.")
    if not is_complete:
        console.say("Stopped. Repeat the command to go on.")
        raise KeyboardInterrupt
