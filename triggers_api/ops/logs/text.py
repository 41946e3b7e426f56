"""Write a line of the log as text, without its time: what is shown, and what `--filter` searches."""

import json
from typing import Any, NamedTuple

from triggers_api.ops.logs.lines import LogLine
from triggers_api.ops.printable import printable

_LEVEL_COLUMNS = 8


class LineText(NamedTuple):
    """The parts of a line in the order to show them. A part that the line does not have is empty.

    Attributes:
        request: The request id, the method and the path.
        rest: The duration, the message and the fields.
        traceback: The lines below.
    """

    level: str
    request: str
    status: str
    rest: str
    traceback: tuple[str, ...]

    def first_line(self) -> str:
        """Return all but the traceback."""
        return " ".join(filter(None, self[:4]))


def text_of(line: LogLine) -> LineText:
    """Return the text of a line."""
    request = (line.request_id or line.lambda_request_id, line.method, line.path)
    duration = "" if line.duration_ms is None else f"{line.duration_ms:g}ms"
    fields = (f"{name}={_word(value)}" for name, value in line.fields.items())
    return LineText(
        level=f"{line.level:<{_LEVEL_COLUMNS}}",
        request=" ".join(filter(None, request)),
        status="" if line.status is None else str(line.status),
        rest=" ".join(filter(None, (duration, line.message, *fields))),
        traceback=line.traceback,
    )


def contains(text: LineText, part: str) -> bool:
    """Return whether a line contains a part, in any case and with any spaces between its words."""
    lines = map(printable, (text.first_line(), *text.traceback))
    return _normalised(part) in _normalised(" ".join(lines))


def _normalised(text: str) -> str:
    return " ".join(text.split()).casefold()


def _word(value: Any) -> str:
    """Return a value as one word, quoted if need be, as the service's own log does."""
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=False)
