"""Deployments that are refused, interrupted or fail: message, exit code, and the state afterwards."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import faulty_proxy
from tests.support.api_client import ApiClient
from tests.support.cloudformation_gaps import restore
from tests.support.faulty_proxy import Fault
from tests.support.rehearsal import REGION, Rehearsal, error_of, said, stack_name, traces
from triggers_api.ops.dev_tables import create_missing_tables

pytestmark = pytest.mark.timeout(600)

NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
ANOTHERS = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "somebody-elses"}}}
}


def waits(seconds: int) -> dict[str, Any]:
    """Return a template that is busy for some seconds, and then fails because no signal arrives."""
    return {
        "Parameters": {
            "Stage": {"Type": "String"},
            "EventTtlDays": {"Type": "Number", "Default": 7},
            "CorsAllowOrigin": {"Type": "String", "Default": "*"},
        },
        "Resources": {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Wait": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": str(seconds), "Count": 1},
            },
        },
    }


def create_stack(rehearsal: Rehearsal, stage: str, template: dict[str, Any], *, name: str = "") -> str:
    """Create a stack of a stage, with the stage's own name unless one is given, and return its id."""
    parameters = [{"ParameterKey": "Stage", "ParameterValue": stage}] if "Parameters" in template else []
    made = rehearsal.emulator.client("cloudformation").create_stack(
        StackName=name or stack_name(stage), TemplateBody=json.dumps(template), Parameters=parameters
    )
    return str(made["StackId"])


def refused(rehearsal: Rehearsal, code: int, *arguments: str) -> dict[str, str]:
    """Run a deployment that must be refused with this exit code, and return its error."""
    done = rehearsal.run("deploy", *arguments, "--json")
    assert done.returncode == code, said(done)
    return error_of(done)


def assert_deleted_first(told: list[dict[str, Any]], stage: str) -> None:
    """Look for the old stack's end before the change set: the emulator forgets one that has a successor."""
    before = told[: next(at for at, one in enumerate(told) if one["event"] == "change_set")]
    ends = [one["status"] for one in before if one.get("logical_id") == stack_name(stage)]
    assert ends[-1] == "DELETE_COMPLETE"


@pytest.fixture
def untouched(rehearsal: Rehearsal) -> Iterator[None]:
    """See to it that a test leaves nothing in the account."""
    before = traces(rehearsal.emulator)
    yield
    assert traces(rehearsal.emulator) == before


@pytest.fixture
def nowhere(rehearsal: Rehearsal) -> Rehearsal:
    """Return commands without a reachable AWS, so that they must refuse by themselves."""
    return rehearsal.with_variables(AWS_ENDPOINT_URL="http://127.0.0.1:9")


def test_deploy_without_sam_reports_how_to_install_it(
    rehearsal: Rehearsal, tmp_path: Path, untouched: None
) -> None:
    without = rehearsal.with_variables(PATH=os.defpath, UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "empty"))
    error = refused(without, 3, "--stage", "nosam", "--yes")
    assert error["code"] == "PREFLIGHT_FAILED"
    assert "The SAM CLI is not installed" in error["message"]
    assert "pipx install aws-sam-cli==" in error["hint"]


def test_deploy_without_credentials_reports_where_to_get_them(rehearsal: Rehearsal, untouched: None) -> None:
    error = refused(rehearsal.with_variables(**NO_CREDENTIALS), 4, "--stage", "nobody", "--yes")
    assert error["code"] == "CREDENTIALS"
    assert "No AWS credentials found." in error["message"]
    assert "aws configure" in error["hint"]


