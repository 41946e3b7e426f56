"""Translate botocore's errors into operator errors with a reason and a fix.

An exception of botocore is explained by its cause (`ops/aws_causes.py`), and a refusal of AWS by its code.
"""

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from string import Formatter

from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, WaiterError

from triggers_api.errors import (
    AwsUnavailableError,
    ConfigurationError,
    CredentialsError,
    OperatorError,
    PermissionDeniedError,
    StoreUnavailableError,
)
from triggers_api.ops.aws_causes import Cause, cause_of
from triggers_api.ops.aws_profiles import LOGIN, SSO_LOGIN, find_setting, login_command, profile_name
from triggers_api.ops.aws_refusals import EXPIRED, SET_CLOCK, explain_refusal, get_credentials
from triggers_api.ops.shell_commands import aws_command, python_command, triggers_command
from triggers_api.ops.target import Setting, Target

_SECRET = re.compile(r"[A-Za-z0-9/+=_-]{20,}")
_MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class _Explanation:
    """An error's class, message and hint, with the names of `_explain` to fill in."""

    error: type[OperatorError]
    message: str
    hint: str


_EXPLANATIONS: Mapping[Cause, _Explanation] = {
    Cause.NO_CREDENTIALS: _Explanation(CredentialsError, "No AWS credentials found.", "{get_credentials}"),
    Cause.UNKNOWN_PROFILE: _Explanation(
        CredentialsError,
        "There is no AWS profile {profile}.",
        "Correct AWS_PROFILE or --profile; `{list_profiles}` lists the profiles.",
    ),
    Cause.UNREADABLE_CONFIGURATION: _Explanation(
        CredentialsError,
        "The AWS configuration of this machine cannot be read.",
        "Correct the file: a section is [profile NAME], and a setting is a line with NAME = VALUE.",
    ),
    Cause.WRONG_PROFILE: _Explanation(
        CredentialsError,
        "The AWS settings of this machine are incomplete or contradictory.",
        "Correct the profile in ~/.aws/config and ~/.aws/credentials, or the AWS_* variables.",
    ),
    Cause.SOURCE_FAILED: _Explanation(
        CredentialsError,
        "The source of the AWS credentials failed.",
        "Repair the source that the reason names, or use another profile with --profile.",
    ),
    Cause.PROCESS_FAILED: _Explanation(
        CredentialsError,
        "The credential_process of AWS profile {profile} failed.",
        "Run the program that credential_process names in ~/.aws/config: it must exit with 0, and print the "
        "credentials as JSON.",
    ),
    Cause.MFA_EXPIRED: _Explanation(
        CredentialsError,
        "The AWS credentials have expired, and new ones need an MFA code.",
        "Run the command again, and enter a new code.",
    ),
    Cause.SSO_EXPIRED: _Explanation(
        CredentialsError, "The AWS SSO session has expired, or was never started.", "Run `{sso_login}`."
    ),
    Cause.LOGIN_EXPIRED: _Explanation(
        CredentialsError, "The session of aws login has expired, or was never started.", "Run `{login}`."
    ),
    Cause.LOGIN_DENIED: _Explanation(
        PermissionDeniedError,
        "The session of aws login may not be renewed.",
        "Ask for the permission signin:CreateOAuth2Token, then run `{login}`.",
    ),
    Cause.MISSING_DEPENDENCY: _Explanation(
        CredentialsError,
        "AWS profile {profile} needs a package that is not in use.",
        "Run `{install_crt}`, and unset BOTO_DISABLE_CRT.",
    ),
    Cause.WRONG_CLOCK: _Explanation(
        CredentialsError,
        "New AWS credentials have already expired: this machine's clock is wrong.",
        SET_CLOCK,
    ),
    Cause.UNREACHABLE: _Explanation(
        AwsUnavailableError,
        "AWS cannot be reached in {region}.",
        "Check the network, the region, and any *_ENDPOINT_URL variables.",
    ),
    Cause.PROXY: _Explanation(
        AwsUnavailableError,
        "AWS cannot be reached through the proxy.",
        "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
    ),
    Cause.TLS: _Explanation(
        AwsUnavailableError,
        "The TLS connection to AWS in {region} failed.",
        "Set AWS_CA_BUNDLE to your network's certificate authority, and check this machine's clock.",
    ),
    Cause.WRONG_SETTING: _Explanation(
        ConfigurationError,
        "An AWS setting of this machine is wrong.",
        "Correct it in the environment (AWS_*) or in ~/.aws/config.",
    ),
    Cause.WRONG_REGION: _Explanation(
        ConfigurationError,
        "AWS has no such service in {region}.",
        "Check --region, AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT.",
    ),
    Cause.NO_END: _Explanation(
        AwsUnavailableError, "AWS did not finish in time.", "See `{status}`, and try again."
    ),
    Cause.BUG: _Explanation(
        OperatorError,
        "Unexpected error of the AWS SDK.",
        "Run the command again with --debug, and report what it prints.",
    ),
}


