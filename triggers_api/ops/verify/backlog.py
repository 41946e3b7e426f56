"""Probes of what measures the backlog: the schedule that calls the function, and the alarms on its metrics.

A stack without `AlarmEmail` and `Dashboard` has neither, and no probe.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from triggers_api.ops.cloudformation.template import measures_backlog
from triggers_api.ops.shell_commands import aws_command
from triggers_api.ops.verify.live_stack import LiveStack
from triggers_api.ops.verify.probe import Expectation, Probe, Value

SCHEDULE = "BacklogSchedule"

_PRINCIPAL = "events.amazonaws.com"
_OWN_INPUT = {"Input", "InputPath", "InputTransformer"}


def make_probes(live: LiveStack) -> list[Probe]:
    """Return the probes."""
    parameters = live.stack.parameters
    if not measures_backlog(parameters):
        return []
    alarms = [_probe_alarms(live)] if parameters.get("AlarmEmail") else []
    return [*_probe_schedule(live), *alarms]


def _probe_schedule(live: LiveStack) -> Iterator[Probe]:
    wanted = live.expected(SCHEDULE)
    name, interval = wanted["Name"], wanted["ScheduleExpression"]
    events, functions = live.clients["events"], live.clients["lambda"]
    rule = live.arn("events", f"rule/{name}")
    function = live.outputs.get("FunctionName", "NAME")
    target = live.arn("lambda", f"function:{function}")

    def describe() -> Any:
        return _unless_missing(lambda: events.describe_rule(Name=name), {})

    def targets() -> Any:
        return _unless_missing(lambda: events.list_targets_by_rule(Rule=name).get("Targets", []), [])

    def policy() -> Any:
        return json.loads(functions.get_policy(FunctionName=live.output("FunctionName"))["Policy"])

    put_rule = aws_command("events", "put-rule", "--name", name, "--schedule-expression", interval)
    yield Probe(
        describe,
        (
            Expectation(
                "schedule: interval",
                f"{interval}, {wanted['State']}",
                lambda found: f"{found['ScheduleExpression']}, {found['State']}" if found else "no rule",
                put_rule,
            ),
        ),
    )
    (one,) = wanted["Targets"]
    put_target = aws_command(
        "events", "put-targets", "--rule", name, "--targets", f"Id={one['Id']},Arn={target}"
    )
    remove_target = aws_command("events", "remove-targets", "--rule", name, "--ids", "ID")
    yield Probe(
        targets,
        (
            Expectation(
                "schedule: target",
                frozenset({target}),
                lambda found: frozenset(_target(one) for one in found),
                f"{put_target}. To remove an extra target: {remove_target}",
            ),
        ),
    )
    add = ("add-permission", "--function-name", function, "--statement-id", "backlog")
    words = ("--action", "lambda:InvokeFunction", "--principal", _PRINCIPAL, "--source-arn", rule)
    remove = ("remove-permission", "--function-name", function, "--statement-id", "SID")
    yield Probe(
        policy,
        (
            Expectation(
                "schedule: permission",
                frozenset({f"lambda:InvokeFunction for {rule}"}),
                lambda found: frozenset(_grants(found)),
                f"{aws_command('lambda', *add, *words)}. "
                f"To remove an extra permission: {aws_command('lambda', *remove)}",
            ),
        ),
    )


def _probe_alarms(live: LiveStack) -> Probe:
    logical_ids = ["PendingExpiresAlarm", "DeadEventsAlarm"]
    if int(live.stack.parameters.get("MaxPendingMinutes", "0")):
        logical_ids.append("MaxPendingAlarm")
    names = {one: f"{live.stack.name}-{one}-" for one in logical_ids}  # CloudFormation adds random characters

    def ask() -> Any:
        pages = live.clients["cloudwatch"].get_paginator("describe_alarms")
        return [
            alarm
            for page in pages.paginate(AlarmNamePrefix=f"{live.stack.name}-")
            for alarm in page["MetricAlarms"]
        ]

    def read(found: Any) -> Value:
        return frozenset(
            f"{logical_id}: {_alarm(alarm)}"
            for logical_id, name in names.items()
            for alarm in found
            if alarm["AlarmName"].startswith(name)
        )

    enable = aws_command("cloudwatch", "enable-alarm-actions", "--alarm-names", "NAME")
    return Probe(
        ask,
        (
            Expectation(
                "alarms: backlog",
                frozenset(f"{one}: {_alarm(live.expected(one))}" for one in logical_ids),
                read,
                f"In CloudWatch, undo the change made by hand. If an alarm is silent: {enable}",
            ),
        ),
    )


def _alarm(alarm: Mapping[str, Any]) -> str:
    """Return what an alarm watches. AWS and the template describe it with the same names."""
    (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    silent = "" if alarm.get("ActionsEnabled", True) else ", silent"
    return (
        f"{expression} {alarm['ComparisonOperator']} {float(alarm['Threshold']):g}, "
        f"missing data {alarm['TreatMissingData']}{silent}"
    )


def _target(target: Mapping[str, Any]) -> str:
    own_input = " with another input" if target.keys() & _OWN_INPUT else ""
    return f"{target['Arn']}{own_input}"


def _grants(policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield what EventBridge may do with the function, and for which rule."""
    for statement in policy["Statement"]:
        principal = statement.get("Principal")
        if statement.get("Effect") == "Allow" and principal in ({"Service": _PRINCIPAL}, "*", {"AWS": "*"}):
            source = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "any rule")
            yield f"{statement['Action']} for {source}"


def _unless_missing(ask: Callable[[], Any], default: Any) -> Any:
    """Return an answer, or the default if there is no rule. To recreate a rule takes no new stack."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return default
