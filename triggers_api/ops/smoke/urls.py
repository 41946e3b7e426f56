"""The URL of the API that a smoke test checks."""

from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.errors import (
    CredentialsError,
    PermissionDeniedError,
    StackMissingError,
)
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Target
from triggers_api.ops.urls import base_url

LOCAL_URL = "http://127.0.0.1:8000"
"""The address of `triggers dev` by default."""


def find_url(target: Target, *, instead: str = "--url and --key") -> str:
    """Return the URL of a stage's API: the stack's `ApiUrl`, or the address of `triggers dev` if local.

    Args:
        target: The stage.
        instead: The options with which the URL is not looked up, for the hint of an error.

    Raises:
        OperatorError: The stack, or its output, cannot be read.
    """
    if target.is_local:
        return LOCAL_URL
    from triggers_api.ops.aws import Aws, region_of  # botocore is slow to import
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.status import read_outputs

    with hinting(f"Or give {instead}: then AWS is not asked."):
        aws = Aws(target, region_of(target))
        with explain_aws_errors(target, aws.region):
            outputs = read_outputs(aws)
    if "ApiUrl" not in outputs:
        raise StackMissingError(
            f"The stack {target.stack_name.value} has no ApiUrl.",
            reason="it is not complete",
            hint=f"Give {instead.partition(' ')[0]}, or see why: {triggers_command('status')}",
        )
    return base_url(outputs["ApiUrl"])


@contextmanager
def hinting(hint: str) -> Iterator[None]:
    """Add an alternative to the hint of an error about credentials or permissions."""
    try:
        yield
    except (CredentialsError, PermissionDeniedError) as error:
        raise type(error)(error.message, reason=error.reason, hint=f"{error.hint} {hint}") from error
