"""Profiles of every kind, as an operator has them: each works, or is named for what is wrong with it."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import credential_services
from tests.support.credential_services import (
    TEMPORARY,
    CredentialServices,
    Reply,
    assumed,
    later,
    refused,
)
from tests.support.dev_server import TRIGGERS, run
from tests.support.terminal import run_on_terminal

LONG_LIVED = "aws_access_key_id = AKIALONGLIVED\naws_secret_access_key = s\n"
ROLE = "role_arn = arn:aws:iam::210987654321:role/Deployer\nsource_profile = base\n"
DEVICE = "arn:aws:iam::210987654321:mfa/anna"
MFA = f"[profile base]\n{LONG_LIVED}[profile b]\n{ROLE}mfa_serial = {DEVICE}\n"
SSO = (
    "[profile b]\nsso_session = team\nsso_account_id = 210987654321\nsso_role_name = Deployer\n"
    "[sso-session team]\nsso_start_url = https://team.example/start\nsso_region = eu-west-1\n"
)
LOGIN = "[profile b]\nlogin_session = arn:aws:iam::210987654321:user/anna\n"
NO_ACCESS = Reply(403, json.dumps({"__type": "ForbiddenException", "message": "No access"}))
WITHOUT_SAM = {"PATH": "/nowhere", "UV_OFFLINE": "1", "UV_CACHE_DIR": "/nowhere/cache"}
"""`doctor` looks for SAM first. Without this, uv would install it."""
CODE_QUESTION = f"MFA code of {DEVICE}: "


@pytest.fixture
def services(tmp_path: Path) -> Iterator[CredentialServices]:
    with credential_services.running(tmp_path) as found:
        yield found


def status(
    variables: Mapping[str, str], *arguments: str, forked: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command that reads one thing of AWS. There is no stack, so it exits with 1 if it can ask."""
    program = None if forked else (TRIGGERS,)
    given = ("status", "--profile", "b", "--region", "eu-west-1", *arguments)
    return run(*given, variables=variables, program=program)


def assert_works(done: subprocess.CompletedProcess[str]) -> None:
    assert done.stderr.startswith("error: There is no stack"), done.stderr


