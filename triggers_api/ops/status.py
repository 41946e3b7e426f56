"""Read the state of a deployed stage from the account: its stack, its function and its tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from triggers_api.errors import OperatorError
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import explain_aws_errors
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.outputs import resolve_outputs
from triggers_api.ops.cloudformation.stage import find_stack
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.load import check_load
from triggers_api.ops.shell_commands import triggers_command

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """The Lambda function. `memory` is in MB, `code_size` in bytes, `modified_at` as Lambda formats it."""

    name: str
    state: str
    runtime: str
    architecture: str
    memory: int
    code_size: int
    modified_at: str


@dataclass(frozen=True, slots=True)
class TableStatus:
    """A table. DynamoDB updates its counts about every six hours."""

    name: str
    state: str
    items: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """A stage. An incomplete stack may have no function and no tables."""

    stack: Stack
    outputs: Mapping[str, str]
    function: FunctionStatus | None
    tables: tuple[TableStatus, ...]
    limits: tuple[Finding, ...] = ()
    """How near the stage was to its limits in the last hour."""


def read_outputs(aws: Aws) -> dict[str, str]:
    """Return the stack's outputs by name.

    Raises:
        StackMissingError: There is no such stack, or it belongs to another stage or program.
    """
    return resolve_outputs(find_stack(aws).outputs, aws.target)


def read_status(aws: Aws, now: datetime) -> Status:
    """Return the state of the stage. `now`: the time, in UTC.

    Raises:
        StackMissingError: There is no such stack, or it belongs to another stage or program.
    """
    stack = find_stack(aws)
    return replace(_read_resources(aws, stack), limits=tuple(check_load(aws, stack, now)))


def deployed_code_size(aws: Aws, stack: Stack | None) -> int | None:
    """Return the zipped size of the deployed function in bytes; None if it is not known."""
    if stack is None or "FunctionName" not in stack.outputs:
        return None
    try:
        with explain_aws_errors(aws.target, aws.region):
            function = _read_function(aws, stack.outputs["FunctionName"])
    except OperatorError:
        return None
    return None if function is None else function.code_size


def check_resources(aws: Aws, stack: Stack) -> Iterator[Finding]:
    """Warn about resources that were deleted by hand; CloudFormation neither notices nor recreates them."""
    try:
        with explain_aws_errors(aws.target, aws.region):
            status = _read_resources(aws, stack)
    except OperatorError as error:
        yield Finding("resources", State.UNKNOWN, error.reason or error.message, error.hint)
        return
    deleted = [table.name for table in status.tables if table.state == MISSING]
    if "FunctionName" in stack.outputs and status.function is None:
        deleted.insert(0, stack.outputs["FunctionName"])
    if deleted:
        message = f"Resources of stack {stack.name} were deleted by hand: {', '.join(deleted)}."
        fix = (
            f"Run `{triggers_command('destroy')}`, which keeps the remaining tables, "
            f"then `{triggers_command('deploy', '--adopt')}`. The API gets a new URL."
        )
        yield Finding("resources", State.WARNING, message, fix)


def _read_resources(aws: Aws, stack: Stack) -> Status:
    outputs = stack.outputs
    return Status(
        stack=stack,
        outputs=resolve_outputs(outputs, aws.target),
        function=_read_function(aws, outputs["FunctionName"]) if "FunctionName" in outputs else None,
        tables=tuple(
            _read_table(aws, outputs[name])
            for name in ("EventsTableName", "ApiKeysTableName")
            if name in outputs
        ),
    )


def _read_function(aws: Aws, name: str) -> FunctionStatus | None:
    functions = aws.client("lambda")
    try:
        found = functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        return None
    return FunctionStatus(
        name=name,
        state=found.get("State", "Active"),
        runtime=found["Runtime"],
        architecture=found.get("Architectures", ["x86_64"])[0],
        memory=found["MemorySize"],
        code_size=found["CodeSize"],
        modified_at=found["LastModified"],
    )


def _read_table(aws: Aws, name: str) -> TableStatus:
    dynamodb = aws.client("dynamodb")
    try:
        found = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return TableStatus(name, MISSING, 0, 0)
    return TableStatus(name, found["TableStatus"], found.get("ItemCount", 0), found.get("TableSizeBytes", 0))
