"""Send canaries through every call, valid and invalid, and look where they appear.

The canaries are a key, a payload, the id of a hook and its signing secret. None may appear in a log line, an
error or the output of the process. The payload may appear in the answers for its event and in the events
table, and the signing secret in the keys table. The key and the id may not appear in a file or a table.
"""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.api.conftest import door_of
from tests.api.driver import Answer, Api, with_events
from tests.conftest import REGION, Stores, Tables
from tests.support.clock import FakeClock
from tests.support.failing_events import FailingEvents
from tests.support.promises import Tried
from tests.support.service_log import written
from triggers_api.core.access import ALL_SCOPES
from triggers_api.core.hooks.records import HookRecord, hook_digest_of, prefix_of
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.sqlite.database import FILE_NAME, Database
from triggers_api.store.sqlite.events import SqliteEventStore

CANARY = "canary-e0d4"
PAYLOAD = {"secret": CANARY, CANARY: [CANARY], "long": CANARY * 200}
KEY = "My-Own-Canary_0123456789-zyxwv"
HOOK_ID = "hook_Its-Own-Canary_9876543210-abcdefghijklmnopq"
SIGNING = "signing-canary-5b1c"
HOOK_SECRETS = (HOOK_ID, HOOK_ID[5:20], HOOK_ID[-12:], digest_of(HOOK_ID), SIGNING, SIGNING[:12])
SECRETS = (CANARY, KEY, KEY[:12], KEY[-12:], digest_of(KEY), *HOOK_SECRETS)
EVENT = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"


class Watched(Api):
    """The API with the canary as its key. It keeps every answer."""

    def __init__(self, stores: Stores, clock: FakeClock) -> None:
        super().__init__(stores, clock, door=door_of(stores))
        self.answers: list[Answer] = []
        stores.keys.add(KeyRecord(digest_of(KEY), is_active=True, scopes=ALL_SCOPES))
        self.key = KEY

    def call(self, method: str, path: str, **options: Any) -> Answer:
        self.answers.append(super().call(method, path, **options))
        return self.answers[-1]


def whole_session(api: Api) -> None:
    """Make every call, valid and invalid, with the canaries in every secret field."""
    metadata = {"correlation_id": CANARY, "idempotency_key": CANARY}
    event_id = api.add(PAYLOAD)
    once = api.add(PAYLOAD, metadata=metadata)
    assert api.ingest(PAYLOAD, metadata=metadata).json["event_id"] == once
    bound = api.make_key("another")
    refused = [
        api.ingest({"other": CANARY}, metadata=metadata),
        api.ingest(CANARY),
        api.ingest(PAYLOAD, metadata={"priority": CANARY}),
        api.ingest(PAYLOAD, metadata={"correlation_id": CANARY * 100}),
        api.ingest(PAYLOAD, metadata={"unknown": CANARY}),
        api.ingest(PAYLOAD, source=CANARY * 100),
        api.ingest(PAYLOAD, source=f"{CANARY}\n"),
        api.post("/v1/events", {"unknown": CANARY}),
        api.post("/v1/events", {KEY: CANARY}),
        api.inbox(**{KEY: CANARY}),
        api.post("/v1/events", [CANARY]),
        api.post("/v1/events", body=CANARY.encode()),
        api.post("/v1/events", body=f'{{"{CANARY}":1,"{CANARY}":1}}'.encode()),
        api.post("/v1/events", body=f'{{"{CANARY}":NaN}}'.encode()),
        api.post("/v1/events", body=CANARY.encode() + b"\xff"),
        api.post("/v1/events", body=CANARY.encode() * 50_000),
        api.ingest(PAYLOAD, headers=[("Content-Type", f"text/{CANARY}")]),
        api.ingest(PAYLOAD, headers=[("Content-Type", f"application/json; charset={CANARY}")]),
        api.ingest(PAYLOAD, headers=[("Idempotency-Key", CANARY * 100)]),
        api.ingest(PAYLOAD, headers=[("Idempotency-Key", CANARY)], metadata={"idempotency_key": "other"}),
        api.ingest(PAYLOAD, key=bound),
        api.inbox(cursor=CANARY),
        api.inbox(limit=CANARY),
        api.inbox(event_type=CANARY * 100),
        api.get("/v1/inbox", key=CANARY * 3),
        api.get("/v1/inbox", key=f"{KEY}x"),
        api.get("/v1/inbox", key=KEY[:-1]),
        api.get("/v1/inbox", key=None, headers=[("X-API-Key", KEY), ("X-API-Key", CANARY)]),
        api.get("/v1/inbox", key=None, headers=[("Authorization", f"Bearer {KEY}")]),
        api.get("/v1/inbox", key=None, query={"api_key": KEY, "X-API-Key": KEY}),
        api.get(f"/v1/events/{KEY}"),
        api.get(f"/v1/events/{CANARY}"),
        api.get(f"/{CANARY}"),
        api.get(f"/{KEY}", key=None),
        api.get(f"/v1/events/{event_id}", key=bound),
        api.call("PUT", "/v1/events", json_body=PAYLOAD),
        api.get(EVENT, query=f"x={CANARY}&key={KEY}"),
    ]
    assert {answer.status for answer in refused} == {400, 401, 403, 404, 405, 413, 422}
    assert len(api.walk(limit=1)) == 2
    for path in (f"/v1/events/{event_id}", f"/v1/events/{once}"):
        calls = [api.get(path), api.post(f"{path}/ack"), api.post(f"{path}/ack"), api.delete(path)]
        assert [answer.status for answer in calls] == [200, 200, 409, 200]


