"""Who comes in: one answer to every bad key, before anything else is looked at, and never by doubt."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.api.conftest import door_of
from tests.api.driver import Api, with_keys
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.contract import CONTRACT
from tests.support.service_log import written
from triggers_api.api.authenticator import Authenticator
from triggers_api.core.access import ALL_SCOPES
from triggers_api.core.keys import LOCAL_KEY, KeyRecord, digest_of, generate, id_of
from triggers_api.core.ports import KeyStore
from triggers_api.core.times import format_time
from triggers_api.errors import CorruptRecordError, StoreUnavailableError

NOWHERE = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
ROUTES = [
    (method, path.replace("{event_id}", NOWHERE))
    for (method, path), row in CONTRACT.items()
    if row.scope is not None
]


class Keys:
    """A store of keys that can be changed and can fail; it counts its look-ups."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._changed: dict[str, KeyRecord | None] = {}
        self.failure: Exception | None = None
        self.found = 0

    def find(self, digest: str) -> KeyRecord | None:
        self.found += 1
        if self.failure is not None:
            raise self.failure
        return self._changed[digest] if digest in self._changed else self._store.find(digest)

    def add(self, record: KeyRecord) -> bool:
        return self._store.add(record)

    def change(self, key: str, **fields: Any) -> None:
        record = self._store.find(digest_of(key))
        assert record is not None
        self._changed[digest_of(key)] = replace(record, **fields)

    def put(self, record: KeyRecord) -> None:
        self._changed[record.digest] = record

    def remove(self, key: str) -> None:
        self._changed[digest_of(key)] = None


@pytest.fixture
def keys(sqlite_stores: Stores) -> Keys:
    return Keys(sqlite_stores.keys)


@pytest.fixture
def guarded_api(sqlite_stores: Stores, keys: Keys, clock: FakeClock) -> Api:
    return Api(with_keys(sqlite_stores, keys), clock, door="asgi", cache_seconds=30)


def bad_keys(api: Api, clock: FakeClock) -> dict[str, list[tuple[str, str | bytes]]]:
    good = api.key
    past = format_time(clock.now - 1)
    typo = good[:-1] + ("a" if good[-1] != "a" else "b")
    hexadecimal = hashlib.sha256(good.encode()).hexdigest()
    texts: dict[str, str | bytes] = {
        "empty": "",
        "unknown": generate("test"),
        "unknown, an operator's own": "an-operators-own-key",
        "revoked": api.make_key(is_active=False),
        "expired": api.make_key(expires_at=past),
        "expired right now": api.make_key(expires_at=format_time(clock.now)),
        "revoked and expired": api.make_key(expires_at=past, is_active=False),
        "mistyped": typo,
        "cut off": good[:-1],
        "with a space before": f"\u00a0{good}",
        "in another case": good.swapcase(),
        "too short": "short",
        "too long": "x" * 5000,
        "the digest": digest_of(good),
        "the digest's digits": hexadecimal,
        "not ASCII": f"{good}é",
        "not UTF-8": good.encode() + b"\xff",
        "quoted": f'"{good}"',
        "a bearer's": f"Bearer {good}",
        "the local key": LOCAL_KEY,
        "a wildcard": "*",
        "unprintable": "\u200b",
        "an injection": "' OR '1'='1' --",
    }
    headers: dict[str, list[tuple[str, str | bytes]]] = {
        n: [("X-API-Key", text)] for n, text in texts.items()
    }
    headers["missing"] = []
    headers["two keys"] = [("X-API-Key", good), ("X-API-Key", api.make_key())]
    headers["the same key twice"] = [("X-API-Key", good), ("X-API-Key", good)]
    headers["a key and an unprintable one"] = [("X-API-Key", good), ("X-API-Key", "\u200b")]
    headers["two keys in one"] = [("X-API-Key", f"{good}, {good}")]
    headers["in another header"] = [("Authorization", good), ("Api-Key", good)]
    return headers


def test_every_invalid_key_gets_the_identical_answer(api: Api, clock: FakeClock) -> None:
    answers = {
        name: api.get("/v1/inbox", key=None, headers=[*headers, ("X-Request-ID", "same")])
        for name, headers in bad_keys(api, clock).items()
    }
    expected = answers["missing"]
    assert expected.refusal == (401, "UNAUTHORIZED")
    assert expected.headers["www-authenticate"]
    assert answers == dict.fromkeys(answers, expected)
    assert api.inbox().status == 200


def test_log_line_of_a_401_names_the_reason_and_the_id_of_a_known_key(api: Api, clock: FakeClock) -> None:
    known = {"revoked", "expired", "expired right now", "revoked and expired"}
    reasons = {
        "missing": "missing",
        "in another header": "missing",
        "unknown": "unknown",
        "unknown, an operator's own": "unknown",
        "the local key": "unknown",
        "the digest's digits": "unknown",
        "cut off": "unknown",
        "in another case": "unknown",
        "expired": "expired",
        "expired right now": "expired",
        "revoked": "revoked",
        "revoked and expired": "revoked",
    }
    for name, headers in bad_keys(api, clock).items():
        for _ in range(2):  # the second time the service remembers the key
            with written("INFO", in_lambda=True) as log:
                assert api.get("/v1/inbox", key=None, headers=headers).status == 401
            (line,) = map(json.loads, log.getvalue().splitlines())
            assert (line["status"], line["reason"]) == (401, reasons.get(name, "malformed")), name
            key_id = id_of(digest_of(str(headers[0][1]))) if name in known else None
            assert line.get("key_id") == key_id, name


