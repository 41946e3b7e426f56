"""Remove what SAM uploads for a plan, so that a plan leaves nothing behind.

SAM creates a change set only after it has uploaded the artifact, so a plan uploads too. An artifact is named
by a hash of its content, so another deployment of the same sources uses the same object. Nothing is removed
if such a deployment is running, or has finished in the meantime.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import DeploymentError, OperatorError
from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.deploy.preflight import SAM_STACK


@dataclass(slots=True)
class Uploads:
    """The uploads of a plan; `are_kept` is set when the block ends."""

    are_kept: bool = False


@contextmanager
def remove_uploads(aws: Aws, cloudformation: CloudFormation) -> Iterator[Uploads]:
    """On exit, delete what was uploaded for a stack inside the block, and SAM's bucket if that is new too.

    A `SystemExit` (the second Ctrl-C) skips the cleanup.

    Raises:
        DeploymentError: S3 refused to delete an object. If the block itself failed, its own error is raised
            instead, with a note about the uploads in the hint.
    """
    cleanup = _Cleanup(aws, cloudformation)
    uploads = Uploads()
    try:
        yield uploads
    except SystemExit:
        raise
    except OperatorError as error:
        try:
            cleanup.run()
        except (ClientError, BotoCoreError, OperatorError) as cleanup_error:
            error.hint = f"The plan's uploads may be left in SAM's bucket ({cleanup_error}). {error.hint}"
        raise
    except BaseException:
        cleanup.run()
        raise
    uploads.are_kept = not cleanup.run()


class _Cleanup:
    """Remembers the bucket and the stack as they were before the plan."""

    def __init__(self, aws: Aws, cloudformation: CloudFormation) -> None:
        self._s3 = aws.client("s3")
        self._cloudformation = cloudformation
        self._sam = CloudFormation(aws.client("cloudformation"), SAM_STACK)
        self._prefix = f"{cloudformation.name}/"
        sam_stack = self._sam.stack()
        bucket = _bucket(sam_stack)
        self._stack = cloudformation.stack()
        self._bucket_is_new = sam_stack is None
        self._earlier = self._versions(bucket, self._prefix) if bucket else []

    def run(self) -> bool:
        """Delete the new objects and return True; return False if another deployment may need them."""
        sam_stack = self._sam.stack()
        bucket = _bucket(sam_stack)
        if sam_stack is None or not bucket:
            return True
        added = [one for one in self._versions(bucket, self._prefix) if one not in self._earlier]
        if added and self._is_stack_in_use():
            return False
        if added:
            response = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": added, "Quiet": True})
            if errors := response.get("Errors"):
                raise DeploymentError(
                    f"Could not delete the plan's uploads from bucket {bucket}.",
                    reason=f"{errors[0]['Key']}: {errors[0].get('Message', errors[0].get('Code'))}",
                    hint=f"Delete the objects under {self._prefix}, or leave them for the next deployment.",
                )
        if self._bucket_is_new and not self._versions(bucket, ""):
            list(self._sam.delete_stack(sam_stack.id))
        return True

    def _is_stack_in_use(self) -> bool:
        """Return whether another deployment of the stack is pending, is running, or finished since."""
        before, now = self._stack, self._cloudformation.stack()
        if now is None:
            return False
        if before is None or (before.id, before.changed_at) != (now.id, now.changed_at):
            return True
        return now.is_busy or any(self._cloudformation.change_sets().values())

    def _versions(self, bucket: str, prefix: str) -> list[dict[str, str]]:
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        return [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for page in pages
            for one in page.get("Versions", [])
        ]


def _bucket(sam_stack: Stack | None) -> str:
    return sam_stack.outputs.get("SourceBucket", "") if sam_stack else ""
