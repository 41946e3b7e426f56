"""A probe: one question to AWS, and what each of several checks expects in the answer.

A check that is denied, or gets no answer, fails and says so. The other checks still run.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import LogGroupMissingError, TriggersError
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import operator_error
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.shell_commands import triggers_command

Value = str | frozenset[str]
"""A text, or a set of texts, in which each missing and each extra one is a difference."""

_NOT_FOUND = {"ResourceNotFoundException", "NoSuchEntity", "NotFoundException", "TableNotFoundException"}
_REPORT = "Verify again; if the problem stays, look at the resource itself, and report a bug of this program."


@dataclass(frozen=True, slots=True)
class Expectation:
    """The name of a check, what it expects, and how it reads the actual value from the answer."""

    name: str
    expected: Value
    read: Callable[[Any], Value]
    fix: str

    @property
    def group(self) -> str:
        """The part of the stack that the check is about: its name starts with it."""
        return self.name.partition(": ")[0]


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to AWS and the checks of its answer. `request_id` is an id to find in the logs."""

    ask: Callable[[], Any]
    expectations: tuple[Expectation, ...]
    request_id: str = ""

    def run(self, aws: Aws) -> list[Finding]:
        """Ask, and compare. Nothing is raised: what cannot be checked is a failed check."""
        started = time.perf_counter()
        try:
            answer = self.ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other probes go on
            message, fix = _explain(error, aws)
            return [self._finding(one, started, State.FAILED, message, fix) for one in self.expectations]
        return [self._compare(one, answer, started, aws) for one in self.expectations]

    def _compare(self, expectation: Expectation, answer: Any, started: float, aws: Aws) -> Finding:
        try:
            actual = expectation.read(answer)
        except Exception as error:  # noqa: BLE001 - an answer may lack anything
            return self._finding(expectation, started, State.FAILED, *_explain(error, aws))
        if actual == expectation.expected:
            return self._finding(expectation, started, State.OK, text_of(actual))
        difference = _describe_difference(expectation.expected, actual)
        return self._finding(expectation, started, State.FAILED, difference, expectation.fix)

    def _finding(
        self, expectation: Expectation, started: float, state: State, message: str, fix: str = ""
    ) -> Finding:
        return Finding(
            expectation.name,
            state,
            message,
            fix,
            expected=text_of(expectation.expected),
            milliseconds=round((time.perf_counter() - started) * 1000),
            request_id=self.request_id,
            group=expectation.group,
        )


def text_of(value: Value) -> str:
    """Return a value for a person; a set in a stable order."""
    return value if isinstance(value, str) else ", ".join(sorted(value)) or "none"


def _describe_difference(expected: Value, actual: Value) -> str:
    if isinstance(expected, str) or isinstance(actual, str):
        return text_of(actual)
    parts = (("missing", expected - actual), ("extra", actual - expected))
    return "; ".join(f"{name}: {text_of(values)}" for name, values in parts if values)


def _explain(error: Exception, aws: Aws) -> tuple[str, str]:
    """Return why there is no answer, and the fix."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if isinstance(error, LogGroupMissingError) or code in _NOT_FOUND:
        destroy, deploy = triggers_command("destroy"), triggers_command("deploy", "--adopt")
        return "it does not exist", (
            f"To recreate it, create a new stack: `{destroy}`, then `{deploy}`. "
            "Leave --adopt out if no table is left."
        )
    if isinstance(error, ClientError | BotoCoreError | OSError):
        error = operator_error(error, aws.target, aws.region)
    if not isinstance(error, TriggersError):  # its text may be a part of the answer
        return f"could not check: unrecognised response ({type(error).__name__})", _REPORT
    reason = f"{error.message} ({error.reason})" if error.reason else error.message
    return f"could not check: {reason}", error.hint
