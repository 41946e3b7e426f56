"""What an operator reads about each error of botocore, and about each refusal of AWS."""

import errno
import inspect
from pathlib import Path

import pytest
from botocore import exceptions
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    IncompleteReadError,
    InvalidRetryModeError,
    LoginInsufficientPermissions,
    LoginRefreshRequired,
    MissingDependencyException,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    RefreshWithMFAUnsupportedError,
    SSLError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
    UnknownEndpointError,
    WaiterError,
)

from tests.support.stubbed_aws import make_target
from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.errors import (
    AwsUnavailableError,
    ConfigurationError,
    CredentialsError,
    OperatorError,
    PermissionDeniedError,
    StoreUnavailableError,
    TableMissingError,
    TriggersError,
)
from triggers_api.ops.aws_causes import CAUSES, Cause, cause_of
from triggers_api.ops.aws_errors import explain_aws_errors, explain_credential_errors, operator_error
from triggers_api.ops.shell_commands import set_target
from triggers_api.ops.target import Setting

REGION = Setting("eu-west-1", "--region")
OPT_IN = Setting("me-south-1", "--region")
OF_BOTOCORE = [
    found
    for _, found in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(found, Exception)
    and found.__module__ == exceptions.__name__
    and not issubclass(found, ClientError | Warning)
]


def refusal(code: str, message: str = "no", operation: str = "PutItem", status: int = 400) -> ClientError:
    response = {"HTTPStatusCode": status}
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": response},  # type: ignore[typeddict-item] # the rest is not read
        operation,
    )


def told(error: Exception, *, region: Setting = REGION, profile: str | None = None) -> TriggersError:
    """Return the explanation, which must be the same if the store has wrapped the error."""
    target = make_target(profile=profile)
    set_target(target)
    with pytest.raises(TriggersError) as bare, explain_aws_errors(target, region):
        raise error
    with pytest.raises(TriggersError) as wrapped, explain_aws_errors(target, region):
        raise StoreUnavailableError("The store cannot be used right now.") from error
    assert type(bare.value) is type(wrapped.value)
    for one in (bare.value, wrapped.value):
        assert one.message
        assert one.reason
        assert one.hint
        assert "\n" not in one.message + one.reason + one.hint
    return bare.value


# Exceptions of botocore


@pytest.mark.parametrize("found", OF_BOTOCORE, ids=lambda found: found.__name__)
def test_every_exception_of_botocore_has_a_cause(found: type[Exception]) -> None:
    listed = [kind for kind in found.__mro__ if kind in CAUSES]
    assert listed, f"Add {found.__name__} to CAUSES"
    assert found is BotoCoreError or listed[0] is not BotoCoreError, f"Add {found.__name__} to CAUSES"


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_an_explanation(cause: Cause) -> None:
    """Exit 1 and "cannot be reached" are for the network only."""
    kinds = [kind for kind, of in CAUSES.items() if of is cause]
    for kind in kinds:
        error = kind.__new__(kind)
        Exception.__init__(error, "no")
        # As botocore sets them.
        error.kwargs, error.last_response = {"provider": "sso"}, None  # type: ignore[attr-defined] # botocore sets both
        found = operator_error(error, make_target(), REGION)
        assert found.message.endswith(".")
        assert found.hint.endswith((".", "prints."))
        is_network = cause in {Cause.UNREACHABLE, Cause.PROXY, Cause.TLS}
        assert ("cannot be reached" in found.message or "TLS" in found.message) is is_network


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (NoCredentialsError(), "No AWS credentials found.", "--profile"),
        (
            PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            "incomplete",
            "AWS_* variables",
        ),
        (ProfileNotFound(profile="mine"), "no AWS profile", "--profile"),
        (ConfigParseError(path="/home/anna/.aws/config"), "cannot be read", "Correct the file"),
        (CredentialRetrievalError(provider="container-role", error_msg="no"), "source", "--profile"),
        (
            CredentialRetrievalError(provider="custom-process", error_msg="no"),
            "credential_process",
            "exit with 0",
        ),
        (UnauthorizedSSOTokenError(), "SSO session has expired", "aws sso login"),
        (SSOTokenLoadError(error_msg="no"), "SSO session has expired", "aws sso login"),
        (TokenRetrievalError(provider="sso", error_msg="no"), "SSO session has expired", "aws sso login"),
        (LoginRefreshRequired(), "aws login has expired", "aws login"),
        (MissingDependencyException(msg="no"), "needs a package", "botocore[crt]"),
        (RefreshWithMFAUnsupportedError(), "MFA code", "again"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_unusable_credentials_exit_with_4_and_are_named(
    error: BotoCoreError, message: str, hint: str
) -> None:
    found = told(error)
    assert isinstance(found, CredentialsError)
    assert EXIT_CODE[found.kind] == 4
    assert message in found.message
    assert hint in found.hint


def test_denied_renewal_of_a_login_session_names_the_permission() -> None:
    found = told(LoginInsufficientPermissions())
    assert isinstance(found, PermissionDeniedError)
    assert "signin:CreateOAuth2Token" in found.hint


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (EndpointConnectionError(endpoint_url="http://a"), "network"),
        (ConnectTimeoutError(endpoint_url="http://a"), "network"),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), "network"),
        (ConnectionRefusedError("no"), "network"),
        (ProxyConnectionError(proxy_url="http://a"), "HTTPS_PROXY"),
        (SSLError(endpoint_url="https://a", error=OSError("self-signed certificate")), "AWS_CA_BUNDLE"),
        (refusal("ThrottlingException"), "Try again"),
        (refusal("InternalServerError", status=500), "Try again"),
        (refusal("Throttling", operation="AssumeRole"), "Try again"),
        (refusal("Something"), "Try again"),
    ],
    ids=str,
)
def test_unavailable_aws_exits_with_1(error: Exception, hint: str) -> None:
    with pytest.raises(AwsUnavailableError) as caught, explain_aws_errors(make_target(), REGION):
        raise error
    assert EXIT_CODE[caught.value.kind] == 1
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "error",
    [
        InvalidRetryModeError(provided_retry_mode="x", valid_modes=["standard"]),
        UnknownEndpointError(service_name="sts", region_name="mars-1"),
        ValueError("Invalid endpoint: http://"),
        FileNotFoundError(2, "No such file", "/srv/ca.pem"),
    ],
    ids=repr,
)
def test_wrong_setting_exits_with_2(error: Exception) -> None:
    with pytest.raises(ConfigurationError) as caught, explain_aws_errors(make_target(), REGION):
        raise error
    assert EXIT_CODE[caught.value.kind] == 2


