"""How long the service trusts what it knows of a key, while clocks step and under a flood of wrong keys."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import FakeClock
from triggers_api.api.authenticator import Authenticator
from triggers_api.core.keys import KeyRecord, digest_of, generate
from triggers_api.errors import UnauthorizedError

BOUND = 30
KEY = generate("test")


class Records:
    """A key store in memory that counts its lookups."""

    def __init__(self) -> None:
        self.records: dict[str, KeyRecord] = {}
        self.lookups = 0

    def find(self, digest: str) -> KeyRecord | None:
        self.lookups += 1
        return self.records.get(digest)

    def put(self, key: str, *, is_active: bool = True) -> None:
        self.records[digest_of(key)] = KeyRecord(digest_of(key), is_active)


class Service:
    """An authenticator with a fake clock."""

    def __init__(self, *, cache_seconds: int = BOUND) -> None:
        self.clock = FakeClock()
        self.store = Records()
        store: Any = self.store
        self.authenticator = Authenticator(
            store,
            accept_local_key=False,
            cache_seconds=cache_seconds,
            clock=self.clock,
            monotonic=self.clock.monotonic,
        )

    def accepts(self, key: str) -> bool:
        try:
            return (self.authenticator.cached(key) or self.authenticator.look_up(key)).is_active
        except UnauthorizedError:
            return False


def with_cached_key() -> Service:
    service = Service()
    service.store.put(KEY)
    assert service.accepts(KEY)
    service.store.put(KEY, is_active=False)
    return service


@pytest.mark.promise(8)
@pytest.mark.parametrize("back", [1, 10, 29.9, 31, 3600])
def test_revoked_key_is_refused_in_time_while_the_clock_steps_back(back: float) -> None:
    service = with_cached_key()
    accepted = 0
    while service.accepts(KEY) and accepted < 100:
        accepted += 1
        service.clock.advance(seconds=1)
        if accepted % 3 == 0:
            service.clock.step(seconds=-back)
    assert accepted <= BOUND


Moves = st.lists(st.tuples(st.floats(0, 40), st.floats(-100_000, 100_000) | st.just(0.0)), max_size=40)


@pytest.mark.promise(8)
@given(Moves)
def test_revoked_key_is_refused_in_time_whatever_the_wall_clock_does(
    moves: list[tuple[float, float]],
) -> None:
    service = with_cached_key()
    passed = 0.0
    for seconds, step in moves:
        service.clock.advance(seconds=seconds)
        service.clock.step(seconds=step)
        passed += seconds
        if service.accepts(KEY):
            assert passed < BOUND + 0.001


@pytest.mark.promise(8)
@given(st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=40))
def test_revoked_key_is_refused_in_time_whenever_the_process_is_frozen(
    moves: list[tuple[float, bool]],
) -> None:
    service = with_cached_key()
    passed = 0.0
    for seconds, frozen in moves:
        (service.clock.freeze if frozen else service.clock.advance)(seconds=seconds)
        passed += seconds
        if service.accepts(KEY):
            assert passed < BOUND + 0.001


@pytest.mark.promise(8)
def test_key_that_was_refused_once_is_not_accepted_again_when_the_clock_is_set_back() -> None:
    service = with_cached_key()
    service.clock.advance(seconds=BOUND)
    assert not service.accepts(KEY)
    service.clock.step(seconds=-BOUND)
    assert not service.accepts(KEY)


def test_repeated_wrong_key_costs_one_lookup_a_second() -> None:
    service = Service()
    for _ in range(100):
        assert not service.accepts(KEY)
        service.clock.advance(seconds=0.05)
    assert service.store.lookups == 5


@pytest.mark.parametrize("is_active", [True, False], ids=["unknown before", "inactive before"])
def test_key_works_within_a_second_if_it_was_refused_before(is_active: bool) -> None:
    service = Service()
    if not is_active:
        service.store.put(KEY, is_active=False)
    assert not service.accepts(KEY)
    service.store.put(KEY)
    service.clock.advance(seconds=0.999999)
    assert not service.accepts(KEY)
    service.clock.advance(seconds=0.000001)
    assert service.accepts(KEY)


@pytest.mark.parametrize("back", [0.5, 3600])
def test_refusal_is_forgotten_when_the_clock_is_set_back(back: float) -> None:
    service = Service()
    assert not service.accepts(KEY)
    service.store.put(KEY)
    service.clock.step(seconds=-back)
    assert service.accepts(KEY)


def test_new_key_works_at_once() -> None:
    service = Service()
    for _ in range(10):
        key = generate("test")
        assert not service.accepts(generate("test"))
        service.store.put(key)
        assert service.accepts(key)


def test_flood_of_different_wrong_keys_evicts_no_valid_key_and_stays_small() -> None:
    service = Service()
    service.store.put(KEY)
    assert service.accepts(KEY)
    for number in range(5000):
        assert not service.accepts(f"a-wrong-key-of-somebody-{number}")
    looked_up = service.store.lookups
    assert service.accepts(KEY)
    assert service.store.lookups == looked_up
    kept = vars(service.authenticator._refused)["_entries"]
    assert len(kept) <= 1024
    assert all(digest.startswith("sha256:") for digest in kept)


def test_without_a_cache_no_refusal_is_remembered() -> None:
    service = Service(cache_seconds=0)
    assert not service.accepts(KEY)
    service.store.put(KEY)
    assert service.accepts(KEY)


def test_malformed_key_costs_no_lookup() -> None:
    service = Service()
    for key in ("", "short", "x" * 129, KEY[:-6] + "000000", "é" * 20):
        assert not service.accepts(key)
    assert service.store.lookups == 0
