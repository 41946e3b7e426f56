"""What `triggers deploy` and `triggers destroy` tell while they work: for a person, a pipe or a program.

On a terminal the resources stand in one table that changes as CloudFormation works; in a pipe each change is
a line; with `--json` each is a JSON object on stdout.
"""

import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from triggers_api.cli.flags import complete_commands, target_flags
from triggers_api.cli.output import console
from triggers_api.ops.cloudformation.models import ChangeSet, StackEvent
from triggers_api.ops.deploy.progress import Built, Obstacle, Outcome, Progress, Proposal, Step
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_WIDE = 120
"""Columns of a terminal, from which on the table of resources has their types too."""
_COLOURS = (("FAILED", "red"), ("ROLLBACK", "red"), ("DELETE", "yellow"), ("COMPLETE", "green"))


class Reporter(Protocol):
    """Somebody who is told of everything, in order."""

    at_work: bool
    """Whether CloudFormation is at work: then it goes on, whatever becomes of the command."""
    has_changed: bool
    """Whether anything was changed on AWS."""

    def tell(self, event: Progress) -> None:
        """Tell the operator what happened."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def reporter(*, as_json: bool, target: Target) -> Reporter:
    """Return who tells the story, in the way that suits where it goes."""
    return JsonReporter() if as_json else TextReporter(target)


class JsonReporter:
    """One JSON object a line, on stdout."""

    at_work = has_changed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing: each line was written as it came."""

    def tell(self, event: Progress) -> None:
        """Write what happened."""
        self.at_work = _is_at_work(event, self.at_work)
        self.has_changed = self.has_changed or self.at_work
        console.answer_line(document_of(event))


