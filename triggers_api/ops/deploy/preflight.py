"""Check the conditions that a deployment needs, each with a fix if it is not met.

`triggers deploy` runs the quick checks (`preflight`) and stops at the first failure. `triggers doctor` runs
all of them.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from botocore.exceptions import ClientError

from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_refusals import DENIED
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.ownership import foreign_parameters
from triggers_api.ops.cloudformation.template import MARKER_PARAMETERS, TABLES
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.shell_commands import aws_command, triggers_command

END_OF_LIFE = {
    "python3.11": date(2027, 6, 30),
    "python3.12": date(2028, 10, 31),
    "python3.13": date(2029, 6, 30),
    "python3.14": date(2029, 6, 30),
}
"""When AWS deprecates each runtime, from its page "Lambda runtimes" as of 2026."""

SAM_STACK = "aws-sam-cli-managed-default"
"""The stack that SAM creates in each region, for the bucket that it uploads artifacts to."""

_SOON = timedelta(days=180)

_DESTROY = "Fix the cause, and retry the deletion: {destroy}"
STUCK = {
    "UPDATE_ROLLBACK_FAILED": "Fix the cause, run `{continue_rollback}`, and deploy again.",
    "UPDATE_FAILED": "Run `{roll_back}`, and deploy again.",
    "ROLLBACK_FAILED": _DESTROY,
    "DELETE_FAILED": _DESTROY,
    # AWS documents no call that continues the rollback of an import.
    "IMPORT_ROLLBACK_FAILED": "Fix the cause, run `{destroy}`, which keeps the tables, then `{adopt}`.",
}
"""The fix for each state that a stack cannot be deployed from, with the calls that AWS documents for it."""


def preflight(aws: Aws, stack: Stack | None, *, adopt: bool, access_logs: bool) -> Iterator[Finding]:
    """Run the quick checks of the account."""
    yield check_stack(aws, stack)
    yield from leftover_resources(aws, stack, adopt=adopt)
    yield check_artifact_bucket(aws)
    if access_logs:
        yield check_logging_role(aws, needed=True)


def leftover_resources(aws: Aws, stack: Stack | None, *, adopt: bool) -> Iterator[Finding]:
    """Check for resources of an earlier stack that would make the creation of this one fail."""
    cloudformation = CloudFormation(aws.client("cloudformation"), aws.target.stack_name.value)
    yield check_tables(aws, cloudformation, stack, adopt=adopt)
    yield check_log_group(aws, stack)


def check_runtime(name: str, today: date) -> Finding:
    """Check how long AWS supports a Python version."""
    newest = max(END_OF_LIFE, key=lambda one: int(one.rpartition(".")[2]))
    fix = f"Deploy with --runtime {newest}."
    end = END_OF_LIFE.get(name)
    if end is None:
        return Finding("runtime", State.FAILED, f"This version cannot build for {name}.", fix)
    # Not a failure after the end: AWS accepts updates for some time longer, and then rejects them itself.
    if today >= end:
        return Finding("runtime", State.WARNING, f"AWS has deprecated {name} since {end}.", fix)
    if end - today < _SOON:
        return Finding("runtime", State.WARNING, f"AWS deprecates {name} on {end}.", fix)
    return Finding("runtime", State.OK, f"AWS supports {name} until {end}.")


def check_stack(aws: Aws, stack: Stack | None) -> Finding:
    """Check that the stack belongs to the stage, and is in a state that it can be deployed from."""
    name, stage = aws.target.stack_name.value, aws.target.stage.value
    if stack is None:
        return Finding("stack", State.OK, f"There is no stack {name} yet; deploying creates it.")
    if (foreign := foreign_parameters(stack, stage)) is not None:
        is_ours = foreign.keys() >= MARKER_PARAMETERS
        message = f"belongs to stage {foreign['Stage']}" if is_ours else "was not created by this program"
        fix = "Choose another --stack-name or --stage."
        return Finding("stack", State.FAILED, f"Stack {name} {message}.", fix)
    if stack.is_busy:
        status = triggers_command("status")
        return Finding(
            "stack",
            State.FAILED,
            f"Stack {name} is busy: {stack.status_since}.",
            f"Another user, or an earlier run, is working on it. Deploy later; to watch it: {status}",
        )
    if stack.status in STUCK:
        reason = stack.reason or "a change could not be rolled back"
        fix = STUCK[stack.status].format(
            destroy=triggers_command("destroy"),
            adopt=triggers_command("deploy", "--adopt"),
            roll_back=aws_command("cloudformation", "rollback-stack", "--stack-name", name),
            continue_rollback=aws_command("cloudformation", "continue-update-rollback", "--stack-name", name),
        )
        return Finding("stack", State.FAILED, f"Stack {name} is in {stack.status}: {reason}", fix)
    if stack.create_failed:
        message = f"The first create of stack {name} failed ({stack.status})."
        fix = "Deploy again: it offers to delete the failed stack and create a new one."
        return Finding("stack", State.WARNING, message, fix)
    return Finding("stack", State.OK, f"Stack {name} is in {stack.status}.")


def check_tables(aws: Aws, cloudformation: CloudFormation, stack: Stack | None, *, adopt: bool) -> Finding:
    """Check that the stage's tables belong to the stack, do not exist yet, or are to be adopted."""
    found = find_kept_tables(aws, cloudformation, stack)
    if not found:
        return Finding("tables", State.OK, "No table exists outside of the stack.")
    tables = f"{'Table' if len(found) == 1 else 'Tables'} {' and '.join(found.values())}"
    owners = {owner for name in found.values() if (owner := cloudformation.find_owner(name))}
    if owners:
        message = f"{tables}: part of stack {' and '.join(sorted(owners))}."
        fix = f"Deploy that stack with --stack-name {min(owners)}, or choose another --stage."
        return Finding("tables", State.FAILED, message, fix)
    if stack is not None and not (stack.is_empty or stack.create_failed):
        fix = (
            f"Run `{triggers_command('destroy')}`, which keeps the tables, "
            f"then `{triggers_command('deploy', '--adopt')}`."
        )
        return Finding("tables", State.FAILED, f"{tables}: exists, but not in the stack.", fix)
    if adopt:
        return Finding("tables", State.OK, f"{tables}: to be adopted, with all their data.")
    message = f"{tables}: kept from an earlier stack. A new stack cannot create them."
    delete = [f"`{aws_command('dynamodb', 'delete-table', '--table-name', one)}`" for one in found.values()]
    fix = f"Deploy with --adopt to keep the data, or delete it with {' and '.join(delete)}."
    return Finding("tables", State.FAILED, message, fix)


