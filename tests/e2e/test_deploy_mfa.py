"""A profile with an MFA device, and stray settings: one question, and a plan by the real SAM CLI."""

import json

import pytest

from tests.support.ministack import Emulator
from tests.support.rehearsal import Rehearsal, said
from triggers_api.ops.deploy.preflight import SAM_STACK

pytestmark = pytest.mark.timeout(600)

ACCOUNT = "000000000000"
DEVICE = f"arn:aws:iam::{ACCOUNT}:mfa/anna"
STRAY = {
    "UV_COMPILE_BYTECODE": "1",
    "UV_CONSTRAINT": "/no/such/file",
    "UV_NO_BINARY": "1",
    "UV_EXCLUDE_NEWER": "2020-01-01",
    "SAM_TEMPLATE_FILE": "/no/such/template",
    "SAM_CLI_STACK_NAME": "stray",
}


def create_bucket(emulator: Emulator) -> None:
    """Create SAM's bucket without its policy, which refuses http, and the emulator has no TLS."""
    output = {"SourceBucket": {"Value": {"Ref": "SamCliSourceBucket"}}}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}
    template = {"Resources": {"SamCliSourceBucket": bucket}, "Outputs": output}
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=SAM_STACK,
        TemplateBody=json.dumps(template),
        Tags=[{"Key": "ManagedStackSource", "Value": "AwsSamCli"}],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=SAM_STACK, WaiterConfig={"Delay": 1})


@pytest.fixture(scope="module")
def with_device(rehearsal: Rehearsal) -> Rehearsal:
    """The account's only credentials are those of a role that needs an MFA code."""
    emulator = rehearsal.emulator
    iam = emulator.client("iam")
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.create_role(RoleName="Deployer", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="Deployer", PolicyName="all", PolicyDocument=json.dumps(policy))
    create_bucket(emulator)
    rehearsal.make_folders()
    home = rehearsal.folder / "home"
    config = home / "aws-config"
    config.write_text(
        f"[profile base]\naws_access_key_id = {emulator.access_key_id}\n"
        f"aws_secret_access_key = {emulator.secret_access_key}\n"
        f"[profile b]\nsource_profile = base\nrole_arn = arn:aws:iam::{ACCOUNT}:role/Deployer\n"
        f"mfa_serial = {DEVICE}\n"
    )
    settings = home / ".config" / "uv" / "uv.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('compile-bytecode = true\n[pip]\nno-binary = [":all:"]\n')
    stray = home / "stray" / "samcli"
    stray.mkdir(parents=True)
    (stray / "__init__.py").write_text("raise RuntimeError('a stray module')")
    return rehearsal.with_variables(
        **STRAY, PYTHONPATH=str(stray.parent), AWS_CONFIG_FILE=str(config), AWS_PROFILE="base"
    )


def test_mfa_code_is_asked_once_and_sam_does_not_ask_again(with_device: Rehearsal) -> None:
    session = with_device.on_terminal(
        "deploy", "--plan", "--profile", "b", replies=[(f"MFA code of {DEVICE}", "123456\n")]
    )
    assert session.code == 0, session.screen
    assert session.screen.count("MFA code") == 1
    assert "Enter MFA code" not in session.screen
    assert "TriggersApiFunction" in session.screen
    assert "This was a plan." in session.screen


def test_mfa_profile_off_a_terminal_is_an_error(with_device: Rehearsal) -> None:
    done = with_device.run("deploy", "--plan", "--profile", "b")
    assert done.returncode == 4, said(done)
    assert "needs an MFA code" in done.stderr
    assert DEVICE in done.stderr