def test_waiter_that_ends_with_a_refusal_is_explained_by_the_refusal() -> None:
    last = refusal("ExpiredToken").response
    error = WaiterError("StackDeleteComplete", "failed", last)
    assert told(error).message == "The AWS credentials have expired."
    assert isinstance(
        told(WaiterError("StackDeleteComplete", "Max attempts exceeded", {})), AwsUnavailableError
    )


# Refusals of AWS


@pytest.mark.parametrize(
    "code",
    [
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "AuthFailure",
    ],
)
def test_rejected_credentials_exit_with_4(code: str) -> None:
    found = told(refusal(code))
    assert isinstance(found, CredentialsError)
    assert EXIT_CODE[found.kind] == 4
    assert code in found.reason
    assert "--profile" in found.hint
    assert ("expired" in found.message) is code.startswith("Expired")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        ("SignatureDoesNotMatch", "Signature expired: 20261127T100000Z is now earlier than 20261127T104200Z"),
        ("InvalidSignatureException", "Signature not yet current: 20261127T100000Z is still later than"),
        ("RequestExpired", "Request has expired."),
        ("RequestInTheFuture", "no"),
    ],
)
def test_wrong_clock_is_named(code: str, message: str) -> None:
    found = told(refusal(code, message, status=403))
    assert isinstance(found, CredentialsError)
    assert "this machine's clock is wrong" in found.message
    assert "clock" in found.hint


@pytest.mark.parametrize(
    "code", ["InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "OptInRequired"]
)
def test_region_that_may_not_be_enabled_is_named_with_the_command_that_enables_it(code: str) -> None:
    found = told(
        refusal(code, "The security token included in the request is invalid."), region=OPT_IN, profile="b"
    )
    assert isinstance(found, CredentialsError)
    assert "must enable first" in found.message
    command = "aws account enable-region --region us-east-1 --profile b --region-name me-south-1"
    assert command in found.hint


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "us-gov-west-1", "cn-north-1"])
def test_region_that_is_always_enabled_is_not_blamed(region: str) -> None:
    found = told(refusal("UnrecognizedClientException"), region=Setting(region, "--region"))
    assert found.message == "AWS rejected the credentials."


