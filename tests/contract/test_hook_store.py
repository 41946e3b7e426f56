"""What every `HookStore` must do. Each test runs on SQLite and on DynamoDB Local."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import REGION, Stores, Tables
from tests.support.faulty_proxy import FALSE_REPLIES, Fault, FaultyProxy
from triggers_api.core.hooks.records import HookRecord, hook_digest_of
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.core.ports import HookStore
from triggers_api.errors import CorruptRecordError, StoreUnavailableError
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.hooks import DynamoHookStore
from triggers_api.store.sqlite.database import FILE_NAME

EARLY = "2026-11-01T00:00:00.000000Z"
LATE = "2036-11-01T00:00:00.000000Z"
CANARY = "c4n4ry"
FULL = HookRecord(
    digest=hook_digest_of("hook_of-some-length"),
    is_active=True,
    source="grüße 😀",
    preset="generic",
    scheme='{"type":"hmac"}',
    event_type="order.paid",
    dedupe="none",
    secret=f"new {CANARY} é",
    old_secret=f"old {CANARY}",
    old_secret_expires_at="2027-01-02T03:04:05.000006Z",
    created_at="2026-01-02T03:04:05.000006Z",
    revoked_at="2026-06-02T03:04:05.000006Z",
    prefix="hook_abcd",
)

BYTES = b"\x05"
DAMAGE: dict[str, list[Any]] = {
    "digest": ["hook:sha256:0", "hook:"],
    "is_active": ["yes", BYTES, 2],
    "source": ["", BYTES],
    "preset": [BYTES],
    "scheme": [BYTES],
    "event_type": [BYTES],
    "dedupe": ["", "often", BYTES],
    "secret": [BYTES],
    "old_secret": [BYTES],
    "old_secret_expires_at": ["tomorrow", "", BYTES],
    "created_at": ["yesterday", BYTES],
    "revoked_at": ["yesterday", BYTES],
    "prefix": [BYTES],
}
"""Values of fields that no version of this service writes."""


def made(number: int, **fields: Any) -> HookRecord:
    values = {"is_active": True, "source": "shop", "preset": "github", "secret": f"secret {number}", **fields}
    return HookRecord(hook_digest_of(f"hook number {number}"), **values)


@pytest.fixture
def store(stores: Stores) -> HookStore:
    return stores.hooks


@pytest.fixture
def proxied(tables: Tables, proxy: FaultyProxy) -> HookStore:
    return DynamoHookStore(DynamoDB(region=REGION, endpoint_url=proxy.url), tables.keys)


def damage_row(folder: Path, digest: str, field: str, value: Any) -> None:
    """Set a field of a stored hook to a value, whatever its type."""
    with closing(sqlite3.connect(folder / "data" / FILE_NAME)) as connection, connection:
        connection.execute(f"UPDATE hooks SET {field} = ? WHERE digest = ?", (value, digest))


def damage_item(tables: Tables, digest: str, field: str, value: Any) -> None:
    """Set a field of a stored hook to a value, whatever its type. None: it is missing."""
    client: Any = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    with closing(client):
        key = {"api_key": {"S": digest}}
        item = client.get_item(TableName=tables.keys, Key=key)["Item"]
        client.delete_item(TableName=tables.keys, Key=key)
        item.pop(field, None)
        kind = {str: "S", bytes: "B", int: "N"}.get(type(value))
        if kind is not None:
            name = "api_key" if field == "digest" else field
            item[name] = {kind: str(value) if kind == "N" else value}
        client.put_item(TableName=tables.keys, Item=item)


def listed(store: HookStore) -> dict[str, HookRecord | CorruptRecordError]:
    """Return what the list gives, each hook once."""
    found = list(store.list())
    by_digest = {one.digest if isinstance(one, HookRecord) else "damaged": one for one in found}
    assert len(by_digest) == len(found)
    return by_digest


BARE = HookRecord(FULL.digest, is_active=False, source="s", preset="github")


@pytest.mark.parametrize("record", [FULL, BARE], ids=["full", "bare"])
def test_added_hook_is_found_unchanged(store: HookStore, record: HookRecord) -> None:
    assert None not in asdict(FULL).values(), "a new field is tried too"
    assert store.add(record)
    assert store.find(record.digest) == record
    assert list(store.list()) == [record]


def test_unknown_hook_is_none(store: HookStore) -> None:
    assert store.find(FULL.digest) is None
    assert list(store.list()) == []


def test_existing_hook_is_not_overwritten(store: HookStore) -> None:
    store.add(FULL)
    assert not store.add(replace(FULL, source="another"))
    assert store.find(FULL.digest) == FULL


def test_one_of_several_concurrent_adds_of_a_hook_succeeds(store: HookStore) -> None:
    records = [replace(FULL, source=f"number {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(store.add, records))
    assert done.count(True) == 1
    assert listed(store) == {FULL.digest: records[done.index(True)]}


@pytest.mark.parametrize("number", [499, 500, 501, 1001])
def test_list_of_several_reads_on_sqlite_is_complete(
    sqlite_stores: Stores, tmp_path: Path, number: int
) -> None:
    records = [made(index) for index in range(number)]
    sqlite_stores.hooks.add(records[0])
    columns = [field.name for field in fields(HookRecord)]
    insert = f"INSERT INTO hooks ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as connection, connection:
        connection.executemany(insert, [tuple(asdict(record).values()) for record in records[1:]])
    assert listed(sqlite_stores.hooks) == {record.digest: record for record in records}


def test_list_of_several_pages_on_dynamodb_is_complete_and_without_keys(
    dynamodb_stores: Stores, proxied: HookStore, proxy: FaultyProxy
) -> None:
    """A page is a megabyte, so eight records of 390 KB take several."""
    hooks = [made(index, scheme="s" * 390_000) for index in range(4)]
    keys = [KeyRecord(digest_of(f"key {index}"), is_active=True, name="n" * 390_000) for index in range(4)]
    assert all([*map(dynamodb_stores.hooks.add, hooks), *map(dynamodb_stores.keys.add, keys)])
    proxy.plan()
    assert listed(proxied) == {record.digest: record for record in hooks}
    assert proxy.requests > 1
    found = [one.digest for one in dynamodb_stores.keys.list() if isinstance(one, KeyRecord)]
    assert sorted(found) == sorted(record.digest for record in keys)


def test_keys_and_hooks_do_not_find_each_other(stores: Stores) -> None:
    """Also if a hook's id is used as a key: it has the form of one."""
    text = "hook_one-text-for-a-key-and-for-a-hook"
    key, hook = KeyRecord(digest_of(text), is_active=True), replace(FULL, digest=hook_digest_of(text))
    assert stores.hooks.add(hook)
    assert stores.keys.find(digest_of(text)) is None
    assert list(stores.keys.list()) == []
    assert stores.keys.revoke(digest_of(text), at=EARLY) is None

    assert stores.keys.add(key)
    assert stores.hooks.find(hook_digest_of(text)) == hook
    assert (list(stores.keys.list()), list(stores.hooks.list())) == ([key], [hook])
    assert stores.hooks.revoke(hook.digest, at=EARLY)
    assert stores.keys.find(key.digest) == key


