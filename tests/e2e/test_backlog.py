"""The backlog of a deployed stage is measured by its schedule, with the permissions of its role.

The emulator fires rules and enforces IAM. It makes no metrics of log lines, and refuses alarms on formulas,
so the stage has a dashboard and no alarms.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.lambda_events import SCHEDULED
from tests.support.api_client import ApiClient
from tests.support.documents import REFERENCE
from tests.support.rehearsal import Rehearsal, said

pytestmark = pytest.mark.timeout(900)

ACCOUNT = "us-east-1:000000000000"
RULE = "triggers-api-prod-backlog"
RULE_ARN = f"arn:aws:events:{ACCOUNT}:rule/{RULE}"
LOG_GROUP = "/aws/lambda/triggers-api-prod"
CANARY = "c4n4ry-of-the-payload"
EVENT = {"source": "s", "event_type": "t", "payload": {"secret": CANARY}}
CHECKS = ["schedule: interval", "schedule: target", "schedule: permission"]


@dataclass(frozen=True)
class Stage:
    """A stage with a dashboard, which logs nothing below CRITICAL."""

    rehearsal: Rehearsal
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:
        return self.rehearsal.emulator.client(service)

    def measured(self) -> list[dict[str, Any]]:
        """Return the lines of metrics in the log group."""
        events = self.client("logs").filter_log_events(logGroupName=LOG_GROUP)["events"]
        assert CANARY not in json.dumps(events)
        return [json.loads(one["message"]) for one in events if '"_aws"' in one["message"]]

    def new_line(self, cause: Callable[[], object], seconds: float = 30) -> dict[str, Any]:
        """Return the one line that appears after a cause: it is in the log a moment after its call."""
        before = len(self.measured())
        cause()
        end = time.monotonic() + seconds
        while len(lines := self.measured()) == before:
            assert time.monotonic() < end, "there is no new line"
            time.sleep(0.5)
        (line,) = lines[before:]
        return line

    def call(self) -> dict[str, Any]:
        """Call the function as the schedule does."""
        payload = json.dumps({**SCHEDULED, "resources": [RULE_ARN]})
        answer: dict[str, Any] = self.client("lambda").invoke(
            FunctionName=self.outputs["FunctionName"], Payload=payload
        )
        return answer

    def failed(self) -> dict[str, str]:
        """Verify, and return what the failed checks saw."""
        done = self.rehearsal.run("verify", "--json")
        checks = json.loads(done.stdout)["checks"]
        assert set(CHECKS) <= {one["check"] for one in checks}, said(done)
        return {one["check"]: one["saw"] for one in checks if not one["passed"]}


@pytest.fixture(scope="module")
def stage(rehearsal: Rehearsal) -> Stage:
    parameters = ("--parameter", "Dashboard=true", "--parameter", "LogLevel=CRITICAL")
    return Stage(rehearsal, rehearsal.deploy("prod", *parameters)[-1]["outputs"])


def figures(line: dict[str, Any]) -> tuple[int, int]:
    return line["Pending"], line["Dead"]


def test_schedule_calls_the_function_and_may(stage: Stage) -> None:
    events = stage.client("events")
    rule = events.describe_rule(Name=RULE)
    assert (rule["Arn"], rule["State"], rule["ScheduleExpression"]) == (
        RULE_ARN,
        "ENABLED",
        "rate(5 minutes)",
    )
    function = f"arn:aws:lambda:{ACCOUNT}:function:{stage.outputs['FunctionName']}"
    assert events.list_targets_by_rule(Rule=RULE)["Targets"] == [{"Id": "function", "Arn": function}]
    policy = json.loads(stage.client("lambda").get_policy(FunctionName=function)["Policy"])
    allowed = [
        (one["Action"], one["Condition"]["ArnLike"]["AWS:SourceArn"])
        for one in policy["Statement"]
        if one["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    assert allowed == [("lambda:InvokeFunction", RULE_ARN)]


def test_scheduled_call_writes_the_figures_of_the_stage(stage: Stage) -> None:
    line = stage.new_line(stage.call)
    assert (line["Stage"], line["OldestPendingSeconds"], *figures(line)) == ("prod", 0, 0, 0)
    with ApiClient(stage.outputs["ApiUrl"], key=stage.rehearsal.key("prod")) as client:
        ids = [client.call("POST", "/v1/events", json=EVENT).body["event_id"] for _ in range(4)]
        began = time.monotonic()
        (leased,) = client.call("POST", "/v1/inbox/receive", json={"max": 1}).body["events"]
        held = {"event_id": leased["event_id"], "lease": leased["lease"]["token"]}
        answer = client.call("POST", "/v1/inbox/release", json={"events": [held], "dead": True})
        assert answer.status == 200, answer
        (rest, *_) = [one for one in ids if one != leased["event_id"]]
        assert client.acknowledge(rest).status == 200
    time.sleep(2)
    line = stage.new_line(stage.call)
    assert figures(line) == (2, 1)
    assert 2 <= line["OldestPendingSeconds"] <= time.monotonic() - began + 10
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60
    assert directive["Namespace"] == "TriggersApi"


def test_rule_fires_and_its_line_is_in_the_log(stage: Stage) -> None:
    """The rule of the stack, only faster: every minute."""
    events = stage.client("events")

    def every(interval: str) -> None:
        events.put_rule(Name=RULE, ScheduleExpression=f"rate({interval})")

    try:
        line = stage.new_line(lambda: every("1 minute"), seconds=120)
    finally:
        every("5 minutes")
    assert figures(line) == (2, 1)


def test_call_without_permission_to_query_fails_and_writes_nothing(stage: Stage) -> None:
    before = stage.measured()
    with without_query(stage):
        answer = stage.call()
        failure = json.loads(answer["Payload"].read())
    assert answer["FunctionError"]
    assert failure["errorMessage"] == "The backlog could not be measured."
    assert stage.measured() == before
    assert "FunctionError" not in stage.call()


@contextmanager
def without_query(stage: Stage) -> Iterator[None]:
    iam, name = stage.client("iam"), {"RoleName": stage.outputs["RoleName"], "PolicyName": "triggers-api"}
    before = json.dumps(iam.get_role_policy(**name)["PolicyDocument"])
    iam.put_role_policy(**name, PolicyDocument=before.replace("dynamodb:Query", "dynamodb:GetItem"))
    try:
        yield
    finally:
        iam.put_role_policy(**name, PolicyDocument=before)


@contextmanager
def disabled(stage: Stage) -> Iterator[None]:
    stage.client("events").disable_rule(Name=RULE)
    try:
        yield
    finally:
        stage.client("events").enable_rule(Name=RULE)


@contextmanager
def without_target(stage: Stage) -> Iterator[None]:
    events = stage.client("events")
    targets = events.list_targets_by_rule(Rule=RULE)["Targets"]
    events.remove_targets(Rule=RULE, Ids=["function"])
    try:
        yield
    finally:
        events.put_targets(Rule=RULE, Targets=targets)


def test_verify_passes_and_reports_each_defect_of_the_schedule(stage: Stage) -> None:
    assert stage.failed() == {}
    with disabled(stage):
        assert stage.failed() == {CHECKS[0]: "rate(5 minutes), DISABLED"}
    with without_target(stage):
        (defect,) = stage.failed().items()
    assert defect[0] == CHECKS[1]
    assert defect[1].startswith("missing: arn:aws:lambda:")


def test_verify_needs_no_more_permissions_for_the_schedule_than_the_guide_lists(stage: Stage) -> None:
    permissions = REFERENCE.read_text(encoding="utf-8").partition("\n## Permissions\n")[2]
    reads = ("events:DescribeRule", "events:ListTargetsByRule", "lambda:GetPolicy")
    assert [one for one in (*reads, "cloudwatch:DescribeAlarms") if f"`{one}`" not in permissions] == []
    services = ("cloudformation", "logs", "dynamodb", "iam", "apigateway")
    actions = [f"{one}:*" for one in services] + ["lambda:GetFunctionConfiguration", *reads]
    reader = stage.rehearsal.emulator.user("reader", {"Effect": "Allow", "Action": actions, "Resource": "*"})
    assert stage.rehearsal.as_user(reader).ask("verify")["passed"] is True
