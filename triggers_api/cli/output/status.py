"""How `triggers status` is shown: a line for each part, or one JSON document."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from triggers_api.cli.output import console
from triggers_api.ops.cloudformation.versions import deployed_version
from triggers_api.ops.findings import State
from triggers_api.ops.status import Status
from triggers_api.version import VERSION

_NAME_COLUMNS = 17


def print_status(status: Status, *, as_json: bool) -> None:
    """Print the status of a stage."""
    if as_json:
        console.answer_json(_document(status))
        return
    for name, value in _lines(status):
        console.answer(f"{name:<{_NAME_COLUMNS}} {value}")


def _document(status: Status) -> dict[str, Any]:
    stack = status.stack
    return {
        "stack": stack.name,
        "status": stack.status,
        "version": deployed_version(stack),
        "program_version": VERSION,
        "reason": stack.reason or None,
        "last_deployed_at": stack.changed_at.isoformat(),
        "outputs": dict(status.outputs),
        "parameters": dict(stack.parameters),
        "function": None if status.function is None else asdict(status.function),
        "tables": [asdict(table) for table in status.tables],
        "limits": [
            {"limit": one.check, "state": one.state, "message": one.message, "fix": one.fix or None}
            for one in status.limits
        ],
    }


def _lines(status: Status) -> Iterator[tuple[str, str]]:
    stack, function = status.stack, status.function
    yield "stack", f"{stack.name}, {stack.status}" + (f": {stack.reason}" if stack.reason else "")
    yield "version", f"{deployed_version(stack)} (this program: {VERSION})"
    yield "last deployed", f"{stack.changed_at:%Y-%m-%d %H:%M} UTC"
    if function is None:
        yield "function", "missing"
    else:
        built_for = f"{function.runtime} on {function.architecture}, {function.memory} MB"
        yield "function", f"{function.name}, {function.state}, {built_for}"
    for table in status.tables:
        yield "table", f"{table.name}, {table.state}, about {table.items} items, {table.bytes} bytes"
    for limit in status.limits:
        is_fine = limit.state is State.OK
        yield limit.check, limit.message if is_fine else f"{limit.message.rstrip('.')}. {limit.fix}".rstrip()
    yield from status.outputs.items()
