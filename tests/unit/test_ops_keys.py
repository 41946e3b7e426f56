"""The operations of `triggers keys`, on a store in memory."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.clock import FakeClock
from triggers_api.core.keys import KeyRecord, digest_of, generate, is_well_formed
from triggers_api.core.times import format_time
from triggers_api.errors import (
    ConfigurationError,
    CorruptRecordError,
    InvalidKeyError,
    KeyExistsError,
    KeyNotFoundError,
    KeyStateError,
)
from triggers_api.ops.durations import parse_duration
from triggers_api.ops.keys.new_key import NewKey
from triggers_api.ops.keys.operations import Keys, key_state

OWN_KEY = "My-Own-Key_0123456789-zyxwv"
DAMAGED = CorruptRecordError("The record of key 0123 is damaged: source is not a name.")


class MemoryKeyStore:
    """Keeps records in a dictionary. `in_between` is a change by another user just before a rotation."""

    def __init__(self) -> None:
        self.records: dict[str, KeyRecord] = {}
        self.damaged: list[CorruptRecordError] = []
        self.in_between: KeyRecord | None = None

    def find(self, digest: str) -> KeyRecord | None:
        return self.records.get(digest)

    def add(self, record: KeyRecord) -> bool:
        return self.records.setdefault(record.digest, record) is record

    def list(self) -> Iterator[KeyRecord | CorruptRecordError]:
        yield from self.damaged
        yield from sorted(self.records.values(), key=lambda record: record.digest)

    def revoke(self, digest: str, *, at: str) -> KeyRecord | None:
        if (record := self.records.get(digest)) is None:
            return None
        self.records[digest] = replace(record, is_active=False, revoked_at=record.revoked_at or at)
        return self.records[digest]

    def rotate(self, old: KeyRecord, new: KeyRecord, *, old_expires_at: str) -> bool:
        if self.in_between is not None:
            self.records[self.in_between.digest] = self.in_between
        if self.records.get(old.digest) != old:
            return False
        self.records[old.digest] = replace(old, expires_at=old_expires_at)
        self.records[new.digest] = new
        return True


@pytest.fixture
def store() -> MemoryKeyStore:
    return MemoryKeyStore()


@pytest.fixture
def keys(store: MemoryKeyStore, clock: FakeClock) -> Keys:
    return Keys(store, stage="dev", clock=clock)


def create(
    keys: Keys,
    *,
    name: str | None = None,
    source: str | None = None,
    own_key: str | None = None,
    expires_in: int | None = None,
) -> NewKey:
    return keys.create(name=name, source=source, own_key=own_key, expires_in=expires_in)


def test_create_stores_only_the_digest_of_a_generated_or_own_key(
    keys: Keys, store: MemoryKeyStore, clock: FakeClock
) -> None:
    new = create(keys, name="ci", source="shop", expires_in=60)
    assert new.key.startswith("trg_dev_")
    assert is_well_formed(new.key)
    assert store.records == {new.record.digest: new.record}
    assert new.record == KeyRecord(
        digest_of(new.key),
        is_active=True,
        created_at=format_time(clock()),
        source="shop",
        name="ci",
        expires_at=format_time(clock() + 60_000_000),
        prefix=new.key[:12],
    )
    assert new.key not in repr(new)
    new = create(keys, own_key=OWN_KEY)
    assert (new.key, new.record.digest, new.record.prefix) == (OWN_KEY, digest_of(OWN_KEY), "My-O")


@pytest.mark.parametrize("own_key", ["", "short", "a" * 40, "abcdefgh" * 4, f"{OWN_KEY}!", "a" * 129])
def test_create_refuses_a_bad_own_key_with_the_reason(
    keys: Keys, store: MemoryKeyStore, own_key: str
) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        create(keys, own_key=own_key)
    assert caught.value.reason
    assert not own_key or own_key not in f"{caught.value.message} {caught.value.reason} {caught.value.hint}"
    assert store.records == {}


def test_create_refuses_an_api_key_as_name_or_source(keys: Keys, store: MemoryKeyStore) -> None:
    text = f"of {generate('prod')}"
    with pytest.raises(ConfigurationError, match="--name contains an API key"):
        create(keys, name=text)
    with pytest.raises(ConfigurationError, match="--source contains an API key"):
        create(keys, source=text)
    assert store.records == {}


def test_create_refuses_an_existing_key_and_keeps_its_record(keys: Keys, store: MemoryKeyStore) -> None:
    first = create(keys, own_key=OWN_KEY, name="first")
    with pytest.raises(KeyExistsError, match=first.record.id):
        create(keys, own_key=OWN_KEY, name="second")
    assert store.records == {first.record.digest: first.record}


@pytest.mark.parametrize("text", ["", "n" * 101, "a\nb", "a\x1b[31m", "\x7f", "\x85", "\udcff"])
def test_create_refuses_an_invalid_name_or_source(keys: Keys, store: MemoryKeyStore, text: str) -> None:
    with pytest.raises(ConfigurationError, match="--name"):
        create(keys, name=text)
    with pytest.raises(ConfigurationError, match="--source"):
        create(keys, source=text)
    assert store.records == {}


@pytest.mark.parametrize(
    ("expires_in", "message"), [(0, "--expires-in"), (10**12, "9999"), (999_999 * 604_800, "9999")]
)
def test_expiry_of_zero_or_after_the_year_9999_is_refused(
    keys: Keys, store: MemoryKeyStore, expires_in: int, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        create(keys, expires_in=expires_in)
    assert store.records == {}
    old = create(keys)
    with pytest.raises(ConfigurationError, match=message):
        keys.rotate(old.key, overlap=1, expires_in=expires_in)
    if expires_in:
        with pytest.raises(ConfigurationError, match=message):
            keys.rotate(old.key, overlap=expires_in, expires_in=None)
    assert store.records == {old.record.digest: old.record}


def test_list_returns_active_keys_oldest_first_or_all(keys: Keys, clock: FakeClock) -> None:
    made = []
    for source, expires_in in (("a", None), ("b", None), ("a", 10), ("a", None)):
        made.append(create(keys, source=source, expires_in=expires_in).record)
        clock.advance(seconds=1)
    revoked = keys.revoke(made[3].id)
    assert keys.list(everything=False, source=None) == (made[:3], [])
    clock.advance(seconds=10)
    assert keys.list(everything=False, source=None) == (made[:2], [])
    assert keys.list(everything=False, source="a") == (made[:1], [])
    assert keys.list(everything=True, source="a") == ([made[0], made[2], revoked], [])
    states = [key_state(record, keys.now) for record in keys.list(everything=True, source=None)[0]]
    assert states == ["active", "active", "expired", "revoked"]


def test_list_returns_damaged_records_separately(keys: Keys, store: MemoryKeyStore) -> None:
    store.damaged = [DAMAGED]
    record = create(keys).record
    assert keys.list(everything=False, source=None) == ([record], [DAMAGED])


def test_show_returns_the_state_of_a_key(keys: Keys, clock: FakeClock) -> None:
    active, revoked, expired = create(keys), create(keys), create(keys, expires_in=5)
    keys.revoke(revoked.key)
    revoked_at = keys.now
    clock.advance(seconds=5)
    for new, verdict in (
        (active, "active"),
        (revoked, f"revoked at {revoked_at}"),
        (expired, f"expired at {expired.record.expires_at}"),
    ):
        for reference in (new.key, new.record.id, new.record.id[:8], new.record.digest):
            shown = keys.show(reference)
            assert shown.record is not None
            assert (shown.record.id, shown.verdict) == (new.record.id, verdict)
            assert shown.may_be_cached == (new is not active)
            assert shown.is_valid == (verdict == "active")
    clock.advance(seconds=25)
    assert not keys.show(revoked.key).may_be_cached


def test_show_distinguishes_unknown_from_mistyped_keys(keys: Keys) -> None:
    unknown = keys.show(generate("dev"))
    assert (unknown.record, unknown.is_valid) == (None, False)
    assert unknown.verdict.startswith("unknown")
    key = create(keys).key
    other = "a" if key[20] != "a" else "b"
    for typed in (key[:20] + other + key[21:], f"{key}!", key[:10], ""):
        shown = keys.show(typed)
        assert (shown.record, shown.is_valid) == (None, False)
        assert shown.verdict.startswith("mistyped")


def test_unknown_or_ambiguous_id_is_refused_without_a_change(keys: Keys, store: MemoryKeyStore) -> None:
    for tail in ("0", "1"):
        store.add(KeyRecord(f"sha256:abcd{tail * 60}", is_active=True))
    before = dict(store.records)
    for reference, message in (("abcd", "2 keys"), ("ffff", "no such key"), ("ffffffffffff", "no such key")):
        for act in (keys.show, keys.revoke, lambda id_: keys.rotate(id_, overlap=1, expires_in=None)):
            with pytest.raises(KeyNotFoundError, match=message):
                act(reference)
    assert store.records == before
    assert keys.revoke("abcd0").id == "abcd00000000"


def test_second_revocation_changes_nothing(keys: Keys, clock: FakeClock) -> None:
    new = create(keys)
    first = keys.revoke(new.key)
    assert (first.is_active, first.revoked_at) == (False, format_time(clock()))
    clock.advance(seconds=1)
    assert keys.revoke(new.record.id) == first
    with pytest.raises(KeyNotFoundError):
        keys.revoke(generate("dev"))


@pytest.mark.parametrize("own_life", [None, 3600])
def test_rotated_key_expires_after_the_overlap(keys: Keys, clock: FakeClock, own_life: int | None) -> None:
    old = create(keys, name="n", source="s", expires_in=own_life)
    new, replaced = keys.rotate(old.record.id, overlap=60, expires_in=120)
    assert replaced == replace(old.record, expires_at=format_time(clock() + 60_000_000))
    assert (new.record.name, new.record.source) == ("n", "s")
    assert new.record.expires_at == format_time(clock() + 120_000_000)
    assert new.key != old.key


def test_rotate_refuses_an_overlap_past_the_expiry_and_a_missing_expiry(
    keys: Keys, store: MemoryKeyStore
) -> None:
    old = create(keys, expires_in=60)
    with pytest.raises(KeyStateError, match="before the overlap ends"):
        keys.rotate(old.key, overlap=60, expires_in=120)
    with pytest.raises(ConfigurationError, match="needs an expiry"):
        keys.rotate(old.key, overlap=30, expires_in=None)
    assert store.records == {old.record.digest: old.record}


def test_rotated_key_expires_at_once_without_an_overlap(keys: Keys) -> None:
    old = create(keys)
    keys.rotate(old.key, overlap=0, expires_in=None)
    assert keys.show(old.key).verdict.startswith("expired")


def test_rotate_refuses_a_revoked_or_expired_key(keys: Keys, store: MemoryKeyStore, clock: FakeClock) -> None:
    revoked, expired = create(keys), create(keys, expires_in=1)
    keys.revoke(revoked.key)
    clock.advance(seconds=1)
    before = dict(store.records)
    for old, state in ((revoked, "revoked"), (expired, "expired")):
        with pytest.raises(KeyStateError, match=state):
            keys.rotate(old.key, overlap=60, expires_in=None)
    assert store.records == before


def test_rotate_refuses_a_key_that_was_changed_concurrently(keys: Keys, store: MemoryKeyStore) -> None:
    old = create(keys)
    changed = store.in_between = replace(old.record, is_active=False)
    with pytest.raises(KeyStateError, match="another user"):
        keys.rotate(old.key, overlap=60, expires_in=None)
    assert store.records == {changed.digest: changed}


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("24h", 86_400), ("90d", 7_776_000), ("2w", 1_209_600)]
)
def test_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "h", "-1h", "+1h", "1.5h", "1y", "1H", " 1h", "1h\n", "٣h", "1h30m"]
)
def test_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a duration"):
        parse_duration(text)
