"""`triggers smoke` from an installed wheel, on a stage that was just deployed."""

from typing import Any

import pytest

from tests.support.api_client import ApiClient
from tests.support.rehearsal import Rehearsal, error_of, said
from triggers_api.ops.smoke.check_runner import CHECKS

pytestmark = pytest.mark.timeout(600)

EVENTS, KEYS = "triggers-api-events-prod", "triggers-api-keys-prod"


@pytest.fixture(scope="module")
def url(rehearsal: Rehearsal) -> str:
    """Deploy the stage prod, and return the URL of its API."""
    found: str = rehearsal.deploy("prod", "--no-smoke")[-1]["outputs"]["ApiUrl"]
    return found


# On a busy machine the emulator needs long to start a function for each request that comes at once.
PATIENT = ("--timeout", "55")


def items(rehearsal: Rehearsal, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rehearsal.emulator.client("dynamodb").scan(
        TableName=table, ConsistentRead=True
    )["Items"]
    return found


def test_smoke_passes_on_a_fresh_deployment_and_leaves_only_idempotency_records(
    rehearsal: Rehearsal, url: str
) -> None:
    found = rehearsal.ask("smoke", "--stage", "prod", *PATIENT)
    assert [one for one in found["checks"] if not one["passed"]] == []
    assert (found["url"], found["passed"], len(found["checks"])) == (url, True, len(CHECKS) + 4)
    assert [item for item in items(rehearsal, EVENTS) if "status" in item] == []
    # The claims of two checks of idempotency and of three deliveries; DynamoDB deletes them after their time.
    assert all("ttl" in item for item in items(rehearsal, EVENTS))
    assert len(items(rehearsal, EVENTS)) == 5


def test_smoke_revokes_its_own_hook_and_its_own_key_which_expires_soon(
    rehearsal: Rehearsal, url: str
) -> None:
    hook, key = sorted(items(rehearsal, KEYS), key=lambda item: str(item["api_key"]["S"]))
    assert hook["api_key"]["S"].startswith("hook:sha256:")
    assert hook["is_active"] == {"BOOL": False}
    assert "secret" not in hook
    assert key["name"]["S"].startswith("smoke ")
    assert key["is_active"] == {"BOOL": False}
    assert key["expires_at"]["S"] > key["created_at"]["S"]


def test_request_id_of_each_check_is_in_the_log(rehearsal: Rehearsal, url: str) -> None:
    found = rehearsal.ask("smoke", "--stage", "prod", *PATIENT)
    logs = rehearsal.emulator.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/triggers-api-prod")
    lines = "\n".join(event["message"] for page in pages for event in page["events"])
    silent = {"CORS preflight", "revoke the key"}  # the gateway answers the one itself; the other asks no API
    for one in found["checks"]:
        assert (one["request_id"] or "") in lines or one["check"] in silent, one["check"]


def test_printed_request_id_finds_all_log_lines_of_the_request(rehearsal: Rehearsal, url: str) -> None:
    found = rehearsal.ask("smoke", "--stage", "prod", *PATIENT)
    (request_id,) = (one["request_id"] for one in found["checks"] if one["check"] == "ingest")
    lines = rehearsal.lines("logs", "tail", "--stage", "prod", "--no-follow", "--request-id", request_id)
    (ours,) = {one["lambda_request_id"] for one in lines}
    assert [one["message"].split()[0] for one in lines] == ["START", "request", "END", "REPORT"]
    logs = rehearsal.emulator.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/triggers-api-prod")
    in_all = [event["message"] for page in pages for event in page["events"]]
    assert len([text for text in in_all if ours in text]) == len(lines)


def test_smoke_with_a_given_key_needs_a_url_and_no_aws(rehearsal: Rehearsal, url: str) -> None:
    key = rehearsal.key("prod")
    outsider = rehearsal.with_variables(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", TRIGGERS_API_KEY=key)
    done = outsider.run("smoke", "--url", f"{url}/", *PATIENT)
    assert done.returncode == 0, said(done)
    assert key not in said(done)


def test_smoke_leaves_other_events_unchanged(rehearsal: Rehearsal, url: str) -> None:
    with ApiClient(url, key=rehearsal.key("prod")) as client:
        event_id = client.ingest({}).body["event_id"]
        assert rehearsal.run("smoke", *PATIENT).returncode == 0
        assert [event["event_id"] for event in client.inbox()] == [event_id]


def allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


@pytest.mark.parametrize(
    ("name", "action", "denied", "way_out"),
    [
        ("no-keys", "cloudformation:Describe*", "dynamodb:", "give a key with --key"),
        ("no-stack", "dynamodb:*", "cloudformation:", "give --url and --key"),
    ],
)
def test_smoke_names_a_missing_permission_and_the_alternative(
    rehearsal: Rehearsal, url: str, name: str, action: str, denied: str, way_out: str
) -> None:
    user = rehearsal.as_user(rehearsal.emulator.user(name, allow(action)))
    done = user.run("smoke", "--stage", "prod", "--json")
    assert done.returncode == 4, said(done)
    assert denied in error_of(done)["message"]
    assert way_out in error_of(done)["hint"]
