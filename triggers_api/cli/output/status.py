"""How `triggers status` is shown: a line for each part, or one JSON document."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from triggers_api.cli.output import console
from triggers_api.cli.output.inbox import summary
from triggers_api.ops.cloudformation.tags import STAGE_TAG
from triggers_api.ops.cloudformation.template import VERSION_OUTPUT
from triggers_api.ops.cloudformation.versions import deployed_version
from triggers_api.ops.events.overview import Overview
from triggers_api.ops.findings import State
from triggers_api.ops.status import Status
from triggers_api.version import VERSION

_NAME_COLUMNS = 13


def print_status(status: Status, backlog: Overview | None, *, as_json: bool) -> None:
    """Print the status of a stage. `backlog`: what waits in its inbox; None if that is not known."""
    if as_json:
        console.answer_json(_document(status, backlog))
        return
    for name, value in _lines(status, backlog):
        console.answer(f"{name:<{_NAME_COLUMNS}} {value}")


def _document(status: Status, backlog: Overview | None) -> dict[str, Any]:
    stack = status.stack
    return {
        "stack": stack.name,
        "status": stack.status,
        "version": deployed_version(stack),
        "program_version": VERSION,
        "reason": stack.reason or None,
        "last_deployed_at": stack.changed_at.isoformat(),
        "outputs": dict(status.outputs),
        "tags": dict(stack.tags),
        "parameters": dict(stack.parameters),
        "function": None if status.function is None else asdict(status.function),
        "tables": [asdict(table) for table in status.tables],
        "backlog": None if backlog is None else _backlog_document(backlog),
        "limits": [
            {"limit": one.check, "state": one.state, "message": one.message, "fix": one.fix or None}
            for one in status.limits
        ],
    }


def _backlog_document(backlog: Overview) -> dict[str, Any]:
    pending, dead = backlog.pending, backlog.dead
    return {
        "pending": {
            "count": pending.count,
            "capped": pending.capped,
            "oldest_age_seconds": backlog.oldest_age_seconds,
        },
        "dead": {"count": dead.count, "capped": dead.capped},
    }


def _lines(status: Status, backlog: Overview | None) -> Iterator[tuple[str, str]]:
    stack, function, outputs = status.stack, status.function, dict(status.outputs)
    if url := outputs.pop("ApiUrl", None):
        yield "ApiUrl", url
    yield "stack", f"{stack.name}, {stack.status}" + (f": {stack.reason}" if stack.reason else "")
    yield "version", f"{deployed_version(stack)} (this program: {VERSION})"
    yield "last deployed", f"{stack.changed_at:%Y-%m-%d %H:%M} UTC"
    yield "backlog", "unknown" if backlog is None else ", ".join(summary(backlog))
    for limit in status.limits:
        problem = f"{limit.state}: {limit.message.rstrip('.')}. {limit.fix}".rstrip()
        yield limit.check, limit.message if limit.state is State.OK else problem
    if function is None:
        yield "function", "missing"
    else:
        built_for = f"{function.runtime} on {function.architecture}, {function.memory} MB"
        yield "function", f"{function.name}, {function.state}, {built_for}"
    for table in status.tables:
        yield "table", f"{table.name}, {table.state}, about {table.items:,} items, {table.bytes:,} bytes"
    shown = {"FunctionName", "EventsTableName", "ApiKeysTableName", VERSION_OUTPUT}
    yield from ((name, value) for name, value in outputs.items() if name not in shown)
    if STAGE_TAG in stack.tags:
        yield "costs", f"in Cost Explorer, by the tag {STAGE_TAG}: {stack.tags[STAGE_TAG]}"
    else:
        yield "costs", "no tags yet; the next deployment adds them"
