"""The translation of AWS errors, and the boto3 session of a command."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)

from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.errors import (
    AwsUnavailableError,
    CredentialsError,
    PermissionDeniedError,
    StoreUnavailableError,
    TableMissingError,
    TriggersError,
)
from triggers_api.ops.aws import Aws, locate, region_of
from triggers_api.ops.aws_errors import explain_aws_errors
from triggers_api.ops.target import Setting, Target

REGION = Setting("eu-west-1", "--region")


def target(
    *, profile: str | None = None, region: Setting | None = REGION, endpoint: str | None = None
) -> Target:
    return Target(
        stage=Setting("dev", "--stage"),
        stack_name=Setting("triggers-api-dev", "default"),
        region=region,
        profile=None if profile is None else Setting(profile, "--profile"),
        data_dir=Setting("/srv", "default"),
        dynamodb_endpoint_url=endpoint,
    )


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutItem")


def told(error: BotoCoreError | ClientError) -> TriggersError:
    """Return the translated error, which must be the same if the store has wrapped the original."""
    with pytest.raises(TriggersError) as bare, explain_aws_errors(target(), REGION):
        raise error
    with pytest.raises(TriggersError) as wrapped, explain_aws_errors(target(), REGION):
        raise StoreUnavailableError("The store cannot be used right now.") from error
    assert type(bare.value) is type(wrapped.value)
    for one in (bare.value, wrapped.value):
        assert one.message
        assert one.reason
        assert one.hint
        assert "\n" not in one.message + one.reason + one.hint
    return bare.value


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        ProfileNotFound(profile="mine"),
        CredentialRetrievalError(provider="sso", error_msg="no"),
        UnauthorizedSSOTokenError(),
        SSOTokenLoadError(error_msg="no"),
        *map(
            refusal,
            [
                "ExpiredToken",
                "ExpiredTokenException",
                "InvalidClientTokenId",
                "InvalidSignatureException",
                "SignatureDoesNotMatch",
                "UnrecognizedClientException",
            ],
        ),
    ],
    ids=str,
)
def test_bad_credentials_exit_with_4_and_name_the_fix(error: BotoCoreError | ClientError) -> None:
    found = told(error)
    assert isinstance(found, CredentialsError)
    assert EXIT_CODE[found.kind] == 4
    assert "--profile" in found.hint


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_missing_permission_exits_with_4_and_is_named(code: str) -> None:
    found = told(refusal(code, "User is not authorized to perform: dynamodb:PutItem"))
    assert isinstance(found, PermissionDeniedError)
    assert EXIT_CODE[found.kind] == 4
    assert "dynamodb:PutItem" in found.reason


def test_missing_table_exits_with_1_and_names_stage_and_region() -> None:
    found = told(refusal("ResourceNotFoundException"))
    assert isinstance(found, TableMissingError)
    assert EXIT_CODE[found.kind] == 1
    for part in ("dev", "triggers-api-keys-dev", "eu-west-1 (--region)"):
        assert part in found.message
    for option in ("--stage", "--region", "--profile"):
        assert option in found.hint


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://a"),
        ConnectTimeoutError(endpoint_url="http://a"),
        refusal("ThrottlingException"),
        refusal("InternalServerError"),
        refusal("Something"),
    ],
    ids=str,
)
def test_unavailable_aws_exits_with_1(error: BotoCoreError | ClientError) -> None:
    found = told(error)
    assert isinstance(found, AwsUnavailableError)
    assert EXIT_CODE[found.kind] == 1


def test_errors_without_an_aws_cause_propagate() -> None:
    ours = StoreUnavailableError("The store is busy.")
    with pytest.raises(StoreUnavailableError) as caught, explain_aws_errors(target(), REGION):
        raise ours
    assert caught.value is ours


def test_unknown_profile_is_an_error() -> None:
    with pytest.raises(CredentialsError, match="There is no AWS profile"):
        region_of(target(profile="nobody-s", region=None))


def test_locate_skips_sts_on_a_dynamodb_emulator() -> None:
    place = locate(target(endpoint="http://127.0.0.1:9"))
    assert (place.account, place.region) == ("of http://127.0.0.1:9", REGION)


def test_errors_contain_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAC4N4RY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-c4n4ry")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AwsUnavailableError) as caught:
        locate(target())
    said = f"{caught.value.message} {caught.value.reason} {caught.value.hint} {caught.value.__cause__}"
    assert "C4N4RY" not in said.upper()


def test_all_clients_share_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def session(**given: str | None) -> boto3.Session:
        made.append(given)
        return boto3.Session("test", "test")

    monkeypatch.setattr("triggers_api.ops.aws.boto3.session", SimpleNamespace(Session=session))
    aws = Aws(target(), Setting("eu-west-1", "--region"))
    assert {aws.client(name).meta.region_name for name in ("dynamodb", "sts", "s3")} == {"eu-west-1"}
    assert made == [{"profile_name": None}]


def test_renew_reloads_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def key_of(client: Any) -> str:
        return str(client._request_signer._credentials.access_key)

    aws = Aws(target(), Setting("eu-west-1", "--region"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "first")
    assert key_of(aws.client("logs")) == "first"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "second")
    assert key_of(aws.client("logs")) == "first"
    aws.renew()
    assert key_of(aws.client("logs")) == "second"


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException"])
def test_expired_credentials_differ_from_invalid_ones(code: str) -> None:
    found = told(refusal(code))
    assert found.message == "The AWS credentials have expired."
    assert "aws sso login" in found.hint