def test_log_line_of_a_key_that_expires_while_it_is_cached_names_it(
    guarded_api: Api, clock: FakeClock
) -> None:
    key = guarded_api.make_key(expires_at=format_time(clock.now + 10_000_000))
    assert guarded_api.inbox(key).status == 200
    clock.advance(seconds=10)
    with written("INFO", in_lambda=True) as log:
        assert guarded_api.inbox(key).status == 401
    line = json.loads(log.getvalue())
    assert (line["key_id"], line["reason"]) == (id_of(digest_of(key)), "expired")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_rejects_an_invalid_key(each_door: Api, clock: FakeClock, method: str, path: str) -> None:
    event_id = each_door.add()
    path = path.replace(NOWHERE, event_id)
    body = {"source": "a", "event_type": "b", "payload": {}} if path.endswith("/events") else None
    for name, headers in bad_keys(each_door, clock).items():
        answer = each_door.call(method, path, key=None, headers=headers, json_body=body)
        assert answer.refusal == (401, "UNAUTHORIZED"), name
    assert each_door.pending() == [event_id]


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "/v1/events", {"body": b"not JSON"}),
        ("POST", "/v1/events", {"body": b""}),
        ("POST", "/v1/events", {"body": b"x" * 409_601}),
        ("POST", "/v1/events", {"body": b"{}", "headers": [("Content-Type", "text/plain")]}),
        ("POST", "/v1/events", {"body": b"{}", "headers": [("Idempotency-Key", "")]}),
        ("GET", "/v1/events/not-a-uuid", {}),
        ("GET", "/v1/inbox", {"query": "limit=0"}),
        ("GET", "/v1/inbox", {"query": "cursor=forged"}),
        ("POST", "/v1/events/not-a-uuid/ack", {}),
        ("DELETE", "/v1/events/not-a-uuid", {}),
    ],
)
def test_authentication_comes_before_validation(
    each_door: Api, method: str, path: str, options: dict[str, Any]
) -> None:
    for key in (None, generate("test")):
        assert each_door.call(method, path, key=key, **options).refusal == (401, "UNAUTHORIZED")
    assert each_door.call(method, path, **options).status in {400, 413, 422}


def test_a_valid_key_is_accepted_by_every_route(api: Api) -> None:
    own = "an-operators_OWN-key"
    assert api.stores.keys.add(KeyRecord(digest_of(own), is_active=True, scopes=ALL_SCOPES))
    expiring = api.make_key(expires_at="2999-01-01T00:00:00.000000Z", scopes=ALL_SCOPES)
    for key in (api.key, own, expiring):
        statuses = [api.call(method, path, key=key).status for method, path in ROUTES]
        assert set(statuses) <= {200, 400, 404}


def test_local_mode_accepts_the_test_key_and_created_keys(stores: Stores, clock: FakeClock) -> None:
    local = Api(stores, clock, door=door_of(stores), accept_local_key=True)
    event_id = local.add(key=LOCAL_KEY)
    assert local.pending() == [event_id]
    assert local.inbox(LOCAL_KEY).json["events"] == local.inbox().json["events"]
    for bad in ("test-api-key-1234", f"{LOCAL_KEY} 6", LOCAL_KEY.upper(), "é" * 18):
        assert local.inbox(bad).status == 401


@pytest.mark.promise(8)
def test_expiry_is_checked_on_every_request_also_for_a_cached_key(
    guarded_api: Api, keys: Keys, clock: FakeClock
) -> None:
    key = guarded_api.make_key(expires_at=format_time(clock.now + 10_000_000))
    assert guarded_api.inbox(key).status == 200
    clock.advance(seconds=9.999999)
    assert guarded_api.inbox(key).status == 200
    looked_up = keys.found
    clock.advance(seconds=0.000001)
    assert guarded_api.inbox(key).status == 401
    assert keys.found == looked_up, "the key was remembered, and its expiry was seen all the same"


@pytest.mark.promise(8)
@pytest.mark.parametrize("revoke", ["is_active", "expires_at", "removed"])
def test_a_revoked_key_stops_working_within_the_cache_s_seconds(
    guarded_api: Api, keys: Keys, clock: FakeClock, revoke: str
) -> None:
    key = guarded_api.make_key()
    assert guarded_api.inbox(key).status == 200
    if revoke == "removed":
        keys.remove(key)
    else:
        keys.change(key, **{revoke: False if revoke == "is_active" else format_time(clock.now)})
    clock.advance(seconds=29.999999)
    assert guarded_api.inbox(key).status == 200, "remembered"
    clock.advance(seconds=0.000001)
    assert guarded_api.inbox(key).status == 401
    assert guarded_api.ingest(key=key).status == 401


