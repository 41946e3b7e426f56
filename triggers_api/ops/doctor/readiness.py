"""Check that this machine and this account can deploy (requirements, section 5.1)."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from triggers_api.errors import (
    BuildError,
    LocalEnvironmentError,
    OperatorError,
    PermissionDeniedError,
    PreflightError,
)
from triggers_api.ops.aws import Aws, Place, region_of
from triggers_api.ops.aws_errors import explain_aws_errors
from triggers_api.ops.build.uv import find_uv
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.ownership import belongs_to
from triggers_api.ops.cloudformation.template import Template, measures_backlog
from triggers_api.ops.cloudformation.versions import deployed_version, is_downgrade
from triggers_api.ops.deploy import preflight
from triggers_api.ops.deploy.sam import find_sam
from triggers_api.ops.doctor import permissions
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.load import check_load
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.status import check_resources
from triggers_api.ops.target import Target
from triggers_api.version import VERSION


def check_readiness(
    target: Target, environment: Mapping[str, str], *, given: Mapping[str, str], now: datetime
) -> Iterator[Finding]:
    """Run every check. Without credentials, run those of this machine, and report the credentials."""
    yield from check_tools(environment)
    try:
        region = region_of(target)
        aws = Aws(target, region)
        with explain_aws_errors(target, region):
            place = aws.caller()
    except OperatorError as error:
        yield _failed("credentials", error)
        return
    yield Finding("credentials", State.OK, f"{place.caller} in account {place.account}")
    yield Finding("region", State.OK, str(region))
    yield from check_account(aws, place, given=given, now=now)


def check_tools(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look for the programs that a deployment uses."""
    try:
        yield Finding("uv", State.OK, find_uv())
    except BuildError as error:
        yield _failed("uv", error)
    try:
        sam = find_sam(environment)
        yield Finding(
            "sam", State.OK, f"{sam.version}, {'run by uv' if len(sam.command) > 1 else sam.command[0]}"
        )
    except (BuildError, LocalEnvironmentError, PreflightError) as error:
        yield _failed("sam", error)
    for name, use in (("aws", "only some fixes use it"), ("docker", "only --use-container needs it")):
        found = shutil.which(name, path=environment.get("PATH"))
        yield Finding(name, State.OK, found or f"not installed, and not required: {use}")


def check_account(aws: Aws, place: Place, *, given: Mapping[str, str], now: datetime) -> Iterator[Finding]:
    """Run the checks that ask AWS. A check that is denied, or fails, is a finding, and the others go on."""
    name = aws.target.stack_name.value
    cloudformation = CloudFormation(aws.client("cloudformation"), name)
    try:
        with explain_aws_errors(aws.target, aws.region):
            stack = cloudformation.stack()
    except OperatorError as error:
        yield _failed("stack", error)
        return
    defaults = {name: one.default for name, one in Template.load().parameters.items()}
    is_ours = stack is not None and belongs_to(stack, aws.target.stage.value)
    parameters = {**defaults, **(stack.parameters if stack is not None and is_ours else {}), **given}
    yield preflight.check_runtime(parameters["Runtime"], now.date())
    yield from check_alarms(parameters)
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "stack": lambda: [preflight.check_stack(aws, stack)],
        "version": lambda: [check_version(stack)] if stack is not None and is_ours else [],
        "resources": lambda: check_resources(aws, stack) if stack is not None and is_ours else [],
        "limits": lambda: check_load(aws, stack, now) if stack is not None and is_ours else [],
        "tables": lambda: [preflight.check_tables(aws, cloudformation, stack, adopt=False)],
        "log group": lambda: [preflight.check_log_group(aws, stack)],
        "artifact bucket": lambda: [preflight.check_artifact_bucket(aws)],
        "access logs": lambda: [preflight.check_logging_role(aws, needed=parameters["AccessLogs"] == "true")],
        "permissions": lambda: permissions.simulate(
            aws, place.caller, with_schedule=measures_backlog(parameters)
        ),
    }
    for check, ask in checks.items():
        try:
            with explain_aws_errors(aws.target, aws.region):
                findings = list(ask())
        except PermissionDeniedError as error:
            findings = [Finding(check, State.UNKNOWN, error.reason or error.message, error.hint)]
        except OperatorError as error:
            findings = [_failed(check, error)]
        yield from findings


def check_alarms(parameters: Mapping[str, str]) -> Iterator[Finding]:
    """Warn about a limit of the age of pending events that reports nothing."""
    if parameters["MaxPendingMinutes"] != "0" and not parameters["AlarmEmail"]:
        message = "MaxPendingMinutes has no effect: there are no alarms without AlarmEmail."
        fix = triggers_command("deploy", "--parameter", "AlarmEmail=ADDRESS")
        yield Finding("alarms", State.WARNING, message, fix)


def check_version(stack: Stack) -> Finding:
    """Check that deploying would not replace the stack's version with an older one."""
    deployed = deployed_version(stack)
    message = f"Stack {stack.name} has version {deployed}, and this program is version {VERSION}."
    if is_downgrade(stack):
        fix = "Update this program, or deploy the older version with --allow-downgrade."
        return Finding("version", State.WARNING, message, fix)
    return Finding("version", State.OK, message)


def _failed(check: str, error: OperatorError) -> Finding:
    message = f"{error.message} ({error.reason})" if error.reason else error.message
    return Finding(check, State.FAILED, message, error.hint)
