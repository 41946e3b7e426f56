"""Write a command's output: its answer to stdout, everything else to stderr.

All terminal output goes through this module, which escapes it: stored data, files, answers of AWS, arguments.
No other module of the commands prints, or creates a Rich console or text.

On a terminal an answer may be a table or a panel. In a pipe it is plain lines, never wrapped, coloured or
cut, and a table is tab-separated. With `--json`, stdout holds JSON and nothing else, errors included.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from triggers_api.cli.output.table_layout import MARGIN, fitting_widths, two_line_rows
from triggers_api.errors import ConfigurationError, TriggersError
from triggers_api.ops.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_NUMBER = re.compile(r"[\d,]+(\.\d+)?")
_STYLES = {
    **dict.fromkeys(("ok", "Keep"), "green"),
    **dict.fromkeys(("warning", "unknown", "Replace?"), "yellow"),
    **dict.fromkeys(("error", "exceeded", "failed", "FAILED", "Delete", "Remove", "Replace"), "red"),
}
"""The colours of states and actions: in a table, and at the start of a line."""
_COMMAND = re.compile(r"`[^`]+`|(?:(?<=: )|^ *)(?:\w+=\S+ )*(?:triggers|aws|curl|\S+ -m) .*")
"""A command in a line: a pasted one may not have line breaks."""
_HANGING_INDENT = re.compile(r" *\w+: |.{0,40} {2}(?=\S)")


def say(*lines: str) -> None:
    """Print lines of a notice to stderr. If stderr is closed, drop them and continue.

    On a terminal, `error:` and the like at the start of a line have their colour.
    """
    with _ignore_closed_stderr():
        for line in lines:
            state, colon, _ = line.partition(":")
            _write_line(line, state if colon else "", sys.stderr)


def say_list(name: str, items: Sequence[str]) -> None:
    """Print a named list to stderr. On a terminal it is folded between its items only."""
    unbroken = (printable(item).replace(" ", "\0") for item in items)
    line = _fold(f"{printable(name)}: {', '.join(unbroken)}", sys.stderr).replace("\0", " ")
    with _ignore_closed_stderr():
        sys.stderr.write(f"{line}\n")


def prompt(question: str) -> None:
    """Print a question to stderr, and leave the cursor behind it."""
    sys.stderr.write(f"{printable(question)}: ")
    sys.stderr.flush()


def answer(*lines: str) -> None:
    """Write lines of the answer, at once."""
    sys.stdout.write("".join(f"{_fold(printable(line), sys.stdout)}\n" for line in lines))
    sys.stdout.flush()


def answer_state(state: str, text: str) -> None:
    """Write a line that starts with a state. On a terminal the state has its colour."""
    _write_line(f"{state:<8} {text}", state, sys.stdout)
    sys.stdout.flush()


def _write_line(line: str, state: str, stream: TextIO) -> None:
    """Write a line that may start with a state."""
    first, *others = _fold(printable(line), stream).split("\n")
    if (style := _STYLES.get(state)) and terminal_width(stream):
        text = rich_text(first)
        text.stylize(style, 0, len(state))
        rich_console(stream).print(text, soft_wrap=True)
    else:
        others.insert(0, first)
    stream.writelines(f"{one}\n" for one in others)


def _fold(line: str, stream: TextIO) -> str:
    """Fold a line between words to the width of the terminal, but no command in the line."""
    width = terminal_width(stream)
    if not width or len(line) <= width:
        return line
    import textwrap  # not needed in a pipe

    start = _HANGING_INDENT.match(line)
    indent = start.end() if start else 2
    unbroken = _COMMAND.sub(lambda command: command.group().replace(" ", "\0"), line)
    if start:  # its first word stays beside it
        unbroken = start.group().replace(" ", "\0") + unbroken[indent:]
    folded = textwrap.fill(
        unbroken, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    return folded.replace("\0", " ")


def answer_row(cells: Sequence[str]) -> None:
    """Write a line of the answer whose cells are separated by tabs, at once."""
    sys.stdout.write("\t".join(map(printable, cells)) + "\n")
    sys.stdout.flush()


def answer_json(document: Mapping[str, Any]) -> None:
    """Write the answer as a JSON document."""
    _write_json(document, indent=2)


def answer_line(document: Mapping[str, Any]) -> None:
    """Write one JSON object of an answer that consists of several, on a line, at once."""
    _write_json(document, indent=None)


def _write_json(document: Mapping[str, Any], *, indent: int | None) -> None:
    import json  # most answers are text

    answer_json_text(json.dumps(document, indent=indent, ensure_ascii=False))


def answer_json_text(text: str) -> None:
    """Write a JSON text as it is, but for what moves a cursor and what stdout cannot encode."""
    takes_all_text = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    # Inside of strings JSON has escaped the line breaks, but not all that moves a cursor.
    lines = (_escape_in_json(line, ascii_only=not takes_all_text) for line in text.split("\n"))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def answer_bytes(content: bytes) -> None:
    """Write an answer byte for byte, and nothing after it.

    Raises:
        ConfigurationError: stdout is a terminal, and the content could move its cursor.
    """
    if is_terminal(sys.stdout) and not _is_printable(content):
        raise ConfigurationError(
            "The body is not printable text.", hint="Redirect the output to a file: add > FILE."
        )
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


def _is_printable(content: bytes) -> bool:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return text.replace("\r\n", "").replace("\n", "").replace("\t", "").isprintable()


def _escape_in_json(line: str, *, ascii_only: bool) -> str:
    if line.isprintable() and (line.isascii() or not ascii_only):
        return line
    special = {char for char in line if not char.isprintable() or (ascii_only and not char.isascii())}
    units = {char: char.encode("utf-16-be", "surrogatepass").hex() for char in special}
    escapes = {char: re.sub("(....)", r"\\u\1", unit) for char, unit in units.items()}
    return "".join(escapes.get(char, char) for char in line)


def rich_console(stream: TextIO, *, width: int | None = None) -> "Console":
    """Return a Rich console that prints texts as they are: print only `rich_text` to it."""
    from rich.console import Console  # not needed in a pipe

    return Console(file=stream, markup=False, highlight=False, emoji=False, width=width)


def rich_text(text: str, style: str = "") -> "Text":
    """Return an escaped text for a Rich console."""
    from rich.text import Text  # not needed in a pipe

    return Text(printable(text), style=style)


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, to_stderr: bool = False) -> None:
    """Write rows as a table on a terminal, and as tab-separated lines elsewhere. Nothing is cut.

    Cells fold between words. If the terminal is too narrow for that, each row takes two lines. If that is
    too wide too, each row is a paragraph of its cells.

    Args:
        columns: The heads of the columns.
        rows: The cells of each row.
        to_stderr: The table is a notice, not the answer.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    lines = [tuple(printable(cell) for cell in row) for row in (columns, *rows)]
    width = terminal_width(stream)
    with _ignore_closed_stderr() if to_stderr else nullcontext():
        if not width:
            stream.writelines("\t".join(row) + "\n" for row in lines)
        elif widths := fitting_widths(lines, width):
            _write_table(lines, widths, stream, width)
        elif rows_of_two := two_line_rows(lines, width):
            _write_two_line_rows(rows_of_two, stream)
        else:
            _write_paragraphs(lines, stream)


