"""Show the progress of `triggers deploy` and `triggers destroy`.

On a terminal the resources are one table that changes while CloudFormation works. In a pipe each event is a
line. With `--json` each event is a JSON object on stdout.
"""

import shlex
import sys
from collections.abc import Mapping
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

_WIDE = 120
"""Terminal columns from which the table of resources shows their types too."""
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
        width = console.terminal_width(sys.stderr)
        if width < console.NARROW:  # a pipe, or a terminal too narrow for a table
            reason = f"  {event.reason}" if event.reason else ""
            console.say(f"{event.at:%H:%M:%S} UTC {event.status} {event.type} {event.logical_id}{reason}")
            return
        from rich.live import Live

        self._resources[event.logical_id] = event
        if self._live is None:
            self._live = Live(console=console.rich_console(sys.stderr), auto_refresh=False, transient=False)
            self._live.start()
        if event.reason and "FAILED" in event.status:
            self._live.console.print(console.rich_text(f"{event.logical_id}: {event.reason}"))
        table = resource_table(list(self._resources.values()), with_types=width >= _WIDE)
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
        console.say(*next_steps(self._target, outcome))


def _show_proposal(proposal: Proposal) -> None:
    changes = proposal.change_set.changes
    rows = [(one.action, one.logical_id, one.type, one.replacement or "-") for one in changes]
    console.answer_table(("ACTION", "LOGICAL ID", "TYPE", "REPLACEMENT"), rows, to_stderr=True)
    if not proposal.adopts:  # an import creates no function
        console.say(f"Version: {proposal.deployed_version or '-'} -> {VERSION}")
    for name, (before, after) in proposal.parameters.items():
        console.say(f"{name}: {before or '-'} -> {after or '-'}")
    if proposal.adopts:
        console.say("The new stack imports these tables unchanged; its other resources are created next.")


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
    """Return the commands to run after a first deployment; a later one needs none."""
    if not outcome.first:
        return []
    lines = [
        "Next:",
        f"  {triggers_command('keys create', '--name', 'first')}",
        f"  curl {shlex.quote(outcome.outputs.get('ApiUrl', '') + '/v1/health')}",
    ]
    if target.stage.value == "prod":
        lines.append("Protect the production tables against deletion:")
        lines.append(f"  {triggers_command('deploy', '--parameter', 'DeletionProtection=true')}")
    return lines


def resource_table(events: list[StackEvent], *, with_types: bool) -> "Table":
    """Return a table of resources with their latest states. Long cells are folded, not cut."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("TIME (UTC)", "STATUS", "LOGICAL ID", *(["TYPE"] if with_types else [])):
        table.add_column(name, overflow="fold")
    for event in events:
        colour = next((one for word, one in _COLOURS if word in event.status), "")
        cells = [(f"{event.at:%H:%M:%S}", ""), (event.status, colour), (event.logical_id, "")]
        cells += [(event.type, "")] if with_types else []
        table.add_row(*(console.rich_text(*cell) for cell in cells))
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