def session_of_the_queue(api: Api) -> None:
    """Make every call of the queue, valid and invalid, with the canaries in every secret field."""
    entry = {"source": "shop", "event_type": "order.paid", "payload": PAYLOAD}
    flawed = [{**entry, CANARY: KEY}, CANARY, {**entry, "payload": [CANARY]}, {**entry, "source": f"{KEY}\n"}]
    sent = api.post("/v1/events/batch", {"events": [entry, entry, *flawed]}).json["results"]
    assert [result["status"] for result in sent] == [201, 201, *[400] * len(flawed)]
    received = api.post("/v1/inbox/receive", {"max": 2, "lease_seconds": 60}).json["events"]
    held = [{"event_id": one["event_id"], "lease": one["lease"]["token"]} for one in received]
    lost = [{"event_id": one["event_id"], "lease": CANARY} for one in received]
    dead = {"dead": True, "reason": CANARY}
    ids = [one["event_id"] for one in received]
    valid: list[tuple[str, dict[str, Any]]] = [
        ("extend", {"events": held, "lease_seconds": 60}),
        ("extend", {"events": lost, "lease_seconds": 60}),
        ("release", {"events": lost, **dead}),
        ("release", {"events": held, **dead}),
        ("requeue", {"event_ids": ids}),
        ("requeue", {"filter": {"status": "dead", "event_type": CANARY}}),
        ("receive", {"event_type": CANARY}),
        ("ack", {"events": [*lost, {"event_id": KEY, "lease": CANARY}]}),
        ("ack", {"events": [{"event_id": event_id} for event_id in ids]}),
        ("purge", {"filter": {"status": "any", "event_type": CANARY}}),
        ("delete", {"event_ids": [*ids, CANARY]}),
    ]
    invalid: list[tuple[str, dict[str, Any]]] = [
        ("receive", {KEY: CANARY}),
        ("ack", {"events": CANARY}),
        ("release", {"events": held, "reason": CANARY * 100}),
        ("purge", {"filter": {"status": CANARY}}),
        ("requeue", {"filter": {"status": "dead"}, "cursor": f"{CANARY}{KEY}"}),
    ]
    for path, body in valid:
        assert api.post(f"/v1/inbox/{path}", body).status == 200, path
    for path, body in invalid:
        assert api.post(f"/v1/inbox/{path}", body).status == 400, path
    assert api.get("/v1/inbox/stats", query=f"event_type={CANARY}").status == 200


