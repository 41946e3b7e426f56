"""Where the API is that a smoke test checks, and whether a key may travel there."""

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
from triggers_api.ops.target import Target

LOCAL_URL = "http://127.0.0.1:8000"
"""Where `triggers dev` listens unless told otherwise."""

_URL = re.compile(r"https?://[^\s/?#@\\]+(/[^\s?#@\\]*)?", re.ASCII | re.IGNORECASE)


def base_url(text: str) -> str:
    """Return an API's URL, with its stage and without a slash at its end.

    `ConfigurationError` for what is none; the message does not repeat it, for it may hold credentials.
    """
    from httpx import URL, InvalidURL

    try:
        URL(text)
        parts = urlsplit(text)
        sound = _URL.fullmatch(text) is not None and bool(parts.hostname) and parts.port != 0
    except (ValueError, InvalidURL):
        sound = False
    if not sound:
        raise ConfigurationError(
            "--url is not the URL of an API.",
            reason="it begins with https:// or http://, and has neither credentials nor a query",
            hint="Give one such as https://API-ID.execute-api.us-east-1.amazonaws.com/prod.",
        )
    return text.rstrip("/")


def url_of(target: Target) -> str:
    """Return the URL of a stage's API: `triggers dev`'s for the local one, else the stack's `ApiUrl`.

    `OperatorError` where the account does not tell.
    """
    if target.is_local:
        return LOCAL_URL
    from triggers_api.ops.aws import Aws, region_of
    from triggers_api.ops.aws_errors import explain_aws_errors  # boto3, where it is needed
    from triggers_api.ops.status import read_outputs

    with way_out("Or give --url and --key: then AWS is not asked."):
        aws = Aws(target, region_of(target))
        with explain_aws_errors(target, aws.region):
            outputs = read_outputs(aws)
    if "ApiUrl" not in outputs:
        raise StackMissingError(
            f"The stack {target.stack_name.value} has no ApiUrl.",
            reason="it is not complete",
            hint="See triggers status, or give --url.",
        )
    return base_url(outputs["ApiUrl"])


def is_loopback(url: str) -> bool:
    """Tell whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_in_clear(url: str) -> bool:
    """Tell whether what is sent there, a key too, can be read on the way."""
    return urlsplit(url).scheme == "http" and not is_loopback(url)


@contextmanager
def way_out(hint: str) -> Iterator[None]:
    """Add what else can be done to an error about credentials or permissions."""
    try:
        yield
    except (CredentialsError, PermissionDeniedError) as error:
        raise type(error)(error.message, reason=error.reason, hint=f"{error.hint} {hint}") from error
