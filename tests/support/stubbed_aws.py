"""An account whose answers are recorded: each service gives them in order, checked against its own model."""

import weakref
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.stub import Stubber

from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.target import Setting, Target

REGION = "eu-west-1"
ACCOUNT = "123456789012"
NAME = "triggers-api-dev"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{NAME}/aaaa-1"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/samcli-deploy1790000000/bbbb-2"
AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


def make_target(*, endpoint_url: str | None = None, profile: str | None = None) -> Target:
    return Target(
        stage=Setting("dev", "--stage"),
        stack_name=Setting(NAME, "default"),
        region=Setting(REGION, "--region"),
        profile=None if profile is None else Setting(profile, "--profile"),
        data_dir=Setting("/srv", "default"),
        endpoints={} if endpoint_url is None else {"AWS_ENDPOINT_URL": endpoint_url},
    )


def make_stack(status: str, *, reason: str = "", stage: str | None = "dev", **parameters: str) -> Stack:
    """Return a stack in this state. Without a stage it belongs to another program."""
    if stage is not None:
        parameters = {"EventTtlDays": "7", "CorsAllowOrigin": "*", **parameters, "Stage": stage}
    return Stack(STACK_ID, NAME, status, reason, AT, outputs={}, parameters=parameters)


def described(status: str, *, name: str = NAME, **more: Any) -> dict[str, Any]:
    """Return CloudFormation's answer to `DescribeStacks`."""
    stack = {"StackId": STACK_ID, "StackName": name, "StackStatus": status, "CreationTime": AT}
    return {"Stacks": [stack | more]}


_idle: defaultdict[str, list[Any]] = defaultdict(list)


@cache
def _session() -> Any:
    return boto3.Session("test", "test", region_name=REGION)


def _release(service: str, client: Any, stubber: Stubber) -> None:
    stubber.deactivate()
    _idle[service].append(client)


class StubbedAws(Aws):
    """The services. A call for which no answer is recorded is an error.

    A client takes up to 0.1 s to create, so the clients of an account that is gone serve the next one.
    """

    def __init__(self, target: Target | None = None) -> None:
        super().__init__(target or make_target(), Setting(REGION, "--region"))
        self._clients: dict[str, tuple[Any, Stubber]] = {}

    def client(self, service: str) -> Any:
        return self._of(service)[0]

    def answers(
        self, service: str, operation: str, answer: Mapping[str, Any], asked: Mapping[str, Any] | None = None
    ) -> None:
        """Record the service's next answer, and optionally the parameters that the call must have."""
        self._of(service)[1].add_response(operation, answer, asked)

    def refuses(self, service: str, operation: str, code: str, message: str = "no") -> None:
        """Record an error as the service's next answer."""
        self._of(service)[1].add_client_error(operation, code, message, 400)

    def was_asked_all(self) -> bool:
        """Return True, or raise an error that names the recorded answers that were not asked for."""
        for _, stubber in self._clients.values():
            stubber.assert_no_pending_responses()
        return True

    def _of(self, service: str) -> tuple[Any, Stubber]:
        if service not in self._clients:
            client = _idle[service].pop() if _idle[service] else _session().client(service)
            stubber = Stubber(client)
            stubber.activate()
            weakref.finalize(self, _release, service, client, stubber)
            self._clients[service] = client, stubber
        return self._clients[service]
