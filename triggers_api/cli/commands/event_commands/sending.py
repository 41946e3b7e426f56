"""`triggers events send`: send one event, or the lines of a file."""

import shlex
import sys
from collections import Counter as Tally
from typing import Annotated, BinaryIO

import typer

from triggers_api.cli import config
from triggers_api.cli.consent import begin_change, confirm_change, needs_confirmation
from triggers_api.cli.context import CommandContext
from triggers_api.cli.interrupts import stop_between_pieces
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console


@stage_options(local=True, yes=True, no_input=True)
def send(
    context: CommandContext,
    source: Annotated[str | None, typer.Option(help="The source of the event.", show_default=False)] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="The type of the event.", show_default=False)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="The payload: a JSON object, @FILE, or - for stdin.  [default: {}]",
            show_default=False,
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="A repeat with this key stores nothing.", show_default=False),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Send each line of a file, or of - for stdin: a body of POST /v1/events.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Send an event, or each line of a file. Needs no API key.

    Example: triggers events send --stage local --source shop --type order.paid --data '{"id": 7}'
    """
    from triggers_api.errors import ConfigurationError
    from triggers_api.ops.events.files import open_lines

    single = (source, event_type, data, idempotency_key)
    if file is not None:
        if any(one is not None for one in single):
            raise ConfigurationError(
                "--file excludes the options of a single event.",
                hint="Put the fields into the lines of the file.",
            )
        with open_lines(file) as lines:
            _send_file(context, file, lines)
    elif source is None or event_type is None:
        missing = "--source" if source is None else "--type"
        raise ConfigurationError(f"{missing} is missing.", hint="Give --source and --type, or --file.")
    else:
        _send_event(context, source, event_type, data, idempotency_key)


def _send_event(
    context: CommandContext, source: str, event_type: str, data: str | None, idempotency_key: str | None
) -> None:
    from triggers_api.errors import LocalEnvironmentError
    from triggers_api.ops.events.operator import OPERATOR
    from triggers_api.ops.events.sending import make_submission, open_intake

    submission = make_submission(
        source=source,
        event_type=event_type,
        data=b"{}" if data is None else _payload(data),
        idempotency_key=idempotency_key,
    )
    begin_change(context, "Send an event", table=context.target.events_table)
    confirm_change(context, "Send an event")
    with open_intake(context.target, config.environment()) as intake:
        receipt = intake.ingest(OPERATOR, submission)
    otherwise = LocalEnvironmentError(
        f"Event {receipt.event_id} was stored, but the answer could not be written.",
        reason="stdout is closed, or its disk is full",
        hint="Do not send the event again.",
    )
    with console.must_deliver(otherwise):
        if context.as_json:
            console.answer_json(
                {"event_id": receipt.event_id, "created_at": receipt.created_at, "replayed": receipt.replayed}
            )
        else:
            console.answer(receipt.event_id)
    if receipt.replayed:
        console.say("This event was sent before, with the same idempotency key.")


def _payload(data: str) -> bytes:
    """Return a payload, or the content of the file that is named by @FILE or -."""
    from triggers_api.ops.events.files import STDIN, open_lines

    if data != STDIN and not data.startswith("@"):
        return data.encode(errors="surrogateescape")
    with open_lines(data.removeprefix("@")) as file:
        return file.read()


def _send_file(context: CommandContext, name: str, file: BinaryIO) -> None:
    from triggers_api.cli.output.counter import Counter
    from triggers_api.cli.output.event_changes import quantity
    from triggers_api.errors import StoreUnavailableError
    from triggers_api.ops.events.files import count_lines, read_lines
    from triggers_api.ops.events.sending import open_intake, parse_submission, send_lines

    number = count_lines(file, parse_submission)
    begin_change(context, f"Send {quantity(number)}", table=context.target.events_table)
    confirm_change(context, f"Send {quantity(number)}")
    total: Tally[str] = Tally()
    last_line, is_complete = 0, True
    with (
        open_intake(context.target, config.environment()) as intake,
        stop_between_pieces() as stopped,
        Counter("Sending events", number) as counter,
    ):
        for sent in send_lines(intake, read_lines(file, parse_submission)):
            total.update(new=sent.new, repeated=sent.repeated, failed=len(sent.failed))
            last_line = sent.last_line
            counter.add(sent.new + sent.repeated + len(sent.failed))
            broken = [one for one in sent.failed if isinstance(one[1], StoreUnavailableError)]
            refused = [one for one in sent.failed if not isinstance(one[1], StoreUnavailableError)]
            console.say(*(f"Line {line:,} failed: {error.message}" for line, error in refused))
            if broken:
                first, error = broken[0]
                _print_sent(total, is_complete=False, as_json=False)
                console.say(f"Of the lines {first:,} to {last_line:,}, {len(broken):,} may not be stored.")
                console.say("A stored line without an idempotency key is stored again if it is repeated.")
                console.say(_rest(context, name, first - 1))
                raise error
            if stopped.is_set() and counter.done < number:
                is_complete = False
                break
    _print_sent(total, is_complete=is_complete, as_json=context.as_json)
    if not is_complete:
        console.say(_rest(context, name, last_line))
        raise KeyboardInterrupt
    if total["failed"]:
        sys.exit(1)


def _print_sent(total: "Tally[str]", *, is_complete: bool, as_json: bool) -> None:
    from triggers_api.cli.output.event_changes import quantity

    if as_json:
        console.answer_json(
            {
                "sent": total["new"],
                "repeated": total["repeated"],
                "failed": total["failed"],
                "complete": is_complete,
            }
        )
        return
    console.answer(f"Sent {quantity(total['new'])}.")
    if total["repeated"]:
        console.say(f"Sent before, with the same idempotency keys: {quantity(total['repeated'])}.")


def _rest(context: CommandContext, name: str, last_line: int) -> str:
    """Return how to go on after a line."""
    from triggers_api.ops.events.files import STDIN
    from triggers_api.ops.shell_commands import triggers_command

    if name == STDIN:
        return f"Stopped after line {last_line:,}. Send the lines after it again."
    lines = shlex.join(["tail", "-n", f"+{last_line + 1}", name])
    # In a pipe nothing can be asked, and this run was agreed to.
    agreed = ["--yes"] if needs_confirmation(context) else []
    command = triggers_command("events send", "--file", STDIN, *agreed)
    return f"Stopped after line {last_line:,}. To go on: {lines} | {command}"
