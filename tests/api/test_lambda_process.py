"""`triggers_api.main.handler` itself, in a process with Lambda's environment, over DynamoDB."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.api.lambda_events import SCHEDULED, rest_event
from tests.conftest import REGION, Stores, Tables
from triggers_api.core.keys import LOCAL_KEY, KeyRecord, digest_of, generate

ROOT = Path(__file__).parents[2]
CANARY = "canary-2b7d"
PROGRAM = """
import json, sys
from triggers_api.main import handler
class Context:
    aws_request_id = "8f1f8f6e-2f0d-4f7e-9a0b-1d2c3b4a5968"
for line in sys.stdin:
    print("answer " + json.dumps(handler(json.loads(line), Context())), flush=True)
print("modules " + json.dumps(sorted(sys.modules)))
"""


def environment(tables: Tables, **changes: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_FUNCTION_NAME": "triggers-api-prod",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AUTH_MODE": "aws",
        "LOG_LEVEL": "DEBUG",
        "DYNAMODB_TABLE_EVENTS": tables.events,
        "DYNAMODB_TABLE_KEYS": tables.keys,
        "DYNAMODB_ENDPOINT_URL": tables.endpoint_url,
        "CORS_ALLOW_ORIGIN": "https://app.example.com",
        **changes,
    }


def run(events: list[Any], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        input="".join(json.dumps(event) + "\n" for event in events),
        env=variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.promise(11)
def test_the_handler_serves_a_whole_session(dynamodb_stores: Stores, shared_tables: Tables) -> None:
    key = generate("prod")
    dynamodb_stores.keys.add(KeyRecord(digest_of(key), is_active=True))
    sent = [("Content-Type", "application/json"), ("X-API-Key", key)]
    body = json.dumps({"source": "shop", "event_type": "paid", "payload": {"secret": CANARY}}).encode()
    once = [*sent, ("Idempotency-Key", CANARY)]
    nowhere = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
    calls: list[tuple[Any, int]] = [
        (rest_event("GET", "/v1/health"), 200),
        (rest_event("POST", "/v1/events", headers=once, body=body), 201),
        (rest_event("POST", "/v1/events", headers=once, body=body), 201),
        (rest_event("GET", "/v1/inbox", query="source=shop&limit=5", headers=sent), 200),
        (rest_event("GET", "/v1/inbox", headers=[("X-API-Key", LOCAL_KEY)]), 401),
        (rest_event("GET", "/v1/inbox"), 401),
        (rest_event("POST", "/v1/events", headers=sent, body=b'{"source":' + CANARY.encode()), 400),
        (rest_event("POST", "/v1/events", headers=sent, body=b" " * 409_601), 413),
        (rest_event("POST", f"{nowhere}/ack", headers=sent), 404),
        (rest_event("GET", "/v1/events/x", headers=sent), 422),
        (rest_event("PUT", "/v1/inbox", headers=sent), 405),
        (rest_event("GET", "/", headers=sent), 404),
        (rest_event("OPTIONS", "/v1/events"), 200),
        ({**rest_event("POST", "/v1/events", headers=sent), "body": "\ud800"}, 400),
        (rest_event("GET", "/v1/health", host="a:b:c"), 200),
        (rest_event("GET", "/openapi.json"), 200),
        (rest_event("GET", "/docs"), 200),
        ({}, 404),
        ({"key1": "value1", "key2": "value2"}, 404),
        (None, 404),
        ([], 404),
        ("text", 404),
        ({"httpMethod": None, "path": None, "headers": [], "requestContext": None, "body": []}, 404),
    ]
    done = run([event for event, _ in calls], environment(shared_tables))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    answers = [json.loads(line.removeprefix("answer ")) for line in lines if line.startswith("answer ")]
    assert [answer["statusCode"] for answer in answers] == [status for _, status in calls]
    for answer in answers:
        assert answer["headers"]["access-control-allow-origin"] == "https://app.example.com"
        assert answer["headers"]["x-request-id"]
    first, second = answers[1], answers[2]
    assert json.loads(first["body"])["event_id"] == json.loads(second["body"])["event_id"]
    assert second["headers"]["idempotent-replayed"] == "true"
    (listed,) = json.loads(answers[3]["body"])["events"]
    assert listed["payload"] == {"secret": CANARY}

    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert len([line for line in logged if line["message"] == "request"]) == len(calls)
    assert {line["lambda_request_id"] for line in logged} == {"8f1f8f6e-2f0d-4f7e-9a0b-1d2c3b4a5968"}
    assert CANARY not in json.dumps(logged)
    assert key not in done.stdout

    (modules,) = (json.loads(line.removeprefix("modules ")) for line in lines if line.startswith("modules "))
    assert not {"typer", "rich", "triggers_api.cli", "triggers_api.ops", "uvicorn"} & set(modules)
    assert "triggers_api.api.backlog" not in modules, "no request needs it: a cold start must not import it"


@pytest.mark.slow("starts a process")
def test_a_scheduled_event_measures_the_backlog_at_any_log_level(
    dynamodb_stores: Stores, shared_tables: Tables
) -> None:
    key = generate("prod")
    dynamodb_stores.keys.add(KeyRecord(digest_of(key), is_active=True))
    sent = [("Content-Type", "application/json"), ("X-API-Key", key)]
    body = json.dumps({"source": "shop", "event_type": "paid", "payload": {"secret": CANARY}}).encode()
    ingest = rest_event("POST", "/v1/events", headers=sent, body=body)
    variables = environment(shared_tables, LOG_LEVEL="CRITICAL", STAGE="staging")
    done = run([ingest, ingest, SCHEDULED], variables)
    assert (done.returncode, done.stderr) == (0, "")
    *_, measured, answer, _ = done.stdout.splitlines()
    line = json.loads(measured)
    assert (line["Stage"], line["Pending"], line["Dead"]) == ("staging", 2, 0)
    assert 0 <= line["OldestPendingSeconds"] < 60
    assert answer == "answer {}"
    assert CANARY not in done.stdout


@pytest.mark.slow("waits for time-outs")
def test_a_scheduled_event_fails_if_the_store_is_out_of_reach(shared_tables: Tables) -> None:
    done = run([SCHEDULED], environment(shared_tables, DYNAMODB_ENDPOINT_URL="http://127.0.0.1:9"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "RuntimeError: The backlog could not be measured."
    assert "127.0.0.1" not in done.stderr
    assert "_aws" not in done.stdout


@pytest.mark.slow("waits for time-outs")
@pytest.mark.promise(12)
def test_a_store_out_of_reach_is_503_also_for_the_key(shared_tables: Tables) -> None:
    event = rest_event("GET", "/v1/inbox", headers=[("X-API-Key", generate("prod"))])
    variables = environment(shared_tables, DYNAMODB_ENDPOINT_URL="http://127.0.0.1:9")
    done = run([event, rest_event("GET", "/v1/health")], variables)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("answer ")]
    assert [answer["statusCode"] for answer in answers] == [503, 200]
    assert answers[0]["headers"]["retry-after"]
    assert "127.0.0.1" not in answers[0]["body"]


@pytest.mark.slow("starts a process for each setting")
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"AUTH_MODE": "local"}, "AUTH_MODE"),
        ({"AUTH_MODE": ""}, "AUTH_MODE"),
        ({"DYNAMODB_TABLE_KEYS": ""}, "DYNAMODB_TABLE_KEYS"),
    ],
)
def test_inside_lambda_the_process_refuses_to_start_without_real_keys(
    shared_tables: Tables, changes: dict[str, str], named: str
) -> None:
    done = run([], environment(shared_tables, **changes))
    assert done.returncode != 0
    assert named in done.stderr
    assert "Traceback" not in done.stderr