def test_deploy_reports_an_access_key_that_aws_does_not_know(rehearsal: Rehearsal, untouched: None) -> None:
    unknown = rehearsal.with_variables(AWS_ACCESS_KEY_ID="AKIAUNKNOWNUNKNOWN00")
    error = refused(unknown, 4, "--stage", "nobody", "--yes")
    assert error["code"] == "CREDENTIALS"


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--parameter", "EventTtlDays=0"), ("--parameter", "EventTtlDays", "from 1 to 3650")),
        (("--parameter", "LogLevel=LOUD"), ("--parameter", "LogLevel", "DEBUG, INFO")),
        (("--parameter", "CorsAllowOrigin=example"), ("CorsAllowOrigin", "https://example.com")),
        (("--parameter", "LogLevle=DEBUG"), ("LogLevle", "LogLevel")),
        (("--parameter", "LogLevel"), ("KEY=VALUE",)),
        (("--parameter", "Stage=prod"), ("Stage", "--stage")),
        (("--stage", "Prod!"), ("--stage", "a-z, 0-9")),
        (("--stage", "local"), ("local",)),
        (("--runtime", "python3.10"), ("--runtime", "python3.11, python3.12, python3.13, python3.14")),
        (("--architecture", "arm"), ("--architecture", "x86_64, arm64")),
    ],
)
def test_bad_input_is_refused_before_anything_is_built_or_asked(
    nowhere: Rehearsal, arguments: tuple[str, ...], names: tuple[str, ...]
) -> None:
    error = refused(nowhere.with_variables(PATH="", UV_OFFLINE="1"), 2, *arguments, "--yes")
    assert error["code"] == "CONFIGURATION_ERROR"
    said = f"{error['message']} {error['hint']}"
    for name in names:
        assert name in said


def test_deploy_off_a_terminal_requires_yes_before_it_does_anything(nowhere: Rehearsal) -> None:
    began = time.monotonic()
    error = refused(nowhere, 2, "--stage", "prod")
    assert error["code"] == "CONFIRMATION_NEEDED"
    assert "--yes" in error["hint"]
    assert time.monotonic() - began < 5


def test_failed_creation_is_explained_and_the_next_deploy_succeeds(
    rehearsal: Rehearsal,
) -> None:
    """The emulator refuses an alarm on a formula; AWS does not."""
    failing = ("--stage", "half", "--yes", "--parameter", "AlarmEmail=ops@example.com")
    done = rehearsal.run("deploy", *failing, "--json")
    assert done.returncode == 5, said(done)
    error = error_of(done)
    assert error["code"] == "DEPLOYMENT_FAILED"
    assert "triggers-api-half ended in ROLLBACK_COMPLETE" in error["message"]
    assert "DeadEventsAlarm: " in error["message"]
    assert "MetricName" in error["message"], "the reason is CloudFormation's own"
    old = rehearsal.stack(stack_name("half"))
    assert old["StackStatus"] == "ROLLBACK_COMPLETE"

    told = rehearsal.deploy("half")
    assert [one["status"] for one in told if one["event"] == "obstacle"] == ["ROLLBACK_COMPLETE"]
    assert (told[-1]["changed"], told[-1]["status"]) == (True, "CREATE_COMPLETE")
    assert_deleted_first(told, "half")
    assert rehearsal.stack(stack_name("half"))["StackId"] != old["StackId"]
    with ApiClient(told[-1]["outputs"]["ApiUrl"]) as client:
        assert client.call("GET", "/v1/health").status == 200


def test_busy_stack_is_left_alone_and_a_rolled_back_one_is_replaced(rehearsal: Rehearsal) -> None:
    old = create_stack(rehearsal, "wait", waits(15))
    error = refused(rehearsal, 3, "--stage", "wait", "--yes")
    assert error["code"] == "PREFLIGHT_FAILED"
    assert "triggers-api-wait is busy: CREATE_IN_PROGRESS" in error["message"]
    assert "triggers status" in error["hint"]

    end = time.monotonic() + 60
    while rehearsal.stack(old)["StackStatus"] != "ROLLBACK_COMPLETE":
        assert time.monotonic() < end, rehearsal.stack(old)
        time.sleep(0.2)
    error = refused(rehearsal, 3, "--stage", "wait", "--plan")
    assert "ROLLBACK_COMPLETE" in error["message"]
    assert rehearsal.stack(old)["StackStatus"] == "ROLLBACK_COMPLETE", "a plan changes nothing"

    told = rehearsal.deploy("wait")
    assert told[-1]["status"] == "CREATE_COMPLETE"
    assert_deleted_first(told, "wait")
    assert rehearsal.stack(stack_name("wait"))["StackId"] != old


def test_stack_of_another_program_is_left_alone(rehearsal: Rehearsal) -> None:
    create_stack(rehearsal, "theirs", ANOTHERS)
    before = traces(rehearsal.emulator)
    error = refused(rehearsal, 3, "--stage", "theirs", "--yes")
    assert "triggers-api-theirs was not created by this program" in error["message"]
    assert "--stack-name" in error["hint"]
    assert traces(rehearsal.emulator) == before


