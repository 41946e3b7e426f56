"""Why a stack operation failed: the first cause, in AWS's words, with the remedy where we know one."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from triggers_api.errors import DeploymentError
from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack, StackEvent
from triggers_api.ops.target import Target

_CANCELLED = re.compile(r"Resource (creation|update|deletion) cancelled", re.IGNORECASE)

_REMEDIES = (
    (
        r"log.?group.*already exists|already exists.*log.?group",
        "Delete the log group (aws logs delete-log-group), and deploy again.",
    ),
    (r"table.*already exists|already exists.*table", "Deploy with --adopt to go on with the table's data."),
    (r"already exists", "Delete what is in the way, or choose another --stage."),
    (
        r"not authorized to perform|AccessDenied|is not authorized",
        "Ask for the permission that it names: triggers doctor lists what deploying needs.",
    ),
    (
        r"CloudWatch Logs role ARN must be set",
        "Deploy with --parameter AccessLogs=false, or set the account's API Gateway logging role.",
    ),
    (
        r"no longer supported|runtime parameter",
        "Choose another Python with --runtime; triggers doctor shows which are kept.",
    ),
    (
        r"quota|LimitExceeded|maximum number of|limit exceeded",
        "Ask AWS for a higher quota (Service Quotas), or delete what is not used.",
    ),
    (r"NoSuchKey|specified key does not exist", "The artifact is gone from SAM's bucket: deploy again."),
    (r"Rate exceeded|Throttling|TooManyRequests", "AWS was busy: deploy again in a minute."),
    (r"DeletionProtection|deletion protection", "Deploy with --parameter DeletionProtection=false first."),
)


_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def failure(
    stack: Stack, events: Sequence[StackEvent], reasons: Sequence[str], target: Target, region: str
) -> DeploymentError:
    """Return the error that says why an operation on a stack failed, and what to do.

    `events` are those of the operation, oldest first; `reasons` what `DescribeEvents` knows beyond them.
    """
    cause = _root(events)
    said = [cause.reason] if cause else []
    if cause is None or cause.of_the_stack:  # the stack's own words only point to others
        said = [*reasons, *said]
    reason = next((one for one in said if one), stack.reason or f"the stack ended in {stack.status}")
    reason = " ".join(reason.split())
    where = f"{cause.logical_id}: " if cause and not cause.of_the_stack else ""
    remedy = remedy_for(reason)
    return DeploymentError(
        f"The stack {stack.name} ended in {stack.status}.",
        reason=f"{where}{reason}",
        hint=" ".join(part for part in (remedy, _look(stack, target, region)) if part),
    )


def remedy_for(reason: str) -> str:
    """Return what helps against a cause, as far as we know."""
    return next((fix for form, fix in _REMEDIES if re.search(form, reason, re.IGNORECASE)), "")


def _root(events: Sequence[StackEvent]) -> StackEvent | None:
    """Return the first failure that is not the echo of another; of a resource rather than of the stack."""
    failed = [
        event for event in events if event.status.endswith("_FAILED") and not _CANCELLED.search(event.reason)
    ]
    of_resources = [event for event in failed if not event.of_the_stack]
    stopped = [event for event in events if event.of_the_stack and "ROLLBACK_IN_PROGRESS" in event.status]
    return next(iter([*of_resources, *failed, *stopped]), None)


def _look(stack: Stack, target: Target, region: str) -> str:
    partition = stack.id.split(":")[1]
    if target.endpoint_url or partition not in _CONSOLES:
        return "triggers status shows the stack."
    return (
        f"Look at https://{region}.{_CONSOLES[partition]}/cloudformation/home?region={region}"
        f"#/stacks/events?stackId={quote(stack.id, safe='')}"
    )


def followed(
    cloudformation: CloudFormation, events: Iterator[StackEvent], stack: Stack, aws: Aws, wanted: set[str]
) -> Iterator[StackEvent]:
    """Yield the events of an operation; at its end `DeploymentError` where the stack is not as wanted."""
    seen = []
    for event in events:
        seen.append(event)
        yield event
    after = cloudformation.described(stack.id)
    if after.status not in wanted:
        operation = next((event.operation_id for event in seen if event.operation_id), "")
        of = {"OperationId": operation} if operation else {"StackName": stack.id}
        raise failure(after, seen, cloudformation.failures(**of), aws.target, aws.region.value)
