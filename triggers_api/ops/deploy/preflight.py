"""What must be so before a stack can be deployed: each check says what it found, and how to mend it.

`triggers deploy` makes those that are quick and stops where one failed; `triggers doctor` makes them all.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from botocore.exceptions import ClientError

from triggers_api.ops.aws import DENIED, Aws
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.ownership import foreign_parameters
from triggers_api.ops.cloudformation.template import MARKS, TABLES
from triggers_api.ops.findings import Finding, State

END_OF_LIFE = {
    "python3.11": date(2027, 6, 30),
    "python3.12": date(2028, 10, 31),
    "python3.13": date(2029, 6, 30),
    "python3.14": date(2029, 6, 30),
}
"""When AWS deprecates each runtime: its page "Lambda runtimes", read in 2026."""

SAM_STACK = "aws-sam-cli-managed-default"
_SOON = timedelta(days=180)

FAILED_CREATE = {"ROLLBACK_COMPLETE", "CREATE_FAILED"}
"""States after a first create that failed: CloudFormation can only delete such a stack."""

_CLEAR_AWAY = "Mend the cause, and run triggers destroy: it tries again."
_ROLL_BACK = "Run aws cloudformation rollback-stack {where}, and deploy again."
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": (
        "Mend the cause, run aws cloudformation continue-update-rollback {where}, deploy again."
    ),
    "ROLLBACK_FAILED": _CLEAR_AWAY,
    "DELETE_FAILED": _CLEAR_AWAY,
    "UPDATE_FAILED": _ROLL_BACK,
    "IMPORT_ROLLBACK_FAILED": _ROLL_BACK,
}


def runtime(name: str, today: date) -> Finding:
    """Check how long AWS still keeps a Python."""
    newest = max(END_OF_LIFE, key=lambda one: int(one.rpartition(".")[2]))
    fix = f"Deploy with --runtime {newest}."
    end = END_OF_LIFE.get(name)
    if end is None:
        return Finding("runtime", State.FAILED, f"This version cannot build for {name}.", fix)
    if today >= end:  # AWS goes on taking updates for a while, and says itself when it does no more
        return Finding("runtime", State.WARNING, f"AWS has deprecated {name} since {end}.", fix)
    if end - today < _SOON:
        return Finding("runtime", State.WARNING, f"AWS deprecates {name} on {end}.", fix)
    return Finding("runtime", State.OK, f"{name} is kept by AWS until {end}.")


def stack_state(aws: Aws, stack: Stack | None) -> Finding:
    """Check that the stack is one of ours, of this stage, and in a state from which it can be deployed."""
    name, stage = aws.target.stack_name.value, aws.target.stage.value
    if stack is None:
        return Finding("stack", State.OK, f"There is no stack {name} yet; deploying makes it.")
    if (foreign := foreign_parameters(stack, stage)) is not None:
        ours = foreign.keys() >= MARKS
        what = f"belongs to stage {foreign['Stage']}" if ours else "is not one of this program"
        fix = "Give another --stack-name or --stage."
        return Finding("stack", State.FAILED, f"The stack {name} {what}.", fix)
    if stack.is_busy:
        since = f"{stack.changed_at:%Y-%m-%d %H:%M} UTC"
        return Finding(
            "stack",
            State.FAILED,
            f"The stack {name} is busy: {stack.status} since {since}.",
            "Somebody else, or an earlier run, is at work: see triggers status, and deploy when it is done.",
        )
    if stack.status in _STUCK:
        reason = stack.reason or "something could not be undone"
        fix = _STUCK[stack.status].format(where=f"--stack-name {name} --region {aws.region.value}")
        return Finding("stack", State.FAILED, f"The stack {name} is in {stack.status}: {reason}", fix)
    if stack.status in FAILED_CREATE:
        message = f"The first create of the stack {name} failed ({stack.status})."
        fix = "Deploy again: it offers to delete the rest and to start anew."
        return Finding("stack", State.WARNING, message, fix)
    return Finding("stack", State.OK, f"The stack {name} is in {stack.status}.")


def retained_tables(aws: Aws, cloudformation: CloudFormation, stack: Stack | None) -> dict[str, str]:
    """Return the stage's tables that exist outside of its stack, by logical id: a create fails on them."""
    in_stack: set[str] = set()
    if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
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