def test_item_of_neither_form_is_a_damaged_key(dynamodb_stores: Stores, tables: Tables) -> None:
    dynamodb_stores.hooks.add(FULL)
    damage_item(tables, FULL.digest, "digest", "md5:0")
    assert list(dynamodb_stores.hooks.list()) == []
    (found,) = dynamodb_stores.keys.list()
    assert isinstance(found, CorruptRecordError)


def test_damage_of_every_field_is_tried() -> None:
    assert set(DAMAGE) == {field.name for field in fields(HookRecord)}


@pytest.mark.parametrize("kind", ["sqlite", "dynamodb"])
@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in DAMAGE.items() for value in values], ids=repr
)
def test_damaged_hook_is_an_error_that_quotes_nothing_and_can_be_revoked(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, field: str, value: Any
) -> None:
    store: HookStore = request.getfixturevalue(f"{kind}_stores").hooks
    if kind == "sqlite":
        damage = partial(damage_row, tmp_path)
    else:
        damage = partial(damage_item, request.getfixturevalue("tables"))
    hook, intact = replace(FULL, revoked_at=None), made(1)
    assert store.add(hook)
    assert store.add(intact)
    damage(hook.digest, field, value)
    digest = value if field == "digest" else hook.digest
    with pytest.raises(CorruptRecordError) as caught:
        store.find(digest)
    found = listed(store)
    assert str(found.pop("damaged")) == str(caught.value)
    assert found == {intact.digest: intact}
    assert CANARY not in f"{caught.value!r} {caught.value.details}"
    if field != "digest":
        assert hook.id in caught.value.message
        assert caught.value.details == {"digest": hook.digest}

    assert store.revoke(digest, at=EARLY)
    revoked = replace(hook, is_active=False, secret=None, old_secret=None, revoked_at=EARLY)
    if field not in ("is_active", "secret", "old_secret"):  # else the revocation has repaired it
        damage(digest, field, getattr(revoked, field))
    assert store.find(hook.digest) == revoked


