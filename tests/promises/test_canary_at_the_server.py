"""Send the canaries through `triggers dev` while DynamoDB fails, and read everything that the process prints.

Two of the failures send the request back, because the text of an error may quote it.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.conftest import REGION
from tests.support import dev_server, faulty_proxy
from tests.support.api_client import Answer, ApiClient
from tests.support.faulty_proxy import Fault
from tests.support.promises import Tried
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.ops.dev_tables import create_missing_tables
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.keys import DynamoKeyStore

CANARY = "canary-7c19"
KEY = "My-Own-Canary_9876543210-abcde"
PAYLOAD = {"secret": CANARY, CANARY: [CANARY]}
STATUSES: dict[Fault, set[int]] = {
    "throttle": {503},
    "lose reply": {503},
    "cut body": {503},
    "foreign refusal": {503},
    "echo": {503},
    "echo in the head": {503},
    "quoting refusal": {500},  # what DynamoDB calls malformed is a bug of ours
}
NEVER_SEEN = {fault: f"{KEY}-{number}" for number, fault in enumerate(STATUSES)}
"""A key for each fault, which the service must look up. The key of the other calls is cached."""

SECRETS = (CANARY, KEY, KEY[:12], KEY[-12:], *map(digest_of, [KEY, *NEVER_SEEN.values()]))


def calls(client: ApiClient, event_id: str, never_seen: str) -> list[Callable[[], Answer]]:
    body = {"source": "shop", "event_type": "order.paid", "payload": PAYLOAD}
    return [
        lambda: client.ingest(PAYLOAD),
        lambda: client.call("POST", "/v1/events", json=body, headers={"Idempotency-Key": CANARY}),
        lambda: client.get(event_id),
        lambda: client.call("GET", "/v1/inbox", params={"event_type": CANARY}),
        lambda: client.acknowledge(event_id),
        lambda: client.call("DELETE", f"/v1/events/{event_id}"),
        lambda: client.call("GET", "/v1/inbox", headers={"X-API-Key": never_seen}),
    ]


@pytest.mark.slow("each call is tried three times, with botocore's pauses")
@pytest.mark.promise(11)
def test_server_prints_no_key_and_no_payload_when_dynamodb_fails(dynamodb_url: str, tried: Tried) -> None:
    run = uuid4().hex[:12]
    events, keys = f"events-{run}", f"keys-{run}"
    create_missing_tables(endpoint_url=dynamodb_url, region=REGION, events=events, keys=keys)
    store = DynamoKeyStore(DynamoDB(region=REGION, endpoint_url=dynamodb_url), keys)
    assert store.add(KeyRecord(digest_of(KEY), is_active=True))
    variables = {
        "DYNAMODB_TABLE_EVENTS": events,
        "DYNAMODB_TABLE_KEYS": keys,
        "AUTH_MODE": "aws",
        "AUTH_CACHE_SECONDS": "3600",
        "LOG_LEVEL": "DEBUG",
    }
    answers: list[Answer] = []
    with (
        faulty_proxy.in_front_of(dynamodb_url) as proxy,
        dev_server.running("--dynamodb-endpoint", proxy.url, variables=variables) as server,
        ApiClient(server.url, key=KEY) as client,
        ThreadPoolExecutor(7) as pool,
    ):
        event_id = client.ingest(PAYLOAD).body["event_id"]
        for fault, expected in STATUSES.items():
            proxy.plan(forever=fault)
            told = list(pool.map(lambda call: call(), calls(client, event_id, NEVER_SEEN[fault])))
            assert {answer.status for answer in told} == expected, fault
            answers += told
            proxy.plan()
        # A failed condition returns the existing item with its payload.
        after = client.ingest(PAYLOAD).body["event_id"]
        assert [client.acknowledge(after).status for _ in range(2)] == [200, 409]
        again = {"source": "shop", "event_type": "other", "payload": PAYLOAD}
        once = {"Idempotency-Key": f"{CANARY} again"}
        statuses = [
            client.call("POST", "/v1/events", json=json_body, headers=once).status
            for json_body in (again, {**again, "event_type": "another"})
        ]
        assert statuses == [201, 422]
        server.interrupt()
        said = server.output.read_text() + server.log.read_text()
    assert said.count("store failed") >= 7 * (len(STATUSES) - 1)
    assert said.count("bug") >= 7
    assert [secret for secret in SECRETS if secret in said] == []
    told_text = json.dumps([(answer.body, dict(answer.headers)) for answer in answers])
    assert [secret for secret in SECRETS if secret in told_text] == []
    tried(len(answers) + 4)
