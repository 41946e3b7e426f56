"""Show the progress of `triggers deploy` and `triggers destroy`.

On a terminal the resources are one table that changes while CloudFormation works. In a pipe each event is a
line. With `--json` each event is a JSON object on stdout.
"""

import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from triggers_api.cli.output import console
from triggers_api.ops.cloudformation.models import Change, StackEvent
from triggers_api.ops.deploy.progress import Built, Downgrade, Obstacle, Outcome, Progress, Proposal, Step
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Target
from triggers_api.version import VERSION

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_COLUMNS = ("TIME (UTC)", "STATUS", "LOGICAL ID", "TYPE")
_SHOWN = (slice(0, 4), slice(0, 3), slice(1, 3))
"""The columns that the table of resources has: the first of these that fit the terminal."""
_COLOURS = (("FAILED", "red"), ("ROLLBACK", "red"), ("DELETE", "yellow"), ("COMPLETE", "green"))


class Reporter:
    """Shows progress events in order. Use it as a context manager, so that a live table is closed."""

    def __init__(self) -> None:
        self.cloudformation_is_running = False
        """If True, CloudFormation continues even if this command is interrupted."""
        self.can_cancel_update = False
        """If True, CloudFormation is updating a stack, and `cancel-update-stack` stops it."""
        self.has_changed_aws = False

    def report(self, event: Progress) -> None:
        """Show an event."""
        if isinstance(event, Step):
            self.cloudformation_is_running = event.name in {"apply", "clear"}
            self.can_cancel_update = event.is_update
        elif isinstance(event, StackEvent):
            self.cloudformation_is_running = not event.is_final
            if event.is_of_stack:
                self.can_cancel_update = event.status == "UPDATE_IN_PROGRESS"
        self.has_changed_aws = self.has_changed_aws or self.cloudformation_is_running
        self._show(event)

    def _show(self, event: Progress) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def make_reporter(*, as_json: bool, target: Target) -> Reporter:
    """Return the reporter for the requested output."""
    return JsonReporter() if as_json else TextReporter(target)


class JsonReporter(Reporter):
    """One JSON object a line, on stdout."""

    def _show(self, event: Progress) -> None:
        console.answer_line(to_document(event))


class TextReporter(Reporter):
    """Lines and tables on stderr, and the outputs on stdout."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._resources: dict[str, StackEvent] = {}
        self._live: Live | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_table()

    def _show(self, event: Progress) -> None:
        if isinstance(event, StackEvent):
            self._show_resource(event)
            return
        self._close_table()
        match event:
            case Step() | Obstacle() | Downgrade():
                console.say(event.message)
            case Finding(state=State.WARNING | State.UNKNOWN):
                # A failed finding is shown as the error that ends the command.
                console.say(f"{event.state}: {event.message} {event.fix}".rstrip())
            case Built():
                console.say(artifact_size(event))
            case Proposal():
                _show_proposal(event)
            case Outcome():
                self._show_outcome(event)

    def _show_resource(self, event: StackEvent) -> None:
        self._resources[event.logical_id] = event
        width = console.terminal_width(sys.stderr)
        table = resource_table(list(self._resources.values()), width)
        if table is None:
            self._close_table()
            reason = f"  {event.reason}" if event.reason else ""
            console.say(f"{event.at:%H:%M:%S} UTC {event.status} {event.type} {event.logical_id}{reason}")
            return
        from rich.live import Live

        if self._live is None:
            # Without the width, Rich takes 80 columns for a terminal that it calls dumb, and cuts cells.
            terminal = console.rich_console(sys.stderr, width=width)
            self._live = Live(console=terminal, auto_refresh=False, transient=False)
            self._live.start()
        if event.reason and "FAILED" in event.status:
            self._live.console.print(console.rich_text(f"{event.logical_id}: {event.reason}"))
        self._live.update(table, refresh=True)

    def _close_table(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._resources = {}

    def _show_outcome(self, outcome: Outcome) -> None:
        name = self._target.stack_name.value
        if outcome.changed:
            console.say(f"Stack {name} is in {outcome.status}.")
        else:
            console.say(f"Stack {name} is up to date.")
        console.answer_table(("NAME", "VALUE"), list(outcome.outputs.items()))


def _show_proposal(proposal: Proposal) -> None:
    changes = proposal.change_set.changes
    rows = [(_action(one), one.logical_id, one.type) for one in changes]
    console.answer_table(("ACTION", "LOGICAL ID", "TYPE"), rows, to_stderr=True)
    console.say(sum_changes(changes))
    if not proposal.adopts:  # an import creates no function
        deployed = proposal.deployed_version
        console.say(
            f"Version: {VERSION}" if deployed in {"", VERSION} else f"Version: {deployed} -> {VERSION}"
        )
    for name, (before, after) in proposal.parameters.items():
        console.say(f"{name}: {before or '-'} -> {after or '-'}")
    if proposal.adopts:
        console.say("The new stack imports these tables unchanged; its other resources are created next.")


def _action(change: Change) -> str:
    """Return the action, which for a modification depends on whether CloudFormation replaces the resource."""
    return {"True": "Replace", "Conditional": "Replace?"}.get(change.replacement, change.action)


def sum_changes(changes: Sequence[Change]) -> str:
    """Return how many resources the changes add, change and remove, and how many may be replaced."""
    counts = Counter(one.action for one in changes)
    imported = f"{counts['Import']} to import, " if counts["Import"] else ""
    total = f"{imported}{counts['Add']} to add, {counts['Modify']} to change, {counts['Remove']} to remove."
    may_be_replaced = [_action(one) for one in changes].count("Replace?")
    return f"{total} Replace?: {may_be_replaced} may be replaced." if may_be_replaced else total


def artifact_size(artifact: Built) -> str:
    """Return the artifact's size compared to the deployed one; a MB is a million bytes."""
    size = f"Artifact: {artifact.zipped_bytes / 1e6:.1f} MB zipped"
    if artifact.deployed_bytes is None:
        return f"{size}."
    difference = round((artifact.zipped_bytes - artifact.deployed_bytes) / 1e6, 1)
    if not difference:
        return f"{size}, as large as the deployed one."
    return f"{size}, {abs(difference)} MB {'larger' if difference > 0 else 'smaller'} than the deployed one."


