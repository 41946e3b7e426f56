"""How near a stage came to its limits, by CloudWatch's metrics: the busiest minute of the last hour.

The limits are the throttle, what the index takes of writes with its shards, and how many environments of
functions the account may have. A peak shorter than a minute does not show in a minute's sum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from triggers_api.core.paging import MAX_SHARDS
from triggers_api.errors import AwsUnavailableError, OperatorError
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import explain_aws_errors
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.store.dynamodb.schema import STATUS_INDEX

NEAR = 0.8
"""From this share of a limit on, it is reported as near."""

_HOUR = timedelta(hours=1)
_MINUTE = 60
_UNITS_OF_A_PARTITION = 1000
"""Write units a second: an AWS limit."""
_MAX_SHARDS_FIX = "Use several stages, for example by source"


@dataclass(frozen=True, slots=True)
class Load:
    """A limit, and the most that was used of it. `unit` is what both are counted in.

    `was_reached`: something was refused because of it.
    """

    limit: str
    peak: float
    ceiling: float
    unit: str
    fix: str
    was_reached: bool = False

    @property
    def is_near(self) -> bool:
        """Whether the stage may soon be refused more."""
        return self.was_reached or self.peak >= NEAR * self.ceiling

    def __str__(self) -> str:
        refused = ", and some were refused" if self.was_reached else ""
        return (
            f"{self.peak:,.0f} of {self.ceiling:,.0f} {self.unit} ({self.peak / self.ceiling:.0%}){refused}"
        )


def read_load(aws: Aws, stack: Stack, now: datetime) -> tuple[Load, ...]:
    """Return the load on each limit of a deployed stage. Without a function there is none.

    Args:
        aws: The account.
        stack: The stage's stack.
        now: The time, in UTC.
    """
    if not {"FunctionName", "EventsTableName"} <= stack.outputs.keys():
        return ()
    defaults = {name: one.default for name, one in Template.load().parameters.items()}
    parameters = {**defaults, **stack.parameters}
    shards = int(stack.parameters.get("InboxShards", "1"))  # stacks of version 0.1.0 do not have it
    peaks = _peaks(aws, stack, parameters["Stage"], now)
    account = aws.client("lambda").get_account_settings()["AccountLimit"]
    faster = triggers_command("deploy", "--parameter", "ThrottlingRateLimit=N")
    more_shards = triggers_command("deploy", "--parameter", f"InboxShards={min(MAX_SHARDS, 4 * shards)}")
    return (
        Load(
            "throttle",
            peaks["requests"] / _MINUTE,
            float(parameters["ThrottlingRateLimit"]),
            "requests a second",
            f"Send events in batches, or run `{faster}`",
        ),
        Load(
            "shards",
            # A write of a pending event writes to the table and to the index once each. Acknowledged events
            # add to the index, and idempotency keys to the table.
            min(peaks["index_writes"], peaks["table_writes"]) / _MINUTE,
            shards * _UNITS_OF_A_PARTITION,
            "write units a second",
            f"Run `{more_shards}`" if shards < MAX_SHARDS else _MAX_SHARDS_FIX,
            was_reached=peaks["throttled_writes"] > 0,
        ),
        Load(
            "concurrency",
            peaks["environments"],
            float(account["UnreservedConcurrentExecutions"]),
            "environments of all functions of the account",
            "Send events in batches, or ask AWS Service Quotas for more concurrent executions",
        ),
    )


def check_load(aws: Aws, stack: Stack, now: datetime) -> Iterator[Finding]:
    """Report how near each limit was, and warn about those that were near."""
    try:
        with explain_aws_errors(aws.target, aws.region):
            found = read_load(aws, stack, now)
    except OperatorError as error:
        yield Finding("limits", State.UNKNOWN, error.reason or error.message, error.hint)
        return
    for one in found:
        state, fix = (State.WARNING, f"{one.fix}.") if one.is_near else (State.OK, "")
        yield Finding(one.limit, state, f"{one}, in the busiest minute of the last hour", fix)


def _peaks(aws: Aws, stack: Stack, stage: str, now: datetime) -> dict[str, float]:
    """Return the highest value of each metric. A metric without values counts as 0.

    Raises:
        AwsUnavailableError: A metric is incomplete.
    """
    api = {"ApiName": stack.name, "Stage": stage}
    table = {"TableName": stack.outputs["EventsTableName"]}
    index = {**table, "GlobalSecondaryIndexName": STATUS_INDEX}
    queries = [
        _query("requests", "AWS/ApiGateway", "Count", "Sum", api),
        _query("table_writes", "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", table),
        _query("index_writes", "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", index),
        _query("throttled_writes", "AWS/DynamoDB", "WriteThrottleEvents", "Sum", index),
        _query("environments", "AWS/Lambda", "UnreservedConcurrentExecutions", "Maximum", {}),
    ]
    found = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=now - _HOUR, EndTime=now
    )
    results = found["MetricDataResults"]
    if any(one.get("StatusCode", "Complete") != "Complete" for one in results):
        raise AwsUnavailableError("CloudWatch has not all of the metrics.", hint="Try again.")
    values = {one["Id"]: one["Values"] for one in results}
    return {query["Id"]: max(values.get(query["Id"]) or [0.0]) for query in queries}


def _query(
    name: str, namespace: str, metric: str, statistic: str, dimensions: dict[str, str]
) -> dict[str, Any]:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": _MINUTE,
            "Stat": statistic,
        },
    }