@pytest.mark.promise(8)
def test_use_does_not_extend_the_life_of_a_cached_key(guarded_api: Api, keys: Keys, clock: FakeClock) -> None:
    key = guarded_api.make_key()
    statuses = []
    for second in range(40):
        statuses.append(guarded_api.inbox(key).status)
        if second == 0:
            keys.change(key, is_active=False)
        clock.advance(seconds=1)
    assert statuses == [200] * 30 + [401] * 10


@pytest.mark.promise(8)
def test_without_a_cache_a_revocation_holds_at_once(stores: Stores, clock: FakeClock) -> None:
    keys = Keys(stores.keys)
    api = Api(with_keys(stores, keys), clock, door=door_of(stores), cache_seconds=0)
    assert api.inbox().status == 200
    keys.change(api.key, is_active=False)
    assert api.inbox().status == 401
    keys.change(api.key, is_active=True)
    assert api.inbox().status == 200


@pytest.mark.promise(8)
def test_a_clock_that_is_set_back_makes_no_key_work_longer(
    guarded_api: Api, keys: Keys, clock: FakeClock
) -> None:
    assert guarded_api.inbox().status == 200
    keys.change(guarded_api.key, is_active=False)
    clock.advance(seconds=-3600)
    assert guarded_api.inbox().status == 401


@pytest.mark.promise(8)
@pytest.mark.parametrize("looked_up_after", [31, -3600])
def test_a_rejection_removes_the_key_from_the_cache(
    guarded_api: Api, keys: Keys, clock: FakeClock, looked_up_after: int
) -> None:
    assert guarded_api.inbox().status == 200
    keys.change(guarded_api.key, is_active=False)
    clock.advance(seconds=looked_up_after)
    assert guarded_api.inbox().status == 401
    clock.advance(seconds=10 - looked_up_after)
    assert guarded_api.inbox().status == 401, "ten seconds after it was found good"


def test_the_key_cache_is_bounded_and_keeps_recently_used_keys(keys: Keys, clock: FakeClock) -> None:
    authenticator = Authenticator(keys, accept_local_key=False, cache_seconds=30, clock=clock)  # type: ignore[arg-type]  # `Keys` has the one method that is called
    made = [generate("test") for _ in range(1500)]
    for key in made:
        keys.put(KeyRecord(digest_of(key), is_active=True))
        authenticator.look_up(key)
    remembered = [key for key in made if authenticator.cached(key) is not None]
    assert remembered == made[-len(remembered) :]
    assert 500 <= len(remembered) < 1500


def test_an_unknown_key_is_looked_up_again_after_a_second(api: Api, clock: FakeClock) -> None:
    key = generate("test")
    assert api.inbox(key).status == 401
    assert api.stores.keys.add(KeyRecord(digest_of(key), is_active=True))
    clock.advance(seconds=1)
    assert api.inbox(key).status == 200


def test_a_rejected_key_is_looked_up_again_after_a_second(
    guarded_api: Api, keys: Keys, clock: FakeClock
) -> None:
    key = guarded_api.make_key(is_active=False)
    assert guarded_api.inbox(key).status == 401
    keys.change(key, is_active=True)
    clock.advance(seconds=1)
    assert guarded_api.inbox(key).status == 200


def test_a_changed_source_applies_after_the_cache_expires(
    guarded_api: Api, keys: Keys, clock: FakeClock
) -> None:
    key = guarded_api.make_key(source="a")
    assert guarded_api.ingest(source="a", key=key).status == 201
    keys.change(key, source="b")
    clock.advance(seconds=30)
    assert guarded_api.ingest(source="a", key=key).status == 403


@pytest.mark.parametrize("failure", [StoreUnavailableError("down"), CorruptRecordError("damaged")])
@pytest.mark.promise(12)
def test_a_key_that_cannot_be_checked_is_answered_with_503(
    guarded_api: Api, keys: Keys, clock: FakeClock, failure: Exception
) -> None:
    assert guarded_api.inbox().status == 200
    clock.advance(seconds=31)
    keys.failure = failure
    for method, path in ROUTES:
        for key in (guarded_api.key, generate("test")):
            answer = guarded_api.call(method, path, key=key)
            assert answer.refusal == (503, "SERVICE_UNAVAILABLE")
            assert int(answer.headers["retry-after"]) >= 1
    assert guarded_api.get("/v1/health", key=None).status == 200


def test_a_malformed_key_is_rejected_without_a_lookup(guarded_api: Api, keys: Keys) -> None:
    keys.failure = StoreUnavailableError("down")
    for key in ("short", "x" * 129, "not a key at all!", guarded_api.key[:-6] + "000000"):
        assert guarded_api.inbox(key).status == 401
    assert keys.found == 0


@pytest.mark.promise(12)
def test_an_unexpected_failure_of_the_key_store_authenticates_no_one(guarded_api: Api, keys: Keys) -> None:
    keys.failure = RuntimeError("bug")
    assert guarded_api.inbox().refusal == (500, "INTERNAL_ERROR")
