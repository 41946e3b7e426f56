"""Write the lines of a log to a terminal, to a pipe or as JSON."""

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
    """Writes and flushes each line at once, so that the next command of a pipe can read it."""

    def __init__(self, *, as_json: bool) -> None:
        self.lines = 0
        """The number of lines written."""
        self._write: Callable[[LogLine], None]
        if as_json:
            self._write = _write_json
        elif console.terminal_width(sys.stdout):
            self._write = _terminal_writer()
        else:
            self._write = _write_plain

    def __call__(self, line: LogLine) -> None:
        """Write a line."""
        self.lines += 1
        self._write(line)


def _write_json(line: LogLine) -> None:
    document = {
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
    console.answer_line(document)


def _write_plain(line: LogLine) -> None:
    before, level, after = _parts(line)
    console.answer(f"{before} {level} {after}".rstrip(), *_traceback_lines(line))


def _terminal_writer() -> Callable[[LogLine], None]:
    terminal = console.rich_console(sys.stdout)

    def write(line: LogLine) -> None:
        before, level, after = _parts(line)
        text = console.rich_text(f"{before} ")
        text.append_text(console.rich_text(level, _COLOURS[line.level]))
        text.append_text(console.rich_text(f" {after}"))
        text.rstrip()
        for one in (text, *map(console.rich_text, _traceback_lines(line))):
            terminal.print(one, soft_wrap=True)  # the terminal wraps a long line itself, and nothing is cut

    return write


def _parts(line: LogLine) -> tuple[str, str, str]:
    """Return the time, the level, and the rest: request id, method, path, status, duration, message."""
    duration = None if line.duration_ms is None else f"{line.duration_ms:g}ms"
    request = (line.request_id or line.lambda_request_id, line.method, line.path, line.status, duration)
    words = [str(word) for word in request if word is not None]
    words += [line.message, *(f"{name}={_word(value)}" for name, value in line.fields.items())]
    return (
        format_time(line.time * 1000),
        f"{line.level:<{_LEVEL_COLUMNS}}",
        " ".join(filter(None, words)),
    )


def _traceback_lines(line: LogLine) -> Iterator[str]:
    return (f"    {one}" for one in line.traceback)


def _word(value: Any) -> str:
    """Return a value as one word, quoted if need be, as the service's own log does."""
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=False)
