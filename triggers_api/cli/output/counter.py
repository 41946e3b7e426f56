"""Show how many events a long command is done with.

On a terminal this is a bar, in a pipe a line every few seconds.
"""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

from triggers_api.cli.output import console

_SECONDS = 5
_NARROW = 60
"""A terminal with fewer columns gets lines."""


class Counter:
    """Counts events on stderr. Use it as a context manager, so that the bar is removed at the end.

    Args:
        action: What is done, such as `Deleting events`.
        total: How many events there are. None: it is not known.
        beside_output: The command prints its answer meanwhile, so no bar is shown if that goes to a terminal.
    """

    def __init__(self, action: str, total: int | None, *, beside_output: bool = False) -> None:
        self.done = 0
        """How many events are done."""
        self._action, self._total = action, total
        self._has_bar = not (beside_output and console.is_terminal(sys.stdout))
        self._stack = ExitStack()
        self._show: Callable[[], None] = self._show_line
        self._next_line = time.monotonic() + _SECONDS

    def __enter__(self) -> Self:
        if self._has_bar and console.terminal_width(sys.stderr) >= _NARROW:
            self._show = self._bar()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, number: int) -> None:
        """Count more events as done."""
        self.done += number
        self._show()

    def _show_line(self) -> None:
        if time.monotonic() >= self._next_line:
            console.say(f"{self._action}: {self._text()}")
            self._next_line = time.monotonic() + _SECONDS

    def _bar(self) -> Callable[[], None]:
        terminal = console.rich_console(sys.stderr)
        if terminal.is_dumb_terminal:
            return self._show_line
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        parts = [
            TextColumn(self._action),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(),
        ]
        bar = Progress(
            *parts,
            console=terminal,
            transient=True,
            # Else Rich would write to stderr what the command writes to stdout.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        task = self._stack.enter_context(bar).add_task("", total=self._total, count=self._text())
        return lambda: bar.update(task, completed=self.done, count=self._text())

    def _text(self) -> str:
        return f"{self.done:,}" if self._total is None else f"{self.done:,} of {self._total:,}"
