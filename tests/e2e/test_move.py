"""A stage moves to another account: export, deploy, import. Nothing is lost, doubled or changed."""

import json
from dataclasses import replace
from pathlib import Path

import botocore.session
import pytest

from tests.support.ministack import Emulator
from tests.support.rehearsal import REGION, Rehearsal, said
from tests.support.stages import OPERATOR, Stage
from triggers_api.core.leases import Held
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore

pytestmark = pytest.mark.timeout(600)

NUMBER = 300


def exported(rehearsal: Rehearsal, *filters: str) -> list[str]:
    done = rehearsal.run("events", "export", "--stage", "dev", *filters)
    assert done.returncode == 0, said(done)
    return done.stdout.splitlines()


def store_of(account: Emulator) -> DynamoEventStore:
    session = botocore.session.Session()
    session.set_credentials(account.access_key_id, account.secret_access_key)
    dynamodb = DynamoDB(region=REGION, endpoint_url=account.url, session=session)
    return DynamoEventStore(dynamodb, "triggers-api-events-dev")


def fill(rehearsal: Rehearsal, file: Path) -> None:
    """Send events and leave some of them leased, acknowledged, dead and requeued."""
    lines = [
        {"source": f"s{n % 4}", "event_type": "t", "payload": {"n": n, "text": "é" * (n * 10)}}
        for n in range(NUMBER)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    document = rehearsal.ask("events", "send", "--stage", "dev", "--file", str(file))
    assert document == {"sent": NUMBER, "repeated": 0, "failed": 0, "complete": True}
    stage = Stage(store_of(rehearsal.emulator), ())
    received = stage.inbox.receive(OPERATOR, limit=20, lease_seconds=43_200, source=None, event_type=None)
    held = [Held(one.event_id, received.token) for one in received.events]
    stage.inbox.release(OPERATOR, held[:10], dead=True, reason="no order")
    for name, source in (("ack", "s1"), ("ack", "s2")):
        assert rehearsal.ask("events", name, "--stage", "dev", "--source", source)["complete"]
    again = rehearsal.ask("events", "requeue", "--stage", "dev", "--status", "acknowledged", "--source", "s2")
    assert again["changed"] >= NUMBER // 4 - 20


def test_stage_moves_to_another_account(installed: Path, emulator: Emulator, tmp_path: Path) -> None:
    old, new = (
        Rehearsal(
            installed, replace(emulator, access_key_id=digit * 12, secret_access_key="x"), tmp_path / digit
        )
        for digit in "34"
    )
    old.deploy("dev")
    fill(old, tmp_path / "lines.ndjson")
    before = exported(old)
    assert len(before) == NUMBER
    states = {json.loads(line)["status"] for line in before}
    assert states == {"pending", "acknowledged", "dead"}
    assert any(json.loads(line)["hidden_until"] for line in before)
    file = tmp_path / "events.ndjson"
    file.write_text("".join(f"{line}\n" for line in before))

    new.deploy("dev", "--parameter", "InboxShards=4")
    document = new.ask("events", "import", str(file), "--stage", "dev", "--yes")
    assert document == {"imported": NUMBER, "existing": 0, "expired": 0, "complete": True}
    assert exported(new) == before
    again = new.ask("events", "import", str(file), "--stage", "dev", "--yes")
    assert again == {"imported": 0, "existing": NUMBER, "expired": 0, "complete": True}
    assert exported(new) == before
    assert exported(old) == before

    gone = new.ask("events", "delete", "--stage", "dev", "--source", "s0", "--status", "any")
    assert exported(new) == [line for line in before if json.loads(line)["source"] != "s0"]
    assert gone["changed"] == NUMBER // 4
