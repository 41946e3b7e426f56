"""How a command speaks: the answer on stdout, all else on stderr; for a person, a pipe or a program.

On a terminal an answer may be a table or a panel. In a pipe it is plain lines, never wrapped, coloured or
cut: a table is tab-separated. With `--json` stdout is one JSON document and nothing else, errors too.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from triggers_api.errors import ConfirmationNeededError, DeclinedError, TriggersError


def say(message: str) -> None:
    """Tell the operator something that is not the answer."""
    sys.stderr.write(f"{message}\n")


def answer(text: str) -> None:
    """Write the answer as it is."""
    sys.stdout.write(f"{text}\n")


def answer_json(document: Mapping[str, Any]) -> None:
    """Write the answer for a program."""
    answer(json.dumps(document, indent=2, ensure_ascii=False))


def printable(text: str) -> str:
    """Return a text that moves no cursor and forges no line, whatever somebody stored."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows: a table on a terminal wide enough, else tab-separated lines with a head. Nothing is cut."""
    lines = [tuple(printable(cell) for cell in row) for row in (columns, *rows)]
    widths = [max(len(row[column]) for row in lines) for column in range(len(columns))]
    if sum(widths) + 2 * len(widths) > _terminal_width():
        for row in lines:
            answer("\t".join(row))
        return
    from rich import box  # a pipe does without
    from rich.console import Console
    from rich.table import Table

    table = Table(*lines[0], box=box.SIMPLE_HEAD, pad_edge=False)
    for row in lines[1:]:
        table.add_row(*row)
    Console(markup=False, highlight=False, emoji=False, width=_terminal_width()).print(table)


def answer_secret(secret: str, title: str) -> None:
    """Write a secret that is not shown again: alone in a pipe, in a panel on a terminal, never wrapped."""
    width = _terminal_width()
    if not width:
        answer(secret)
    elif (
        width < max(len(secret), len(title)) + 6
    ):  # a panel would break the key, and then it cannot be copied
        say(f"{title}:")
        answer(secret)
    else:
        from rich.console import Console  # as above
        from rich.panel import Panel
        from rich.text import Text

        panel = Panel(Text(secret, style="bold"), title=Text(title), expand=False)
        Console(markup=False, highlight=False, emoji=False, width=width).print(panel)


@contextmanager
def delivering(otherwise: TriggersError) -> Iterator[None]:
    """Write an answer that must arrive, and raise the given error where it does not."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        give_up_on_stdout()
        raise otherwise from error


def give_up_on_stdout() -> None:
    """Let what is still to be written go nowhere: Python would try once more at its end, and complain."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process


def _terminal_width() -> int:
    """Return the columns of the terminal that the answer goes to; 0 where it goes elsewhere."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0
    except (OSError, ValueError):
        return 0


def read_secret(question: str) -> str:
    """Read one line from stdin; from a terminal, without showing it."""
    if is_terminal(sys.stdin):
        from getpass import getpass  # where somebody types

        return getpass(f"{question}: ", sys.stderr).strip()
    return sys.stdin.readline().strip() if sys.stdin else ""


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal; one that was closed is none."""
    return stream is not None and stream.isatty()


def confirm(question: str, *, yes: bool, no_input: bool) -> None:
    """Return where the answer is yes.

    `ConfirmationNeededError` where there is nobody to ask, `DeclinedError` where the answer is no.
    """
    may_ask(yes=yes, no_input=no_input)
    if yes:
        return
    sys.stderr.write(f"{question} [y/N]: ")
    sys.stderr.flush()
    try:
        given = sys.stdin.readline()
    except KeyboardInterrupt:
        say("")
        raise
    if given.strip().lower() not in {"y", "yes"}:
        raise DeclinedError("Nothing was changed.", reason="the answer was no", hint="Answer y to do it.")


def may_ask(*, yes: bool, no_input: bool) -> None:
    """Return where a yes was given or can be asked for; else `ConfirmationNeededError`."""
    if yes:
        return
    if no_input or not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise ConfirmationNeededError(
            "This needs a yes, and there is nobody to ask.",
            reason="--no-input was given" if no_input else "the input is not a terminal",
            hint="Add --yes, after a look at what it will do.",
        )


def show_error(error: TriggersError, *, as_json: bool) -> None:
    """Write an error: three lines for a person, a document for a program."""
    if as_json:
        message = f"{error.message} ({error.reason})" if error.reason else error.message
        answer_json({"error": {"code": error.code, "message": message, "hint": error.hint}})
        return
    lines = [f"error: {error.message}"]
    if error.reason:
        lines.append(f"  why: {error.reason}")
    if error.hint:
        lines.append(f"  fix: {error.hint}")
    say("\n".join(lines))