def tables(aws: Aws, cloudformation: CloudFormation, stack: Stack | None, *, adopt: bool) -> Finding:
    """Check that no table of another life is in the way, or that it may be adopted."""
    found = retained_tables(aws, cloudformation, stack)
    names = " and ".join(found.values())
    count = "The table" if len(found) == 1 else "The tables"
    if not found:
        return Finding("tables", State.OK, "No table is in the way.")
    owners = {owner for name in found.values() if (owner := cloudformation.owner_of(name))}
    if owners:
        return Finding(
            "tables",
            State.FAILED,
            f"{count} {names}: part of the stack {' and '.join(sorted(owners))}.",
            f"Deploy that one with --stack-name {min(owners)}, or choose another --stage.",
        )
    if stack is not None and stack.status not in {*FAILED_CREATE, "REVIEW_IN_PROGRESS"}:
        fix = "Run triggers destroy, which keeps the tables, then triggers deploy --adopt."
        return Finding("tables", State.FAILED, f"{count} {names}: there, but not in the stack.", fix)
    if adopt:
        return Finding("tables", State.OK, f"{count} {names}: to be adopted, with all the data.")
    return Finding(
        "tables",
        State.FAILED,
        f"{count} {names}: kept from an earlier stack, and in the way of a new one.",
        "Deploy with --adopt to go on with the data, or delete it with aws dynamodb delete-table.",
    )


def log_group(aws: Aws, stack: Stack | None) -> Finding:
    """Check that no log group of that name is in the way of a first create."""
    name = aws.target.log_group
    if stack is None or stack.status in {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}:
        groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if any(group["logGroupName"] == name for group in groups):
            return Finding(
                "log group",
                State.FAILED,
                f"The log group {name} exists already, outside of the stack.",
                f"Delete it: aws logs delete-log-group --log-group-name {name} --region {aws.region.value}",
            )
    return Finding("log group", State.OK, "No log group is in the way.")


def artifact_bucket(aws: Aws) -> Finding:
    """Check that SAM's own stack and its bucket agree: it uploads the artifact there."""
    stack = CloudFormation(aws.client("cloudformation"), SAM_STACK).stack()
    if stack is None:
        return Finding("artifact bucket", State.OK, "SAM makes its bucket at the first deployment.")
    bucket = stack.outputs.get("SourceBucket", "")
    clear_away = (
        f"Delete that stack: aws cloudformation delete-stack --stack-name {SAM_STACK} "
        f"--region {aws.region.value}"
    )
    if not bucket and (stack.is_busy or stack.status == "REVIEW_IN_PROGRESS"):
        message = f"SAM's stack {SAM_STACK} is being changed: {stack.status}."
        fix = f"Try again in a minute. If it stays so, nobody is at work on it any more. {clear_away}"
        return Finding("artifact bucket", State.FAILED, message, fix)
    if not bucket:
        message = f"SAM's stack {SAM_STACK} is in {stack.status}, and has no bucket."
        return Finding("artifact bucket", State.FAILED, message, clear_away)
    try:
        aws.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in {*DENIED, "403"}:
            message = f"SAM's bucket {bucket} is there, and closed to these credentials."
            return Finding("artifact bucket", State.FAILED, message, "Ask for s3:* on it.")
        message = f"SAM's stack {SAM_STACK} names the bucket {bucket}, which is gone."
        return Finding("artifact bucket", State.FAILED, message, clear_away)
    return Finding("artifact bucket", State.OK, f"SAM's bucket is {bucket}.")


def logging_role(aws: Aws, *, needed: bool) -> Finding:
    """Check whether API Gateway may write logs in this account: access logs need it, nothing else does."""
    role = aws.client("apigateway").get_account().get("cloudwatchRoleArn")
    if role:
        return Finding("access logs", State.OK, f"API Gateway writes logs as {role}.")
    if not needed:
        return Finding("access logs", State.OK, "They are off, and API Gateway has no role for them.")
    return Finding(
        "access logs",
        State.FAILED,
        "They are on, and API Gateway has no role to write them in this account and region.",
        "Set the role (aws apigateway update-account), or deploy with --parameter AccessLogs=false.",
    )


def in_the_way(aws: Aws, stack: Stack | None, *, adopt: bool) -> Iterator[Finding]:
    """Check that nothing which outlived another stack is in the way of this one."""
    cloudformation = CloudFormation(aws.client("cloudformation"), aws.target.stack_name.value)
    yield tables(aws, cloudformation, stack, adopt=adopt)
    yield log_group(aws, stack)


def preflight(aws: Aws, stack: Stack | None, *, adopt: bool, access_logs: bool) -> Iterator[Finding]:
    """Make the checks that ask AWS and are quick."""
    yield stack_state(aws, stack)
    yield from in_the_way(aws, stack, adopt=adopt)
    yield artifact_bucket(aws)
    if access_logs:
        yield logging_role(aws, needed=True)
