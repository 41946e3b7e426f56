"""How a line of the log is shown: for a person, a pipe or a program.

Whatever somebody managed to have logged, it moves no cursor and forges no line.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from triggers_api.cli.output import console
from triggers_api.core.times import format_time
from triggers_api.ops.logs.lines import LogLine

_COLOURS = {"DEBUG": "cyan", "INFO": "green", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "magenta"}
_LEVEL_COLUMNS = 8


class LineWriter:
    """Writes each line as it comes, so that the next command of a pipe has it at once."""

    def __init__(self, *, as_json: bool) -> None:
        self.lines = 0
        self._write: Callable[[LogLine], None] = _as_json if as_json else _plain
        if not as_json and console.terminal_width(sys.stdout):
            self._write = _on_terminal()

    def __call__(self, line: LogLine) -> None:
        """Write a line."""
        self.lines += 1
        self._write(line)


def _as_json(line: LogLine) -> None:
    console.answer_line(document_of(line))


def document_of(line: LogLine) -> dict[str, Any]:
    """Return a line as a JSON object: what it does not say is null, or empty."""
    return {
        "time": format_time(line.time * 1000),
        "level": line.level,
        "request_id": line.request_id,
        "lambda_request_id": line.lambda_request_id,
        "method": line.method,
        "path": line.path,
        "status": line.status,
        "duration_ms": line.duration_ms,
        "message": line.message,
        "fields": dict(line.fields),
        "traceback": list(line.traceback),
        "stream": line.stream,
        "raw": line.raw,
    }


def _plain(line: LogLine) -> None:
    before, level, after = parts_of(line)
    console.answer("\n".join([f"{before} {level} {after}".rstrip(), *_below(line)]))
    sys.stdout.flush()


def _on_terminal() -> Callable[[LogLine], None]:
    from rich.console import Console  # a pipe does without
    from rich.text import Text

    terminal = Console(markup=False, highlight=False, emoji=False)

    def write(line: LogLine) -> None:
        before, level, after = parts_of(line)
        text = Text.assemble(before, " ", (level, _COLOURS[line.level]), " ", after)
        text.rstrip()
        for one in (text, *map(Text, _below(line))):
            terminal.print(one, soft_wrap=True)  # a terminal breaks a long line itself: nothing is cut

    return write


def parts_of(line: LogLine) -> tuple[str, str, str]:
    """Return the time, the level, and the rest: request id, method, path, status, duration, message."""
    duration = None if line.duration_ms is None else f"{line.duration_ms:g}ms"
    about = (line.request_id or line.lambda_request_id, line.method, line.path, line.status, duration)
    words = [str(word) for word in about if word is not None]
    words += [line.message, *(f"{name}={_word(value)}" for name, value in line.fields.items())]
    return (
        format_time(line.time * 1000),
        f"{line.level:<{_LEVEL_COLUMNS}}",
        console.printable(" ".join(filter(None, words))),
    )


def _below(line: LogLine) -> Iterator[str]:
    return (f"    {console.printable(one)}" for one in line.traceback)


def _word(value: Any) -> str:
    """Return a value as one word, as the service's own log does."""
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=False)