def test_empty_stack_with_a_change_set_of_another_program_is_left_alone(
    rehearsal: Rehearsal,
) -> None:
    cloudformation = rehearsal.emulator.client("cloudformation")
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    cloudformation.create_change_set(
        StackName=stack_name("waiting"),
        ChangeSetName="theirs",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template),
    )
    before = traces(rehearsal.emulator)
    error = refused(rehearsal, 3, "--stage", "waiting", "--yes")
    assert "not created by this program" in error["message"]
    done = rehearsal.run("destroy", "--stage", "waiting", "--confirm", stack_name("waiting"), "--json")
    assert (done.returncode, error_of(done)["code"]) == (1, "STACK_MISSING")
    assert traces(rehearsal.emulator) == before


def test_fix_after_guided_questions_names_the_chosen_stack(rehearsal: Rehearsal) -> None:
    create_stack(rehearsal, "guided", waits(3600), name="our-inbox")
    answers = {"Stack name [": "our-inbox", "AWS Region [": "us-east-1", "Confirm changes": ""}
    answers |= {"Allow the creation": "", "Disable rollback": "", "Save arguments": "n"}
    replies = [(question, f"{answer}\n") for question, answer in answers.items()]
    session = rehearsal.on_terminal("deploy", "--guided", "--stage", "guided", replies=replies)
    assert session.code == 3, session.screen
    assert "our-inbox is busy" in session.screen
    assert "triggers status --stage guided --region us-east-1 --stack-name our-inbox" in session.screen


def test_a_stack_of_another_stage_is_left_alone(rehearsal: Rehearsal) -> None:
    create_stack(rehearsal, "shared", waits(3600))
    before = traces(rehearsal.emulator)
    error = refused(rehearsal, 3, "--stage", "mine", "--stack-name", "triggers-api-shared", "--yes")
    assert "triggers-api-shared belongs to stage shared" in error["message"]
    assert traces(rehearsal.emulator) == before


def test_retained_table_is_found_before_the_build_and_adopted_with_its_items(rehearsal: Rehearsal) -> None:
    """The tables come from `triggers dev` here; `test_destroy.py` has those of an earlier stack."""
    events, keys = "triggers-api-events-kept", "triggers-api-keys-kept"
    create_missing_tables(endpoint_url=rehearsal.emulator.url, region=REGION, events=events, keys=keys)
    key = rehearsal.key("kept")
    dynamodb = rehearsal.emulator.client("dynamodb")
    dynamodb.put_item(TableName=events, Item={"event_id": {"S": "1"}, "created_at": {"S": "2"}})

    def kept() -> list[Any]:
        tables = [dynamodb.describe_table(TableName=name)["Table"] for name in (events, keys)]
        items = [dynamodb.scan(TableName=name, ConsistentRead=True)["Items"] for name in (events, keys)]
        assert all(items)
        return [[(table["TableId"], table["CreationDateTime"]) for table in tables], items]

    data = kept()
    before = traces(rehearsal.emulator)
    error = refused(rehearsal, 3, "--stage", "kept", "--yes")
    assert error["code"] == "PREFLIGHT_FAILED"
    assert f"{events} and {keys}" in error["message"]
    assert "--adopt" in error["hint"]
    assert traces(rehearsal.emulator) == before
    planned = rehearsal.lines("deploy", "--stage", "kept", "--adopt", "--plan")
    assert [one["action"] for one in planned[-1]["changes"]] == ["Import", "Import"]
    assert traces(rehearsal.emulator) == before

    told = rehearsal.deploy("kept", "--adopt")
    assert [one["adopts"] for one in told if one["event"] == "change_set"] == [True, False]
    assert told[-1]["status"] == "UPDATE_COMPLETE"
    assert kept() == data
    with ApiClient(rehearsal.url("kept"), key=key) as client:
        assert client.inbox() == []


def slow_sam(rehearsal: Rehearsal, folder: Path, step: str) -> Rehearsal:
    """Put a sam on PATH that reports when a step begins, and then takes a minute for it."""
    folder.mkdir()
    real = shutil.which("sam", path=rehearsal.environment["PATH"])
    script = folder / "sam"
    slow = f'if [ "$1" = {step} ]; then touch "{folder}/began"; exec sleep 60; fi'
    script.write_text(f'#!/bin/sh\n{slow}\nexec "{real}" "$@"\n')
    script.chmod(0o755)
    return rehearsal.with_variables(PATH=f"{folder}:{os.defpath}")


