"""The URL of the API that a smoke test checks, and whether a key may be sent to it."""

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from triggers_api.errors import (
    ConfigurationError,
    CredentialsError,
    PermissionDeniedError,
    StackMissingError,
)
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Target

LOCAL_URL = "http://127.0.0.1:8000"
"""The address of `triggers dev` by default."""

_URL = re.compile(r"https?://[^\s/?#@\\]+(/[^\s?#@\\]*)?", re.ASCII | re.IGNORECASE)


def base_url(text: str) -> str:
    """Return an API's URL with its stage, without a slash at its end.

    Raises:
        ConfigurationError: The text is not such a URL. It may hold credentials, so it is not repeated.
    """
    from httpx import URL, InvalidURL

    try:
        URL(text)
        parts = urlsplit(text)
        is_valid = _URL.fullmatch(text) is not None and bool(parts.hostname) and parts.port != 0
    except (ValueError, InvalidURL):
        is_valid = False
    if not is_valid:
        raise ConfigurationError(
            "--url is not the URL of an API.",
            reason="it must begin with https:// or http://, and have neither credentials nor a query",
            hint="Give one such as https://API-ID.execute-api.us-east-1.amazonaws.com/prod.",
        )
    return text.rstrip("/")


def find_url(target: Target) -> str:
    """Return the URL of a stage's API: the stack's `ApiUrl`, or the address of `triggers dev` if local.

    Raises:
        OperatorError: The stack, or its output, cannot be read.
    """
    if target.is_local:
        return LOCAL_URL
    from triggers_api.ops.aws import Aws, region_of  # botocore is slow to import
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.status import read_outputs

    with hinting("Or give --url and --key: then AWS is not asked."):
        aws = Aws(target, region_of(target))
        with explain_aws_errors(target, aws.region):
            outputs = read_outputs(aws)
    if "ApiUrl" not in outputs:
        raise StackMissingError(
            f"The stack {target.stack_name.value} has no ApiUrl.",
            reason="it is not complete",
            hint=f"Give --url, or see why: {triggers_command('status')}",
        )
    return base_url(outputs["ApiUrl"])


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_in_clear(url: str) -> bool:
    """Return whether others on the network can read what is sent to a URL, the key included."""
    return urlsplit(url).scheme == "http" and not is_loopback(url)


@contextmanager
def hinting(hint: str) -> Iterator[None]:
    """Add an alternative to the hint of an error about credentials or permissions."""
    try:
        yield
    except (CredentialsError, PermissionDeniedError) as error:
        raise type(error)(error.message, reason=error.reason, hint=f"{error.hint} {hint}") from error