def session_of_hooks(api: Api) -> None:
    """Deliver webhooks, authentic and not, with the canaries in every secret field."""
    record = HookRecord(
        hook_digest_of(HOOK_ID), True, "shop", "github", secret=SIGNING, prefix=prefix_of(HOOK_ID)
    )
    assert api.stores.hooks.add(record)
    path, body = f"/v1/hooks/{HOOK_ID}", json.dumps(PAYLOAD).encode()
    headers = [("X-GitHub-Event", "issues"), ("X-GitHub-Delivery", "1"), ("X-Secret", CANARY)]
    answers = [
        api.deliver(path, body, secret=SIGNING, headers=headers),
        api.deliver(path, body + b" ", secret=SIGNING, headers=headers),
        api.deliver(path, CANARY.encode(), secret=SIGNING, query=f"{CANARY}={KEY}"),
        api.deliver(path, body, secret=f"{SIGNING}x", headers=headers),
        api.deliver(path, body, headers=[("X-Hub-Signature-256", CANARY)]),
        api.deliver(path, body * 1000, secret=SIGNING),
        api.deliver(f"{path[:-1]}x", body, secret=SIGNING),
        api.deliver(f"/v1/hooks/{KEY}", body, secret=SIGNING),
        api.deliver(f"{path}/{CANARY}", body, secret=SIGNING),
        api.get(path, key=None),
        api.call("OPTIONS", path, key=None, headers=[("WebHook-Request-Origin", CANARY)]),
        api.get("/v1/inbox", key=HOOK_ID),
        api.ingest(PAYLOAD, source=HOOK_ID, key=HOOK_ID),
        api.get(f"/v1/events/{HOOK_ID}"),
        api.get(f"/v1/events/{HOOK_ID}/body", key=SIGNING),
    ]
    statuses = [answer.status for answer in answers]
    assert statuses == [200, 200, 200, 401, 401, 413, 404, 404, 404, 405, 200, 401, 401, 422, 401]
    delivered = api.walk(source="shop", event_type="issues")
    assert [event["payload"] for event in delivered] == [PAYLOAD]
    bodies = [api.get(f"/v1/events/{event_id}/body") for event_id in api.pending(source="shop")]
    assert body in [answer.body for answer in bodies]


def calls_of_the_store(api: Api) -> set[int]:
    """Make every call that reaches the store of events, after `session_of_hooks`; return the statuses."""
    once = [("Idempotency-Key", CANARY)]
    held = {"events": [{"event_id": EVENT.rpartition("/")[2], "lease": CANARY}]}
    answers = [api.ingest(PAYLOAD), api.ingest(PAYLOAD, headers=once), api.get(EVENT), api.inbox()]
    answers += [api.inbox(event_type=CANARY), api.post(f"{EVENT}/ack"), api.delete(EVENT)]
    answers += [
        api.post("/v1/inbox/receive", {"event_type": CANARY}),
        api.get("/v1/inbox/stats"),
        api.post("/v1/inbox/requeue", {"event_ids": [EVENT.rpartition("/")[2]]}),
        api.post("/v1/inbox/purge", {"filter": {"status": "any"}}),
    ]
    answers.append(api.deliver(f"/v1/hooks/{HOOK_ID}", json.dumps(PAYLOAD).encode(), secret=SIGNING))
    batches = [
        api.post("/v1/inbox/ack", held),
        api.post("/v1/inbox/extend", {**held, "lease_seconds": 5}),
        api.post("/v1/inbox/release", {**held, "reason": CANARY}),
    ]
    return {answer.status for answer in answers} | {statuses_of(answer) for answer in batches}


def statuses_of(batch: Answer) -> int:
    """Return the status of the one entry of a batch, or of the batch if it failed as a whole."""
    status: int = batch.json["results"][0]["status"] if batch.status == 200 else batch.status
    return status


def crashes(api: Watched, events: FailingEvents) -> None:
    for kind in (RuntimeError, KeyError, ValueError, OSError):
        events.failure = kind(f"{CANARY} of {KEY}")
        events.failure.__cause__ = UnicodeEncodeError("utf-8", CANARY, 0, 1, KEY)
        assert calls_of_the_store(api) == {500}
    events.failure = None


