"""What every `KeyStore` must do. Each test runs on SQLite and on DynamoDB Local."""

from dataclasses import replace

import pytest

from tests.conftest import Stores
from triggers_api.core.keys import KeyRecord, KeyStore, digest_of

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
def test_a_key_that_was_added_is_found_whole(store: KeyStore, record: KeyRecord) -> None:
    assert store.add(record)
    assert store.find(record.digest) == record


def test_an_unknown_key_is_not_found(store: KeyStore) -> None:
    assert store.find(FULL.digest) is None


def test_a_key_that_is_there_is_not_overwritten(store: KeyStore) -> None:
    store.add(FULL)
    assert not store.add(replace(FULL, source="another"))
    assert store.find(FULL.digest) == FULL
