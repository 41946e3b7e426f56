"""Resolve the AWS credentials of a command once, for its own clients and for the SAM CLI.

All clients of a process share one session for each profile and region. A profile may ask for an MFA code, and
each further session would ask again. SAM gets the resolved credentials, never the profile.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triggers_api.errors import CredentialsError, DeclinedError
from triggers_api.ops.target import Setting, Target

if TYPE_CHECKING:
    from botocore.session import Session

_MFA_CODE = re.compile(r"\d{6}", re.ASCII)
_CREDENTIAL_VARIABLES = re.compile(
    r"AWS_((DEFAULT_)?PROFILE|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|ACCOUNT_ID"
    r"|CREDENTIAL_\w+|CONTAINER_\w+|ROLE_\w+|WEB_IDENTITY_TOKEN_FILE|CONFIG_FILE|SHARED_CREDENTIALS_FILE)"
)
_CREDENTIAL_SETTINGS = re.compile(
    r"aws_\w+|credential_\w+|sso_\w+|source_profile|role_\w+|mfa_serial|external_id|duration_seconds"
    r"|web_identity_token_file|login_session"
)


class _Operator:
    """The operator of this process. Background threads may ask, so it is no context variable."""

    ask: Callable[[str], str] | None = None


def skip_crt(config_file: Path) -> None:
    """Keep botocore from loading its C runtime, unless a profile in the configuration needs it.

    Only a profile of `aws login` does. botocore loads an installed runtime when it is imported, which takes
    0.1 s of CPU. So this must be called before.
    """
    try:
        is_needed = b"login_session" in config_file.expanduser().read_bytes()
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        is_needed = False
    if not is_needed:
        sys.modules.setdefault("awscrt", None)  # type: ignore[arg-type] # None makes its import fail


def set_code_prompt(ask: Callable[[str], str] | None) -> None:
    """Set how to ask the operator for an MFA code; None if the command does not run interactively."""
    _Operator.ask = ask


def open_session(target: Target, region: Setting) -> "Session":
    """Return the session of the target's profile, whose credentials are resolved.

    A DynamoDB-only emulator needs no credentials.

    Raises:
        CredentialsError: There are no credentials, or they cannot be resolved.
        OperatorError: A service that gives out the credentials cannot be reached, or refuses.
    """
    from triggers_api.ops.aws_errors import explain_credential_errors  # imports botocore

    profile = None if target.profile is None else target.profile.value
    with explain_credential_errors(target, region):
        session = _open_session(profile, region.value, required=target.dynamodb_endpoint_url is None)
        credentials: Any = session.get_credentials()
    if credentials is not None:
        # A client renews them when it signs a request. What fails then is no failure of the request.
        renew = partial(type(credentials).get_frozen_credentials, credentials)
        credentials.get_frozen_credentials = explain_credential_errors(target, region)(renew)
    return session


def forget_sessions() -> None:
    """Resolve the credentials again when a session is opened next; they may have been renewed on disk."""
    _open_session.cache_clear()


def child_environment(session: "Session", environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return an environment that hands the session's credentials to another program, without its profile.

    Args:
        session: A session whose credentials are resolved. Those that expire soon are renewed.
        environment: The environment to change.
        folder: The folder for a configuration file with the other settings of the profile, such as a CA
            bundle. It must outlive the program.

    Raises:
        OperatorError: The credentials cannot be renewed.
        OSError: The folder cannot be written.
    """
    config = folder / "aws-config"
    config.write_text("".join(f"{line}\n" for line in _other_settings(session)), encoding="utf-8")
    credentials: Any = session.get_credentials()
    frozen = credentials.get_frozen_credentials()
    region = str(session.get_config_variable("region"))
    result = {name: value for name, value in environment.items() if not _CREDENTIAL_VARIABLES.fullmatch(name)}
    result |= {"AWS_ACCESS_KEY_ID": frozen.access_key, "AWS_SECRET_ACCESS_KEY": frozen.secret_key}
    if frozen.token:
        result["AWS_SESSION_TOKEN"] = frozen.token
    files = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return result | files | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}


@cache
def _open_session(profile: str | None, region: str, *, required: bool) -> "Session":
    import botocore.session
    from botocore.exceptions import NoCredentialsError

    from triggers_api.store.dynamodb.client import SESSION_VARIABLES

    session = botocore.session.Session(session_vars=SESSION_VARIABLES, profile=profile)
    session.set_config_variable("region", region)  # of the services that give out credentials
    provider: Any = session.get_component("credential_provider").get_provider("assume-role")
    provider._prompter = _ask_for_code  # noqa: SLF001 - botocore's own prompt reads stdin, whatever that is
    credentials: Any = session.get_credentials()
    if credentials is not None:
        credentials.get_frozen_credentials()  # they are fetched here, so that an error is one of credentials
    elif required:
        raise NoCredentialsError
    return session


def _ask_for_code(question: str) -> str:
    """Ask the operator for an MFA code.

    Raises:
        CredentialsError: The command does not run interactively, or the answer is not a code.
    """
    device = question.removeprefix("Enter MFA code for ").rstrip(": ")
    ask = _Operator.ask
    if ask is None:
        raise CredentialsError(
            "The AWS profile needs an MFA code: not running interactively.",
            reason=f"the profile has the mfa_serial {device}, and this command does not run on a terminal",
            hint="Run the command on a terminal, or give a profile without mfa_serial with --profile.",
        )
    try:
        code = ask(f"MFA code of {device}")
    except DeclinedError as error:
        raise CredentialsError(
            "No MFA code was entered.", reason=error.reason, hint="Run the command again."
        ) from error
    if not _MFA_CODE.fullmatch(code):
        raise CredentialsError(
            "This is not an MFA code.", reason="an MFA code has six digits", hint="Run the command again."
        )
    return code


def _other_settings(session: "Session") -> Iterator[str]:
    """Yield the lines of a configuration file with the profile's settings, except those of credentials."""
    profile: Mapping[str, Any] = session.get_scoped_config()
    yield "[default]"
    yield from _lines({k: v for k, v in profile.items() if not _CREDENTIAL_SETTINGS.fullmatch(k)})
    if name := profile.get("services"):
        yield f"[services {name}]"
        yield from _lines(session.full_config["services"].get(name, {}))


def _lines(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield f"{name} ="
            yield from (f"  {inner} = {text}" for inner, text in value.items())
        else:
            yield f"{name} = {value}"