def assert_named(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Assert that the command exits with 4, and that the three lines of its error have these parts."""
    assert done.returncode == 4, done.stderr
    assert [line.split(":")[0].strip() for line in done.stderr.splitlines()] == ["error", "why", "fix"]
    for part in parts:
        assert part in done.stderr
    assert "cannot be reached" not in done.stderr


# A device for MFA


def test_mfa_code_is_asked_once_on_a_terminal(services: CredentialServices) -> None:
    """`keys create` asks AWS who the caller is, and then opens the table: two clients, one question."""
    services.replies["AssumeRole"] = assumed()
    session = run_on_terminal(
        "keys",
        "create",
        "--profile",
        "b",
        "--yes",
        variables=services.profiles(MFA),
        replies=[(CODE_QUESTION, "123456\n")],
    )
    assert session.screen.count("MFA code") == 1
    assert [one for one in services.asked if one[0] == "AssumeRole"] == [("AssumeRole", "AKIALONGLIVED")]
    assert ("GetCallerIdentity", TEMPORARY) in services.asked
    assert ("PutItem", TEMPORARY) in services.asked


@pytest.mark.parametrize("typed", ["12345\n", "\n", "abcdef\n"])
def test_answer_that_is_no_mfa_code_is_named_and_not_sent(services: CredentialServices, typed: str) -> None:
    session = run_on_terminal(
        "status", "--profile", "b", variables=services.profiles(MFA), replies=[(CODE_QUESTION, typed)]
    )
    assert session.code == 4
    assert "an MFA code has six digits" in session.screen
    assert services.asked == []


def test_rejected_mfa_code_is_named(services: CredentialServices) -> None:
    services.replies["AssumeRole"] = refused(
        "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", 403
    )
    session = run_on_terminal(
        "status", "--profile", "b", variables=services.profiles(MFA), replies=[(CODE_QUESTION, "123456\n")]
    )
    assert session.code == 4
    assert "AWS rejected the MFA code." in session.screen


@pytest.mark.parametrize("command", ["status", "keys list", "doctor", "deploy --yes", "smoke", "logs tail"])
def test_mfa_code_off_a_terminal_is_an_error_that_names_the_device(
    services: CredentialServices, command: str
) -> None:
    words = (*command.split(), "--profile", "b")
    done = run(*words, variables=services.profiles(MFA) | WITHOUT_SAM)
    assert done.returncode == (3 if command == "doctor" else 4)
    said = done.stdout + done.stderr
    assert "needs an MFA code" in said
    assert DEVICE in said
    assert "--profile" in said
    assert services.asked == []


def test_mfa_code_is_not_asked_with_no_input(services: CredentialServices) -> None:
    session = run_on_terminal(
        "keys", "create", "--profile", "b", "--yes", "--no-input", variables=services.profiles(MFA)
    )
    assert session.code == 4
    assert "needs an MFA code" in session.screen


# Roles


def test_role_is_assumed_in_the_region_of_the_command(services: CredentialServices) -> None:
    """The profile has no region, and STS has one endpoint for each."""
    services.replies["AssumeRole"] = assumed()
    done = status(services.profiles(f"[profile base]\n{LONG_LIVED}[profile b]\n{ROLE}"))
    assert_works(done)
    assert services.asked[-1] == ("DescribeStacks", TEMPORARY)


def test_role_that_may_not_be_assumed_is_named(services: CredentialServices) -> None:
    services.replies["AssumeRole"] = refused("AccessDenied", "not authorized to perform: sts:AssumeRole", 403)
    done = status(services.profiles(f"[profile base]\n{LONG_LIVED}[profile b]\n{ROLE}"))
    assert_named(done, "lack a permission", "sts:AssumeRole")


def test_credentials_that_are_new_and_already_expired_are_a_wrong_clock(services: CredentialServices) -> None:
    services.replies["AssumeRole"] = assumed(expires=later(-1))
    done = status(services.profiles(f"[profile base]\n{LONG_LIVED}[profile b]\n{ROLE}"))
    assert_named(done, "this machine's clock is wrong", "timedatectl")


@pytest.mark.parametrize(
    ("profile", "parts"),
    [
        ("[profile a]\n", ["There is no AWS profile b (--profile)"]),
        ("[profile b\n", ["cannot be read", "config"]),
        ("garbage\n", ["cannot be read", "config"]),
        (f"[profile b]\n{ROLE}", ["incomplete or contradictory", 'source_profile "base"', "does not exist"]),
        (
            "[profile b]\nrole_arn = r\nsource_profile = c\n[profile c]\nrole_arn = r\nsource_profile = b\n",
            ["loop"],
        ),
        ("[profile b]\nrole_arn = r\n", ["source_profile or credential_source"]),
        ("[profile b]\nrole_arn = r\ncredential_source = Mars\n", ["Mars"]),
        ("[profile b]\naws_access_key_id = AKIAHALF\n", ["aws_secret_access_key"]),
        ("[profile b]\nsso_account_id = 1\n", ["sso_role_name"]),
        ("[profile b]\n", ["No AWS credentials found."]),
        ("[profile b]\nrole_arn = r\nweb_identity_token_file = /no/such/file\n", ["/no/such/file"]),
    ],
    ids=lambda value: None if isinstance(value, list) else repr(value),
)
def test_wrong_profile_is_named(services: CredentialServices, profile: str, parts: list[str]) -> None:
    assert_named(status(services.profiles(profile)), *parts)
    assert services.asked == []


# A program that prints credentials


def test_credential_process_runs_once(services: CredentialServices) -> None:
    keys = json.dumps({"Version": 1, "AccessKeyId": "AKIAPRINTED", "SecretAccessKey": "s"})
    program = services.program(f"echo run >> {services.folder}/runs; echo '{keys}'")
    variables = services.profiles(f"[profile b]\ncredential_process = {program}\n")
    done = run("keys", "create", "--profile", "b", "--yes", variables=variables)
    assert ("PutItem", "AKIAPRINTED") in services.asked, done.stderr
    assert (services.folder / "runs").read_text() == "run\n"


@pytest.mark.parametrize(
    ("script", "parts"),
    [
        ("echo one >&2; echo 'please run: vault login' >&2; exit 3", ["please run: vault login"]),
        ("exit 3", ["printed no reason"]),
        ("echo hello", ["JSONDecodeError"]),
        ("echo '[]'", ["AttributeError"]),
        ("echo '{}'", ["Version"]),
        ("""echo '{"Version": 1, "AccessKeyId": "a"}'""", ["SecretAccessKey"]),
        ("printf '\\377'", ["UnicodeDecodeError"]),
        ("echo AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY >&2; exit 1", ["... ..."]),
    ],
)
def test_credential_process_that_fails_is_named(
    services: CredentialServices, script: str, parts: list[str]
) -> None:
    program = services.program(script)
    done = status(services.profiles(f"[profile b]\ncredential_process = {program}\n"))
    assert_named(done, "The credential_process of AWS profile b failed.", *parts)
    assert "EXAMPLE" not in done.stderr


@pytest.mark.parametrize("program", ["/no/such/program --flag", "", "'unbalanced"])
def test_credential_process_that_cannot_run_is_named(services: CredentialServices, program: str) -> None:
    done = status(services.profiles(f"[profile b]\ncredential_process = {program}\n"))
    assert_named(done, "The credential_process of AWS profile b failed.")


# SSO


def sign_in(folder: Path, *, expires: str) -> None:
    """Store a token as `aws sso login` does."""
    path = folder / ".aws" / "sso" / "cache" / f"{hashlib.sha1(b'team').hexdigest()}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"accessToken": "t", "expiresAt": expires, "startUrl": "u", "region": "r"}))


@pytest.mark.slow("starts services of credentials")
@pytest.mark.parametrize("expires", [None, later(-1)], ids=["never", "long ago"])
def test_missing_or_expired_sso_session_names_the_command(
    services: CredentialServices, expires: str | None
) -> None:
    if expires:
        sign_in(services.folder, expires=expires)
    done = status(services.profiles(SSO), forked=False)
    assert_named(done, "SSO session has expired, or was never started", "aws sso login --profile b`.")


def test_sso_user_without_the_role_is_named(services: CredentialServices) -> None:
    sign_in(services.folder, expires=later())
    services.replies["GetRoleCredentials"] = NO_ACCESS
    done = status(services.profiles(SSO), forked=False)
    assert_named(
        done, "SSO user of profile b does not have the role", "Deployer", "210987654321", "No access"
    )


# A session of `aws login`


def log_in(folder: Path, *, expires: str) -> dict[str, str]:
    """Store a session as `aws login` does, and return the variable that leads there."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    token = {
        "accessToken": {
            "accessKeyId": "ASIALOGIN",
            "secretAccessKey": "s",
            "sessionToken": "t",
            "accountId": "210987654321",
            "expiresAt": expires,
        },
        "tokenType": "t",
        "refreshToken": "r",
        "idToken": "i",
        "clientId": "c",
        "dpopKey": key.decode(),
    }
    name = hashlib.sha256(b"arn:aws:iam::210987654321:user/anna").hexdigest()
    (folder / f"{name}.json").write_text(json.dumps(token))
    return {"AWS_LOGIN_CACHE_DIRECTORY": str(folder)}


