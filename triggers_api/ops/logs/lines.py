"""What a line of the function's log says: our own JSON lines, and those that Lambda itself writes.

Ours are written by `api/logs.py`. The platform's come as text (START, END, REPORT, INIT_START, "Task timed
out", "Runtime exited", a traceback of Python's runtime) or, where the function's log format is JSON, as
objects with a `type` that begins with `platform.`. Whatever else somebody prints is a line too: nothing here
fails, and what is not understood is shown as it is.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_LEVEL_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL"} | {level: level for level in LEVELS}
_OF_PLATFORM = re.compile(r"(?:(?P<word>START|END|REPORT) )?RequestId: (?P<id>[\w-]{1,64})\s*", re.ASCII)
_OF_RUNTIME = re.compile(
    r"(?:\[[A-Z]+\]\s)?\d{4}-\d\d-\d\dT[\d:.]+Z\s(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+",
    re.ASCII,
)
_TAG = re.compile(r"\[(CRITICAL|ERROR|WARNING|INFO|DEBUG)\]\s|LAMBDA_(WARNING):")
_FAILED = re.compile(
    r"Task timed out|Runtime exited|Process exited before completing|\bStatus: (?:timeout|error|failure)\b"
)
_DURATION = re.compile(r"(?<!Billed )(?<!Init )\bDuration: (\d+(?:\.\d+)?) ms")
_PHASES: Mapping[str, Literal["start", "end"]] = {
    "START": "start",
    "END": "end",
    "REPORT": "end",
    "platform.start": "start",
    "platform.report": "end",
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log. What it does not say is None, or empty.

    `time` is CloudWatch's timestamp of it, in milliseconds since 1970: lines come in its order. `status` is
    HTTP's; `duration_ms` is the service's own, or in a report Lambda's. `phase` tells the platform's lines
    that begin and end an invocation. `fields` are the rest of what the line says, `raw` is all of it.
    """

    time: int
    stream: str
    raw: str
    message: str
    level: str = "INFO"
    request_id: str | None = None
    lambda_request_id: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    duration_ms: float | None = None
    traceback: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    phase: Literal["", "start", "end"] = ""

    def is_at_least(self, level: str) -> bool:
        """Tell whether its level is this one, or above it."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


def parse(event: Mapping[str, Any]) -> LogLine:
    """Return what an event of `FilterLogEvents` says. Without a level it is INFO, a failure ERROR."""
    raw = event.get("message", "").rstrip("\r\n")
    where = {"time": event.get("timestamp", 0), "stream": event.get("logStreamName", ""), "raw": raw}
    document = _document(raw)
    if document is None:
        return _of_text(raw, where)
    if str(document.get("type", "")).startswith("platform."):
        return _of_platform(document, where)
    return _of_service(document, where)


def _of_service(document: dict[str, Any], where: dict[str, Any]) -> LogLine:
    """Read a line of ours; or one of Python's runtime, which calls some things otherwise."""
    document.pop("timestamp", None)
    level = _take(document, str, "level") or _take(document, str, "log_level") or ""
    frames = _take(document, list, "traceback") or _take(document, list, "stackTrace") or []
    return LogLine(
        **where,
        level=_LEVEL_NAMES.get(level.upper(), "INFO"),
        message=_take(document, str, "message") or _take(document, str, "errorMessage") or "",
        request_id=_take(document, str, "request_id"),
        lambda_request_id=_take(document, str, "lambda_request_id") or _take(document, str, "requestId"),
        method=_take(document, str, "method"),
        path=_take(document, str, "route"),
        status=_take(document, int, "status"),
        duration_ms=_take(document, int | float, "duration_ms"),
        traceback=tuple(line for frame in frames for line in str(frame).splitlines()),
        fields={name: value for name, value in document.items() if value is not None},
    )


def _of_platform(document: dict[str, Any], where: dict[str, Any]) -> LogLine:
    kind, record = document["type"], document.get("record")
    record = record if isinstance(record, dict) else {"record": record}
    metrics = record.get("metrics")
    failed = kind == "platform.fault" or str(record.get("status")) in {"timeout", "error", "failure"}
    return LogLine(
        **where,
        level="ERROR" if failed else "INFO",
        message=kind,
        lambda_request_id=_take(record, str, "requestId"),
        duration_ms=_take(dict(metrics), int | float, "durationMs") if isinstance(metrics, dict) else None,
        fields=record,
        phase=_PHASES.get(kind, ""),
    )


def _of_text(raw: str, where: dict[str, Any]) -> LogLine:
    """Read a line of text: the first is the message, what is below it the traceback."""
    head, *below = raw.splitlines() or [""]
    found = _OF_PLATFORM.match(head) or _OF_RUNTIME.match(head)
    word = (found.groupdict().get("word") or "") if found else ""
    rest = head[found.end() :] if found else head
    duration = _DURATION.search(rest) if word == "REPORT" else None
    tag = _TAG.match(head)
    return LogLine(
        **where,
        level="ERROR" if _FAILED.search(head) else (tag[1] or tag[2]) if tag else "INFO",
        message=f"{word} {rest}".replace("\t", " ").strip(),
        lambda_request_id=found["id"] if found else None,
        duration_ms=float(duration[1]) if duration else None,
        traceback=tuple(below),
        phase=_PHASES.get(word, ""),
    )


def _document(raw: str) -> dict[str, Any] | None:
    if not raw.startswith("{"):
        return None
    try:
        document = json.loads(raw, parse_constant=str, parse_float=_number)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _number(text: str) -> float | str:
    """Return a number that JSON can write again; what is too large for one stays a text."""
    return number if math.isfinite(number := float(text)) else text


def _take(document: dict[str, Any], kind: Any, name: str) -> Any:
    """Take a value of this type out of a document; one of another type stays among the rest."""
    value = document.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        return None
    return document.pop(name)
