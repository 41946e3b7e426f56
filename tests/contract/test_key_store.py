"""What every `KeyStore` must do. Each test runs on SQLite and on DynamoDB Local."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import REGION, Stores, Tables
from tests.support.faulty_proxy import FaultyProxy
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.core.ports import KeyStore
from triggers_api.errors import CorruptRecordError, StoreUnavailableError
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.keys import DynamoKeyStore
from triggers_api.store.sqlite.database import FILE_NAME

EARLY = "2026-11-01T00:00:00.000000Z"
LATE = "2036-11-01T00:00:00.000000Z"
FULL = KeyRecord(
    digest=digest_of("a-key-of-some-length"),
    is_active=True,
    created_at="2026-01-02T03:04:05.000006Z",
    source="shop",
    name="the shop's key",
    expires_at="2027-01-02T03:04:05.000006Z",
    revoked_at="2026-06-02T03:04:05.000006Z",
    prefix="trg_prod_abcd",
)


@pytest.fixture
def store(stores: Stores) -> KeyStore:
    return stores.keys


@pytest.mark.parametrize("record", [FULL, KeyRecord(FULL.digest, is_active=False)])
def test_added_key_is_found_unchanged(store: KeyStore, record: KeyRecord) -> None:
    assert store.add(record)
    assert store.find(record.digest) == record


def test_unknown_key_is_none(store: KeyStore) -> None:
    assert store.find(FULL.digest) is None


def test_existing_key_is_not_overwritten(store: KeyStore) -> None:
    store.add(FULL)
    assert not store.add(replace(FULL, source="another"))
    assert store.find(FULL.digest) == FULL


def made(number: int, **fields: Any) -> KeyRecord:
    values = {"is_active": True, "created_at": "2026-01-02T03:04:05.000006Z", **fields}
    return KeyRecord(digest_of(f"key number {number}"), **values)


def listed(store: KeyStore) -> dict[str, KeyRecord | CorruptRecordError]:
    """Return what the list gives, each record once."""
    found = list(store.list())
    by_digest = {one.digest if isinstance(one, KeyRecord) else "damaged": one for one in found}
    assert len(by_digest) == len(found)
    return by_digest


def test_empty_store_lists_nothing(store: KeyStore) -> None:
    assert list(store.list()) == []


def test_list_yields_every_record_unchanged(store: KeyStore) -> None:
    records = [FULL, made(1), made(2, is_active=False), KeyRecord(digest_of("bare"), is_active=True)]
    for record in records:
        store.add(record)
    assert listed(store) == {record.digest: record for record in records}


@pytest.mark.parametrize("number", [499, 500, 501, 1000, 1001])
def test_list_of_several_reads_on_sqlite_is_complete(
    sqlite_stores: Stores, tmp_path: Path, number: int
) -> None:
    records = [made(index) for index in range(number)]
    sqlite_stores.keys.add(records[0])
    in_file(
        tmp_path,
        "INSERT INTO keys (digest, is_active, created_at) VALUES (?, 1, ?)",
        *((record.digest, record.created_at) for record in records[1:]),
    )
    assert listed(sqlite_stores.keys) == {record.digest: record for record in records}


def test_list_of_several_pages_on_dynamodb_is_complete(
    dynamodb_stores: Stores, tables: Tables, proxy: FaultyProxy
) -> None:
    """A page is a megabyte, so eight records of 400 KB take several."""
    records = [made(index, name="n" * 400_000) for index in range(8)]
    for record in records:
        assert dynamodb_stores.keys.add(record)
    proxy.plan()
    store = DynamoKeyStore(DynamoDB(region=REGION, endpoint_url=proxy.url), tables.keys)
    assert listed(store) == {record.digest: record for record in records}
    assert proxy.requests > 1


@pytest.mark.parametrize("change", ["is_active = 'yes'", "source = ''", "expires_at = 'tomorrow'"])
def test_list_yields_an_error_that_names_the_key_for_a_damaged_row(
    sqlite_stores: Stores, tmp_path: Path, change: str
) -> None:
    store = sqlite_stores.keys
    records = [made(index) for index in range(3)]
    for record in records:
        store.add(record)
    in_file(tmp_path, f"UPDATE keys SET {change} WHERE digest = ?", (records[1].digest,))
    found = listed(store)
    assert {found[record.digest] for record in (records[0], records[2])} == {records[0], records[2]}
    assert records[1].id in str(found["damaged"])
    with pytest.raises(CorruptRecordError):
        store.find(records[1].digest)


@pytest.mark.parametrize(
    "attributes",
    [
        {"is_active": {"S": "true"}},
        {"is_active": {"BOOL": True}, "source": {"N": "7"}},
        {"is_active": {"BOOL": True}, "expires_at": {"S": "tomorrow"}},
        {},
    ],
    ids=str,
)
def test_list_yields_an_error_for_a_damaged_item(
    dynamodb_stores: Stores, tables: Tables, attributes: dict[str, Any]
) -> None:
    store = dynamodb_stores.keys
    records = [made(index) for index in range(2)]
    for record in records:
        store.add(record)
    client = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    client.put_item(TableName=tables.keys, Item={"api_key": {"S": made(2).digest}, **attributes})
    client.close()
    found = listed(store)
    assert isinstance(found.pop("damaged"), CorruptRecordError)
    assert found == {record.digest: record for record in records}


@pytest.mark.promise(8)
def test_revoked_key_keeps_its_record_and_the_first_time(store: KeyStore) -> None:
    store.add(made(1, name="n", source="s"))
    revoked = replace(made(1, name="n", source="s"), is_active=False, revoked_at=EARLY)
    assert store.revoke(made(1).digest, at=EARLY) == revoked
    assert store.revoke(made(1).digest, at=LATE) == revoked
    assert store.find(made(1).digest) == revoked


def test_unknown_key_is_not_revoked_and_not_created(store: KeyStore) -> None:
    assert store.revoke(made(1).digest, at=EARLY) is None
    assert list(store.list()) == []


@pytest.mark.parametrize("expires_at", [None, LATE])
def test_rotation_adds_the_new_key_and_sets_the_expiry_of_the_old_one(
    store: KeyStore, expires_at: str | None
) -> None:
    old, new = made(1, source="s", expires_at=expires_at), made(2, source="s")
    store.add(old)
    assert store.rotate(old, new, old_expires_at=EARLY)
    assert listed(store) == {old.digest: replace(old, expires_at=EARLY), new.digest: new}


@pytest.mark.parametrize(
    "believed",
    [made(1), made(1, expires_at=EARLY), made(3)],
    ids=["had no expiry", "had another expiry", "was there"],
)
def test_rotation_changes_nothing_when_the_old_record_has_changed(
    store: KeyStore, believed: KeyRecord
) -> None:
    old = made(1, expires_at=LATE)
    store.add(old)
    assert not store.rotate(believed, made(2), old_expires_at=EARLY)
    assert listed(store) == {old.digest: old}


def test_revoked_key_is_not_rotated(store: KeyStore) -> None:
    store.add(made(1))
    revoked = store.revoke(made(1).digest, at=EARLY)
    assert not store.rotate(made(1), made(2), old_expires_at=LATE)
    assert listed(store) == {made(1).digest: revoked}


def test_one_of_several_concurrent_rotations_succeeds(store: KeyStore) -> None:
    store.add(made(0))
    new = [made(number) for number in range(1, 9)]
    ends = [f"2027-01-0{number}T00:00:00.000000Z" for number in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        done = list(
            pool.map(
                lambda one: store.rotate(made(0), one[0], old_expires_at=one[1]), zip(new, ends, strict=True)
            )
        )
    assert done.count(True) == 1
    winner = done.index(True)
    kept = replace(made(0), expires_at=ends[winner])
    assert listed(store) == {kept.digest: kept, new[winner].digest: new[winner]}


def test_one_of_several_concurrent_adds_of_a_key_succeeds(store: KeyStore) -> None:
    records = [replace(FULL, name=f"number {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(store.add, records))
    assert done.count(True) == 1
    assert listed(store) == {FULL.digest: records[done.index(True)]}


def test_repeated_write_succeeds_when_the_first_reply_was_lost(
    dynamodb_stores: Stores, tables: Tables, proxy: FaultyProxy
) -> None:
    store = DynamoKeyStore(DynamoDB(region=REGION, endpoint_url=proxy.url), tables.keys)
    proxy.plan("lose reply")
    assert store.add(FULL)
    assert proxy.requests == 2
    assert dynamodb_stores.keys.find(FULL.digest) == FULL

    proxy.plan("lose reply")
    assert not store.add(replace(FULL, name="another"))

    store.add(made(1))
    proxy.plan("lose reply")
    assert store.rotate(made(1), made(2), old_expires_at=LATE)
    proxy.plan("lose reply")
    assert store.revoke(made(1).digest, at=EARLY) == replace(
        made(1), is_active=False, revoked_at=EARLY, expires_at=LATE
    )
    assert len(listed(dynamodb_stores.keys)) == 3


@pytest.mark.promise(8)
def test_answer_without_the_expected_member_is_unavailable(tables: Tables, proxy: FaultyProxy) -> None:
    store = DynamoKeyStore(DynamoDB(region=REGION, endpoint_url=proxy.url), tables.keys)
    proxy.plan(forever="empty answer")
    with pytest.raises(StoreUnavailableError):
        list(store.list())
    with pytest.raises(StoreUnavailableError):
        store.revoke(made(1).digest, at=EARLY)


def test_rotation_cancelled_by_throttling_can_be_repeated(
    dynamodb_stores: Stores, tables: Tables, proxy: FaultyProxy
) -> None:
    store = DynamoKeyStore(DynamoDB(region=REGION, endpoint_url=proxy.url), tables.keys)
    store.add(made(1))
    proxy.plan(forever="throttled transaction")
    with pytest.raises(StoreUnavailableError):
        store.rotate(made(1), made(2), old_expires_at=LATE)
    proxy.plan()
    assert listed(store) == {made(1).digest: made(1)}
    assert store.rotate(made(1), made(2), old_expires_at=LATE)


def in_file(folder: Path, statement: str, *rows: tuple[Any, ...]) -> None:
    connection = sqlite3.connect(folder / "data" / FILE_NAME)
    with connection:
        connection.executemany(statement, rows)
    connection.close()
