"""The account, region and clients of a command."""

from typing import Any

import pytest

from triggers_api.errors import AwsUnavailableError, CredentialsError, StoreUnavailableError
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
        endpoints={} if endpoint is None else {"DYNAMODB_ENDPOINT_URL": endpoint},
    )


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
