"""The outcome of one check, for `doctor`, `smoke`, `verify` and the preflight checks of `deploy`."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended. Only `FAILED` keeps a deployment from working."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    """The check could not be run."""
    SKIPPED = "skipped"
    """The check was left out, because it does not apply."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and how to fix it. No field holds an API key or a payload."""

    check: str
    state: State
    message: str = ""
    """What the check saw."""
    fix: str = ""
    expected: str = ""
    milliseconds: int = 0
    request_id: str = ""
    """Finds the check's request in the logs; empty if the check sent none."""
    group: str = ""
    """What the check belongs to; a short output has one line for each group."""

    @property
    def passed(self) -> bool:
        """Whether the check saw what it expected, or was left out."""
        return self.state in {State.OK, State.SKIPPED}

    @property
    def was_run(self) -> bool:
        """Whether the check was run at all."""
        return self.state not in {State.UNKNOWN, State.SKIPPED}
