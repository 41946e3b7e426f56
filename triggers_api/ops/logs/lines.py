"""Parse the lines of the function's log: the service's own JSON lines, and those of Lambda.

The service's lines are written by `api/logs.py`. Lambda's lines are text (START, END, REPORT, INIT_START,
"Task timed out", "Runtime exited", a traceback of the Python runtime). If the function's log format is JSON,
they are objects with a `type` that starts with `platform.`. Anything may be printed to a log: parsing never
fails, and a line that is not recognised is shown unchanged.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_LEVEL_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL"} | {level: level for level in LEVELS}
_PLATFORM_LINE = re.compile(r"(?:(?P<word>START|END|REPORT) )?RequestId: (?P<id>[\w-]{1,64})\s*", re.ASCII)
_RUNTIME_LINE = re.compile(
    r"(?:\[[A-Z]+\]\s)?\d{4}-\d\d-\d\dT[\d:.]+Z\s(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+",
    re.ASCII,
)
_TAG = re.compile(r"\[(CRITICAL|ERROR|WARNING|INFO|DEBUG)\]\s|LAMBDA_(WARNING):")
_FAILED = re.compile(
    r"Task timed out|Runtime exited|Process exited before completing|\bStatus: (?:timeout|error|failure)\b"
)
_LAMBDA_LINE = re.compile(r"(?:START|END|REPORT) RequestId: |(?:INIT|RESTORE)_(?:START|REPORT)\s")
_MEMORY = re.compile(r"\bMemory Size: (\d+) MB\s+Max Memory Used: (\d+) MB")
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
    """A line of the log. A part that the line does not have is None, or empty.

    Attributes:
        time: CloudWatch's timestamp, in milliseconds since 1970. Lines are in this order.
        stream: The log stream, one for each environment of the function.
        raw: The whole line.
        status: The HTTP status.
        duration_ms: The duration of the request; in a report of Lambda, of the invocation.
        fields: The members of a JSON line that have no attribute of their own.
        is_lambdas_own: Whether it is Lambda's line about an invocation or an environment, such as START.
        phase: Whether Lambda's line starts or ends an invocation.
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
    is_lambdas_own: bool = False
    phase: Literal["", "start", "end"] = ""

    def is_at_least(self, level: str) -> bool:
        """Return whether the line has this level or a higher one."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


def parse(event: Mapping[str, Any]) -> LogLine:
    """Return the line of an event of `FilterLogEvents`.

    Its level is INFO by default, ERROR for a failure, WARNING for a report that all memory was used.
    """
    raw = event.get("message", "").rstrip("\r\n")
    origin = {"time": event.get("timestamp", 0), "stream": event.get("logStreamName", ""), "raw": raw}
    document = _parse_object(raw)
    if document is None:
        return _text_line(raw, origin)
    if str(document.get("type", "")).startswith("platform."):
        return _platform_line(document, origin)
    return _service_line(document, origin)


def _service_line(document: dict[str, Any], origin: dict[str, Any]) -> LogLine:
    """Read a line of the service, or of the Python runtime, which uses other names for some members."""
    document.pop("timestamp", None)
    document.pop("_aws", None)  # of the line of metrics: how CloudWatch reads the other members
    level = _take(document, str, "level") or _take(document, str, "log_level") or ""
    frames = _take(document, list, "traceback") or _take(document, list, "stackTrace") or []
    return LogLine(
        **origin,
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


def _platform_line(document: dict[str, Any], origin: dict[str, Any]) -> LogLine:
    kind, record = document["type"], document.get("record")
    record = record if isinstance(record, dict) else {"record": record}
    metrics = record.get("metrics")
    metrics = dict(metrics) if isinstance(metrics, dict) else {}
    failed = kind == "platform.fault" or str(record.get("status")) in {"timeout", "error", "failure"}
    size, used = (_take(metrics, int, name) for name in ("memorySizeMB", "maxMemoryUsedMB"))
    return LogLine(
        **origin,
        level="ERROR" if failed else "WARNING" if _is_all_used(size, used) else "INFO",
        message=kind,
        lambda_request_id=_take(record, str, "requestId"),
        duration_ms=_take(metrics, int | float, "durationMs"),
        fields=record,
        is_lambdas_own=True,
        phase=_PHASES.get(kind, ""),
    )


def _text_line(raw: str, origin: dict[str, Any]) -> LogLine:
    """Read an event of plain text. Its first line is the message, the lines below are the traceback."""
    first, *below = raw.splitlines() or [""]
    found = _PLATFORM_LINE.match(first) or _RUNTIME_LINE.match(first)
    word = (found.groupdict().get("word") or "") if found else ""
    rest = first[found.end() :] if found else first
    duration = _DURATION.search(rest) if word == "REPORT" else None
    memory = _MEMORY.search(rest) if word == "REPORT" else None
    tag = _TAG.match(first)
    level = (tag[1] or tag[2]) if tag else "INFO"
    if memory and _is_all_used(*map(int, memory.groups())):
        level = "WARNING"
    return LogLine(
        **origin,
        level="ERROR" if _FAILED.search(first) else level,
        message=f"{word} {rest}".replace("\t", " ").strip(),
        lambda_request_id=found["id"] if found else None,
        duration_ms=float(duration[1]) if duration else None,
        traceback=tuple(below),
        is_lambdas_own=_LAMBDA_LINE.match(first) is not None,
        phase=_PHASES.get(word, ""),
    )


def _is_all_used(size: int | None, used: int | None) -> bool:
    """Return whether an invocation used all memory, the mark of one that ran out of it."""
    return size is not None and used is not None and used >= size > 0


def _parse_object(raw: str) -> dict[str, Any] | None:
    if not raw.startswith("{"):
        return None
    try:
        document = json.loads(raw, parse_constant=str, parse_float=_finite_number)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _finite_number(text: str) -> float | str:
    """Return a number that JSON can represent, or the text if the number is too large."""
    return number if math.isfinite(number := float(text)) else text


def _take(document: dict[str, Any], kind: Any, name: str) -> Any:
    """Remove a value of this type from a document and return it. A value of another type stays there."""
    value = document.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        return None
    return document.pop(name)
