"""`triggers deploy` from an installed wheel on an emulated account, and the deployed API.

The tests use one account in sequence, from a fresh one to a stage that was changed twice.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from tests.e2e.conftest import sqlite_in
from tests.support import requirements_walk
from tests.support.api_client import ApiClient
from tests.support.cloudformation_gaps import restore
from tests.support.curl import CurlAnswer, curl
from tests.support.rehearsal import Rehearsal, error_of, said, stack_name, traces
from tests.support.requirements_walk import Walk, walk
from triggers_api.version import VERSION

pytestmark = pytest.mark.timeout(600)

TABLES = ("triggers-api-events-prod", "triggers-api-keys-prod")
OUTPUTS = {
    "ApiUrl",
    "EventsTableName",
    "ApiKeysTableName",
    "ApiId",
    "FunctionName",
    "LogGroupName",
    "RoleName",
    "Version",
}


@pytest.fixture(scope="module")
def planned(rehearsal: Rehearsal) -> subprocess.CompletedProcess[str]:
    """Plan on the fresh account; it is the module's first command."""
    return rehearsal.run("deploy", "--stage", "prod", "--plan", "--json")


@pytest.fixture(scope="module")
def traces_of_the_plan(rehearsal: Rehearsal, planned: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return traces(rehearsal.emulator)


@pytest.fixture(scope="module")
def prod(rehearsal: Rehearsal, traces_of_the_plan: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Deploy the stage prod, and return the result of the command."""
    done = rehearsal.run("deploy", "--stage", "prod", "--yes", "--no-smoke", "--json")
    assert done.returncode == 0, said(done)
    restore(rehearsal.emulator, stack_name("prod"))
    return done


@pytest.fixture(scope="module")
def key(rehearsal: Rehearsal, prod: subprocess.CompletedProcess[str]) -> str:
    return rehearsal.key("prod")


@pytest.fixture(scope="module")
def walked(rehearsal: Rehearsal, key: str) -> Walk:
    """Walk through the requirements' section 7, on the deployed API, which is empty."""
    dynamodb = rehearsal.emulator.client("dynamodb")

    def read(event_id: str, created_at: str) -> Any:
        names = {"event_id": {"S": event_id}, "created_at": {"S": created_at}}
        return dynamodb.get_item(TableName=TABLES[0], Key=names, ConsistentRead=True).get("Item")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requirements_walk, "WITH_KEY", ("-H", f"X-API-Key: {key}"))
        return walk(rehearsal.url("prod"), read)


def outcome(told: list[dict[str, Any]]) -> dict[str, Any]:
    assert told[-1]["event"] == "outcome"
    return told[-1]


def answers_of(seen: Walk) -> dict[str, Any]:
    """Return statuses and bodies without the values that differ from run to run. A gateway adds headers."""
    answers = {name: CurlAnswer(one.status, {}, one.body) for name, one in seen.answers.items()}
    answers.pop("preflight")  # the gateway's own answer
    return Walk(answers).normalised()


def described_tables(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return each table with its id, creation date and items."""
    dynamodb = rehearsal.emulator.client("dynamodb")
    found = {}
    for name in TABLES:
        table = dynamodb.describe_table(TableName=name)["Table"]
        items = dynamodb.scan(TableName=name, ConsistentRead=True)["Items"]
        found[name] = (
            table["TableId"],
            table["CreationDateTime"],
            sorted(json.dumps(item, sort_keys=True) for item in items),
        )
        assert items, f"{name} is empty: nothing could be lost"
    return found


def deployment_ids(rehearsal: Rehearsal) -> set[str]:
    cloudformation = rehearsal.emulator.client("cloudformation")
    resources = cloudformation.describe_stack_resources(StackName=stack_name("prod"))["StackResources"]
    return {
        one["LogicalResourceId"] for one in resources if one["ResourceType"] == "AWS::ApiGateway::Deployment"
    }


def test_plan_on_a_fresh_account_shows_the_new_resources_and_leaves_nothing(
    planned: subprocess.CompletedProcess[str], traces_of_the_plan: dict[str, Any]
) -> None:
    assert planned.returncode == 0, said(planned)
    told = [json.loads(line) for line in planned.stdout.splitlines()]
    assert told[-1]["event"] == "change_set"
    changes = {one["logical_id"]: one for one in told[-1]["changes"]}
    assert {one["action"] for one in changes.values()} == {"Add"}
    assert {"EventsTable", "ApiKeysTable", "TriggersApi", "TriggersApiFunction"} <= changes.keys()
    assert traces_of_the_plan == {"tables": []}


def test_deploy_writes_json_lines_of_which_the_last_has_the_outputs(
    prod: subprocess.CompletedProcess[str],
) -> None:
    told = [json.loads(line) for line in prod.stdout.splitlines()]
    end = outcome(told)
    assert (end["changed"], end["status"]) == (True, "CREATE_COMPLETE")
    assert end["outputs"].keys() == OUTPUTS
    order = list(dict.fromkeys(one["event"] for one in told))
    assert order == ["step", "finding", "artifact", "change_set", "resource", "outcome"]
    assert [one["step"] for one in told if one["event"] == "step"] == [
        "preflight",
        "build",
        "change set",
        "apply",
    ]


def test_the_deployed_api_answers_as_the_requirements_say(rehearsal: Rehearsal, walked: Walk) -> None:
    health = curl(f"{rehearsal.url('prod')}/v1/health")
    assert (health.status, health.body["status"]) == (200, "healthy")
    assert walked.items["ingest"]["status"]["S"] == "pending"
    assert walked.items["delete"] is None


def test_the_deployed_api_answers_as_the_one_on_this_machine(walked: Walk, tmp_path: Path) -> None:
    with sqlite_in(tmp_path).running() as server:
        assert answers_of(walked) == answers_of(walk(server.url, None))


def test_the_docs_of_the_deployed_api_find_the_document_under_the_stage(
    rehearsal: Rehearsal, prod: subprocess.CompletedProcess[str]
) -> None:
    url = rehearsal.url("prod")
    with httpx.Client(trust_env=False) as client:
        page = client.get(f"{url}/docs")
        (document,) = re.findall(r'url: "([^"]+)"', page.text)
        asked = urljoin(str(page.url), document)
        assert asked == f"{url}/openapi.json"
        assert client.get(asked).json()["openapi"].startswith("3.")


def test_outputs_are_a_table_a_document_or_one_value(
    rehearsal: Rehearsal, prod: subprocess.CompletedProcess[str]
) -> None:
    deployed = json.loads(prod.stdout.splitlines()[-1])["outputs"]
    table = rehearsal.run("outputs")
    assert table.returncode == 0
    rows = [line.split("\t") for line in table.stdout.splitlines()]
    assert (rows[0], dict(rows[1:])) == (["NAME", "VALUE"], deployed)
    assert rehearsal.ask("outputs") == deployed
    assert rehearsal.url("prod") == deployed["ApiUrl"]
    assert deployed["ApiUrl"] == rehearsal.emulator.api_url(deployed["ApiId"], "prod")


def test_an_unknown_output_is_a_usage_error_that_names_those_there_are(
    rehearsal: Rehearsal, prod: subprocess.CompletedProcess[str]
) -> None:
    done = rehearsal.run("outputs", "--name", "apiurl", "--json")
    assert done.returncode == 2
    error = error_of(done)
    assert "apiurl" in error["message"]
    assert all(name in error["hint"] for name in OUTPUTS)


def test_status_shows_the_state_of_the_stage(
    rehearsal: Rehearsal, prod: subprocess.CompletedProcess[str]
) -> None:
    found = rehearsal.ask("status")
    assert (found["stack"], found["status"]) == ("triggers-api-prod", "CREATE_COMPLETE")
    assert found["outputs"].keys() == OUTPUTS
    assert found["parameters"]["Stage"] == "prod"
    function = found["function"]
    assert (function["runtime"], function["architecture"], function["memory"]) == (
        "python3.11",
        "x86_64",
        512,
    )
    assert [(table["name"], table["state"]) for table in found["tables"]] == [
        (name, "ACTIVE") for name in TABLES
    ]
    limits = [(one["limit"], one["state"]) for one in found["limits"]]
    assert limits == [("throttle", "ok"), ("shards", "ok"), ("concurrency", "ok")]
    text = rehearsal.run("status")
    assert text.returncode == 0
    assert "triggers-api-prod, CREATE_COMPLETE" in text.stdout
    assert "of 100 requests a second" in text.stdout


def test_stack_and_its_resources_carry_the_tags_of_the_stage(
    rehearsal: Rehearsal, prod: subprocess.CompletedProcess[str]
) -> None:
    expected = {"application": "triggers-api", "stage": "prod", "version": VERSION}
    assert rehearsal.ask("status")["tags"] == expected
    emulator = rehearsal.emulator
    table = emulator.client("dynamodb").describe_table(TableName=TABLES[0])["Table"]["TableArn"]
    of_table = emulator.client("dynamodb").list_tags_of_resource(ResourceArn=table)["Tags"]
    function = rehearsal.function("prod")["FunctionArn"]
    of_function = emulator.client("lambda").list_tags(Resource=function)["Tags"]
    for found in ({one["Key"]: one["Value"] for one in of_table}, of_function):
        assert expected.items() <= found.items()


def test_a_stage_that_is_not_deployed_has_no_status_and_no_outputs(
    rehearsal: Rehearsal, prod: subprocess.CompletedProcess[str]
) -> None:
    for command in ("status", "outputs"):
        done = rehearsal.run(command, "--stage", "elsewhere", "--json")
        assert done.returncode == 1
        assert error_of(done)["code"] == "STACK_MISSING"
        assert "triggers-api-elsewhere" in error_of(done)["message"]


def test_a_second_deploy_changes_nothing_and_leaves_no_change_set(rehearsal: Rehearsal, walked: Walk) -> None:
    before = traces(rehearsal.emulator)
    end = outcome(rehearsal.lines("deploy", "--stage", "prod", "--yes", "--no-smoke"))
    assert end["changed"] is False
    assert end["outputs"].keys() == OUTPUTS
    assert traces(rehearsal.emulator) == before


def test_a_plan_of_a_change_shows_it_and_leaves_nothing(rehearsal: Rehearsal, walked: Walk) -> None:
    before = traces(rehearsal.emulator)
    told = rehearsal.lines("deploy", "--stage", "prod", "--plan", "--parameter", "LogLevel=DEBUG")
    assert told[-1]["event"] == "change_set"
    changes = {one["logical_id"]: one for one in told[-1]["changes"]}
    assert changes["TriggersApiFunction"]["action"] == "Modify"
    assert not {"OperatorDashboard", "AlarmTopic", "AccessLogGroup"} & changes.keys()
    assert not {"EventsTable", "ApiKeysTable", "TriggersApiRole", "TriggersApiLogGroup"} & changes.keys()
    assert traces(rehearsal.emulator) == before


def test_a_plan_with_nothing_to_change_asks_nothing_of_what_is_deployed(
    rehearsal: Rehearsal, walked: Walk
) -> None:
    before = described_tables(rehearsal)
    end = outcome(rehearsal.lines("deploy", "--stage", "prod", "--plan"))
    assert end["changed"] is False
    assert described_tables(rehearsal) == before, "no key and no event of a smoke test"


def test_a_changed_parameter_takes_effect_and_the_tables_stay_as_they_were(
    rehearsal: Rehearsal, walked: Walk
) -> None:
    before = described_tables(rehearsal)
    changed = ("--parameter", "LogLevel=DEBUG", "--parameter", "EventTtlDays=30")
    end = outcome(rehearsal.deploy("prod", *changed))
    assert (end["changed"], end["status"]) == (True, "UPDATE_COMPLETE")
    assert rehearsal.ask("status")["tags"]["stage"] == "prod"
    variables = rehearsal.function("prod")["Environment"]["Variables"]
    assert (variables["LOG_LEVEL"], variables["EVENT_TTL_DAYS"]) == ("DEBUG", "30")
    assert described_tables(rehearsal) == before


def test_changed_origin_takes_effect_in_the_preflight(rehearsal: Rehearsal, walked: Walk, key: str) -> None:
    """Parameters of an earlier deployment stay, although they are not given again."""
    before, tables = deployment_ids(rehearsal), described_tables(rehearsal)
    end = outcome(rehearsal.deploy("prod", "--parameter", "CorsAllowOrigin=https://shop.example"))
    url = end["outputs"]["ApiUrl"]
    asked = ("-H", "Origin: https://shop.example", "-H", "Access-Control-Request-Method: POST")
    preflight = curl("-X", "OPTIONS", f"{url}/v1/events", *asked)
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    actual = curl(f"{url}/v1/inbox", "-H", f"X-API-Key: {key}")
    assert (actual.status, actual.headers["access-control-allow-origin"]) == (200, "https://shop.example")
    after = deployment_ids(rehearsal)
    assert len(after) == 1
    assert after != before
    assert described_tables(rehearsal) == tables
    variables = rehearsal.function("prod")["Environment"]["Variables"]
    assert (variables["LOG_LEVEL"], variables["EVENT_TTL_DAYS"]) == ("DEBUG", "30")


def test_two_stages_live_side_by_side(rehearsal: Rehearsal, walked: Walk, key: str) -> None:
    assert outcome(rehearsal.deploy("test"))["status"] == "CREATE_COMPLETE"
    keys = {"prod": key, "test": rehearsal.key("test")}
    for stage, own in keys.items():
        for name, other in keys.items():
            with ApiClient(rehearsal.url(stage), key=other) as client:
                status = client.ingest({"stage": stage}).status
            assert status == (201 if other == own else 401), (stage, name)
    for stage, own in keys.items():
        with ApiClient(rehearsal.url(stage), key=own) as client:
            newest = client.inbox()[-1]
        assert newest["payload"] == {"stage": stage}
