"""The SAM CLI: the options that are passed, and the interpretation of its output. A script replaces it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import fake_sam
from tests.support.fake_sam import VERSION, FakeSam
from tests.support.stubbed_aws import CHANGE_SET, NAME, REGION, make_target
from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.errors import (
    BuildError,
    CredentialsError,
    DeploymentError,
    PermissionDeniedError,
    PreflightError,
    TriggersError,
)
from triggers_api.ops.aws import Aws
from triggers_api.ops.deploy import sam as sam_cli
from triggers_api.ops.deploy.sam import Sam, find_sam
from triggers_api.ops.target import Setting

PARAMETERS = {"Stage": "dev", "CorsAllowOrigin": "*", "AlarmEmail": ""}
TAGS = {"stage": "dev", "cost center": "R and D"}
SECRET = "s3cret-c4n4ry"

MADE = f"""
\tDeploying with following values
\t===============================
\tStack name                   : {NAME}
\tRegion                       : {REGION}
\tConfirm changeset            : False
\tDisable rollback             : False
\tDeployment s3 bucket         : aws-sam-cli-managed-default-samclisourcebucket-0123456789ab
\tCapabilities                 : ["CAPABILITY_IAM"]
\tParameter overrides          : {{"Stage": "dev"}}
\tSigning Profiles             : {{}}

Initiating deployment
=====================


Waiting for changeset to be created..

CloudFormation stack changeset
---------------------------------------------------------------------------------------------
Operation                LogicalResourceId        ResourceType             Replacement
---------------------------------------------------------------------------------------------
+ Add                    TriggersApi              AWS::ApiGateway::RestA   N/A
---------------------------------------------------------------------------------------------


Changeset created successfully. {CHANGE_SET}

"""
EMPTY = f"""
Waiting for changeset to be created..

No changes to deploy. Stack {NAME} is up to date

