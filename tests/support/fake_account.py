"""An account in memory: stacks, tables and log groups, which change at once.

The effect of a change set is not simulated: the test sets its result. `done` lists the calls that changed
anything.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from tests.support.fake_sam import FakeSam
from tests.support.stubbed_aws import ACCOUNT, AT, CHANGE_SET, NAME, REGION, make_target
from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.target import Setting, Target

OUTPUTS = {"ApiId": "abc123", "ApiUrl": "https://abc123.execute-api.eu-west-1.amazonaws.com/dev"}
IMPORT = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/triggers-adopt-1/cccc-3"
OPERATION = "dddd-4"
_TABLE = "AWS::DynamoDB::Table"
_OURS = {"Stage": "dev", "EventTtlDays": "7", "CorsAllowOrigin": "*"}


def refusal(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class FakeStack:
    id: str
    status: str
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    """Physical names by logical ids."""
    tags: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)


class FakeAccount(Aws):
    """The services of the account. `changes` are the changes of every change set of SAM."""

    def __init__(self, sam: FakeSam, target: Target | None = None) -> None:
        super().__init__(target or make_target(), Setting(REGION, "--region"))
        self.sam = sam
        self.stack: FakeStack | None = None
        self.tables: dict[str, bool] = {}
        """Whether each is protected."""
        self.forms: dict[str, dict[str, Any]] = {}
        """The properties of a table that differ from the template."""
        self.index_keys: set[str] = set()
        """Under which keys of the status index there are events."""
        self.log_groups: list[str] = []
        self.changes: list[dict[str, str]] = [
            {"Action": "Add", "LogicalResourceId": "TriggersApi", "ResourceType": "AWS::ApiGateway::RestApi"}
        ]
        self.ends_in = ""
        """The final state of the next execution; empty for success."""
        self.failing = ""
        """An operation that fails with `failing_with`."""
        self.failing_with = "AccessDenied"
        self.import_fails = ""
        self.imported: dict[str, Any] = {}
        self.change_sets: dict[str, bool] = {}
        """Whether each can be executed."""
        self.waiting_parameters = dict(_OURS)
        """The parameters of every change set."""
        self.sam_fails = False
        """Whether the change sets of SAM fail."""
        self.reasons: dict[str, str] = {}
        """The reason that `DescribeEvents` gives for a change set or an operation."""
        self.code_size = 0
        """The size of the function's code in bytes; 0 if there is no function."""
        self.metrics: dict[str, list[float]] = {}
        """Values of the last hour by the name of the metric; those of an index end in `of index`."""
        self.metrics_state = "Complete"
        self.done: list[str] = []
        self.ends: dict[str, FakeStack] = {}
        self._deployments = self._stacks = 0

    def has_stack(self, status: str, **parameters: str) -> FakeStack:
        self._stacks += 1
        stack_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{NAME}/{self._stacks}"
        self.stack = FakeStack(stack_id, status, _OURS | parameters)
        self.happened(self.stack, status)
        return self.stack

    def happened(self, stack: FakeStack, status: str, logical_id: str = NAME, reason: str = "") -> None:
        number = len(stack.events)
        stack.status = status if logical_id == NAME else stack.status
        stack.events.append(
            {
                "StackId": stack.id,
                "EventId": f"{stack.id}-{number}",
                "Timestamp": AT + timedelta(seconds=number),
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": stack.id if logical_id == NAME else "",
                "ResourceType": "AWS::CloudFormation::Stack" if logical_id == NAME else _TABLE,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "OperationId": OPERATION,
            }
        )

    def client(self, service: str) -> Any:
        return {
            "cloudformation": _CloudFormation,
            "dynamodb": _DynamoDB,
            "logs": _Logs,
            "s3": _Nothing,
            "apigateway": _Nothing,
            "lambda": _Lambda,
            "cloudwatch": _CloudWatch,
        }[service](self)

    def allow(self, operation: str) -> None:
        """Raise the configured error if the operation fails."""
        if operation == self.failing:
            raise refusal(self.failing_with, f"not authorized to perform: {operation}", operation)

    def look_at_sam(self) -> None:
        """Create the change set that SAM has created since the last call."""
        made = len(self.sam.asked("deploy")) if self.sam.was_asked("deploy") else 0
        if made > self._deployments:
            self._deployments = made
            self.done.append("sam deploy")
            self.change_sets[CHANGE_SET] = not self.sam_fails
            if self.stack is None:
                self.has_stack("REVIEW_IN_PROGRESS").parameters.clear()


