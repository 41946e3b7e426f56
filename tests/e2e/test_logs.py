"""`triggers logs tail` on a deployed stage: what a request leaves in the log, and what it must not leave.

The emulator's Lambda writes START, END and REPORT as AWS's does, all with the time at which the invocation
ended, and gives its events no ids; it has no timeouts, no INIT_START and no late lines, which the tests on a
CloudWatch in memory have.
"""

import json
import signal
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.conftest import Deployed
from tests.support.api_client import ApiClient
from tests.support.rehearsal import error_of

pytestmark = pytest.mark.timeout(600)

CANARY = "c4n4ry-of-the-payload"
GROUP = "/aws/lambda/triggers-api-prod"
SECONDS = 30


def tail(deployed: Deployed, *arguments: str) -> list[dict[str, Any]]:
    return deployed.rehearsal.lines("logs", "tail", "--no-follow", *arguments)


def everything(deployed: Deployed) -> list[str]:
    """Return all that is in the log group, as CloudWatch has it."""
    client = deployed.client("logs")
    return [one["message"] for one in client.filter_log_events(logGroupName=GROUP)["events"]]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so: an invocation's log is written after its answer."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.fixture(scope="module")
def requests(deployed: Deployed) -> dict[str, int]:
    """Make requests of all sorts, each with an id of its own; return their statuses by their ids."""
    run, made = uuid4().hex[:8], dict[str, int]()

    def call(client: ApiClient, name: str, method: str, path: str, **request: Any) -> dict[str, Any]:
        request_id = f"{name}.{run}"
        headers = {"X-Request-ID": request_id, "Content-Type": "application/json"}
        answer = client.call(method, path, headers=headers, **request)
        made[request_id] = answer.status
        return answer.body

    event = {"source": "s", "event_type": "t", "payload": {"secret": CANARY}}
    with ApiClient(deployed.url, key=deployed.key) as client:
        event_id = call(client, "ingest", "POST", "/v1/events", json=event)["event_id"]
        call(client, "inbox", "GET", "/v1/inbox", params={"source": "s"})
        call(client, "ack", "POST", f"/v1/events/{event_id}/ack")
        call(client, "again", "POST", f"/v1/events/{event_id}/ack")
        call(client, "bad", "POST", "/v1/events", content=json.dumps({**event, CANARY: 1}))
        call(client, "broken", "POST", "/v1/events", content=f'{{"{CANARY}')
    with ApiClient(deployed.url, key=f"trg_prod_{CANARY}") as client:
        call(client, "refused", "GET", "/v1/inbox")
    texts: list[str] = []

    def reported() -> bool:
        texts[:] = everything(deployed)
        return all(any(name in text for text in texts) for name in made)

    wait_for(reported, f"not all of {made} in {texts}")
    return made


def test_request_id_finds_every_line_of_the_request_and_no_other(
    deployed: Deployed, requests: dict[str, int]
) -> None:
    assert list(requests.values()) == [201, 200, 200, 409, 400, 400, 401]
    in_all = everything(deployed)
    for request_id, status in requests.items():
        lines = tail(deployed, "--request-id", request_id)
        start, *ours, end, report = lines
        lambda_id = start["lambda_request_id"]
        assert start["message"] == "START Version: $LATEST"
        assert (end["message"], report["message"].split()[0]) == ("END", "REPORT")
        assert {one["lambda_request_id"] for one in lines} == {lambda_id}
        assert {one["request_id"] for one in ours} == {request_id}
        assert [one["status"] for one in ours if one["message"] == "request"] == [status]
        # Every line, counted by another way of looking.
        assert sorted(one["raw"] for one in lines) == sorted(text for text in in_all if lambda_id in text)
        assert tail(deployed, "--request-id", lambda_id) == lines


@pytest.mark.promise(11)
def test_neither_the_key_nor_the_payload_is_anywhere_in_the_log_group(
    deployed: Deployed, requests: dict[str, int]
) -> None:
    shown = json.dumps(tail(deployed, "--since", "1h", "--level", "DEBUG"))
    stored = json.dumps(everything(deployed))
    for text in (shown, stored):
        assert all(request_id in text for request_id in requests)
        assert deployed.key not in text
        assert CANARY not in text


def test_tail_shows_every_line_of_the_group_once(deployed: Deployed, requests: dict[str, int]) -> None:
    assert [one["raw"] for one in tail(deployed, "--since", "1h", "--lambda")] == everything(deployed)


def test_status_finds_the_refused_request_with_the_reason(
    deployed: Deployed, requests: dict[str, int]
) -> None:
    lines = [one for one in tail(deployed, "--status", "401") if one["request_id"] in requests]
    assert [(requests[one["request_id"]], one["fields"]["reason"]) for one in lines] == [(401, "unknown")]


def test_tail_follows_new_lines_until_ctrl_c(deployed: Deployed, requests: dict[str, int]) -> None:
    request_id = f"followed.{uuid4().hex[:8]}"
    with deployed.rehearsal.started("logs", "tail", "--request-id", request_id, "--json") as process:
        with ApiClient(deployed.url, key=deployed.key) as client:
            assert client.call("GET", "/v1/health", headers={"X-Request-ID": request_id}).status == 200
        assert process.stdout
        told = [json.loads(process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err.count("\n")) == (130, "", 1)
    assert [one["message"].split()[0] for one in told] == ["START", "request", "END", "REPORT"]
    assert told[1]["request_id"] == request_id
    assert told[1]["path"] == "/v1/health"


def test_a_stage_that_is_not_deployed_has_no_log_group(deployed: Deployed) -> None:
    done = deployed.rehearsal.run("logs", "tail", "--stage", "nowhere", "--no-follow", "--json")
    assert done.returncode == 1
    assert error_of(done)["code"] == "LOG_GROUP_MISSING"


def test_tail_without_permission_names_it(deployed: Deployed) -> None:
    denied = deployed.rehearsal.emulator.user(
        f"reader-{uuid4().hex[:8]}", {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
    )
    done = deployed.rehearsal.as_user(denied).run("logs", "tail", "--no-follow", "--json")
    assert done.returncode == 4
    assert "logs:FilterLogEvents" in error_of(done)["message"]