@pytest.mark.parametrize("field", ["is_active", "source", "preset"])
def test_item_without_a_required_attribute_is_damaged(
    dynamodb_stores: Stores, tables: Tables, field: str
) -> None:
    dynamodb_stores.hooks.add(FULL)
    damage_item(tables, FULL.digest, field, None)
    with pytest.raises(CorruptRecordError):
        dynamodb_stores.hooks.find(FULL.digest)


def test_attribute_of_a_later_version_is_ignored(dynamodb_stores: Stores, tables: Tables) -> None:
    dynamodb_stores.hooks.add(FULL)
    damage_item(tables, FULL.digest, "added_later", "value")
    assert dynamodb_stores.hooks.find(FULL.digest) == FULL


def test_text_that_is_not_utf_8_is_damage(sqlite_stores: Stores, tmp_path: Path) -> None:
    sqlite_stores.hooks.add(FULL)
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE hooks SET secret = CAST(x'ff61' AS TEXT)")
    with pytest.raises(CorruptRecordError):
        sqlite_stores.hooks.find(FULL.digest)


@pytest.mark.promise(8)
def test_revoked_hook_has_no_secret_and_keeps_the_first_time(store: HookStore) -> None:
    hook = replace(FULL, revoked_at=None)
    store.add(hook)
    revoked = replace(hook, is_active=False, secret=None, old_secret=None, revoked_at=EARLY)
    assert store.revoke(hook.digest, at=EARLY)
    assert store.revoke(hook.digest, at=LATE)
    assert store.find(hook.digest) == revoked
    assert list(store.list()) == [revoked]
    assert not store.add(hook), "it stays revoked"


def test_unknown_hook_is_not_revoked_and_not_created(store: HookStore) -> None:
    assert not store.revoke(made(1).digest, at=EARLY)
    assert list(store.list()) == []


@pytest.mark.parametrize("secret", ["the first", None])
def test_rotation_sets_the_secret_and_keeps_the_old_one(store: HookStore, secret: str | None) -> None:
    hook, other = replace(FULL, secret=secret), made(2)
    store.add(hook)
    store.add(other)
    assert store.rotate(hook, secret="the second", old_secret_expires_at=EARLY)
    rotated = replace(hook, secret="the second", old_secret=secret, old_secret_expires_at=EARLY)
    assert listed(store) == {rotated.digest: rotated, other.digest: other}
    assert store.rotate(rotated, secret="the third", old_secret_expires_at=LATE)
    assert store.find(hook.digest) == replace(
        rotated, secret="the third", old_secret="the second", old_secret_expires_at=LATE
    )


@pytest.mark.parametrize(
    ("secret", "believed"),
    [("the first", "another"), ("the first", None), (None, "another")],
    ids=["had another", "had none", "had one"],
)
def test_rotation_changes_nothing_when_the_hook_has_changed(
    store: HookStore, secret: str | None, believed: str | None
) -> None:
    hook = made(1, secret=secret, old_secret="older", old_secret_expires_at=EARLY)
    store.add(hook)
    assert not store.rotate(replace(hook, secret=believed), secret="the second", old_secret_expires_at=LATE)
    assert listed(store) == {hook.digest: hook}


