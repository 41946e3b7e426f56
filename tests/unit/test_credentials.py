"""The credentials of a command: resolved once, renewed before SAM starts, handed on without a profile."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.stubbed_aws import REGION, make_target
from triggers_api.errors import CredentialsError, DeclinedError
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import explain_aws_errors
from triggers_api.ops.credentials import open_session, set_code_prompt
from triggers_api.ops.keys.stores import open_keys
from triggers_api.ops.target import Setting
from triggers_api.ops.verify.background import call_in_background

HERE = Setting(REGION, "--region")


def use_process(folder: Path, monkeypatch: pytest.MonkeyPatch, *, minutes: int | None = None) -> Path:
    """Set up a profile `b` with a program that prints the keys K1, K2, ...; return the file that counts."""
    keys = {"Version": 1, "AccessKeyId": "K$n", "SecretAccessKey": "s", "SessionToken": "t"}
    if minutes is not None:
        keys["Expiration"] = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    text = json.dumps(keys).replace('"', '\\"')
    program, runs = folder / "program", folder / "runs"
    program.write_text(f'#!/bin/sh\necho >> {runs}\nn=$(wc -l < {runs})\nprintf "%s" "{text}"\n')
    program.chmod(0o755)
    config = folder / "config"
    config.write_text(f"[profile b]\ncredential_process = {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return runs


def test_all_clients_of_a_process_share_one_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = use_process(tmp_path, monkeypatch)
    first, second = (Aws(make_target(profile="b"), HERE) for _ in range(2))
    clients = [one.client(name) for one in (first, second) for name in ("dynamodb", "sts")]
    with open_keys(make_target(profile="b")):
        pass
    assert {client.meta.region_name for client in clients} == {REGION}
    assert runs.read_text() == "\n"


def test_credentials_that_expire_soon_are_renewed_for_sam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build may take as long as the credentials last."""
    use_process(tmp_path, monkeypatch, minutes=5)
    aws = Aws(make_target(profile="b"), HERE)
    aws.client("sts")
    first, second = (aws.child_environment({}, tmp_path)["AWS_ACCESS_KEY_ID"] for _ in range(2))
    assert first != second


def test_credentials_that_last_are_the_same_for_sam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_process(tmp_path, monkeypatch, minutes=60)
    aws = Aws(make_target(profile="b"), HERE)
    aws.client("sts")
    assert aws.child_environment({}, tmp_path)["AWS_ACCESS_KEY_ID"] == "K1"


def test_credentials_that_cannot_be_renewed_for_sam_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_process(tmp_path, monkeypatch, minutes=5)
    aws = Aws(make_target(profile="b"), HERE)
    aws.client("sts")
    (tmp_path / "program").unlink()
    with pytest.raises(CredentialsError, match="credential_process of AWS profile b"):
        aws.child_environment({}, tmp_path)


@pytest.mark.parametrize("script", ["echo '[]'", "echo hello", "exit 3", None], ids=str)
def test_credentials_that_cannot_be_renewed_for_a_request_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    """A client renews the credentials when it signs a request, perhaps long after it was created."""
    use_process(tmp_path, monkeypatch, minutes=5)
    aws = Aws(make_target(profile="b"), HERE)
    client = aws.client("sts")
    program = tmp_path / "program"
    program.unlink()
    if script:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    with (
        pytest.raises(CredentialsError, match="credential_process of AWS profile b"),
        explain_aws_errors(aws.target, HERE),
    ):
        client.get_caller_identity()


def test_folder_that_cannot_be_written_is_no_error_of_the_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_process(tmp_path, monkeypatch)
    with pytest.raises(FileNotFoundError):
        Aws(make_target(profile="b"), HERE).child_environment({}, tmp_path / "missing")


def test_emulator_of_dynamodb_needs_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(CredentialsError, match="No AWS credentials"):
        open_session(make_target(), HERE)
    target = replace(make_target(), endpoints={"DYNAMODB_ENDPOINT_URL": "http://127.0.0.1:9"})
    with open_keys(target):
        pass


def use_mfa(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = folder / "config"
    config.write_text("[profile b]\nrole_arn = r\nmfa_serial = my-device\ncredential_source = Environment\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))


def test_end_of_input_at_the_mfa_code_is_an_error_of_the_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(_: str) -> str:
        raise DeclinedError("Nothing was changed.", reason="the input ended", hint="Answer the question.")

    use_mfa(tmp_path, monkeypatch)
    set_code_prompt(ask)
    try:
        with pytest.raises(CredentialsError, match="No MFA code was entered"):
            open_session(make_target(profile="b"), HERE)
    finally:
        set_code_prompt(None)


def test_background_thread_asks_for_the_mfa_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_mfa(tmp_path, monkeypatch)
    set_code_prompt(lambda _: "x")
    try:
        opened = call_in_background(lambda: open_session(make_target(profile="b"), HERE))
        with pytest.raises(CredentialsError, match="not an MFA code"):
            opened.result(timeout=30)
    finally:
        set_code_prompt(None)


def test_mfa_code_needs_someone_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_mfa(tmp_path, monkeypatch)
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "x"

    with pytest.raises(CredentialsError, match="needs an MFA code"):
        open_session(make_target(profile="b"), HERE)
    set_code_prompt(ask)
    try:
        with pytest.raises(CredentialsError, match="not an MFA code"):
            open_session(make_target(profile="b"), HERE)
    finally:
        set_code_prompt(None)
    assert asked == ["MFA code of my-device"]
