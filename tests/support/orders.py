"""Whether what several clients were told can be told in some order, one call after another.

The oracle of every race and every fault: no rule of its own for each of them, but one small sequential model
(`tests.support.models`) and the search for an order of the calls in which the model gives the answers that
were given. A call stands after every call that had ended before it began. (This is linearizability, checked
by trying, as Wing and Gong did: for the few calls of one race that is quick.)

What a client was not told is one of two things, and they are kept apart:

- `UNKNOWN`: no answer, or a 503. The call may have taken effect, then or at any time later, or never.
- `FAILED`: it cannot have taken effect, and the test knows it. It must have left nothing behind.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any


class Untold(Enum):
    """What is known of a call without an answer."""

    UNKNOWN = "unknown"
    FAILED = "failed"


UNKNOWN, FAILED = Untold.UNKNOWN, Untold.FAILED


@dataclass(frozen=True)
class Told:
    """An answer: its status, and the part that the model compares."""

    status: int
    detail: Hashable = None


Outcome = Told | Untold


@dataclass(frozen=True)
class Operation:
    """A call, its outcome, and when it began and ended."""

    call: Any
    outcome: Outcome
    began: float
    ended: float

    @property
    def last_moment(self) -> float:
        """When it had taken effect at the latest."""
        return self.ended if isinstance(self.outcome, Told) else inf


Step = Callable[[Any, Any, Told | None], Iterable[Any]]
"""(state, call, answer or None for any) -> the states that the call may lead to; none if it is impossible."""


def order_of(history: Iterable[Operation], start: Hashable, step: Step) -> list[Operation] | None:
    """Return an order of the calls that explains their answers, or None."""
    tried: set[tuple[frozenset[int], Hashable]] = set()
    operations = [one for one in history if one.outcome is not FAILED]

    def search(left: frozenset[int], state: Hashable) -> list[Operation] | None:
        if all(operations[one].outcome is UNKNOWN for one in left):
            return []
        if (left, state) in tried:
            return None
        tried.add((left, state))
        soonest = min(operations[one].last_moment for one in left)
        for one in sorted(left):
            operation = operations[one]
            if operation.began > soonest:
                continue
            answer = operation.outcome if isinstance(operation.outcome, Told) else None
            for following in step(state, operation.call, answer):
                rest = search(left - {one}, following)
                if rest is not None:
                    return [operation, *rest]
        return None

    return search(frozenset(range(len(operations))), start)


def explain(history: Sequence[Operation], start: Hashable, step: Step) -> None:
    """Fail and show the answers if no order explains them."""
    if order_of(history, start, step) is None:
        first = min(one.began for one in history)
        lines = [
            f"  {one.began - first:9.4f} to {one.ended - first:9.4f}  {one.call} -> {one.outcome}"
            for one in sorted(history, key=lambda one: one.began)
        ]
        raise AssertionError("\n".join(["no order of these calls explains their answers:", *lines]))
