"""`verify` on a stack that measures its backlog: the schedule, its permission, and the alarms."""

import re
from collections.abc import Callable

import pytest

from tests.support.one_api import OneApi
from tests.support.sound_stack import FUNCTION_ARN, RULE, RULE_ARN, SoundStack, refusal
from tests.support.stubbed_aws import REGION
from triggers_api.ops.cloudformation.stage import find_stack
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.findings import Finding
from triggers_api.ops.verify.backlog import make_probes
from triggers_api.ops.verify.live_stack import SERVICES, LiveStack

SCHEDULE = ["schedule: interval", "schedule: target", "schedule: permission"]
ALARMS = "alarms: backlog"


def alarmed(**parameters: str) -> SoundStack:
    """Return a sound stack with alarms."""
    return SoundStack(OneApi(), **{"AlarmEmail": "a@example.com", "MaxPendingMinutes": "45", **parameters})


def findings_of(aws: SoundStack) -> dict[str, Finding]:
    clients = {service: aws.client(service) for service in SERVICES}
    live = LiveStack(find_stack(aws), Template.load(), aws.target, clients)
    found = [finding for probe in make_probes(live) for finding in probe.run(aws)]
    return {one.check: one for one in found}


def failed(aws: SoundStack) -> dict[str, Finding]:
    found = {name: one for name, one in findings_of(aws).items() if not one.passed}
    for one in found.values():
        assert one.expected
        assert one.message != one.expected
        assert one.fix
    return found


def test_a_sound_schedule_and_its_alarms_pass() -> None:
    found = findings_of(alarmed())
    assert [*found] == [*SCHEDULE, ALARMS]
    assert {name: one.message for name, one in found.items() if not one.passed} == {}
    assert found[SCHEDULE[0]].expected == "rate(5 minutes), ENABLED"
    assert found[SCHEDULE[1]].expected == FUNCTION_ARN
    assert found[SCHEDULE[2]].expected == f"lambda:InvokeFunction for {RULE_ARN}"
    assert found[ALARMS].expected == (
        "DeadEventsAlarm: DIFF(dead) GreaterThanOrEqualToThreshold 1, missing data notBreaching, "
        "MaxPendingAlarm: age / 60 GreaterThanThreshold 45, missing data breaching, PendingExpiresAlarm: "
        "100 * age / (30 * 86400) GreaterThanOrEqualToThreshold 80, missing data breaching"
    )


def test_without_alarms_only_the_schedule_is_checked() -> None:
    assert [*findings_of(alarmed(AlarmEmail="", Dashboard="true"))] == SCHEDULE


def test_nothing_is_checked_on_a_stack_without_alarms_and_dashboard() -> None:
    assert findings_of(alarmed(AlarmEmail="")) == {}


def test_without_a_limit_its_alarm_is_not_expected() -> None:
    aws = alarmed(MaxPendingMinutes="0")
    assert "MaxPendingAlarm" not in findings_of(aws)[ALARMS].expected
    del aws.alarms[2]
    assert failed(aws) == {}


DEFECTS: dict[str, tuple[Callable[[SoundStack], object], str, str]] = {
    "a disabled rule": (lambda aws: aws.rule.update(State="DISABLED"), SCHEDULE[0], "DISABLED"),
    "another interval": (
        lambda aws: aws.rule.update(ScheduleExpression="rate(1 day)"),
        SCHEDULE[0],
        "rate(1 day), ENABLED",
    ),
    "no target": (
        lambda aws: aws.answers.update({"events.ListTargetsByRule": {}}),
        SCHEDULE[1],
        f"missing: {FUNCTION_ARN}",
    ),
    "another target": (
        lambda aws: aws.targets.append({"Id": "2", "Arn": f"{FUNCTION_ARN}-2"}),
        SCHEDULE[1],
        f"extra: {FUNCTION_ARN}-2",
    ),
    "another input": (
        lambda aws: aws.targets[0].update(Input="{}"),
        SCHEDULE[1],
        f"extra: {FUNCTION_ARN} with another input",
    ),
    "no permission": (lambda aws: aws.permissions.pop(), SCHEDULE[2], "missing: lambda:InvokeFunction for "),
    "a permission for every rule": (
        lambda aws: aws.permissions[1].pop("Condition"),
        SCHEDULE[2],
        "extra: lambda:InvokeFunction for any rule",
    ),
    "a permission for everybody": (
        lambda aws: aws.permissions.append({**aws.permissions[1], "Principal": "*", "Condition": {}}),
        SCHEDULE[2],
        "extra: lambda:InvokeFunction for any rule",
    ),
    "another threshold": (
        lambda aws: aws.alarms[1].update(Threshold=99.0),
        ALARMS,
        "extra: PendingExpiresAlarm: 100 * age / (30 * 86400) GreaterThanOrEqualToThreshold 99",
    ),
    "a silent alarm": (lambda aws: aws.alarms[3].update(ActionsEnabled=False), ALARMS, "silent"),
    "an alarm that missing data does not raise": (
        lambda aws: aws.alarms[1].update(TreatMissingData="notBreaching"),
        ALARMS,
        "missing: PendingExpiresAlarm",
    ),
    "a deleted alarm": (lambda aws: aws.alarms.pop(), ALARMS, "missing: DeadEventsAlarm"),
}


@pytest.mark.parametrize(("change", "check", "saw"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defect_fails_its_own_check(change: Callable[[SoundStack], object], check: str, saw: str) -> None:
    aws = alarmed()
    change(aws)
    found = failed(aws)
    assert found.keys() == {check}
    assert saw in found[check].message


def test_a_deleted_rule_is_recreated_by_the_fixes() -> None:
    aws = alarmed()
    for operation in ("events.DescribeRule", "events.ListTargetsByRule"):
        aws.answers[operation] = refusal("ResourceNotFoundException")
    found = failed(aws)
    assert found.keys() == set(SCHEDULE[:2])
    assert found[SCHEDULE[0]].message == "no rule"
    assert re.match(
        rf"aws events put-rule .*--name {RULE} --schedule-expression 'rate\(5 minutes\)'$",
        found[SCHEDULE[0]].fix,
    )
    assert f"--rule {RULE} --targets Id=function,Arn={FUNCTION_ARN}" in found[SCHEDULE[1]].fix


@pytest.mark.parametrize(
    ("operation", "check"),
    [
        ("events.DescribeRule", SCHEDULE[0]),
        ("events.ListTargetsByRule", SCHEDULE[1]),
        ("lambda.GetPolicy", SCHEDULE[2]),
        ("cloudwatch.DescribeAlarms", ALARMS),
    ],
)
def test_a_denied_operation_fails_its_check_and_the_others_run(operation: str, check: str) -> None:
    aws = alarmed()
    aws.answers[operation] = refusal("AccessDeniedException", "not authorized")
    found = failed(aws)
    assert found.keys() == {check}
    assert found[check].message.startswith("could not check: These AWS credentials lack a permission.")


@pytest.mark.usefixtures("dev_target")
def test_the_fix_of_the_permission_names_the_rule_and_the_region() -> None:
    aws = alarmed()
    aws.permissions.pop()
    fix = failed(aws)[SCHEDULE[2]].fix
    assert fix.startswith(f"aws lambda add-permission --region {REGION} ")
    assert f"--principal events.amazonaws.com --source-arn {RULE_ARN}" in fix