@pytest.mark.slow("starts services of credentials")
@pytest.mark.parametrize("forked", [False, True], ids=["console script", "forked"])
def test_profile_of_aws_login_works(services: CredentialServices, *, forked: bool) -> None:
    variables = log_in(services.folder, expires=later())
    assert_works(status(services.profiles(LOGIN) | variables, forked=forked))
    assert services.asked == [("DescribeStacks", "ASIALOGIN")]


@pytest.mark.parametrize("reason", ["TOKEN_EXPIRED", "USER_CREDENTIALS_CHANGED"])
def test_expired_session_of_aws_login_names_the_command(services: CredentialServices, reason: str) -> None:
    variables = log_in(services.folder, expires=later(-1))
    body = json.dumps({"error": reason, "message": "no", "__type": "AccessDeniedException"})
    services.replies["CreateOAuth2Token"] = Reply(403, body)
    done = status(services.profiles(LOGIN) | variables)
    assert_named(done, "session of aws login has expired", "aws login --profile b`.")


def test_missing_session_of_aws_login_names_the_command(services: CredentialServices, tmp_path: Path) -> None:
    done = status(services.profiles(LOGIN) | {"AWS_LOGIN_CACHE_DIRECTORY": str(tmp_path)})
    assert_named(done, "session of aws login has expired, or was never started", "aws login --profile b")


def test_other_profiles_do_not_load_the_runtime_of_aws_login(tmp_path: Path) -> None:
    """The runtime, which botocore would load in every command, takes 0.1 s of CPU."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "triggers_api", "status"],
        env={"PATH": os.defpath, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "botocore.credentials" in done.stderr
    assert "_awscrt" not in done.stderr


# Refusals


@pytest.mark.slow("starts services of credentials")
@pytest.mark.parametrize(
    ("code", "message", "region", "part"),
    [
        (
            "SignatureDoesNotMatch",
            "Signature expired: 1 is now earlier than 2",
            "eu-west-1",
            "clock is wrong",
        ),
        ("InvalidClientTokenId", "The security token is invalid.", "me-south-1", "enable-region"),
        ("ExpiredToken", "The security token is expired", "eu-west-1", "have expired"),
        (
            "AccessDenied",
            "User: u is not authorized to perform: p with an explicit deny in a service control policy",
            "eu-west-1",
            "administrator of the service control policy",
        ),
    ],
)
@pytest.mark.parametrize("command", ["status", "deploy --yes"])
def test_refusal_is_named(
    services: CredentialServices, command: str, code: str, message: str, region: str, part: str
) -> None:
    services.replies["GetCallerIdentity"] = services.replies["DescribeStacks"] = refused(code, message, 403)
    variables = services.profiles(f"[profile b]\n{LONG_LIVED}")
    done = run(*command.split(), "--profile", "b", "--region", region, variables=variables)
    assert_named(done, part)


def test_doctor_reports_what_the_other_commands_report(services: CredentialServices) -> None:
    program = services.program("exit 3")
    variables = services.profiles(f"[profile b]\ncredential_process = {program}\n")
    done = run("doctor", "--profile", "b", "--json", variables=variables | WITHOUT_SAM)
    (found,) = [one for one in json.loads(done.stdout)["findings"] if one["check"] == "credentials"]
    assert found["state"] == "failed"
    assert "The credential_process of AWS profile b failed." in found["message"]


def test_unreachable_aws_is_a_network_failure(services: CredentialServices) -> None:
    variables = services.profiles(f"[profile b]\n{LONG_LIVED}") | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = status(variables)
    assert done.returncode == 1
    assert "AWS cannot be reached in eu-west-1" in done.stderr