def wait_for(condition: Any, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("step", "way"),
    [
        ("build", signal.SIGINT),
        ("deploy", signal.SIGINT),
        ("deploy", signal.SIGTERM),
        ("build", signal.SIGHUP),
    ],
)
def test_signal_before_the_change_set_leaves_no_stack(
    rehearsal: Rehearsal, tmp_path: Path, untouched: None, step: str, way: signal.Signals
) -> None:
    slow = slow_sam(rehearsal, tmp_path / "bin", step)
    with slow.started("deploy", "--stage", "stopped", "--yes") as process:
        wait_for((tmp_path / "bin" / "began").exists, process)
        process.send_signal(way)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Nothing was changed." in errors
    assert "Traceback" not in errors


def test_ctrl_c_after_the_change_set_was_created_deletes_it(rehearsal: Rehearsal, tmp_path: Path) -> None:
    """The bucket that SAM creates for itself stays."""
    real = shutil.which("sam", path=rehearsal.environment["PATH"])
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "sam"
    script.write_text(
        f'#!/bin/sh\n"{real}" "$@" || exit\nif [ "$1" = deploy ]; then touch "{folder}/made"; sleep 60; fi\n'
    )
    script.chmod(0o755)
    slow = rehearsal.with_variables(PATH=f"{folder}:{os.defpath}")
    with slow.started("deploy", "--stage", "stopped", "--yes") as process:
        wait_for((folder / "made").exists, process)
        assert rehearsal.stack(stack_name("stopped"))["StackStatus"] == "REVIEW_IN_PROGRESS"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the job
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Nothing was changed." in errors
    assert stack_name("stopped") not in rehearsal.stack_names()


def interrupted_in(rehearsal: Rehearsal, stage: str, call: str, *faults: Fault) -> str:
    """Press Ctrl-C while `deploy` waits for the last of these answers to a call of CloudFormation's.

    Return what it says then. Were no answer held back, this emulator might be done before the key is heard.
    """
    with faulty_proxy.in_front_of(rehearsal.emulator.url) as proxy:
        proxy.plan(*faults, of=f"Action={call}&".encode())
        slow = rehearsal.with_variables(AWS_ENDPOINT_URL_CLOUDFORMATION=proxy.url)
        with slow.started("deploy", "--stage", stage, "--yes", "--no-smoke", "--json") as process:
            wait_for(lambda: proxy.held == 1, process)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    return str(errors)


def assert_is_made(rehearsal: Rehearsal, stage: str) -> None:
    """Wait for the stack, and ask its API."""
    end = time.monotonic() + 60
    while rehearsal.stack(stack_name(stage))["StackStatus"] != "CREATE_COMPLETE":
        assert time.monotonic() < end
        time.sleep(0.2)
    restore(rehearsal.emulator, stack_name(stage))
    with ApiClient(rehearsal.url(stage)) as client:
        assert client.call("GET", "/v1/health").status == 200


def test_deploy_continues_when_the_reader_of_stderr_leaves(rehearsal: Rehearsal) -> None:
    with rehearsal.started("deploy", "--stage", "unread", "--yes", "--no-smoke") as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        process.stderr = None
        outputs, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "ApiUrl" in outputs
    assert rehearsal.stack(stack_name("unread"))["StackStatus"] == "CREATE_COMPLETE"


def test_ctrl_c_during_the_deployment_does_not_stop_cloudformation(rehearsal: Rehearsal) -> None:
    errors = interrupted_in(rehearsal, "going", "DescribeStackEvents", "none", "hang")
    assert "CloudFormation continues to work on stack triggers-api-going." in errors
    assert f"triggers status --stage going --region {REGION}" in errors
    assert_is_made(rehearsal, "going")


def test_ctrl_c_right_after_the_execution_reports_that_it_continues(rehearsal: Rehearsal) -> None:
    errors = interrupted_in(rehearsal, "asked", "ExecuteChangeSet", "hold reply")
    assert "CloudFormation continues to work on stack triggers-api-asked." in errors
    assert_is_made(rehearsal, "asked")


def test_ctrl_c_right_before_the_execution_deletes_the_change_set(rehearsal: Rehearsal) -> None:
    errors = interrupted_in(rehearsal, "unheard", "ExecuteChangeSet", "hang")
    assert "Nothing was changed." in errors
    assert stack_name("unheard") not in rehearsal.stack_names()