def test_unknown_hook_is_not_rotated_and_not_created(store: HookStore) -> None:
    for secret in ("the first", None):
        assert not store.rotate(made(1, secret=secret), secret="the second", old_secret_expires_at=LATE)
    assert list(store.list()) == []


@pytest.mark.parametrize("secret", ["the first", None])
def test_revoked_hook_is_not_rotated(store: HookStore, secret: str | None) -> None:
    hook = made(1, secret=secret)
    store.add(hook)
    store.revoke(hook.digest, at=EARLY)
    revoked = store.find(hook.digest)
    for believed in (hook, revoked):
        assert believed is not None
        assert not store.rotate(believed, secret="the second", old_secret_expires_at=LATE)
    assert store.find(hook.digest) == revoked


def test_one_of_several_concurrent_rotations_succeeds(store: HookStore) -> None:
    store.add(made(0))
    secrets = [f"rotated {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        done = list(
            pool.map(lambda one: store.rotate(made(0), secret=one, old_secret_expires_at=LATE), secrets)
        )
    assert done.count(True) == 1
    assert store.find(made(0).digest) == replace(
        made(0), secret=secrets[done.index(True)], old_secret="secret 0", old_secret_expires_at=LATE
    )


@pytest.mark.parametrize("secret", ["the first", None])
def test_repeated_write_succeeds_when_the_first_reply_was_lost(
    dynamodb_stores: Stores, proxied: HookStore, proxy: FaultyProxy, secret: str | None
) -> None:
    hook = made(1, secret=secret)
    proxy.plan("lose reply")
    assert proxied.add(hook)
    assert proxy.requests == 2
    assert dynamodb_stores.hooks.find(hook.digest) == hook

    proxy.plan("lose reply")
    assert not proxied.add(replace(hook, source="another"))

    proxy.plan("lose reply")
    assert proxied.rotate(hook, secret="the second", old_secret_expires_at=LATE)
    assert proxy.requests == 2
    rotated = replace(hook, secret="the second", old_secret=secret, old_secret_expires_at=LATE)
    assert dynamodb_stores.hooks.find(hook.digest) == rotated

    proxy.plan("lose reply")
    assert not proxied.rotate(hook, secret="another", old_secret_expires_at=LATE)
    assert dynamodb_stores.hooks.find(hook.digest) == rotated

    proxy.plan("lose reply")
    assert proxied.revoke(hook.digest, at=EARLY)
    assert proxy.requests == 2
    assert not proxied.rotate(hook, secret="the second", old_secret_expires_at=LATE)


@pytest.mark.promise(8)
def test_answer_without_the_expected_member_is_unavailable(proxied: HookStore, proxy: FaultyProxy) -> None:
    proxy.plan(forever="empty answer")
    with pytest.raises(StoreUnavailableError):
        list(proxied.list())
    with pytest.raises(StoreUnavailableError):
        proxied.revoke(made(1).digest, at=EARLY)


@pytest.mark.slow("waits for retries")
@pytest.mark.promise(8)
@pytest.mark.parametrize("fault", [*FALSE_REPLIES, "throttle", "reset"])
def test_failing_store_is_unavailable(
    proxied: HookStore, proxy: FaultyProxy, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    hook = made(1, secret=CANARY)
    proxy.plan(forever=fault)
    for call in (
        lambda: proxied.find(hook.digest),
        lambda: proxied.add(hook),
        lambda: list(proxied.list()),
        lambda: proxied.rotate(hook, secret=CANARY, old_secret_expires_at=LATE),
        lambda: proxied.revoke(hook.digest, at=EARLY),
    ):
        with pytest.raises(StoreUnavailableError) as caught:
            call()
        assert CANARY not in repr(caught.value)
    # The service does not show what urllib3 logs.
    ours = [record for record in caplog.records if record.name.startswith("triggers_api")]
    assert CANARY not in str([vars(record) for record in ours])


def test_repr_shows_no_secret() -> None:
    assert CANARY not in repr(FULL)
