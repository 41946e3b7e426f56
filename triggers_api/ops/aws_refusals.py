"""Explain why AWS refused a request, by the code of the refusal.

One condition has several codes: an expired token is `ExpiredToken` or `ExpiredTokenException`, depending on
the service. And one code has several causes: AWS reports a key as invalid if the region is not enabled.
"""

import re
from http import HTTPStatus

from botocore.exceptions import ClientError

from triggers_api.errors import (
    AwsUnavailableError,
    CredentialsError,
    OperatorError,
    PermissionDeniedError,
    TableMissingError,
)
from triggers_api.ops.aws_profiles import find_login, find_setting, profile_name
from triggers_api.ops.shell_commands import aws_command, triggers_command
from triggers_api.ops.target import DEFAULT_REGION, Setting, Target

SET_CLOCK = "Set this machine's clock, for example with `sudo timedatectl set-ntp true`."

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
BAD_CREDENTIALS = EXPIRED | {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnauthorizedException",
    "UnrecognizedClientException",
}
DENIED = {
    "403",  # of an answer without a body, as to HeadBucket
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "ForbiddenException",
    "NotAuthorized",
    "UnauthorizedOperation",
}

_CLOCK_CODES = {"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"}
_CLOCK_TEXT = re.compile(r"Signature (expired|not yet current)", re.IGNORECASE)
_REGION_CODES = {"OptInRequired", "RegionDisabledException"}
_UNKNOWN_KEY = {"AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}
_ALWAYS_ENABLED = re.compile(
    r"(us-east|us-west|ap-southeast)-[12]|(eu-west|ap-northeast)-[123]|(eu-central|eu-north|ap-south"
    r"|ca-central|sa-east)-1|(cn|us-gov|us-iso\w*|eu-iso\w*|eusc)-.*"
)
"""Regions that no account has to enable: those of before March 2019, and all of the other partitions."""
_CREDENTIAL_CALLS = {
    "AssumeRole",
    "AssumeRoleWithWebIdentity",
    "CreateOAuth2Token",
    "CreateToken",
    "GetRoleCredentials",
}
"""The calls that botocore makes to get credentials."""
_BUSY = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
_POLICY = re.compile(r"explicit deny in an? ([\w -]*policy|permissions boundary)")


def get_credentials() -> str:
    """Return how to get credentials."""
    configure, login = aws_command("configure"), aws_command("sso", "login")
    return f"Run `{configure}` or `{login}`, set AWS_PROFILE, or pass --profile."


def explain_refusal(error: ClientError, target: Target, region: Setting | None) -> OperatorError:
    """Return the error that explains a refusal to the operator."""
    details = error.response["Error"]
    code, message = str(details.get("Code", "")), str(details.get("Message", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason = f"{code}: {message}"
    if rejected := _rejected_credentials(code, message, target, region):
        return rejected
    is_denied = code in DENIED or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if error.operation_name == "GetRoleCredentials" and (is_denied or code == "ResourceNotFoundException"):
        return _missing_sso_role(reason, target)
    if is_denied:
        return _denied(code, message)
    if (
        error.operation_name in _CREDENTIAL_CALLS
        and code not in _BUSY
        and status < HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return CredentialsError(
            f"AWS gave out no credentials for profile {profile_name(target)}.",
            reason=f"{error.operation_name}: {reason}",
            hint="Correct the profile in ~/.aws/config, or use another one with --profile.",
        )
    if code in {"ValidationException", "ResourceNotFoundException"}:
        return _missing_table(code, message, target, region)
    return AwsUnavailableError("The AWS request failed.", reason=reason, hint="Try again in a moment.")


def _rejected_credentials(
    code: str, message: str, target: Target, region: Setting | None
) -> CredentialsError | None:
    """Return the error if AWS rejected the credentials themselves, or the signature."""
    reason = f"{code}: {message}"
    if code in _CLOCK_CODES or (code in BAD_CREDENTIALS and _CLOCK_TEXT.search(message)):
        return CredentialsError(
            "AWS rejected the time of the request: this machine's clock is wrong.",
            reason=reason,
            hint=SET_CLOCK,
        )
    if code in EXPIRED:
        return CredentialsError(
            "The AWS credentials have expired.",
            reason=reason,
            hint=_renewal(target),
        )
    if "MultiFactorAuthentication failed" in message:
        return CredentialsError(
            "AWS rejected the MFA code.",
            reason=reason,
            hint="Wait for the next code of the device, and run the command again.",
        )
    name = "" if region is None else region.value
    if code in _REGION_CODES or (code in _UNKNOWN_KEY and not _ALWAYS_ENABLED.fullmatch(name)):
        # The call itself must go to a region that is enabled.
        enable = aws_command("account", "enable-region", "--region-name", name, region=DEFAULT_REGION)
        return CredentialsError(
            f"AWS rejected the credentials in {region}, a region that an account must enable first.",
            reason=reason,
            hint=f"Enable it with `{enable}`. "
            f"If it is enabled, the credentials are wrong. {get_credentials()}",
        )
    if code in BAD_CREDENTIALS:
        return CredentialsError("AWS rejected the credentials.", reason=reason, hint=get_credentials())
    return None


def _renewal(target: Target) -> str:
    """Return how to renew expired credentials. Those without a profile are in variables."""
    login = None if target.profile is None else find_login(target)
    if login is None:
        return "Get new temporary credentials, or pass another --profile."
    return f"Run `{login}`, or pass another --profile."


def _missing_sso_role(reason: str, target: Target) -> PermissionDeniedError:
    role, account = (find_setting(target, name) for name in ("sso_role_name", "sso_account_id"))
    profile = role[0] if role else profile_name(target)
    return PermissionDeniedError(
        f"The SSO user of profile {profile} does not have the role of the profile.",
        reason=f"{reason} (sso_role_name {role and role[1]}, sso_account_id {account and account[1]})",
        hint="Correct sso_role_name and sso_account_id in ~/.aws/config, or ask for the role.",
    )


def _denied(code: str, message: str) -> PermissionDeniedError:
    policy = _POLICY.search(message)
    if policy is None:
        hint = "Ask for the permission, or use another profile with --profile."
    else:
        hint = f"Ask the administrator of the {policy[1]}, which denies it whatever else is allowed."
    return PermissionDeniedError(
        "These AWS credentials lack a permission.", reason=message or code, hint=hint
    )


def _missing_table(code: str, message: str, target: Target, region: Setting | None) -> TableMissingError:
    if code == "ValidationException":
        return TableMissingError(
            f"The tables of stage {target.stage.value} in {region} were not created by this program.",
            reason=message,
            hint="Check --stage, --region and --profile.",
        )
    return TableMissingError(
        f"Stage {target.stage.value} has no tables in {region}.",
        reason="it is not deployed there, or the stage, region or account is wrong",
        hint=f"Check --stage, --region and --profile. To deploy the stage: {triggers_command('deploy')}",
    )
