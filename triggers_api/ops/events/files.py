"""Read events from a file of JSON lines: all lines are checked before the first event is stored."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO, TypeVar

from triggers_api.core.strict_json import MAX_BODY_BYTES
from triggers_api.errors import ConfigurationError, LocalEnvironmentError, TriggersError

STDIN = "-"

MAX_LINE_BYTES = 9 * MAX_BODY_BYTES
"""Far more than the line of any event takes. Version 0.1.0 stored payloads of four times their body."""

T = TypeVar("T")


def open_lines(name: str) -> BinaryIO:
    """Open a file that can be read twice. `-` is stdin, which is copied to a temporary file.

    Raises:
        LocalEnvironmentError: The file cannot be read.
    """
    try:
        if name != STDIN:
            return Path(name).open("rb")
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        if sys.stdin is not None:
            shutil.copyfileobj(sys.stdin.buffer, copy)
    except OSError as error:
        raise LocalEnvironmentError(
            f"The file {name} cannot be read.",
            reason=(error.strerror or str(error)).lower(),
            hint="Check its name and its permissions.",
        ) from error
    else:
        return copy


def read_lines(file: BinaryIO, parse: Callable[[bytes], T]) -> Iterator[tuple[int, T]]:
    """Yield the number and the value of each line from the start of a file. Empty lines are left out.

    Raises:
        ConfigurationError: A line is not valid. The message names the line.
    """
    file.seek(0)
    for number in count(1):
        line = file.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_LINE_BYTES:
            raise _invalid(number, "The line is too long for an event.")
        if not line.strip():
            continue
        try:
            value = parse(line)
        except TriggersError as error:
            # The parser knows one line, and calls that a body.
            raise _invalid(number, error.message.replace("The body", "The line")) from error
        yield number, value


def count_lines(file: BinaryIO, parse: Callable[[bytes], object]) -> int:
    """Check all lines, and return how many events they are.

    Raises:
        ConfigurationError: A line is not valid. The message names the line.
    """
    return sum(1 for _ in read_lines(file, parse))


def pieces(lines: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the lines in lists of a size, the last of which may be shorter."""
    rest = iter(lines)
    while piece := list(islice(rest, size)):
        yield piece


def _invalid(number: int, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"Line {number} of the file is not an event.",
        reason=reason,
        hint="Correct the line. Nothing was stored.",
    )
