"""The account and region that a command works in, and AWS's errors in words that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    InvalidConfigError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from triggers_api.errors import (
    AwsUnavailableError,
    ConfigurationError,
    CredentialsError,
    PermissionDeniedError,
    StoreUnavailableError,
    TableMissingError,
    TriggersError,
)
from triggers_api.ops.target import DEFAULT_REGION, Setting, Target

BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
EXPIRED = {"ExpiredToken", "ExpiredTokenException"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired"}
# Patient with AWS's throttling, not with a network that is not there.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3, "mode": "standard"})
_GET_CREDENTIALS = "Run aws configure or aws sso login, set AWS_PROFILE, or give --profile."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works: the account's number, with where its credentials come from, and the region."""

    account: str
    region: Setting
    caller: str = ""
    """The ARN of the credentials."""


class Aws:
    """The services of the account and region that a command works in."""

    def __init__(self, target: Target, region: Setting) -> None:
        self.target, self.region = target, region
        # One session: where a profile assumes a role with a second factor, each new one asks for a code.
        self._session: boto3.session.Session | None = None

    def client(self, service: str) -> Any:
        """Return a boto3 client; what it raises is for `explained`."""
        if self._session is None:
            profile = None if self.target.profile is None else self.target.profile.value
            self._session = boto3.session.Session(profile_name=profile)
        return self._session.client(service, region_name=self.region.value, config=_CONFIG)  # type: ignore[call-overload] # the stubs know DynamoDB only

    def renew(self) -> None:
        """Read the credentials anew for the next client: they may have been renewed where they are kept."""
        self._session = None

    def caller(self) -> Place:
        """Ask AWS whose credentials these are, which needs no permission."""
        identity = self.client("sts").get_caller_identity()
        credentials = self._session.get_credentials() if self._session else None
        origin = credentials.method if credentials else "unknown"
        return Place(f"{identity['Account']} ({origin})", self.region, identity["Arn"])


def region_of(target: Target) -> Setting:
    """Return the target's region, where need be the profile's; `CredentialsError` for an unknown profile."""
    if target.region is not None:
        return target.region
    profile = None if target.profile is None else target.profile.value
    session = botocore.session.Session(profile=profile)
    try:
        region = session.get_config_variable("region")
    except BotoCoreError as error:
        raise explanation(error, target, None) from error
    return (
        Setting(region, f"profile {session.profile or 'default'}")
        if region
        else Setting(DEFAULT_REGION, "default")
    )


def locate(target: Target) -> Place:
    """Ask AWS whose credentials these are, which needs no permission.

    An emulator of DynamoDB alone (`DYNAMODB_ENDPOINT_URL`) has nobody to ask.
    """
    region = region_of(target)
    if target.dynamodb_endpoint_url:
        return Place(f"of {target.dynamodb_endpoint_url}", region)
    with explained(target, region):
        return Aws(target, region).caller()


@contextmanager
def explained(target: Target, region: Setting | None) -> Iterator[None]:
    """Turn what AWS or botocore says into an error with a reason and a remedy."""
    try:
        yield
    except (StoreUnavailableError, ConfigurationError) as error:
        if isinstance(error.__cause__, ClientError | BotoCoreError):
            raise explanation(error.__cause__, target, region) from error
        raise
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        raise explanation(error, target, region) from error


def explanation(error: Exception, target: Target, region: Setting | None) -> TriggersError:
    """Return the error that says what AWS or botocore means, and what to do."""
    if isinstance(error, ClientError):
        return _refused(error, target, region)
    if isinstance(error, NoCredentialsError):
        return CredentialsError(
            "There are no AWS credentials.", reason="none were found on this machine", hint=_GET_CREDENTIALS
        )
    if isinstance(error, ProfileNotFound):
        profile = target.profile or f"{error.kwargs['profile']} (AWS_PROFILE)"
        return CredentialsError(
            f"There is no AWS profile {profile}.",
            reason="AWS's configuration on this machine has none of this name",
            hint="Correct AWS_PROFILE or --profile: aws configure list-profiles shows those there are.",
        )
    bad = (
        ConfigParseError,
        InvalidConfigError,
        PartialCredentialsError,
        CredentialRetrievalError,
        SSOError,
        TokenRetrievalError,
    )
    if isinstance(error, bad):
        return CredentialsError(
            "The AWS credentials cannot be used.", reason=str(error), hint=_GET_CREDENTIALS
        )
    return AwsUnavailableError(
        f"AWS cannot be reached in {region}.",
        reason=_inner(error),
        hint="Check the network, the region, and the variables *_ENDPOINT_URL where they are set.",
    )


def _refused(error: ClientError, target: Target, region: Setting | None) -> TriggersError:
    code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in EXPIRED:
        return CredentialsError(
            "The AWS credentials have expired.",
            reason=f"{code}: {said}",
            hint="Renew them with aws sso login, or get new temporary ones, or give another --profile.",
        )
    if code in BAD_CREDENTIALS:
        return CredentialsError(
            "AWS does not take these credentials.", reason=f"{code}: {said}", hint=_GET_CREDENTIALS
        )
    if code in DENIED:
        return PermissionDeniedError(
            "These AWS credentials lack a permission.",
            reason=said or code,
            hint="Ask for it, or use another profile with --profile.",
        )
    if code == "ValidationException":
        return TableMissingError(
            f"The table {target.keys_table} in {region} is not one of this program.",
            reason=said,
            hint="Check --stage, --region and --profile.",
        )
    if code == "ResourceNotFoundException":
        return TableMissingError(
            f"The stage {target.stage.value} has no table {target.keys_table} in {region}.",
            reason="it is not deployed there, or the stage, the region or the account is another",
            hint="Check --stage, --region and --profile, or deploy the stage.",
        )
    return AwsUnavailableError(
        "AWS did not do what was asked.", reason=f"{code}: {said}", hint="Try again in a moment."
    )


def _inner(error: Exception) -> str:
    """Return what went wrong on the network; what botocore wraps around it is no help."""
    wrapped = getattr(error, "kwargs", {}).get("error")
    return str(error) if wrapped is None else f"{type(wrapped).__name__}: {wrapped}"
