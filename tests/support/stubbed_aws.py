"""An account whose answers are recorded: each service gives them in order, checked against its own model."""

from collections.abc import Mapping
from datetime import UTC, datetime
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
        dynamodb_endpoint_url=None,
        endpoint_url=endpoint_url,
    )


def make_stack(status: str, *, reason: str = "", stage: str | None = "dev", **parameters: str) -> Stack:
    """Return a stack in this state; without a stage it is another program's."""
    if stage is not None:
        parameters = {"EventTtlDays": "7", "CorsAllowOrigin": "*", **parameters, "Stage": stage}
    return Stack(STACK_ID, NAME, status, reason, AT, outputs={}, parameters=parameters)


def described(status: str, *, name: str = NAME, **more: Any) -> dict[str, Any]:
    """Return CloudFormation's answer to `DescribeStacks`."""
    stack = {"StackId": STACK_ID, "StackName": name, "StackStatus": status, "CreationTime": AT}
    return {"Stacks": [stack | more]}


class StubbedAws(Aws):
    """The services; whoever asks for what was not recorded gets an error."""

    def __init__(self, target: Target | None = None) -> None:
        super().__init__(target or make_target(), Setting(REGION, "--region"))
        self._session: Any = boto3.Session("test", "test", region_name=REGION)
        self._clients: dict[str, tuple[Any, Stubber]] = {}

    def client(self, service: str) -> Any:
        return self._of(service)[0]

    def answers(
        self, service: str, operation: str, answer: Mapping[str, Any], asked: Mapping[str, Any] | None = None
    ) -> None:
        """Note down the service's next answer, and where it matters what has to be asked."""
        self._of(service)[1].add_response(operation, answer, asked)

    def refuses(self, service: str, operation: str, code: str, message: str = "no") -> None:
        """Note down that the service's next answer is an error."""
        self._of(service)[1].add_client_error(operation, code, message, 400)

    def was_asked_all(self) -> bool:
        """Return True where every answer was asked for; else the error says which was not."""
        for _, stubber in self._clients.values():
            stubber.assert_no_pending_responses()
        return True

    def _of(self, service: str) -> tuple[Any, Stubber]:
        if service not in self._clients:
            client = self._session.client(service)
            stubber = Stubber(client)
            stubber.activate()
            self._clients[service] = client, stubber
        return self._clients[service]
