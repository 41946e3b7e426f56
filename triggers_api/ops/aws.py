"""Give a command its boto3 clients, for the one account and region that it works in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from triggers_api.ops.aws_errors import explain_aws_errors, operator_error
from triggers_api.ops.credentials import child_environment, forget_sessions, open_session
from triggers_api.ops.shell_commands import set_region
from triggers_api.ops.target import DEFAULT_REGION, Setting, Target

# Retry when AWS throttles, but do not wait long for an unreachable network.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3, "mode": "standard"})


@dataclass(frozen=True, slots=True)
class Place:
    """The account and region that a command works in, each with its origin."""

    account: str
    region: Setting
    caller: str = ""
    """The ARN that the credentials belong to."""


class Aws:
    """The boto3 clients of one command."""

    def __init__(self, target: Target, region: Setting) -> None:
        self.target, self.region = target, region
        self._session: boto3.session.Session | None = None

    def client(self, service: str) -> Any:
        """Return a client. Call it inside `explain_aws_errors`, since it raises botocore's own errors.

        Raises:
            OperatorError: The credentials cannot be resolved.
        """
        if self._session is None:
            self._session = boto3.session.Session(botocore_session=open_session(self.target, self.region))
        client: Any = self._session.client
        return client(service, self.region.value, config=_CONFIG)

    def child_environment(self, environment: Mapping[str, str], folder: Path) -> dict[str, str]:
        """Return an environment in which another program works in this account and region.

        See `credentials.child_environment`.

        Raises:
            OperatorError: The credentials cannot be resolved, or not be renewed.
            OSError: The folder cannot be written.
        """
        session = open_session(self.target, self.region)
        return child_environment(session, environment, folder)

    def renew(self) -> None:
        """Reload the credentials for the next client; they may have been renewed on disk."""
        forget_sessions()
        self._session = None

    def caller(self) -> Place:
        """Ask AWS who owns the credentials; this needs no permission."""
        identity = self.client("sts").get_caller_identity()
        credentials = self._session.get_credentials() if self._session else None
        origin = credentials.method if credentials else "unknown"
        return Place(f"{identity['Account']} ({origin})", self.region, identity["Arn"])


def region_of(target: Target) -> Setting:
    """Return the target's region, falling back to the profile's region and to the default.

    From now on printed commands name it.

    Raises:
        CredentialsError: The profile does not exist.
    """
    region = target.region or _profile_region(target)
    set_region(region)
    return region


def _profile_region(target: Target) -> Setting:
    profile = None if target.profile is None else target.profile.value
    session = botocore.session.Session(profile=profile)
    try:
        region = session.get_config_variable("region")
    except BotoCoreError as error:
        raise operator_error(error, target, None) from error
    if region:
        return Setting(region, f"profile {session.profile or 'default'}")
    return Setting(DEFAULT_REGION, "default")


def locate(target: Target) -> Place:
    """Return the account and region of a target.

    A DynamoDB-only emulator (`DYNAMODB_ENDPOINT_URL`) has no STS, so its URL stands for the account.

    Raises:
        OperatorError: The credentials cannot be used, or AWS is unreachable.
    """
    region = region_of(target)
    if target.dynamodb_endpoint_url:
        return Place(f"of {target.dynamodb_endpoint_url}", region)
    with explain_aws_errors(target, region):
        return Aws(target, region).caller()
