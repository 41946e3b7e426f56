"""Write the lines of a log to a terminal, to a pipe or as JSON."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING

from triggers_api.cli.output import console
from triggers_api.core.times import format_time
from triggers_api.ops.logs.lines import LogLine
from triggers_api.ops.logs.text import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

_LEVEL_COLOURS = {
    "DEBUG": "cyan",
    "INFO": "green",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "magenta",
}
_STATUS_COLOURS = {"2": "green", "3": "cyan", "4": "yellow", "5": "red"}
_INDENT = "    "
_LEAST_COLUMNS = 20


class LineWriter:
    """Writes and flushes each line at once, so that the next command of a pipe can read it."""

    def __init__(self, *, as_json: bool) -> None:
        self.lines = 0
        """The number of lines written."""
        self._write: Callable[[LogLine], None]
        if as_json:
            self._write = _write_json
        elif console.terminal_width(sys.stdout):
            self._write = _TerminalWriter().write
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
    text = text_of(line)
    first = f"{format_time(line.time * 1000)} {text.first_line()}".rstrip()
    console.answer(first, *(f"{_INDENT}{one}" for one in text.traceback))


class _TerminalWriter:
    """Writes coloured lines with short times, in the time zone of this machine.

    The date is written on a separate line when it changes, and at first if it is not today.
    """

    def __init__(self) -> None:
        self._terminal = console.rich_console(sys.stdout)
        self._day = datetime.now().astimezone().date()

    def write(self, line: LogLine) -> None:
        moment = datetime.fromtimestamp(line.time / 1000).astimezone()
        if moment.date() != self._day:
            self._day = moment.date()
            self._print("", (f"{self._day} UTC{moment.isoformat()[-6:]}", ""))
        text = text_of(line)
        self._print(
            f"{moment:%H:%M:%S} ",
            (text.level, _LEVEL_COLOURS[line.level]),
            (text.request, ""),
            (text.status, _STATUS_COLOURS.get(text.status[:1], "")),
            (text.rest, ""),
        )
        for one in text.traceback:
            self._print(_INDENT, (one, ""))

    def _print(self, start: str, *parts: tuple[str, str]) -> None:
        """Print texts, each with its colour, folded between words to the right of `start`. Nothing is cut."""
        texts = [console.rich_text(part, colour) for part, colour in parts if part]
        columns = max(console.terminal_width(sys.stdout) - len(start), _LEAST_COLUMNS)
        for folded in console.rich_text(" ").join(texts).wrap(self._terminal, columns, overflow="fold"):
            folded.rstrip()
            self._terminal.print(console.rich_text(start) + folded, soft_wrap=True)
            start = " " * len(start)