class _Nothing:
    """A service with nothing in it that is asked for."""

    def __init__(self, account: FakeAccount) -> None:
        self._account = account

    exceptions = SimpleNamespace(ResourceNotFoundException=LookupError)

    def __getattr__(self, operation: str) -> Any:
        def refuse(**_: Any) -> Any:
            self._account.allow(operation)
            return {}

        return refuse


class _Lambda(_Nothing):
    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self._account.allow("get_function_configuration")
        if not self._account.code_size:
            raise self.exceptions.ResourceNotFoundException(FunctionName)
        return {
            "Runtime": "python3.11",
            "MemorySize": 512,
            "CodeSize": self._account.code_size,
            "LastModified": "2026-11-22T10:30:00.000+0000",
        }

    def get_account_settings(self) -> dict[str, Any]:
        self._account.allow("get_account_settings")
        return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}


class _CloudWatch(_Nothing):
    def get_metric_data(self, *, MetricDataQueries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self._account.allow("get_metric_data")
        results = []
        for query in MetricDataQueries:
            metric = query["MetricStat"]["Metric"]
            dimensions = {one["Name"] for one in metric["Dimensions"]}
            name = metric["MetricName"] + (" of index" if "GlobalSecondaryIndexName" in dimensions else "")
            values = self._account.metrics.get(name, [])
            results.append({"Id": query["Id"], "StatusCode": self._account.metrics_state, "Values": values})
        return {"MetricDataResults": results}


class _Logs(_Nothing):
    def describe_log_groups(self, logGroupNamePrefix: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        found = [one for one in self._account.log_groups if one.startswith(logGroupNamePrefix)]
        return {"logGroups": [{"logGroupName": one} for one in found]}


class _DynamoDB(_Nothing):
    def describe_table(self, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self._account.allow("describe_table")
        if TableName not in self._account.tables:
            raise LookupError(TableName)
        logical_id = "EventsTable" if "-events-" in TableName else "ApiKeysTable"
        wanted = Template.load().properties([logical_id])[logical_id]
        form = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
        table: dict[str, Any] = {name: wanted[name] for name in form if name in wanted}
        table["BillingModeSummary"] = {"BillingMode": wanted["BillingMode"]}
        table["TableStatus"] = "ACTIVE"
        table["DeletionProtectionEnabled"] = self._account.tables[TableName]
        table |= self._account.forms.get(TableName, {})
        return {"Table": table}

    def query(self, *, ExpressionAttributeValues: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3 names it
        self._account.allow("query")
        (key,) = ExpressionAttributeValues.values()
        return {"Count": int(key["S"] in self._account.index_keys)}

    def describe_time_to_live(self, **_: Any) -> dict[str, Any]:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}

    def describe_continuous_backups(self, **_: Any) -> dict[str, Any]:
        return {"ContinuousBackupsDescription": {}}


class _CloudFormation:
    """The client; its operations take boto3's keyword arguments."""

    def __init__(self, account: FakeAccount) -> None:
        self._account = account

    def __getattr__(self, operation: str) -> Any:
        def call(**given: Any) -> Any:
            self._account.look_at_sam()
            self._account.allow(operation)
            return getattr(self, f"_{operation}")(**given)

        if operation.startswith("_"):
            raise AttributeError(operation)
        return call

    def get_paginator(self, operation: str) -> Any:
        account = self

        class Paginator:
            def paginate(self, **given: Any) -> Iterator[Any]:
                yield getattr(account, operation)(**given)

        return Paginator()

    def get_waiter(self, name: str) -> Any:
        account = self._account

        class Waiter:
            def wait(self, **_: Any) -> None:
                if name == "change_set_create_complete" and account.import_fails:
                    answer: Any = {"Status": "FAILED", "StatusReason": account.import_fails}
                    raise WaiterError(name, "failed", answer)

        return Waiter()

    def _find(self, name: str) -> FakeStack:
        stack = self._account.stack
        if stack is not None and name in {NAME, stack.id}:
            return stack
        if name in self._account.ends:
            return self._account.ends[name]
        raise refusal("ValidationError", f"Stack with id {name} does not exist", "DescribeStacks")

    def _describe_stacks(self, **given: Any) -> Any:
        stack = self._find(given["StackName"])
        return {
            "Stacks": [
                {
                    "StackId": stack.id,
                    "StackName": NAME,
                    "StackStatus": stack.status,
                    "CreationTime": AT,
                    "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in stack.outputs.items()],
                    "Parameters": [
                        {"ParameterKey": k, "ParameterValue": v} for k, v in stack.parameters.items()
                    ],
                    "Tags": [{"Key": k, "Value": v} for k, v in stack.tags.items()],
                }
            ]
        }

    def _describe_stack_events(self, **given: Any) -> Any:
        return {"StackEvents": list(reversed(self._find(given["StackName"]).events))}

    def _describe_events(self, **given: Any) -> Any:
        asked = given.get("ChangeSetName") or given.get("OperationId")
        if asked not in self._account.reasons:
            raise refusal("InvalidAction", "unknown", "DescribeEvents")
        event = {"Timestamp": AT, "ValidationStatusReason": self._account.reasons[asked]}
        return {"OperationEvents": [event]}

    def _list_stack_resources(self, **given: Any) -> Any:
        stack = self._find(given["StackName"])
        summaries = [
            {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": name,
                "ResourceType": _TABLE,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for logical_id, name in stack.tables.items()
        ]
        return {"StackResourceSummaries": summaries}

    def _describe_stack_resources(self, **_: Any) -> Any:
        raise refusal("ValidationError", "Stack for it does not exist", "DescribeStackResources")

    def _describe_change_set(self, **given: Any) -> Any:
        changes = self._account.imported["changes"] if given["ChangeSetName"] == IMPORT else None
        assert self._account.stack is not None
        return {
            "StackId": self._account.stack.id,
            "Changes": [{"ResourceChange": one} for one in changes or self._account.changes],
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in self._account.waiting_parameters.items()
            ],
        }

    def _create_change_set(self, **given: Any) -> Any:
        tables = {
            one["LogicalResourceId"]: one["ResourceIdentifier"]["TableName"]
            for one in given["ResourcesToImport"]
        }
        self._account.has_stack("REVIEW_IN_PROGRESS")
        self._account.done.append(f"import {' '.join(tables.values())}")
        self._account.change_sets[IMPORT] = not self._account.import_fails
        changes = [{"Action": "Import", "LogicalResourceId": one, "ResourceType": _TABLE} for one in tables]
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in given["Parameters"]}
        self._account.imported = {"tables": tables, "changes": changes, "parameters": parameters}
        self._account.imported["template"] = json.loads(given["TemplateBody"])
        return {"Id": IMPORT}

    def _list_change_sets(self, **given: Any) -> Any:
        self._find(given["StackName"])
        summaries = [
            {
                "ChangeSetId": arn,
                "Status": "CREATE_COMPLETE" if available else "FAILED",
                "ExecutionStatus": "AVAILABLE" if available else "UNAVAILABLE",
            }
            for arn, available in self._account.change_sets.items()
        ]
        return {"Summaries": summaries}

    def _take_out(self, arn: str, operation: str) -> None:
        if self._account.change_sets.pop(arn, None) is None:
            raise refusal("ChangeSetNotFound", "ChangeSet does not exist", operation)

    def _delete_change_set(self, **given: Any) -> Any:
        self._take_out(given["ChangeSetName"], "DeleteChangeSet")
        self._account.done.append("discard")

    def _execute_change_set(self, **given: Any) -> Any:
        account, arn = self._account, given["ChangeSetName"]
        self._take_out(arn, "ExecuteChangeSet")
        assert account.stack is not None
        stack = account.stack
        account.done.append("execute" + (" without rollback" if given["DisableRollback"] else ""))
        first = "IMPORT" if arn == IMPORT else "CREATE"
        verb = first if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        account.happened(stack, f"{verb}_IN_PROGRESS")
        if account.ends_in:
            account.happened(stack, f"{verb}_FAILED", "EventsTable", "it is not to be")
        account.happened(stack, account.ends_in or f"{verb}_COMPLETE")
        stack.outputs = dict(OUTPUTS)
        if arn == IMPORT:
            stack.tables = account.imported["tables"]

    def _delete_stack(self, **given: Any) -> Any:
        stack = self._find(given["StackName"])
        self._account.done.append(f"delete {stack.status}")
        self._account.happened(stack, "DELETE_IN_PROGRESS")
        self._account.happened(stack, "DELETE_COMPLETE")
        self._account.change_sets.clear()
        self._account.ends[stack.id], self._account.stack = stack, None
