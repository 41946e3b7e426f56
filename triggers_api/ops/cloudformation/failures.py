"""Explain why a stack operation failed: the root cause in AWS's words, and a fix for known causes.

One failed resource makes CloudFormation cancel the others and roll back, so most of an operation's failure
events are consequences of the first. The error names that first one.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from triggers_api.errors import DeploymentError
from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack, StackEvent
from triggers_api.ops.shell_commands import aws_command, triggers_command
from triggers_api.ops.target import Target

_CANCELLED = re.compile(r"Resource (creation|update|deletion) cancelled", re.IGNORECASE)

_LOG_GROUP = re.compile(r"/aws/(?:lambda|apigateway)/triggers-api-[a-z0-9-]+")

_REMEDIES = (
    (
        r"log.?group.*already exists|already exists.*log.?group",
        "Delete the log group with `{delete_log_group}`, and deploy again.",
    ),
    (r"table.*already exists|already exists.*table", "Deploy with --adopt to keep the table's data."),
    (r"already exists", "Delete the existing resource, or choose another --stage."),
    (
        r"not authorized to perform|AccessDenied|is not authorized",
        "Ask for the named permission; `{doctor}` lists the permissions that deploying needs.",
    ),
    (
        r"CloudWatch Logs role ARN must be set",
        "Deploy with --parameter AccessLogs=false, or set the account's API Gateway logging role.",
    ),
    (
        r"no longer supported|runtime parameter",
        "Choose another Python with --runtime; `{doctor}` shows which versions AWS supports.",
    ),
    (
        r"quota|LimitExceeded|maximum number of|limit exceeded",
        "Ask AWS for a higher quota (Service Quotas), or delete unused resources.",
    ),
    (r"NoSuchKey|specified key does not exist", "The artifact is missing from SAM's bucket: deploy again."),
    (r"Rate exceeded|Throttling|TooManyRequests", "AWS throttled the request: deploy again in a minute."),
    (r"DeletionProtection|deletion protection", "Deploy with --parameter DeletionProtection=false first."),
)

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def follow_operation(
    cloudformation: CloudFormation, events: Iterator[StackEvent], stack: Stack, aws: Aws, expected: set[str]
) -> Iterator[StackEvent]:
    """Yield the events of an operation until it finishes.

    Raises:
        DeploymentError: The stack did not end in one of the `expected` states.
    """
    seen = []
    for event in events:
        seen.append(event)
        yield event
    after = cloudformation.describe(stack.id)
    if after.status not in expected:
        operation = next((event.operation_id for event in seen if event.operation_id), "")
        scope = {"OperationId": operation} if operation else {"StackName": stack.id}
        reasons = cloudformation.failure_reasons(**scope)
        raise stack_failure(after, seen, reasons, aws.target, aws.region.value)


def stack_failure(
    stack: Stack, events: Sequence[StackEvent], reasons: Sequence[str], target: Target, region: str
) -> DeploymentError:
    """Return the error that explains why an operation on a stack failed.

    Args:
        stack: The stack after the operation.
        events: The events of the operation, oldest first.
        reasons: Further reasons, known only to `DescribeEvents`.
        target: Whether the stack is on AWS or on an emulator.
        region: The region of the stack.
    """
    cause = _root_cause(events)
    candidates = [cause.reason] if cause else []
    if cause is None or cause.is_of_stack:  # the stack's own reason only lists the failed resources
        candidates = [*reasons, *candidates]
    reason = next((one for one in candidates if one), stack.reason or f"the stack ended in {stack.status}")
    reason = " ".join(reason.split())
    resource = f"{cause.logical_id}: " if cause and not cause.is_of_stack else ""
    hints = (find_remedy(reason), _inspection_hint(stack, target, region))
    return DeploymentError(
        f"Stack {stack.name} ended in {stack.status}.",
        reason=f"{resource}{reason}",
        hint=" ".join(hint for hint in hints if hint),
    )


def find_remedy(reason: str) -> str:
    """Return the fix for a known cause of failure, else an empty text."""
    fix = next((fix for pattern, fix in _REMEDIES if re.search(pattern, reason, re.IGNORECASE)), "")
    log_group = _LOG_GROUP.search(reason)
    name = log_group.group() if log_group else "NAME"
    return fix.format(
        doctor=triggers_command("doctor"),
        delete_log_group=aws_command("logs", "delete-log-group", "--log-group-name", name),
    )


def _root_cause(events: Sequence[StackEvent]) -> StackEvent | None:
    """Return the first failure that is not a consequence of another; a resource's rather than the stack's."""
    failed = [
        event for event in events if event.status.endswith("_FAILED") and not _CANCELLED.search(event.reason)
    ]
    of_resources = [event for event in failed if not event.is_of_stack]
    rollbacks = [event for event in events if event.is_of_stack and "ROLLBACK_IN_PROGRESS" in event.status]
    return next(iter([*of_resources, *failed, *rollbacks]), None)


def _inspection_hint(stack: Stack, target: Target, region: str) -> str:
    partition = stack.id.split(":")[1]
    if target.endpoint_url or partition not in _CONSOLES:
        return f"See the stack with `{triggers_command('status')}`."
    return (
        f"See https://{region}.{_CONSOLES[partition]}/cloudformation/home?region={region}"
        f"#/stacks/events?stackId={quote(stack.id, safe='')}"
    )
