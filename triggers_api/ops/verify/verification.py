"""Compare the live stack with its template (requirements, sections 8, 9 and 10).

Nothing is changed, and the one request that is sent is refused. Every check runs, whatever the others find.
Resources are checked side by side, the questions about one resource one after the other.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.stage import find_stack
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.findings import Finding
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.verify import backlog, dynamodb_tables, execution_role, lambda_function, rest_api
from triggers_api.ops.verify.background import call_in_background
from triggers_api.ops.verify.canary import Canary
from triggers_api.ops.verify.live_stack import SERVICES, LiveStack
from triggers_api.ops.verify.probe import Expectation, Probe

if TYPE_CHECKING:
    import httpx

COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
"""The states of requirement 5.4. After `UPDATE_ROLLBACK_COMPLETE` the API works, but not as deployed last."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How many checks there are, and their findings as they come, in a stable order."""

    total: int
    findings: Iterator[Finding]
    stack: Stack


def verify(
    aws: Aws,
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    transport: "httpx.BaseTransport | None" = None,
) -> Verification:
    """Find the stack and return its verification, which starts when its first finding is asked for.

    Args:
        aws: The account and region.
        sleep: Waits between two reads of the log.
        monotonic: The clock of the search in the log.
        transport: Sends the one request in place of the network.

    Raises:
        StackMissingError: There is no such stack. Errors of botocore are for `explain_aws_errors`. With a
            stack nothing is raised: what cannot be checked is a failed check.
    """
    stack = find_stack(aws)
    clients = {service: aws.client(service) for service in SERVICES}
    live = LiveStack(stack, Template.load(), aws.target, clients)
    chains = (
        [_probe_state(live)],
        lambda_function.make_probes(live),
        dynamodb_tables.make_probes(live, "EventsTable", "events table"),
        dynamodb_tables.make_probes(live, "ApiKeysTable", "keys table"),
        execution_role.make_probes(live),
        rest_api.make_probes(live),
        backlog.make_probes(live),
        Canary(live, aws, sleep=sleep, monotonic=monotonic, transport=transport).make_probes(),
    )
    total = sum(len(probe.expectations) for chain in chains for probe in chain)
    return Verification(total, _run(chains, aws), stack)


def _run(chains: tuple[list[Probe], ...], aws: Aws) -> Iterator[Finding]:
    running = [call_in_background(partial(_run_chain, chain, aws)) for chain in chains]
    for chain in running:
        yield from chain.result()


def _run_chain(chain: list[Probe], aws: Aws) -> list[Finding]:
    return [finding for probe in chain for finding in probe.run(aws)]


def _probe_state(live: LiveStack) -> Probe:
    status = live.stack.status
    expected = status if status in COMPLETE else " or ".join(COMPLETE)
    fix = (
        f"See `{triggers_command('status')}`; "
        f"`{triggers_command('deploy')}` prints what can be done about this state."
    )
    return Probe(lambda: status, (Expectation("stack: state", expected, str, fix),))