"""
DENIED = (
    f"Error: Failed to create changeset for the stack: {NAME}, An error occurred (AccessDenied) when calling "
    "the CreateChangeSet operation: User: arn:aws:iam::123456789012:user/anna is not authorized to perform: "
    "cloudformation:CreateChangeSet because no identity-based policy allows it\n"
)
EXPIRED = (
    "Error: Failed to create managed resources: An error occurred (ExpiredToken) when calling the "
    "DescribeStacks operation: The security token included in the request is expired\n"
)
THROTTLED = (
    f"Error: Failed to create changeset for the stack: {NAME}, An error occurred (Throttling) when calling "
    "the CreateChangeSet operation (reached max retries: 4): Rate exceeded\n"
)
FAILED = (
    f"Error: Failed to create changeset for the stack: {NAME}, ex: Waiter ChangeSetCreateComplete failed: "
    'Waiter encountered a terminal failure state: For expression "Status" we matched expected path: "FAILED" '
    "Status: FAILED. Reason: Transform AWS::Serverless-2016-10-31 failed with:\nInvalid template\n"
)


@pytest.fixture
def fake(tmp_path: Path) -> FakeSam:
    return fake_sam.make(tmp_path / "bin")


@pytest.fixture
def sam(fake: FakeSam) -> Sam:
    return find_sam(fake.environment(AWS_SECRET_ACCESS_KEY=SECRET, SAM_CLI_TELEMETRY="1"))


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    path = tmp_path / "work" / "template.yaml"
    path.write_text("{}")
    return path


def account(profile: str | None = None) -> Aws:
    return Aws(make_target(profile=profile), Setting(REGION, "--region"))


def change_set(sam: Sam, template: Path, *, profile: str | None = None) -> str | None:
    return sam.create_change_set(account(profile), template, parameters=PARAMETERS, tags=TAGS)


def build(sam: Sam, template: Path, *, use_container: bool = False) -> Path:
    into = template.parent / "built"
    return sam.build(account(), template, into, parameters=PARAMETERS, use_container=use_container)


def refused(sam: Sam, template: Path) -> TriggersError:
    """Return the error of a change set that SAM could not create, and check its note for `--debug`."""
    with pytest.raises(TriggersError) as caught:
        change_set(sam, template)
    error = caught.value
    for text in (error.message, error.reason, error.hint):
        assert text
        assert "\n" not in text
    assert any("Waiting" in note or "Error" in note for note in error.__notes__)
    return error


# Options


def test_build_passes_every_option(fake: FakeSam, sam: Sam, template: Path) -> None:
    into = template.parent / "built"
    built = build(sam, template)
    assert built == into / "template.yaml"
    (call,) = fake.asked("build")
    assert call.arguments == [
        "build",
        f"--template-file={template}",
        f"--build-dir={into}",
        f"--config-file={template.parent / 'samconfig.toml'}",
        "--no-cached",
        "--parameter-overrides",
        'Stage="dev"',
        'CorsAllowOrigin="*"',
        'AlarmEmail=""',
    ]


def test_build_can_use_a_container(fake: FakeSam, sam: Sam, template: Path) -> None:
    build(sam, template, use_container=True)
    (call,) = fake.asked("build")
    assert "--use-container" in call.arguments


def test_create_change_set_passes_every_option(fake: FakeSam, sam: Sam, template: Path) -> None:
    fake.says("deploy", MADE)
    change_set(sam, template)
    (call,) = fake.asked("deploy")
    assert call.arguments == [
        "deploy",
        f"--template-file={template}",
        f"--config-file={template.parent / 'samconfig.toml'}",
        f"--stack-name={NAME}",
        f"--s3-prefix={NAME}",
        f"--region={REGION}",
        "--resolve-s3",
        "--capabilities=CAPABILITY_IAM",
        "--no-execute-changeset",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-disable-rollback",
        "--no-progressbar",
        "--tags",
        '"stage"="dev"',
        '"cost center"="R and D"',
        "--parameter-overrides",
        'Stage="dev"',
        'CorsAllowOrigin="*"',
        'AlarmEmail=""',
    ]


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile with credentials and with settings of other kinds, and another one in AWS_PROFILE."""
    config = tmp_path / "config"
    config.write_text(
        "[profile mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = secret\n"
        "ca_bundle = /srv/ca.pem\ns3 =\n  addressing_style = path\nservices = ours\n"
        "[services ours]\ns3 =\n  endpoint_url = https://s3.example\n"
        "[profile other]\nrole_arn = r\nmfa_serial = m\nsource_profile = mine\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("profiles")
def test_sam_gets_the_credentials_and_settings_of_the_profile_but_not_the_profile(
    fake: FakeSam, template: Path
) -> None:
    fake.says("deploy", MADE)
    variables = {"AWS_PROFILE": "other", "AWS_DEFAULT_PROFILE": "other", "AWS_SESSION_TOKEN": "old"}
    more = {"AWS_ROLE_ARN": "r", "AWS_WEB_IDENTITY_TOKEN_FILE": "f", "AWS_CREDENTIAL_EXPIRATION": "2020"}
    sam = find_sam(fake.environment(**variables, **more, AWS_ENDPOINT_URL="http://emulator", HOME="/srv"))
    change_set(sam, template, profile="mine")
    (call,) = fake.asked("deploy")
    assert not any(one.startswith("--profile") for one in call.arguments)
    config = call.environment.pop("AWS_CONFIG_FILE")
    assert {name: value for name, value in call.environment.items() if name.startswith("AWS_")} == {
        "AWS_ACCESS_KEY_ID": "AKIAMINE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": "http://emulator",
    }
    assert Path(config).read_text().split("\n") == [
        "[default]",
        "ca_bundle = /srv/ca.pem",
        "s3 =",
        "  addressing_style = path",
        "services = ours",
        "[services ours]",
        "s3 =",
        "  endpoint_url = https://s3.example",
        "",
    ]


def test_sam_gets_temporary_credentials_with_their_token(
    fake: FakeSam, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    fake.says("deploy", MADE)
    change_set(find_sam(fake.environment()), template)
    (call,) = fake.asked("deploy")
    assert call.environment["AWS_SESSION_TOKEN"] == "token"


def test_sam_runs_without_the_operators_settings_of_sam_uv_and_python(fake: FakeSam, template: Path) -> None:
    fake.says("deploy", MADE)
    stray = {"PYTHONPATH": "/stray", "UV_CONSTRAINT": "/stray", "SAM_TEMPLATE_FILE": "/stray"}
    sam = find_sam(fake.environment(**stray, UV_INDEX="https://index.example"))
    change_set(sam, template)
    build(sam, template)
    for command in ("--version", "deploy", "build"):
        (call,) = fake.asked(command)
        assert call.environment["UV_INDEX"] == "https://index.example"
        assert "/stray" not in call.environment.values()


def test_stray_samconfig_is_ignored(
    fake: FakeSam, sam: Sam, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "samconfig.toml").write_text("version = 0.1\n[default.deploy.parameters]\nstack_name = 'x'\n")
    monkeypatch.chdir(tmp_path)
    fake.says("deploy", MADE)
    change_set(sam, template)
    build(sam, template)
    for call in [*fake.asked("deploy"), *fake.asked("build")]:
        path = call.option("--config-file")
        assert Path(path).parent == template.parent
        assert call.files[path] == "version = 0.1\n"


def test_sam_gets_the_region_and_sends_no_telemetry(fake: FakeSam, sam: Sam, template: Path) -> None:
    fake.says("deploy", MADE)
    change_set(sam, template)
    (call,) = fake.asked("deploy")
    assert call.environment["AWS_REGION"] == call.environment["AWS_DEFAULT_REGION"] == REGION
    for command in ("--version", "deploy"):
        (call,) = fake.asked(command)
        assert call.environment["SAM_CLI_TELEMETRY"] == "0"


def test_repr_hides_secrets_of_the_environment(sam: Sam) -> None:
    assert SECRET in sam.environment.values()
    assert SECRET not in f"{sam!r} {sam}"


# Output


def test_change_set_arn_is_read_from_the_output(fake: FakeSam, sam: Sam, template: Path) -> None:
    fake.says("deploy", MADE)
    assert change_set(sam, template) == CHANGE_SET


def test_change_set_arn_of_another_partition_is_read(fake: FakeSam, sam: Sam, template: Path) -> None:
    arn = CHANGE_SET.replace("arn:aws:", "arn:aws-us-gov:")
    fake.says("deploy", MADE.replace(CHANGE_SET, arn))
    assert change_set(sam, template) == arn


@pytest.mark.parametrize(("stdout", "stderr"), [(EMPTY, ""), ("", EMPTY)], ids=["stdout", "stderr"])
def test_no_changes_is_no_change_set(
    fake: FakeSam, sam: Sam, template: Path, stdout: str, stderr: str
) -> None:
    fake.says("deploy", stdout, stderr)
    assert change_set(sam, template) is None


@pytest.mark.parametrize("code", ["AccessDenied", "403"])
def test_missing_permission_exits_with_4_and_is_named(
    fake: FakeSam, sam: Sam, template: Path, code: str
) -> None:
    denied = DENIED.replace("(AccessDenied)", f"({code})")
    fake.says("deploy", MADE.partition("CloudFormation stack")[0], denied, code=1)
    error = refused(sam, template)
    assert isinstance(error, PermissionDeniedError)
    assert EXIT_CODE[error.kind] == 4
    assert "not authorized to perform: cloudformation:CreateChangeSet" in error.reason
    assert "--profile" in error.hint


def test_expired_credentials_exit_with_4(fake: FakeSam, sam: Sam, template: Path) -> None:
    fake.says("deploy", "", EXPIRED, code=1)
    error = refused(sam, template)
    assert isinstance(error, CredentialsError)
    assert EXIT_CODE[error.kind] == 4
    assert error.message == "The AWS credentials have expired."
    assert error.reason == "ExpiredToken: The security token included in the request is expired"


@pytest.mark.parametrize(
    ("said", "reason"),
    [(THROTTLED, "Rate exceeded"), (FAILED, "failed with: Invalid template"), ("Error: boo\n", "boo")],
    ids=["throttled", "transform", "short"],
)
def test_other_failure_exits_with_5_and_the_reason_of_sam(
    fake: FakeSam, sam: Sam, template: Path, said: str, reason: str
) -> None:
    fake.says("deploy", "", said, code=1)
    error = refused(sam, template)
    assert type(error) is DeploymentError
    assert EXIT_CODE[error.kind] == 5
    assert reason in error.reason


def test_missing_bucket_leads_to_deleting_the_sam_stack(fake: FakeSam, sam: Sam, template: Path) -> None:
    said = "Error: Unable to upload artifact: An error occurred (NoSuchBucket) when calling the PutObject"
    fake.says("deploy", "", f"{said} operation: The specified bucket does not exist\n", code=1)
    assert "aws-sam-cli-managed-default" in refused(sam, template).hint


def test_unknown_output_of_sam_names_its_version(fake: FakeSam, sam: Sam, template: Path) -> None:
    fake.says("deploy", "Error-free. Done.\n")
    error = refused(sam, template)
    assert isinstance(error, DeploymentError)
    assert VERSION in error.hint


def test_failed_build_reports_the_reason_of_sam(fake: FakeSam, sam: Sam, template: Path) -> None:
    fake.says(
        "build", "Build Failed\n", "Error: Docker is unreachable. Docker needs to be\nrunning.\n", code=1
    )
    with pytest.raises(BuildError) as caught:
        build(sam, template, use_container=True)
    assert caught.value.reason == "Docker is unreachable. Docker needs to be running."
    assert EXIT_CODE[caught.value.kind] == 5


def test_build_without_a_template_is_an_error(fake: FakeSam, sam: Sam, template: Path) -> None:
    fake.says("build", "Build Succeeded\n", builds=False)
    with pytest.raises(BuildError):
        build(sam, template)


# Finding SAM


def test_sam_on_path_is_used(fake: FakeSam, sam: Sam) -> None:
    assert sam.command == (str(fake.folder / "sam"),)
    assert sam.version == VERSION


@pytest.mark.parametrize(
    ("said", "code"), [("", 1), ("ImportError: no module named six\n", 1), ("hello\n", 0)], ids=repr
)
def test_sam_that_does_not_run_is_named(fake: FakeSam, said: str, code: int) -> None:
    fake.says("version", said, code=code)
    with pytest.raises(PreflightError) as caught:
        find_sam(fake.environment())
    assert str(fake.folder / "sam") in caught.value.message
    assert caught.value.reason
    assert f"pipx install {sam_cli.PACKAGE}" in caught.value.hint
    assert EXIT_CODE[caught.value.kind] == 3


def test_sam_with_a_missing_interpreter_is_an_error(fake: FakeSam) -> None:
    program = fake.folder / "sam"
    program.write_text("#!/no/such/python\n")
    with pytest.raises(PreflightError) as caught:
        find_sam(fake.environment())
    assert "/sam" in caught.value.reason


def test_missing_sam_is_installed_by_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv is offline here: the test covers the call and the reported failure, not the download."""
    variables = {"PATH": str(tmp_path), "HOME": str(tmp_path), "UV_OFFLINE": "1", "UV_NO_CONFIG": "1"}
    with pytest.raises(PreflightError) as caught:
        find_sam(variables | {"UV_CACHE_DIR": str(tmp_path / "cache")})
    assert "uv" in caught.value.message
    assert caught.value.reason
    assert "pipx install" in caught.value.hint


@pytest.fixture
def without_uv(tmp_path: Path) -> Mapping[str, str]:
    """Return an environment without uv, in Python and on PATH."""
    folder = tmp_path / "packages" / "uv"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("def find_uv_bin():\n    raise FileNotFoundError('uv')\n")
    root = Path(sam_cli.__file__).parents[3]
    return {"PATH": str(tmp_path / "empty"), "PYTHONPATH": f"{folder.parent}:{root}"}


def test_missing_sam_and_uv_names_the_install_command(without_uv: Mapping[str, str]) -> None:
    code = (
        "import os; from triggers_api.errors import PreflightError\n"
        "from triggers_api.ops.deploy.sam import find_sam\n"
        "try: find_sam(os.environ)\n"
        "except PreflightError as e: print(e.message, e.reason, e.hint, sep=' | ')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(without_uv), capture_output=True, text=True, check=True
    )
    message, reason, hint = done.stdout.strip().split(" | ")
    assert message == "The SAM CLI is not installed."
    assert "neither with this Python nor on PATH" in reason
    assert "pipx install aws-sam-cli" in hint


# Interrupts


def wait_for(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_interrupt_stops_the_program_and_waits(tmp_path: Path) -> None:
    child = tmp_path / "child"
    child.write_text(
        f"#!{sys.executable}\n"
        "import os, pathlib, time\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "try:\n"
        "    (here / 'begun.new').write_text(str(os.getpid()))\n"
        "    (here / 'begun.new').rename(here / 'begun')\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(0.5)\n"
        "    (here / 'ended').touch()\n"
    )
    child.chmod(0o755)
    code = (
        "import os, pathlib, sys; from triggers_api.ops.deploy.process import run\n"
        "try: run([sys.argv[1]], pathlib.Path(), os.environ)\n"
        "except KeyboardInterrupt: print('interrupted', pathlib.Path(sys.argv[2]).exists())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(child), str(tmp_path / "ended")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(tmp_path / "begun")
        parent.send_signal(signal.SIGINT)  # to the parent alone, as `kill -INT` does
        output, _ = parent.communicate(timeout=30)
    finally:
        parent.kill()
        parent.wait()
    assert output == "interrupted True\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "begun").read_text()), 0)