def check_log_group(aws: Aws, stack: Stack | None) -> Finding:
    """Check that a first create does not fail on an existing log group."""
    name = aws.target.log_group
    if stack is None or stack.is_empty or stack.status == "ROLLBACK_COMPLETE":
        groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if any(group["logGroupName"] == name for group in groups):
            return Finding(
                "log group",
                State.FAILED,
                f"Log group {name} already exists outside of the stack.",
                "Delete it: " + aws_command("logs", "delete-log-group", "--log-group-name", name),
            )
    return Finding("log group", State.OK, "No log group exists outside of the stack.")


def check_artifact_bucket(aws: Aws) -> Finding:
    """Check that SAM's stack and its bucket exist together, or not at all."""
    stack = CloudFormation(aws.client("cloudformation"), SAM_STACK).stack()
    if stack is None:
        return Finding("artifact bucket", State.OK, "SAM creates its bucket in the first deployment.")
    bucket = stack.outputs.get("SourceBucket", "")
    delete_stack = "Delete that stack: " + aws_command(
        "cloudformation", "delete-stack", "--stack-name", SAM_STACK
    )
    if not bucket and (stack.is_busy or stack.is_empty):
        message = f"SAM's stack {SAM_STACK} is still being created: {stack.status}."
        fix = f"Try again in a minute. If the state does not change, no one is creating it. {delete_stack}"
        return Finding("artifact bucket", State.FAILED, message, fix)
    if not bucket:
        message = f"SAM's stack {SAM_STACK} is in {stack.status} and has no bucket."
        return Finding("artifact bucket", State.FAILED, message, delete_stack)
    try:
        aws.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            message = f"SAM's bucket {bucket} exists, but these credentials have no access to it."
            return Finding("artifact bucket", State.FAILED, message, "Ask for s3:* on it.")
        message = f"SAM's stack {SAM_STACK} names the bucket {bucket}, which does not exist."
        return Finding("artifact bucket", State.FAILED, message, delete_stack)
    return Finding("artifact bucket", State.OK, f"SAM's bucket is {bucket}.")


def check_logging_role(aws: Aws, *, needed: bool) -> Finding:
    """Check whether API Gateway may write logs in this account, which only access logs need."""
    role = aws.client("apigateway").get_account().get("cloudwatchRoleArn")
    if role:
        return Finding("access logs", State.OK, f"API Gateway writes logs as {role}.")
    if not needed:
        return Finding("access logs", State.OK, "Access logs are off; API Gateway has no role to write them.")
    return Finding(
        "access logs",
        State.FAILED,
        "Access logs are on, but API Gateway has no role to write them in this account and region.",
        "Deploy with --parameter AccessLogs=false, or set a role: "
        + aws_command(
            "apigateway",
            "update-account",
            "--patch-operations",
            "op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN",
        ),
    )


def find_kept_tables(aws: Aws, cloudformation: CloudFormation, stack: Stack | None) -> dict[str, str]:
    """Return the stage's tables that exist outside of its stack, by logical id."""
    in_stack: set[str] = set()
    if stack is not None and not stack.is_empty:
        in_stack = {one.physical_id for one in cloudformation.resources() if one.status != "DELETE_COMPLETE"}
    dynamodb, found = aws.client("dynamodb"), {}
    names = (aws.target.events_table, aws.target.keys_table)
    for logical_id, name in zip(TABLES, names, strict=True):
        if name in in_stack:
            continue
        try:
            dynamodb.describe_table(TableName=name)
        except dynamodb.exceptions.ResourceNotFoundException:
            continue
        found[logical_id] = name
    return found
