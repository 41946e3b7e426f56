"""The result of one check, shared by `doctor`, `deploy`, `smoke` and `verify`."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended; only `FAILED` keeps a deployment from working."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it."""

    check: str
    state: State
    message: str
    fix: str = ""
