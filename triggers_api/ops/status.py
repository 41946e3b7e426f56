"""How a deployed stage is: its stack, its function and its tables, read from the account."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from triggers_api.errors import OperatorError, StackMissingError
from triggers_api.ops.aws import Aws, explained
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.outputs import resolved
from triggers_api.ops.cloudformation.ownership import belongs_to
from triggers_api.ops.findings import Finding, State

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """The function: its memory is in MB, its code's size in bytes, `modified_at` as Lambda says it."""

    name: str
    state: str
    runtime: str
    architecture: str
    memory: int
    code_size: int
    modified_at: str


@dataclass(frozen=True, slots=True)
class TableStatus:
    """A table. DynamoDB counts its items about every six hours."""

    name: str
    state: str
    items: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """All of it. Without a complete stack there may be no function, and no tables."""

    stack: Stack
    outputs: Mapping[str, str]
    function: FunctionStatus | None
    tables: tuple[TableStatus, ...]


def stack_of(aws: Aws) -> Stack:
    """Return the stage's stack; `StackMissingError` where there is none, or where it is not this stage's."""
    name, stage = aws.target.stack_name.value, aws.target.stage.value
    stack = CloudFormation(aws.client("cloudformation"), name).stack()
    if stack is None:
        raise StackMissingError(
            f"There is no stack {name} in {aws.region}.",
            reason=f"the stage {stage} is not deployed there, or the region or the account is another",
            hint="Check --stage, --region, --profile and --stack-name, or run triggers deploy.",
        )
    if not belongs_to(stack, stage):
        raise StackMissingError(
            f"The stack {name} is not the one of stage {stage}.",
            reason="it is another program's, or another stage's",
            hint="Check --stage and --stack-name.",
        )
    return stack


def outputs_of(aws: Aws) -> dict[str, str]:
    """Return the stack's outputs, name to value; `StackMissingError` where there is no stack."""
    return resolved(stack_of(aws).outputs, aws.target)


def status_of(aws: Aws) -> Status:
    """Read all of it; `StackMissingError` where there is no stack."""
    return _read(aws, stack_of(aws))


def code_size(aws: Aws, stack: Stack | None) -> int | None:
    """Return the size of a stack's function's code, zipped, in bytes; None where nobody tells."""
    if stack is None or "FunctionName" not in stack.outputs:
        return None
    try:
        with explained(aws.target, aws.region):
            found = _function(aws, stack.outputs["FunctionName"])
    except OperatorError:
        return None
    return None if found is None else found.code_size


def missing(aws: Aws, stack: Stack) -> Iterator[Finding]:
    """Say what of a stack somebody has deleted by hand: CloudFormation does not look, and makes none anew."""
    try:
        with explained(aws.target, aws.region):
            found = _read(aws, stack)
    except OperatorError as error:
        yield Finding("resources", State.UNKNOWN, error.reason or error.message, error.hint)
        return
    gone = [table.name for table in found.tables if table.state == MISSING]
    if "FunctionName" in stack.outputs and found.function is None:
        gone.insert(0, stack.outputs["FunctionName"])
    if gone:
        message = f"Deleted by hand, though part of the stack {stack.name}: {', '.join(gone)}."
        fix = (
            "Run triggers destroy, which keeps the tables that are left, then triggers deploy --adopt: "
            "the API gets a new address."
        )
        yield Finding("resources", State.WARNING, message, fix)


def _read(aws: Aws, stack: Stack) -> Status:
    return Status(
        stack=stack,
        outputs=resolved(stack.outputs, aws.target),
        function=_function(aws, stack.outputs["FunctionName"]) if "FunctionName" in stack.outputs else None,
        tables=tuple(
            _table(aws, stack.outputs[name])
            for name in ("EventsTableName", "ApiKeysTableName")
            if name in stack.outputs
        ),
    )


def _function(aws: Aws, name: str) -> FunctionStatus | None:
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


def _table(aws: Aws, name: str) -> TableStatus:
    dynamodb = aws.client("dynamodb")
    try:
        found = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return TableStatus(name, MISSING, 0, 0)
    return TableStatus(name, found["TableStatus"], found.get("ItemCount", 0), found.get("TableSizeBytes", 0))
