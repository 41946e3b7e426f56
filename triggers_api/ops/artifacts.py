"""What SAM uploads: a plan takes it back, so that it leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from triggers_api.errors import DeploymentError
from triggers_api.ops.aws import Aws
from triggers_api.ops.checks import SAM_STACK
from triggers_api.ops.cloudformation import CloudFormation


@contextmanager
def taken_back(aws: Aws, stack: CloudFormation) -> Iterator[None]:
    """Delete at the end what was uploaded meanwhile for a stack, and SAM's bucket if that is new too.

    An artifact's name is that of its content: another deployment of the same sources uses the same object. So
    nothing is deleted while one is under way.
    """
    prefix = f"{stack.name}/"
    sam = CloudFormation(aws.client("cloudformation"), SAM_STACK)
    s3 = aws.client("s3")
    before = sam.stack()
    kept = _versions(s3, before.outputs["SourceBucket"], prefix) if before else []
    try:
        yield
    finally:
        after = None if _is_in_use(stack) else sam.stack()
        if after is not None and (bucket := after.outputs.get("SourceBucket")):
            added = [one for one in _versions(s3, bucket, prefix) if one not in kept]
            if added:
                gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": added, "Quiet": True})
                if errors := gone.get("Errors"):
                    raise DeploymentError(
                        f"What the plan has uploaded could not be deleted from {bucket}.",
                        reason=f"{errors[0]['Key']}: {errors[0].get('Message', errors[0].get('Code'))}",
                        hint=f"Delete what is under {prefix} there, or leave it for the next deployment.",
                    )
            if before is None and not _versions(s3, bucket, ""):
                list(sam.delete(after.id))


def _is_in_use(stack: CloudFormation) -> bool:
    """Tell whether another deployment of the stack waits, or runs."""
    found = stack.stack()
    return found is not None and (found.is_busy or any(stack.change_sets().values()))


def _versions(s3: Any, bucket: str, prefix: str) -> list[dict[str, str]]:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    return [
        {"Key": one["Key"], "VersionId": one["VersionId"]}
        for page in pages
        for one in page.get("Versions", [])
    ]
