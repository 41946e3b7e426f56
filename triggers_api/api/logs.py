"""Logs: one JSON object a line inside Lambda, one readable line elsewhere; never a key, never a payload.

The code that writes a log line chooses its values one by one. What could carry input is removed here: a
traceback is logged without the texts of its exceptions (`KeyError: '<payload>'`), the loggers of the
libraries stay at WARNING, because botocore's DEBUG lines hold whole requests, and API keys are masked in
every value: a client may send one in the wrong place, such as `?source=`.
"""

import json
import logging
import re
import sys
import traceback
from types import TracebackType
from typing import Any

from triggers_api.api.context import current
from triggers_api.core.keys import mask_keys
from triggers_api.core.times import format_time

ROOT = "triggers_api"

_PLAIN = re.compile(r"[!#-~]*")
"""Printable ASCII without space and quote."""

_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return one line, without API keys."""
        return mask_keys(self._write(self._fields(record)))

    def _write(self, line: dict[str, Any]) -> str:
        raise NotImplementedError

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        line: dict[str, Any] = {
            "timestamp": format_time(int(record.created * 1_000_000)),
            "level": record.levelname,
            "message": record.getMessage(),
        }
        context = current.get()
        if context:
            line["request_id"] = context.request_id
            if context.lambda_request_id:
                line["lambda_request_id"] = context.lambda_request_id
            if context.hook_id:
                line["hook_id"] = context.hook_id
        line |= getattr(record, "fields", {})
        if context and context.own_key:
            line = {name: _without(context.own_key, value) for name, value in line.items()}
        if record.exc_info and record.exc_info[1]:
            line["traceback"] = _frames(record.exc_info[1])
        return line


class JsonFormatter(_Formatter):
    """A line that CloudWatch and its queries parse without help."""

    def _write(self, line: dict[str, Any]) -> str:
        """Return one line: JSON escapes every line break."""
        return _encode(line)


class TextFormatter(_Formatter):
    """A line for a person, with the same content."""

    def _write(self, line: dict[str, Any]) -> str:
        """Return one line, and under it the frames of an exception."""
        time, level, message = line.pop("timestamp"), line.pop("level"), line.pop("message")
        frames = line.pop("traceback", [])
        fields = " ".join(f"{name}={_plain(value)}" for name, value in line.items())
        return "\n  ".join([f"{time} {level:<7} {message} {fields}".rstrip(), *frames])


def configure(level: str, *, in_lambda: bool) -> None:
    """Send log lines to stdout in Lambda, which CloudWatch reads, and to stderr elsewhere.

    `level` is that of this package. Warnings and errors of libraries appear in the same form.
    """
    handler = logging.StreamHandler(sys.stdout if in_lambda else sys.stderr)
    handler.setFormatter(JsonFormatter() if in_lambda else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(ROOT).setLevel(level)
    # Its warning about a reply that is not HTTP quotes the reply, which may hold a payload.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _without(key: str, value: Any) -> Any:
    return mask_keys(value, key) if isinstance(value, str) else value


def _plain(value: Any) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return json.dumps(text).replace("\x7f", "\\u007f")


def _frames(error: BaseException) -> list[str]:
    """Return the types of an exception and its causes, and the places that raised them."""
    lines: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines += [
            *_locations(cause.__traceback__),
            f"raised {type(cause).__module__}.{type(cause).__qualname__}",
        ]
        cause = cause.__cause__ or cause.__context__
    return lines


def _locations(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(trace)]
