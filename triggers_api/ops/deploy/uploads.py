"""What SAM uploads: a plan takes it back, so that it leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from triggers_api.errors import DeploymentError
from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.deploy.preflight import SAM_STACK


@dataclass(slots=True)
class Uploads:
    """What a plan has uploaded."""

    are_kept: bool = False


@contextmanager
def taken_back(aws: Aws, stack: CloudFormation) -> Iterator[Uploads]:
    """Delete at the end what was uploaded meanwhile for a stack, and SAM's bucket if that is new too.

    An artifact's name is that of its content: another deployment of the same sources uses the same object. So
    nothing is deleted where one is under way, or has come to its end meanwhile.
    """
    prefix = f"{stack.name}/"
    sam = CloudFormation(aws.client("cloudformation"), SAM_STACK)
    s3 = aws.client("s3")
    before, live = sam.stack(), stack.stack()
    bucket = before.outputs.get("SourceBucket") if before else None
    kept = _versions(s3, bucket, prefix) if bucket else []
    uploads = Uploads()
    try:
        yield uploads
    except SystemExit:  # told twice to end: at once
        raise
    except BaseException:
        _take_back(aws, stack, live, kept, is_new=before is None)
        raise
    uploads.are_kept = not _take_back(aws, stack, live, kept, is_new=before is None)


def _take_back(
    aws: Aws, stack: CloudFormation, live: Stack | None, kept: list[dict[str, str]], *, is_new: bool
) -> bool:
    """Delete what is not kept, and return True; False where another deployment may need it."""
    sam = CloudFormation(aws.client("cloudformation"), SAM_STACK)
    after = sam.stack()
    bucket = after.outputs.get("SourceBucket") if after else None
    if after is None or not bucket:
        return True
    s3, prefix = aws.client("s3"), f"{stack.name}/"
    added = [one for one in _versions(s3, bucket, prefix) if one not in kept]
    if added and _is_used(stack, live):
        return False
    if added:
        gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": added, "Quiet": True})
        if errors := gone.get("Errors"):
            raise DeploymentError(
                f"What the plan has uploaded could not be deleted from {bucket}.",
                reason=f"{errors[0]['Key']}: {errors[0].get('Message', errors[0].get('Code'))}",
                hint=f"Delete what is under {prefix} there, or leave it for the next deployment.",
            )
    if is_new and not _versions(s3, bucket, ""):
        list(sam.delete(after.id))
    return True


def _is_used(stack: CloudFormation, before: Stack | None) -> bool:
    """Tell whether another deployment of the stack waits, runs, or has ended meanwhile."""
    found = stack.stack()
    if found is None:
        return False
    was = (before.id, before.changed_at) if before else None
    return was != (found.id, found.changed_at) or found.is_busy or any(stack.change_sets().values())


def _versions(s3: Any, bucket: str, prefix: str) -> list[dict[str, str]]:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    return [
        {"Key": one["Key"], "VersionId": one["VersionId"]}
        for page in pages
        for one in page.get("Versions", [])
    ]
