"""How a command speaks: the answer on stdout, all else on stderr; for a person, a pipe or a program.

On a terminal an answer may be a table or a panel. In a pipe it is plain lines, never wrapped, coloured or
cut: a table is tab-separated. With `--json` stdout is one JSON document and nothing else, errors too.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

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


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows: a table on a terminal, tab-separated lines with a head in a pipe."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            answer("\t".join(row))
        return
    from rich import box  # noqa: PLC0415 - a pipe does without
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)


def answer_secret(secret: str, title: str) -> None:
    """Write a secret that is not shown again: alone in a pipe, in a panel on a terminal, never wrapped."""
    if not sys.stdout.isatty():
        answer(secret)
        return
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.panel import Panel  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(markup=False, highlight=False)
    if console.width < len(secret) + 4:  # a panel would break the key, and then it cannot be copied
        say(f"{title}:")
        answer(secret)
        return
    console.print(Panel(Text(secret, style="bold"), title=title, expand=False))


def confirm(question: str, *, yes: bool, no_input: bool) -> None:
    """Return where the answer is yes.

    `ConfirmationNeededError` where there is nobody to ask, `DeclinedError` where the answer is no.
    """
    may_ask(yes=yes, no_input=no_input)
    import typer  # noqa: PLC0415 - where somebody is asked

    if not yes and not typer.confirm(question, err=True):
        raise DeclinedError("Nothing was changed.", reason="the answer was no")


def may_ask(*, yes: bool, no_input: bool) -> None:
    """Return where a yes was given or can be asked for; else `ConfirmationNeededError`."""
    if yes:
        return
    if no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
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
