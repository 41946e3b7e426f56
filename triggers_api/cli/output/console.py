"""How a command speaks: the answer on stdout, all else on stderr; for a person, a pipe or a program.

On a terminal an answer may be a table or a panel. In a pipe it is plain lines, never wrapped, coloured or
cut: a table is tab-separated. With `--json` stdout is one JSON document and nothing else, errors too.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from triggers_api.cli.flags import completed
from triggers_api.errors import ConfirmationNeededError, DeclinedError, TriggersError

NARROW = 60
"""Columns of a terminal: with fewer there are no tables of what happens."""


def say(message: str) -> None:
    """Tell the operator something that is not the answer; where nobody reads any more, the work goes on."""
    with _perhaps_read():
        sys.stderr.write(f"{message}\n")


def answer(text: str) -> None:
    """Write the answer as it is."""
    sys.stdout.write(f"{text}\n")


def answer_json(document: Mapping[str, Any]) -> None:
    """Write the answer for a program."""
    answer(_json(document, indent=2))


def answer_line(document: Mapping[str, Any]) -> None:
    """Write one line of an answer that comes bit by bit, for a program."""
    answer(_json(document))
    sys.stdout.flush()


def _json(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    import json  # most answers are for people

    takes_all_text = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(document, indent=indent, ensure_ascii=not takes_all_text)


def printable(text: str) -> str:
    """Return a text that moves no cursor and forges no line, whatever somebody stored."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, to_stderr: bool = False) -> None:
    """Write rows: a table on a terminal wide enough, else tab-separated lines with a head. Nothing is cut.

    What goes to stderr is to be read, not copied: there long cells are folded.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    lines = [tuple(printable(cell) for cell in row) for row in (columns, *rows)]
    widths = [max(len(row[column]) for row in lines) for column in range(len(columns))]
    width = terminal_width(stream)
    fits = sum(widths) + 2 * len(widths) <= width
    if not (fits or (to_stderr and width >= NARROW)):
        with _perhaps_read() if to_stderr else nullcontext():
            stream.writelines("\t".join(row) + "\n" for row in lines)
        return
    from rich import box  # a pipe does without
    from rich.console import Console
    from rich.table import Table

    # Two columns beside each cell, as in `fits`: Rich would take three, and fold.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in lines[0]:
        table.add_column(name, overflow="fold")
    for row in lines[1:]:
        table.add_row(*row)
    Console(file=stream, markup=False, highlight=False, emoji=False, width=width).print(table)


def answer_secret(secret: str, title: str) -> None:
    """Write a secret that is not shown again: alone in a pipe, in a panel on a terminal, never wrapped."""
    width = terminal_width(sys.stdout)
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


@contextmanager
def _perhaps_read() -> Iterator[None]:
    """Give stderr up where its reader is gone: notices are no reason to stop in the middle of a change."""
    try:
        yield
    except OSError:  # a pipe that nobody reads, or a terminal that is gone
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as below


def give_up_on_stdout() -> None:
    """Let what is still to be written go nowhere: Python would try once more at its end, and complain."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process


def terminal_width(stream: TextIO) -> int:
    """Return the columns of the terminal that a stream goes to; 0 where it goes elsewhere."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
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
    if not yes and ask(f"{question} [y/N]").lower() not in {"y", "yes"}:
        raise DeclinedError("Nothing was changed.", reason="the answer was no", hint="Answer y to do it.")


def confirm_by_name(warning: str, name: str, *, given: str | None, no_input: bool) -> None:
    """Return where the name was typed, or given with `--confirm`: a yes is too quick for what loses data."""
    if given is None:
        say(warning)
        if no_input or not may_be_asked():
            raise ConfirmationNeededError(
                f"This needs the name {name}, and there is nobody to ask.",
                reason="--no-input was given" if no_input else "the input is not a terminal",
                hint=f"Add --confirm {name}, after a look at what it will do.",
            )
        given = ask(f"Type {name} to go on")
    if given != name:
        raise DeclinedError(
            "Nothing was changed.", reason=f"the name given is not {name}", hint="Give it as it is written."
        )


def ask(question: str) -> str:
    """Ask on stderr, and return what is typed."""
    sys.stderr.write(f"{question}: ")
    sys.stderr.flush()
    try:
        given = sys.stdin.readline()
    except KeyboardInterrupt:
        say("")
        raise
    if not given:  # Ctrl-D is no answer, and no yes to the default
        say("")
        raise DeclinedError("Nothing was changed.", reason="the input ended", hint="Answer the question.")
    return given.strip()


def may_ask(*, yes: bool, no_input: bool) -> None:
    """Return where a yes was given or can be asked for; else `ConfirmationNeededError`."""
    if yes:
        return
    if no_input or not may_be_asked():
        raise ConfirmationNeededError(
            "This needs a yes, and there is nobody to ask.",
            reason="--no-input was given" if no_input else "the input is not a terminal",
            hint="Add --yes, after a look at what it will do.",
        )


def may_be_asked() -> bool:
    """Tell whether somebody sits there who sees a question and can answer it."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def show_error(error: TriggersError, *, as_json: bool) -> None:
    """Write an error: three lines for a person, a document for a program."""
    hint = completed(error.hint)
    if as_json:
        message = f"{error.message} ({error.reason})" if error.reason else error.message
        # One line: it may be the last of several.
        answer_line({"error": {"code": error.code, "message": message, "hint": hint}})
        return
    lines = [f"error: {error.message}"]
    if error.reason:
        lines.append(f"  why: {error.reason}")
    if hint:
        lines.append(f"  fix: {hint}")
    say("\n".join(lines))
