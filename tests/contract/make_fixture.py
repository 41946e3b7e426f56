"""Make the fixture of the newest schema of SQLite: `python -m tests.contract.make_fixture`.

A fixture is a folder with a file of that version and its contents as JSON: events in every state, idempotency
claims, keys and hooks. Run it again if a schema changes that was not released yet.
"""

import base64
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.sample_events import NOW, event, webhook_event
from triggers_api.core.events import Event
from triggers_api.core.hooks.records import HookRecord, hook_digest_of
from triggers_api.core.hooks.webhook import Webhook
from triggers_api.core.idempotency import IdempotencyClaim, make_claim
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.core.ports import NewEvent
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore
from triggers_api.store.sqlite.hooks import SqliteHookStore
from triggers_api.store.sqlite.keys import SqliteKeyStore
from triggers_api.store.sqlite.migrations import MIGRATIONS

FIXTURES = Path(__file__).with_name("fixtures")
CONTENTS = "contents.json"

ADDED_FIELDS: dict[str, Any] = {
    "died_at": None,
    "reason": None,
    "deliveries": 0,
    "hidden_until": 0,
    "lease": None,
    "requeued_at": None,
    "webhook": None,
}
"""The fields of an event that version 1 lacks, as its events get them."""

AT, LATER_AT = "2026-11-28T01:02:03.000004Z", "2026-11-29T01:02:03.000004Z"
HIDDEN_UNTIL = (NOW + 43_200) * 1000
STATES: Sequence[dict[str, Any]] = (
    {},
    {"deliveries": 1, "lease": "a-lease", "hidden_until": HIDDEN_UNTIL},
    {"hidden_until": HIDDEN_UNTIL},
    {"deliveries": 1, "lease": "a-lease", "acknowledged_at": AT},
    {"deliveries": 2, "lease": "a-lease", "died_at": AT, "reason": "no such order: 世界"},
    {"requeued_at": AT},
)
BODIES = (
    b'{ "order": 1.50 }',
    '[ 1.0, "Grüße, 世界 \\u0001😀" ]'.encode(),
    b"a=1&b=2",
    b"",
    b"\x00\xff",
    b"{}",
)


@dataclass(frozen=True)
class Contents:
    """What a file of SQLite has. Events and claims are in the order of their creation."""

    events: list[Event]
    claims: list[IdempotencyClaim]
    keys: list[KeyRecord]
    hooks: list[HookRecord]


def read_contents(folder: Path) -> Contents:
    """Read the JSON of a fixture."""
    contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    return Contents(
        [_event(ADDED_FIELDS | one) for one in contents["events"]],
        [IdempotencyClaim(**one) for one in contents["claims"]],
        [KeyRecord(**one) for one in contents["keys"]],
        [HookRecord(**one) for one in contents.get("hooks", [])],
    )


def make_fixture(folder: Path) -> None:
    """Make the fixture of the newest version in a new folder."""
    contents = _new_contents()
    database = Database(folder)
    claims = {claim.event_id: claim for claim in contents.claims}
    new = [NewEvent(one, claims[one.event_id]) for one in contents.events if one.event_id in claims]
    others = [one for one in contents.events if one.event_id not in claims]
    events, keys, hooks = SqliteEventStore(database), SqliteKeyStore(database), SqliteHookStore(database)
    assert events.add(new, now=NOW) == [one.event.event_id for one in new]
    assert events.restore(others) == [True] * len(others)
    assert all([*map(keys.add, contents.keys), *map(hooks.add, contents.hooks)])
    database.close()
    text = json.dumps(_as_json(contents), ensure_ascii=False, indent=2)
    (folder / CONTENTS).write_text(text + "\n", encoding="utf-8")


def _new_contents() -> Contents:
    with_claims = [event(payload='{"order":1.50}'), event(metadata='{"priority":"low","correlation_id":"t"}')]
    claims = [
        make_claim(one, key_digest=digest_of("producer"), idempotency_key=one.event_id, now=NOW)
        for one in with_claims
    ]
    text = '{"amount":129.95,"note":"Grüße, 世界 \\u0001😀"}'
    plain = [event(payload=text, **state) for state in STATES]
    webhooks = [webhook_event(body, **state) for body, state in zip(BODIES, STATES, strict=True)]
    bare = webhook_event(b"1", details={"content_type": None, "delivery_id": None, "headers": None})
    return Contents([*with_claims, *plain, *webhooks, bare], claims, _keys(), _hooks())


def _keys() -> list[KeyRecord]:
    full = KeyRecord(
        digest_of("producer"),
        is_active=True,
        created_at=AT,
        source="shop",
        name="producer",
        expires_at=LATER_AT,
        prefix="trg_local_abcd",
        scopes="ingest",
    )
    revoked = replace(full, digest=digest_of("revoked"), is_active=False, revoked_at=LATER_AT)
    return [full, revoked, KeyRecord(digest_of("bare"), is_active=True)]


def _hooks() -> list[HookRecord]:
    full = HookRecord(
        hook_digest_of("rotated"),
        is_active=True,
        source="shop",
        preset="generic",
        scheme='{"kind":"hmac"}',
        event_type="order.paid",
        dedupe="none",
        secret="the second secret",
        old_secret="the first secret",
        old_secret_expires_at=LATER_AT,
        created_at=AT,
        prefix="hook_abcd",
    )
    revoked = HookRecord(
        hook_digest_of("revoked"), is_active=False, source="github", preset="github", revoked_at=AT
    )
    return [full, revoked, HookRecord(hook_digest_of("bare"), is_active=True, source="s", preset="standard")]


def _as_json(contents: Contents) -> dict[str, Any]:
    claims = [asdict(one) for one in contents.claims]
    for claim in claims:
        del claim["first_wins"]  # it is not stored
    return {
        "events": [_event_as_json(one) for one in contents.events],
        "claims": claims,
        "keys": [asdict(one) for one in contents.keys],
        "hooks": [asdict(one) for one in contents.hooks],
    }


def _event_as_json(one: Event) -> dict[str, Any]:
    fields = asdict(one)
    if one.webhook is not None:
        fields["webhook"]["body"] = base64.b64encode(one.webhook.body).decode()
    return fields


def _event(fields: dict[str, Any]) -> Event:
    if (webhook := fields["webhook"]) is not None:
        fields["webhook"] = Webhook(webhook["details"], base64.b64decode(webhook["body"]))
    return Event(**fields)


if __name__ == "__main__":
    newest = FIXTURES / f"sqlite-{len(MIGRATIONS)}"
    shutil.rmtree(newest, ignore_errors=True)
    make_fixture(newest)
