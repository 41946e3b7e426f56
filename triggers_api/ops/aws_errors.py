"""Translate boto3 and botocore errors into operator errors with a reason and a fix.

Error codes are compared by name, because one condition has several: an expired token alone is reported as
`ExpiredToken` or as `ExpiredTokenException`, depending on the service.
"""

from collections.abc import Iterator
from contextlib import contextmanager

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
    OperatorError,
    PermissionDeniedError,
    StoreUnavailableError,
    TableMissingError,
)
from triggers_api.ops.target import Setting, Target

EXPIRED = {"ExpiredToken", "ExpiredTokenException"}
BAD_CREDENTIALS = EXPIRED | {
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired"}
GET_CREDENTIALS = "Run aws configure or aws sso login, set AWS_PROFILE, or pass --profile."
_UNUSABLE_CREDENTIALS = (
    ConfigParseError,
    InvalidConfigError,
    PartialCredentialsError,
    CredentialRetrievalError,
    SSOError,
    TokenRetrievalError,
)


@contextmanager
def explain_aws_errors(target: Target, region: Setting | None) -> Iterator[None]:
    """Raise an operator error in place of any error of boto3, of botocore or of the network.

    Raises:
        OperatorError: An AWS call failed; see `operator_error`.
    """
    try:
        yield
    except (StoreUnavailableError, ConfigurationError) as error:
        if isinstance(error.__cause__, ClientError | BotoCoreError):
            raise operator_error(error.__cause__, target, region) from error
        raise
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        raise operator_error(error, target, region) from error


def operator_error(error: Exception, target: Target, region: Setting | None) -> OperatorError:
    """Return the error that explains a boto3 or botocore error to the operator."""
    if isinstance(error, ClientError):
        return _rejected_request(error, target, region)
    if isinstance(error, NoCredentialsError):
        return CredentialsError(
            "No AWS credentials found.", reason="none are configured on this machine", hint=GET_CREDENTIALS
        )
    if isinstance(error, ProfileNotFound):
        profile = target.profile or f"{error.kwargs['profile']} (AWS_PROFILE)"
        return CredentialsError(
            f"There is no AWS profile {profile}.",
            reason="the AWS configuration on this machine has no profile of this name",
            hint="Correct AWS_PROFILE or --profile; aws configure list-profiles lists the profiles.",
        )
    if isinstance(error, _UNUSABLE_CREDENTIALS):
        return CredentialsError("The AWS credentials are unusable.", reason=str(error), hint=GET_CREDENTIALS)
    return AwsUnavailableError(
        f"AWS cannot be reached in {region}.",
        reason=_network_reason(error),
        hint="Check the network, the region, and any *_ENDPOINT_URL variables.",
    )


def _rejected_request(error: ClientError, target: Target, region: Setting | None) -> OperatorError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in EXPIRED:
        return CredentialsError(
            "The AWS credentials have expired.",
            reason=f"{code}: {message}",
            hint="Renew them with aws sso login, get new temporary ones, or pass another --profile.",
        )
    if code in BAD_CREDENTIALS:
        return CredentialsError(
            "AWS rejected the credentials.", reason=f"{code}: {message}", hint=GET_CREDENTIALS
        )
    if code in DENIED:
        return PermissionDeniedError(
            "These AWS credentials lack a permission.",
            reason=message or code,
            hint="Ask for the permission, or use another profile with --profile.",
        )
    if code == "ValidationException":
        return TableMissingError(
            f"Table {target.keys_table} in {region} was not created by this program.",
            reason=message,
            hint="Check --stage, --region and --profile.",
        )
    if code == "ResourceNotFoundException":
        return TableMissingError(
            f"Stage {target.stage.value} has no table {target.keys_table} in {region}.",
            reason="it is not deployed there, or the stage, region or account is wrong",
            hint="Check --stage, --region and --profile, or deploy the stage.",
        )
    return AwsUnavailableError(
        "The AWS request failed.", reason=f"{code}: {message}", hint="Try again in a moment."
    )


def _network_reason(error: Exception) -> str:
    """Return the network error itself; the botocore error around it adds nothing."""
    cause = getattr(error, "kwargs", {}).get("error")
    return str(error) if cause is None else f"{type(cause).__name__}: {cause}"
