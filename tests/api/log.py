"""What the service logs in a test."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from triggers_api.api import logs


class Log:
    """What the service writes from here on, as in Lambda: one JSON object a line."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def lines(self, message: str | None = None) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in found if message in (None, line["message"])]


def configured(level: str, *, in_lambda: bool) -> io.StringIO:
    """Return the stream that the service logs to from here on. A test needs `logging_as_before` for it."""
    stream = io.StringIO()
    with redirect_stdout(stream) if in_lambda else redirect_stderr(stream):
        logs.configure(level, in_lambda=in_lambda)
    return stream