class TextReporter:
    """Lines and tables on stderr, and the outputs on stdout."""

    at_work = has_changed = False

    def __init__(self, target: Target) -> None:
        self._target = target
        self._resources: dict[str, StackEvent] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_table()

    def tell(self, event: Progress) -> None:
        """Show what happened."""
        self.at_work = _is_at_work(event, self.at_work)
        self.has_changed = self.has_changed or self.at_work
        if isinstance(event, StackEvent):
            self._resource(event)
            return
        self._end_table()
        if isinstance(event, Step):
            console.say(event.message)
        elif isinstance(event, Finding):
            # One that failed is the error that ends the command.
            if event.state in {State.WARNING, State.UNKNOWN}:
                console.say(f"{event.state}: {event.message} {complete_commands(event.fix)}".rstrip())
        elif isinstance(event, Built):
            console.say(size_of(event))
        elif isinstance(event, Obstacle):
            console.say(event.message)
        elif isinstance(event, Proposal):
            self._proposal(event.change_set, event.parameters)
            if event.adopts:
                console.say("These tables come into the new stack as they are; then the rest of it is made.")
        else:
            self._outcome(event)

    def _resource(self, event: StackEvent) -> None:
        width = console.terminal_width(sys.stderr)
        if width < console.NARROW:  # a pipe, or no room for a table
            reason = f"  {console.printable(event.reason)}" if event.reason else ""
            console.say(f"{event.at:%H:%M:%S} UTC {event.status} {event.type} {event.logical_id}{reason}")
            return
        self._resources[event.logical_id] = event
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=False)
            self._live.start()
        from rich.text import Text

        if event.reason and "FAILED" in event.status:
            self._live.console.print(Text(f"{event.logical_id}: {console.printable(event.reason)}"))
        self._live.update(
            resource_table(list(self._resources.values()), with_types=width >= _WIDE), refresh=True
        )

    def _end_table(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._resources = {}

    def _proposal(self, change_set: ChangeSet, parameters: Mapping[str, tuple[str, str]]) -> None:
        rows = [(one.action, one.logical_id, one.type, one.replacement or "-") for one in change_set.changes]
        console.answer_table(("ACTION", "LOGICAL ID", "TYPE", "REPLACEMENT"), rows, to_stderr=True)
        for name, (before, after) in parameters.items():
            console.say(console.printable(f"{name}: {before or '-'} -> {after or '-'}"))

    def _outcome(self, outcome: Outcome) -> None:
        name = self._target.stack_name.value
        if outcome.changed:
            console.say(f"The stack {name} is in {outcome.status}.")
        else:
            console.say(f"There is nothing to change in the stack {name}.")
        console.answer_table(("NAME", "VALUE"), list(outcome.outputs.items()))
        for line in next_steps(self._target, outcome):
            console.say(line)


def size_of(artifact: Built) -> str:
    """Return how large the artifact is, and against what is deployed; a MB is a million bytes."""
    size = f"The artifact: {artifact.zipped_bytes / 1e6:.1f} MB zipped"
    if artifact.deployed_bytes is None:
        return f"{size}."
    difference = round((artifact.zipped_bytes - artifact.deployed_bytes) / 1e6, 1)
    if not difference:
        return f"{size}, as is what is deployed."
    return f"{size}, {abs(difference)} MB {'more' if difference > 0 else 'less'} than what is deployed."


def next_steps(target: Target, outcome: Outcome) -> list[str]:
    """Return what to type after a first deployment; later ones need nothing."""
    if not outcome.first:
        return []
    lines = [
        "Next:",
        f"  triggers keys create --name first {target_flags(target, 'keys')}",
        f"  curl {outcome.outputs.get('ApiUrl', '')}/v1/health",
    ]
    if target.stage.value == "prod":
        lines.append("Let nobody delete the tables of production:")
        lines.append(f"  triggers deploy {target_flags(target)} --parameter DeletionProtection=true")
    return lines


def document_of(event: Progress) -> dict[str, Any]:
    """Return an event as a JSON object."""
    return _DOCUMENTS[type(event)](event)


def _of_change_set(event: Proposal) -> dict[str, Any]:
    return {
        "event": "change_set",
        "adopts": event.adopts,
        "changes": [
            {
                "action": one.action,
                "logical_id": one.logical_id,
                "type": one.type,
                "replacement": one.replacement or None,
            }
            for one in event.change_set.changes
        ],
        "parameters": {
            name: {"before": before, "after": after} for name, (before, after) in event.parameters.items()
        },
    }


_DOCUMENTS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Step: lambda event: {"event": "step", "step": event.name, "message": event.message},
    Finding: lambda event: {
        "event": "finding",
        "check": event.check,
        "state": event.state,
        "message": event.message,
        "fix": complete_commands(event.fix),
    },
    Built: lambda event: {
        "event": "artifact",
        "zipped_bytes": event.zipped_bytes,
        "deployed_bytes": event.deployed_bytes,
        "compiled_by": event.compiled_by,
    },
    Obstacle: lambda event: {
        "event": "obstacle",
        "status": event.stack.status,
        "message": event.message,
    },
    Proposal: _of_change_set,
    StackEvent: lambda event: {
        "event": "resource",
        "at": event.at.isoformat(),
        "logical_id": event.logical_id,
        "type": event.type,
        "status": event.status,
        "reason": event.reason,
    },
    Outcome: lambda event: {
        "event": "outcome",
        "changed": event.changed,
        "status": event.status,
        "outputs": dict(event.outputs),
    },
}


def _is_at_work(event: Progress, before: bool) -> bool:
    if isinstance(event, Step):
        return event.name in {"apply", "clear"}
    if isinstance(event, StackEvent):
        return not event.is_final
    return before


def resource_table(events: list[StackEvent], *, with_types: bool) -> "Table":
    """Return the resources with their latest states; what does not fit is folded, not cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("TIME (UTC)", "STATUS", "LOGICAL ID", *(["TYPE"] if with_types else [])):
        table.add_column(name, overflow="fold")
    for event in events:
        colour = next((one for word, one in _COLOURS if word in event.status), "")
        cells = [Text(f"{event.at:%H:%M:%S}"), Text(event.status, style=colour), Text(event.logical_id)]
        table.add_row(*cells, *([Text(event.type)] if with_types else []))
    return table
