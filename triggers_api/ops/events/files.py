"""Read events from a file of JSON lines: all lines are checked before the first event is stored."""

import io
import re
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
    """Open a file that can be read twice. A pipe, and `-` for stdin, are copied to a temporary file.

    Raises:
        ConfigurationError: The name is empty.
        LocalEnvironmentError: The file cannot be read.
    """
    if not name:
        raise ConfigurationError("The name of the file is empty.", hint="Give a file, or - for stdin.")
    try:
        if name == STDIN:
            return _copy(sys.stdin.buffer if sys.stdin is not None else io.BytesIO())
        file = Path(name).open("rb")  # noqa: SIM115 - the caller closes it
        if not file.seekable():
            with file:
                return _copy(file)
    except OSError as error:
        raise LocalEnvironmentError(
            f"The file {name} cannot be read.",
            reason=(error.strerror or str(error)).lower(),
            hint="Check its name and its permissions.",
        ) from error
    else:
        return file


def _copy(stream: BinaryIO) -> BinaryIO:
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(stream, copy)
    copy.seek(0)
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
            value = parse(line.rstrip(b"\r\n"))
        except TriggersError as error:
            raise _invalid(number, _about_a_line(error.message)) from error
        yield number, value


def count_lines(file: BinaryIO, parse: Callable[[bytes], object]) -> int:
    """Check all lines, and return how many events they are.

    Raises:
        ConfigurationError: A line is not valid, which the message names, or there is none.
    """
    number = sum(1 for _ in read_lines(file, parse))
    if not number:
        raise ConfigurationError(
            "The file has no events.", hint="Check that the command that wrote it has succeeded."
        )
    return number


def pieces(lines: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the lines in lists of a size, the last of which may be shorter."""
    rest = iter(lines)
    while piece := list(islice(rest, size)):
        yield piece


def _about_a_line(message: str) -> str:
    """Return a message of the parser, which knows one line and calls that a body."""
    message = message.removeprefix("The event is not valid: ")
    message = message.replace("body: must be a JSON object", "must be a JSON object")
    message = re.sub(r" at line 1, column", " at column", message.replace("The body", "The line"))
    return message[:1].upper() + message[1:] if message.startswith("must") else message


def _invalid(number: int, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"Line {number} of the file is not an event.",
        reason=reason,
        hint="Correct the line. Nothing was stored.",
    )