def _write_table(lines: Sequence[tuple[str, ...]], widths: Sequence[int], stream: TextIO, width: int) -> None:
    from rich import box  # not needed in a pipe
    from rich.table import Table

    # Two columns beside each cell, as `fitting_widths` counts.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column, (name, *cells) in zip(widths, zip(*lines, strict=True), strict=True):
        are_numbers = all(map(_NUMBER.fullmatch, cells))
        table.add_column(name, justify="right" if are_numbers else "left", width=column, overflow="fold")
    for row in lines[1:]:
        table.add_row(*(rich_text(cell, _STYLES.get(cell, "")) for cell in row))
    rich_console(stream, width=width).print(table)


def _write_two_line_rows(rows: Sequence[tuple[str, str]], stream: TextIO) -> None:
    head, *others = rows
    rule = "─" * max(len(line) for row in rows for line in row)
    lines = ["", *head, rule, *(line for row in others for line in row), ""]
    terminal = rich_console(stream)
    for number, line in enumerate(lines):
        style = "bold" if number <= len(head) else ""
        terminal.print(rich_text(f"{MARGIN}{line}".rstrip(), style), soft_wrap=True)


def _write_paragraphs(lines: Sequence[tuple[str, ...]], stream: TextIO) -> None:
    head, *rows = lines
    names = max(map(len, head))
    for number, row in enumerate(rows):
        if number:
            stream.write("\n")
        stream.writelines(f"{name:<{names}}  {cell}\n" for name, cell in zip(head, row, strict=True))


def answer_secret(secret: str, title: str) -> None:
    """Write a secret that is shown only once: alone in a pipe, in a panel on a terminal, never wrapped."""
    width = terminal_width(sys.stdout)
    if not width:
        answer(secret)
    elif width < max(len(secret), len(title)) + 6:
        # A panel would wrap the secret, which could then not be copied.
        say(f"{title}:")
        answer(secret)
    else:
        from rich.panel import Panel  # not needed in a pipe

        panel = Panel(rich_text(secret, "bold"), title=rich_text(title), expand=False)
        rich_console(sys.stdout, width=width).print(panel)


@contextmanager
def must_deliver(otherwise: TriggersError) -> Iterator[None]:
    """Flush stdout on exit, and raise the given error if the answer cannot be written."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        discard_stdout()
        raise otherwise from error


@contextmanager
def _ignore_closed_stderr() -> Iterator[None]:
    """Discard stderr once it is closed: a lost notice is no reason to stop in the middle of a change."""
    try:
        yield
    except OSError:  # the reader of the pipe, or the terminal, is gone
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as in `discard_stdout`


def discard_stdout() -> None:
    """Discard output that is still buffered: Python would try to write it at exit, and complain."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open until the process ends


def terminal_width(stream: TextIO) -> int:
    """Return the columns of the terminal that a stream goes to, or 0 if it does not go to a terminal."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):
        return 0


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal. A closed stream is not."""
    return stream is not None and stream.isatty()


def show_error(error: TriggersError, *, as_json: bool) -> None:
    """Write an error to stderr as up to three lines, or to stdout as a JSON object if that can be written."""
    if as_json and getattr(sys.stdout, "name", "") != os.devnull:
        message = f"{error.message} ({error.reason})" if error.reason else error.message
        # On one line: the command may have printed other objects before.
        answer_line({"error": {"code": error.code, "message": message, "hint": error.hint}})
        return
    lines = [f"error: {error.message}"]
    if error.reason:
        lines.append(f"  why: {error.reason}")
    if error.hint:
        lines.append(f"  fix: {error.hint}")
    say(*lines)