@pytest.mark.parametrize(
    "error",
    [
        *map(
            refusal, ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "ForbiddenException"]
        ),
        refusal("403", status=403),
        refusal("SomethingNew", status=403),
        refusal("AccessDenied", operation="AssumeRole"),
    ],
    ids=str,
)
def test_missing_permission_exits_with_4_and_is_named(error: ClientError) -> None:
    error.response["Error"]["Message"] = "User is not authorized to perform: dynamodb:PutItem"
    found = told(error)
    assert isinstance(found, PermissionDeniedError)
    assert EXIT_CODE[found.kind] == 4
    assert "dynamodb:PutItem" in found.reason
    assert "Ask for the permission" in found.hint


@pytest.mark.parametrize(
    "policy",
    ["service control policy", "resource control policy", "permissions boundary", "VPC endpoint policy"],
)
def test_explicit_deny_names_the_policy(policy: str) -> None:
    message = f"User: x is not authorized to perform: y with an explicit deny in a {policy}: arn:aws:z"
    found = told(refusal("AccessDenied", message))
    assert isinstance(found, PermissionDeniedError)
    assert policy in found.hint


def test_rejected_mfa_code_is_named() -> None:
    message = "MultiFactorAuthentication failed with invalid MFA one time pass code."
    found = told(refusal("AccessDenied", message, "AssumeRole", 403))
    assert isinstance(found, CredentialsError)
    assert found.message == "AWS rejected the MFA code."


@pytest.mark.parametrize("code", ["ForbiddenException", "ResourceNotFoundException"])
def test_sso_user_without_the_role_is_named_with_role_and_account(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile team]\nsso_role_name = Deployer\nsso_account_id = 123456789012\n"
        "[profile b]\nrole_arn = r\nsource_profile = team\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    found = told(refusal(code, "No access", "GetRoleCredentials", 403), profile="b")
    assert isinstance(found, PermissionDeniedError)
    assert EXIT_CODE[found.kind] == 4
    assert "SSO user of profile team" in found.message
    assert "Deployer" in found.reason
    assert "123456789012" in found.reason


def test_other_refusal_of_credentials_exits_with_4() -> None:
    found = told(refusal("ValidationError", "roleArn is invalid", "AssumeRole"), profile="b")
    assert isinstance(found, CredentialsError)
    assert "profile b" in found.message
    assert "AssumeRole" in found.reason


def test_sign_in_command_names_the_profile_that_has_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile team]\nsso_start_url = u\n[profile my login]\nlogin_session = s\n"
        "[profile b]\nsource_profile = team\n[profile loop]\nsource_profile = loop\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    assert told(UnauthorizedSSOTokenError(), profile="b").hint == "Run `aws sso login --profile team`."
    assert told(UnauthorizedSSOTokenError(), profile="loop").hint == "Run `aws sso login --profile loop`."
    assert told(LoginRefreshRequired(), profile="my login").hint == "Run `aws login --profile 'my login'`."
    assert told(LoginRefreshRequired()).hint == "Run `aws login --profile default`."


@pytest.mark.parametrize(
    ("profile", "hint"),
    [
        ("b", "Run `aws sso login --profile team`, or pass another --profile."),
        ("mine", "Run `aws login --profile mine`, or pass another --profile."),
        ("static", "Get new temporary credentials, or pass another --profile."),
        (None, "Get new temporary credentials, or pass another --profile."),
    ],
)
def test_expired_credentials_are_renewed_as_their_profile_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str | None, hint: str
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[default]\nsso_session = s\n[profile team]\nsso_session = s\n"
        "[profile b]\nrole_arn = r\nsource_profile = team\n"
        "[profile mine]\nlogin_session = s\n[profile static]\naws_access_key_id = k\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    assert told(refusal("ExpiredToken"), profile=profile).hint == hint


def test_path_of_a_missing_program_is_not_masked() -> None:
    path = "/home/anna/bin/a-program-with-a-long-name"
    with pytest.raises(CredentialsError) as caught, explain_credential_errors(make_target(), REGION):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
    assert path in caught.value.reason


def test_missing_table_exits_with_1_and_names_stage_and_region() -> None:
    found = told(refusal("ResourceNotFoundException"))
    assert isinstance(found, TableMissingError)
    assert EXIT_CODE[found.kind] == 1
    for part in ("dev", "eu-west-1 (--region)"):
        assert part in found.message
    for option in ("--stage", "--region", "--profile"):
        assert option in found.hint


def test_bug_is_reported_as_one() -> None:
    found = operator_error(exceptions.ParamValidationError(report="no"), make_target(), REGION)
    assert type(found) is OperatorError
    assert "report" in found.hint
    assert cause_of(KeyError()) is None
