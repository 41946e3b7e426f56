"""A stage moves to another account: export, deploy, import. Nothing is lost, doubled or changed."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.support.ministack import Emulator
from tests.support.rehearsal import Rehearsal, said

pytestmark = pytest.mark.timeout(600)

NUMBER = 300


def exported(rehearsal: Rehearsal, *filters: str) -> list[str]:
    done = rehearsal.run("events", "export", "--stage", "dev", *filters)
    assert done.returncode == 0, said(done)
    return done.stdout.splitlines()


def fill(rehearsal: Rehearsal, file: Path) -> None:
    """Send events and leave some of them leased, acknowledged, dead and requeued."""
    lines = [
        {"source": f"s{n % 4}", "event_type": "t", "payload": {"n": n, "text": "é" * (n * 10)}}
        for n in range(NUMBER)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    document = rehearsal.ask("events", "send", "--stage", "dev", "--file", str(file))
    assert document == {"sent": NUMBER, "repeated": 0, "failed": 0, "complete": True}
    headers = {"X-API-Key": rehearsal.key("dev")}
    with httpx.Client(base_url=rehearsal.url("dev"), headers=headers, trust_env=False, timeout=60) as api:
        received = api.post("/v1/inbox/receive", json={"max": 20, "lease_seconds": 43_200}).json()["events"]
        held = [{"event_id": one["event_id"], "lease": one["lease"]["token"]} for one in received]
        dead = api.post("/v1/inbox/release", json={"events": held[:10], "dead": True, "reason": "no order"})
        assert dead.status_code == 200
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
