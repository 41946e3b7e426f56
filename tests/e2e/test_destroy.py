"""`triggers destroy`: its output, its confirmation, what it deletes and keeps, and the way back.

The tests go on with one stage, from its deployment to the one that adopts its tables.
"""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.api_client import ApiClient
from tests.support.rehearsal import REGION, Rehearsal, error_of, said, traces
from triggers_api.version import VERSION

pytestmark = pytest.mark.timeout(600)

STACK = "triggers-api-prod"
TABLES = ("triggers-api-events-prod", "triggers-api-keys-prod")
KEPT = ("EventsTable", "ApiKeysTable")
DELETED = ("TriggersApi", "TriggersApiFunction", "TriggersApiRole", "TriggersApiLogGroup")


@dataclass(frozen=True)
class Before:
    """A key that opens the stage, and the events that are in it."""

    key: str
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def before(rehearsal: Rehearsal) -> Before:
    url = rehearsal.deploy("prod", "--parameter", "LogLevel=WARNING")[-1]["outputs"]["ApiUrl"]
    key = rehearsal.key("prod")
    with ApiClient(url, key=key) as client:
        made = [client.ingest({"number": number}).body["event_id"] for number in range(3)]
        client.acknowledge(made[0])
        return Before(key, [without_request(client, event_id) for event_id in made])


def without_request(client: ApiClient, event_id: str) -> dict[str, Any]:
    event = client.get(event_id).body
    event.pop("request_id")
    return event


COLOUR = re.compile(r"\x1b\[\d+m")


def assert_tells_what_goes_and_what_stays(screen: str) -> None:
    lines = [line.split() for line in COLOUR.sub("", screen).splitlines()]
    for action, names in (("Keep", KEPT), ("Delete", DELETED)):
        for name in names:
            assert any(line[:2] == [action, name] for line in lines), (action, name, screen)
    assert f"It keeps {TABLES[0]}, {TABLES[1]}." in screen or f"It keeps {TABLES[1]}, {TABLES[0]}." in screen


def test_destroy_off_a_terminal_requires_the_name_as_a_flag(rehearsal: Rehearsal, before: Before) -> None:
    account = traces(rehearsal.emulator)
    for arguments in ((), ("--no-input",)):
        done = rehearsal.run("destroy", "--stage", "prod", *arguments, "--json")
        assert done.returncode == 2
        assert error_of(done)["code"] == "CONFIRMATION_NEEDED"
        assert f"--confirm {STACK}" in error_of(done)["hint"]
    assert traces(rehearsal.emulator) == account


def test_destroy_does_not_accept_yes(rehearsal: Rehearsal, before: Before) -> None:
    account = traces(rehearsal.emulator)
    assert rehearsal.run("destroy", "--stage", "prod", "--yes").returncode == 2
    assert traces(rehearsal.emulator) == account


def test_destroy_with_a_wrong_name_changes_nothing(rehearsal: Rehearsal, before: Before) -> None:
    account = traces(rehearsal.emulator)
    done = rehearsal.run("destroy", "--stage", "prod", "--confirm", "triggers-api-test")
    assert done.returncode == 1, said(done)
    typed = rehearsal.on_terminal("destroy", "--stage", "prod", replies=[("to continue", "prod\n")])
    assert typed.code == 1
    assert "Nothing was changed." in typed.screen
    assert_tells_what_goes_and_what_stays(typed.screen)
    assert traces(rehearsal.emulator) == account


def test_destroy_with_the_typed_name_deletes_the_stack_and_keeps_the_tables(
    rehearsal: Rehearsal, before: Before
) -> None:
    dynamodb = rehearsal.emulator.client("dynamodb")
    items = [dynamodb.scan(TableName=name)["Items"] for name in TABLES]
    typed = rehearsal.on_terminal("destroy", "--stage", "prod", replies=[("to continue", f"{STACK}\n")])
    assert typed.code == 0, typed.screen
    assert_tells_what_goes_and_what_stays(typed.screen)
    assert f"Type {STACK} to continue" in typed.screen
    assert f"The stack {STACK} is deleted." in typed.screen
    target = f"--stage prod --region {REGION} --stack-name {STACK}"
    again = f"triggers deploy {target} --adopt --parameter LogLevel=WARNING"
    assert again in typed.screen
    assert f"The stack had version {VERSION}: " in typed.screen

    assert STACK not in rehearsal.stack_names()
    assert rehearsal.emulator.client("lambda").list_functions()["Functions"] == []
    assert rehearsal.emulator.client("apigateway").get_rest_apis()["items"] == []
    assert rehearsal.emulator.client("iam").list_roles()["Roles"] == []
    groups = rehearsal.emulator.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/triggers")
    assert groups["logGroups"] == []
    assert [dynamodb.scan(TableName=name)["Items"] for name in TABLES] == items


def test_destroy_of_an_unknown_stage_fails(rehearsal: Rehearsal, before: Before) -> None:
    done = rehearsal.run("destroy", "--stage", "prod", "--confirm", STACK, "--json")
    assert done.returncode == 1
    assert error_of(done)["code"] == "STACK_MISSING"


def test_deploy_that_adopts_the_tables_keeps_events_and_keys(rehearsal: Rehearsal, before: Before) -> None:
    end = rehearsal.deploy("prod", "--adopt")[-1]
    with ApiClient(end["outputs"]["ApiUrl"], key=before.key) as client:
        found = [without_request(client, one["event_id"]) for one in before.events]
        assert found == before.events
        assert [event["event_id"] for event in client.inbox()] == [
            one["event_id"] for one in before.events if one["status"] == "pending"
        ]


def test_destroy_with_json_ends_with_a_line_of_deleted_and_kept_resources(
    rehearsal: Rehearsal, before: Before
) -> None:
    told = rehearsal.lines("destroy", "--stage", "prod", "--confirm", STACK)
    assert told[-1]["deleted"] == STACK
    assert sorted(told[-1]["kept"]) == sorted(TABLES)
    assert {one["event"] for one in told} == {"resource", "outcome"}