def next_steps(target: Target, outcome: Outcome) -> list[str]:
    """Return the commands to run after a first deployment."""
    lines = [
        "Next:",
        f"  {triggers_command('keys create', '--name', 'first')}",
        f"  curl {shlex.quote(outcome.outputs.get('ApiUrl', '') + '/v1/health')}",
    ]
    if target.stage.value == "prod":
        lines.append("Protect the production tables against deletion:")
        lines.append(f"  {triggers_command('deploy', '--parameter', 'DeletionProtection=true')}")
    return lines


def resource_table(events: Sequence[StackEvent], width: int) -> "Table | None":
    """Return a table of resources with their latest states; None if its rows would not fit."""
    rows = [(f"{one.at:%H:%M:%S}", one.status, one.logical_id, one.type) for one in events]
    widths = [max(map(len, cells)) + 2 for cells in zip(_COLUMNS, *rows, strict=True)]
    shown = next((columns for columns in _SHOWN if sum(widths[columns]) <= width), None)
    if shown is None:
        return None
    from rich import box
    from rich.table import Table

    table = Table(*_COLUMNS[shown], box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for row in rows:
        colour = next((one for word, one in _COLOURS if word in row[1]), "")
        cells = [
            console.rich_text(text, style) for text, style in zip(row, ("", colour, "", ""), strict=True)
        ]
        table.add_row(*cells[shown])
    return table


def to_document(event: Progress) -> Mapping[str, Any]:  # noqa: PLR0911 - one for each kind of event
    """Return the JSON object of an event."""
    match event:
        case Step():
            return {"event": "step", "step": event.name, "message": event.message}
        case Finding():
            fields = {"check": event.check, "state": event.state, "message": event.message}
            return {"event": "finding", **fields, "fix": event.fix}
        case Built():
            return {"event": "artifact", **asdict(event)}
        case Obstacle():
            return {"event": "obstacle", "status": event.stack.status, "message": event.message}
        case Downgrade():
            return {"event": "downgrade", **asdict(event), "message": event.message}
        case Proposal():
            return {
                "event": "change_set",
                "adopts": event.adopts,
                "version": {"before": event.deployed_version or None, "after": VERSION},
                "changes": [_change_document(change) for change in event.change_set.changes],
                "parameters": {
                    name: {"before": before, "after": after}
                    for name, (before, after) in event.parameters.items()
                },
            }
        case StackEvent():
            return {
                "event": "resource",
                "at": event.at.isoformat(),
                "logical_id": event.logical_id,
                "type": event.type,
                "status": event.status,
                "reason": event.reason,
            }
        case Outcome():
            outputs = dict(event.outputs)
            return {"event": "outcome", "changed": event.changed, "status": event.status, "outputs": outputs}


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "action": change.action,
        "logical_id": change.logical_id,
        "type": change.type,
        "replacement": change.replacement or None,
    }
