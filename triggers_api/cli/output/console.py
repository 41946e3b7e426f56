"""Write a command's output: its answer to stdout, everything else to stderr.

On a terminal an answer may be a table or a panel. In a pipe it is plain lines, never wrapped, coloured or
cut, and a table is tab-separated. With `--json`, stdout holds JSON and nothing else, errors included.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from triggers_api.cli.flags import complete_commands
from triggers_api.errors import ConfirmationNeededError, DeclinedError, TriggersError

NARROW = 60
"""A terminal with fewer columns gets lines instead of tables of progress."""


def say(message: str) -> None:
    """Print a notice to stderr. If stderr is closed, drop the notice and continue."""
    with _ignore_closed_stderr():
        sys.stderr.write(f"{message}\n")


def answer(text: str) -> None:
    """Write the answer unchanged."""
    sys.stdout.write(f"{text}\n")


def answer_json(document: Mapping[str, Any]) -> None:
    """Write the answer as a JSON document."""
    answer(_json(document, indent=2))


def answer_line(document: Mapping[str, Any]) -> None:
    """Write one JSON object of an answer that consists of several, on a line, at once."""
    answer(_json(document))
    sys.stdout.flush()


def _json(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    import json  # most answers are text

    takes_all_text = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(document, indent=indent, ensure_ascii=not takes_all_text)


def printable(text: str) -> str:
    """Escape a text, so that stored data can neither move the cursor nor forge a line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, to_stderr: bool = False) -> None:
    """Write rows as a table if the terminal is wide enough, else as tab-separated lines. Nothing is cut.

    Args:
        columns: The heads of the columns.
        rows: The cells of each row.
        to_stderr: The table is for reading, not for copying: fold long cells.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    lines = [tuple(printable(cell) for cell in row) for row in (columns, *rows)]
    widths = [max(len(row[column]) for row in lines) for column in range(len(columns))]
    width = terminal_width(stream)
    fits = sum(widths) + 2 * len(widths) <= width
    if not (fits or (to_stderr and width >= NARROW)):
        with _ignore_closed_stderr() if to_stderr else nullcontext():
            stream.writelines("\t".join(row) + "\n" for row in lines)
        return
    from rich import box  # not needed in a pipe
    from rich.console import Console
    from rich.table import Table

    # Two columns beside each cell, as `fits` counts: with its default of three, Rich would fold.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in lines[0]:
        table.add_column(name, overflow="fold")
    for row in lines[1:]:
        table.add_row(*row)
    Console(file=stream, markup=False, highlight=False, emoji=False, width=width).print(table)


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
        from rich.console import Console  # not needed in a pipe
        from rich.panel import Panel
        from rich.text import Text

        panel = Panel(Text(secret, style="bold"), title=Text(title), expand=False)
        Console(markup=False, highlight=False, emoji=False, width=width).print(panel)


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


def read_secret(question: str) -> str:
    """Read one line from stdin, without echo if stdin is a terminal."""
    if is_terminal(sys.stdin):
        from getpass import getpass  # needed on a terminal only

        return getpass(f"{question}: ", sys.stderr).strip()
    return sys.stdin.readline().strip() if sys.stdin else ""


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal. A closed stream is not."""
    return stream is not None and stream.isatty()


def is_interactive() -> bool:
    """Return whether a question can be shown and answered."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def check_can_ask(*, no_input: bool, fix: str) -> None:
    """Check that the operator can be asked for confirmation.

    Raises:
        ConfirmationNeededError: --no-input was given, or the command does not run interactively.
    """
    if no_input or not is_interactive():
        raise ConfirmationNeededError(
            "Confirmation required: not running interactively.",
            reason="--no-input was given" if no_input else "the input is not a terminal",
            hint=fix,
        )


def check_can_confirm(*, yes: bool, no_input: bool) -> None:
    """Check that a confirmation was given with --yes, or can be asked for.

    Raises:
        ConfirmationNeededError: It was not given and cannot be asked for.
    """
    if not yes:
        check_can_ask(no_input=no_input, fix="Check what the command will do, then add --yes.")


def confirm(question: str, *, yes: bool, no_input: bool) -> None:
    """Ask for confirmation, unless it was given with --yes.

    Raises:
        ConfirmationNeededError: The question cannot be asked.
        DeclinedError: The answer is no.
    """
    check_can_confirm(yes=yes, no_input=no_input)
    if not yes and ask(f"{question} [y/N]").lower() not in {"y", "yes"}:
        raise DeclinedError("Nothing was changed.", reason="the answer was no", hint="Answer y to do it.")


def confirm_by_name(warning: str, name: str, *, given: str | None, no_input: bool) -> None:
    """Ask for a name to be typed, unless it was given with --confirm. A y is too quick if data can be lost.

    Raises:
        ConfirmationNeededError: The question cannot be asked.
        DeclinedError: The name is not the expected one.
    """
    if given is None:
        say(warning)
        check_can_ask(no_input=no_input, fix=f"Check what the command will do, then add --confirm {name}.")
        given = ask(f"Type {name} to continue")
    if given != name:
        raise DeclinedError(
            "Nothing was changed.", reason=f"the name given is not {name}", hint=f"Give {name}, exactly."
        )


def ask(question: str) -> str:
    """Ask a question on stderr, and return the answer.

    Raises:
        DeclinedError: The input ended. Ctrl-D is no answer, and does not accept a default.
    """
    sys.stderr.write(f"{question}: ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        say("")
        raise
    if not answer:
        say("")
        raise DeclinedError("Nothing was changed.", reason="the input ended", hint="Answer the question.")
    return answer.strip()


def show_error(error: TriggersError, *, as_json: bool) -> None:
    """Write an error to stderr as up to three lines, or to stdout as a JSON object."""
    hint = complete_commands(error.hint)
    if as_json:
        message = f"{error.message} ({error.reason})" if error.reason else error.message
        # On one line: the command may have printed other objects before.
        answer_line({"error": {"code": error.code, "message": message, "hint": hint}})
        return
    lines = [f"error: {error.message}"]
    if error.reason:
        lines.append(f"  why: {error.reason}")
    if hint:
        lines.append(f"  fix: {hint}")
    say("\n".join(lines))