_ERRORS_OF_STDOUT = {errno.EPIPE, errno.ENOSPC, errno.EIO}
"""botocore wraps the errors of its connections, so these come from a command that printed its answer."""


@contextmanager
def explain_aws_errors(target: Target, region: Setting | None) -> Iterator[None]:
    """Raise an operator error in place of any error of botocore or of the network.

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
        if isinstance(error, OSError) and error.errno in _ERRORS_OF_STDOUT and error.filename is None:
            raise
        raise operator_error(error, target, region) from error


@contextmanager
def explain_credential_errors(target: Target, region: Setting | None) -> Iterator[None]:
    """Raise an operator error in place of any error while the credentials are resolved.

    botocore reads files, starts a program and parses what that prints, so this may be any exception.

    Raises:
        OperatorError: The credentials cannot be resolved. The error names what failed.
    """
    try:
        yield
    except OperatorError:
        raise
    except Exception as error:
        if isinstance(error, ClientError | BotoCoreError):
            raise operator_error(error, target, region) from error
        raise _explain(error, _cause_at_the_source(error, target), target, region) from error


def operator_error(error: Exception, target: Target, region: Setting | None) -> OperatorError:
    """Return the error that explains an error of botocore to the operator."""
    if isinstance(error, ClientError):
        return explain_refusal(error, target, region)
    if isinstance(error, WaiterError) and "Error" in (error.last_response or {}):
        return explain_refusal(ClientError(error.last_response, "waiter"), target, region)
    cause = cause_of(error)
    if isinstance(error, CredentialRetrievalError) and error.kwargs["provider"] == "custom-process":
        cause = Cause.PROCESS_FAILED
    if cause is None:
        of_file = isinstance(error, OSError) and error.filename is not None
        cause = Cause.WRONG_SETTING if of_file or isinstance(error, ValueError) else Cause.UNREACHABLE
    return _explain(error, cause, target, region)


def is_expired(error: Exception) -> bool:
    """Return whether the credentials have expired, so that reading them again may help."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in EXPIRED
    return cause_of(error) in {Cause.MFA_EXPIRED, Cause.SSO_EXPIRED, Cause.LOGIN_EXPIRED}


def _cause_at_the_source(error: Exception, target: Target) -> Cause:
    if isinstance(error, RuntimeError) and "still expired" in str(error):
        return Cause.WRONG_CLOCK
    return Cause.PROCESS_FAILED if find_setting(target, "credential_process") else Cause.SOURCE_FAILED


def _explain(error: Exception, cause: Cause, target: Target, region: Setting | None) -> OperatorError:
    found = _EXPLANATIONS[cause]
    process = find_setting(target, "credential_process") if cause is Cause.PROCESS_FAILED else None
    makers: Mapping[str, Callable[[], object]] = {
        "region": lambda: region,
        "profile": lambda: process[0] if process else target.profile or profile_name(target),
        "login": lambda: login_command(target, LOGIN),
        "sso_login": lambda: login_command(target, SSO_LOGIN),
        "list_profiles": lambda: aws_command("configure", "list-profiles"),
        "install_crt": lambda: python_command("pip", "install", "botocore[crt]"),
        "get_credentials": get_credentials,
        "status": lambda: triggers_command("status"),
    }
    names = (name for _, name, _, _ in Formatter().parse(found.message + found.hint) if name)
    values = {name: makers[name]() for name in names}  # some of them read the AWS configuration
    return found.error(
        found.message.format(**values), reason=_reason(error, cause), hint=found.hint.format(**values)
    )


def _reason(error: Exception, cause: Cause) -> str:
    """Return the reason on one line. The output of another program is shortened, and secrets are masked."""
    details = getattr(error, "kwargs", {})
    if cause in {Cause.UNREACHABLE, Cause.PROXY, Cause.TLS} and (network := details.get("error")) is not None:
        return f"{type(network).__name__}: {network}"  # botocore's error around it adds nothing
    if cause is Cause.NO_CREDENTIALS:
        return "none are configured on this machine"
    if cause is Cause.UNKNOWN_PROFILE:
        return "the AWS configuration on this machine has no profile of this name"
    text = str(error)
    if cause in {Cause.PROCESS_FAILED, Cause.SOURCE_FAILED} and not isinstance(error, OSError):
        lines = str(details.get("error_msg", error)).strip().splitlines() or ["it printed no reason"]
        text = _SECRET.sub("...", lines[-1])[:_MAX_REASON]
    is_known = isinstance(error, BotoCoreError | OSError)
    return " ".join((text if is_known else f"{type(error).__name__}: {text}").split())