@pytest.fixture
def broken_store(stores: Stores, tmp_path: Path) -> Stores:
    """Stores whose event store fails at every call, and logs the failure."""
    if door_of(stores) == "lambda":
        nobody = DynamoDB(region=REGION, endpoint_url="http://127.0.0.1:1")
        return with_events(stores, DynamoEventStore(nobody, "events"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / FILE_NAME).write_bytes(CANARY.encode() * 1000)
    return with_events(stores, SqliteEventStore(Database(tmp_path / "other")))


@pytest.fixture
def stored(stores: Stores, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], bytes]:
    """Return the content of the database or of the tables."""
    if door_of(stores) == "asgi":
        return lambda: b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    tables: Tables = request.getfixturevalue("shared_tables")
    client: Any = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)

    def scanned() -> bytes:
        pages = [
            client.get_paginator("scan").paginate(TableName=name) for name in (tables.events, tables.keys)
        ]
        return json.dumps([page["Items"] for one in pages for page in one], default=repr).encode()

    return scanned


@pytest.mark.promise(11)
@pytest.mark.parametrize("in_lambda", [True, False], ids=["as JSON", "as text"])
def test_logs_and_errors_contain_no_key_and_no_payload(
    stores: Stores,
    broken_store: Stores,
    clock: FakeClock,
    stored: Callable[[], bytes],
    in_lambda: bool,
    capfd: pytest.CaptureFixture[str],
    tried: Tried,
) -> None:
    events = FailingEvents(stores.events)
    with written("DEBUG", in_lambda=in_lambda) as log:
        api = Watched(with_events(stores, events), clock)
        whole_session(api)
        session_of_the_queue(api)
        session_of_hooks(api)
        crashes(api, events)
        unreachable = Watched(broken_store, clock)
        assert calls_of_the_store(unreachable) == {503}
        api.add(PAYLOAD)
    captured = capfd.readouterr()
    said = log.getvalue() + captured.out + captured.err
    assert said.count("store call") >= 20
    assert said.count("store failed") >= 7
    assert said.count("bug") >= 28
    tokens = re.findall(r'"token":"([^"]+)"', b"".join(one.body for one in api.answers).decode())
    assert tokens
    assert [secret for secret in (*SECRETS, *tokens) if secret in said] == []
    answers = api.answers + unreachable.answers
    for answer in answers:
        told = json.dumps(dict(answer.headers)) + (answer.body.decode() if answer.status >= 400 else "")
        assert [secret for secret in SECRETS if secret in told] == []
        assert [secret for secret in (KEY, *HOOK_SECRETS) if secret.encode() in answer.body] == []
    at_rest = stored()
    for secret in (KEY, HOOK_ID):
        assert digest_of(secret).encode() in at_rest
        assert [part for part in (secret, secret[:12], secret[-12:]) if part.encode() in at_rest] == []
    tried(len(answers))


@pytest.mark.promise(11, 12)
@pytest.mark.parametrize("in_lambda", [True, False], ids=["as JSON", "as text"])
def test_damaged_record_is_logged_without_its_content(
    sqlite_stores: Stores, clock: FakeClock, tmp_path: Path, in_lambda: bool
) -> None:
    with written("DEBUG", in_lambda=in_lambda) as log:
        api = Watched(sqlite_stores, clock)
        event_id = api.add(PAYLOAD)
        with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME, isolation_level=None)) as connection:
            connection.execute("UPDATE events SET payload = substr(payload, 1, 100)")
            assert api.inbox().json["events"] == []
            assert api.get(f"/v1/events/{event_id}").status == 500
            connection.execute(f"UPDATE keys SET expires_at = '{CANARY} {KEY}'")
        clock.advance(seconds=31)
        assert api.inbox().status == 503
    assert log.getvalue().count("event left out") == 1
    assert log.getvalue().count("key cannot be read") == 1
    assert [secret for secret in SECRETS[:-1] if secret in log.getvalue()] == []
