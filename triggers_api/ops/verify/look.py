"""Checks that rest on the same answer of AWS: what each expects, and what it sees there.

A check that may not ask, or gets no answer, has not passed, and says so: the others are made all the same.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import LogGroupMissingError, TriggersError
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import operator_error
from triggers_api.ops.results import Result

T = TypeVar("T")

Value = str | frozenset[str]
"""A text, or a set of texts of which none may be missing and none too much."""

_NOT_THERE = {"ResourceNotFoundException", "NoSuchEntity", "NotFoundException", "TableNotFoundException"}
_MADE_ANEW = (
    "What was deleted by hand comes back with a new stack: triggers destroy, then triggers deploy --adopt; "
    "without --adopt where no table is left."
)
_NOT_UNDERSTOOD = (
    "Verify again; if it stays so, look at the resource itself, and report it as an error of this program."
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that should be so. `seen` finds in the answer what is so; `fix` is for where they differ."""

    name: str
    expected: Value
    seen: Callable[[Any], Value]
    fix: str


@dataclass(frozen=True, slots=True)
class Look:
    """A question to AWS, and the checks of its answer. `request_id` is one to look for in the logs."""

    ask: Callable[[], Any]
    checks: tuple[Check, ...]
    request_id: str = ""

    def results(self, aws: Aws) -> list[Result]:
        """Ask, and make the checks."""
        started = time.perf_counter()
        try:
            answer = self.ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other looks go on
            saw, fix = _cannot_tell(error, aws)
            return [self._result(one, started, passed=False, saw=saw, fix=fix) for one in self.checks]
        return [self._checked(one, answer, started, aws) for one in self.checks]

    def _checked(self, check: Check, answer: Any, started: float, aws: Aws) -> Result:
        try:
            seen = check.seen(answer)
        except Exception as error:  # noqa: BLE001 - an answer may lack anything
            saw, fix = _cannot_tell(error, aws)
            return self._result(check, started, passed=False, saw=saw, fix=fix)
        if seen == check.expected:
            return self._result(check, started, passed=True, saw=text_of(seen), fix="")
        saw = _difference(check.expected, seen)
        return self._result(check, started, passed=False, saw=saw, fix=check.fix)

    def _result(self, check: Check, started: float, *, passed: bool, saw: str, fix: str) -> Result:
        milliseconds = round((time.perf_counter() - started) * 1000)
        return Result(check.name, passed, milliseconds, text_of(check.expected), saw, fix, self.request_id)


def text_of(value: Value) -> str:
    """Return a value for a person; a set in a stable order."""
    return value if isinstance(value, str) else ", ".join(sorted(value)) or "none"


def in_background(call: Callable[[], T]) -> Future[T]:
    """Call it in a thread of its own, for which the end of the process does not wait (Ctrl-C)."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def _difference(expected: Value, seen: Value) -> str:
    if isinstance(expected, str) or isinstance(seen, str):
        return text_of(seen)
    parts = (("missing", expected - seen), ("too much", seen - expected))
    return "; ".join(f"{what}: {text_of(ones)}" for what, ones in parts if ones)


def _cannot_tell(error: Exception, aws: Aws) -> tuple[str, str]:
    """Return why there is no answer, and what to do about it."""
    if isinstance(error, LogGroupMissingError) or _code(error) in _NOT_THERE:
        return "it is not there", _MADE_ANEW
    if isinstance(error, TriggersError):
        told = error
    elif isinstance(error, ClientError | BotoCoreError | OSError):
        told = operator_error(error, aws.target, aws.region)
    else:  # its text may be a part of the answer
        return f"it cannot be told: the answer is not understood ({type(error).__name__})", _NOT_UNDERSTOOD
    why = f"{told.message} ({told.reason})" if told.reason else told.message
    return f"it cannot be told: {why}", told.hint


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
