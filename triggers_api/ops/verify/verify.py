"""What `triggers verify` does: the live stack against what it should be (requirements, sections 8, 9 and 10).

It reads, and changes nothing; the one request that it makes is refused. Every check is made, whatever the
others find. Resources are looked at side by side, and what AWS is asked about one goes one after the other.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.results import Result
from triggers_api.ops.status import find_stack
from triggers_api.ops.verify import api, function, role, tables
from triggers_api.ops.verify.live import SERVICES, Live
from triggers_api.ops.verify.look import Check, Look, in_background
from triggers_api.ops.verify.request import Canary

COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
"""The states of requirement 5.4. After `UPDATE_ROLLBACK_COMPLETE` the API works, but not as deployed last."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How many checks there are, and their results as they come, in a stable order."""

    total: int
    results: Iterator[Result]


def verify(
    aws: Aws,
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Verification:
    """Find the stack, and return its verification, which begins with its first result.

    `StackMissingError` where there is none; what AWS raises then is for `explained`. Once the stack is found
    nothing is raised, whatever an answer is or lacks: what cannot be told is a check that has not passed.
    """
    stack = find_stack(aws)
    clients = {service: aws.client(service) for service in SERVICES}
    live = Live(stack, Template.load(), aws.target, clients)
    chains = (
        [_state(live)],
        function.looks(live),
        tables.looks(live, "EventsTable", "events table"),
        tables.looks(live, "ApiKeysTable", "keys table"),
        role.looks(live),
        api.looks(live),
        Canary(live, aws, sleep=sleep, monotonic=monotonic).looks(),
    )
    total = sum(len(look.checks) for chain in chains for look in chain)
    return Verification(total, _side_by_side(chains, aws))


def _side_by_side(chains: Sequence[list[Look]], aws: Aws) -> Iterator[Result]:
    running = [in_background(partial(_one_by_one, chain, aws)) for chain in chains]
    for one in running:
        yield from one.result()


def _one_by_one(chain: list[Look], aws: Aws) -> list[Result]:
    return [result for look in chain for result in look.results(aws)]


def _state(live: Live) -> Look:
    status = live.stack.status
    expected = status if status in COMPLETE else " or ".join(COMPLETE)
    fix = "See triggers status; triggers deploy says what can be done about this state."
    return Look(lambda: status, (Check("stack: state", expected, str, fix),))
