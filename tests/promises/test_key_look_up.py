"""The work for a key does not depend on how similar the key is to a valid one.

The store is asked for a digest, by equality; no character of a key is ever compared with those of a stored
one. The test does not measure time. It records each executed line of the code that decides, and each request
to the store, for keys that have nothing, a part, or all but one character in common with a valid key.
"""

import hmac
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.promises import Tried
from triggers_api.api import authenticator
from triggers_api.api.authenticator import Authenticator
from triggers_api.core import keys
from triggers_api.core.keys import LOCAL_KEY, KeyRecord, digest_of, generate
from triggers_api.core.ports import KeyStore
from triggers_api.errors import UnauthorizedError

GOOD = "My-Own-Key_0123456789-zyxwvutsrqp"
DECIDES = {authenticator.__file__, keys.__file__}
Line = tuple[str, int]


class Asked:
    """A key store that records its requests."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self.digests: list[str] = []

    def find(self, digest: str) -> KeyRecord | None:
        self.digests.append(digest)
        return self._store.find(digest)


@contextmanager
def lines_run() -> Iterator[list[Line]]:
    """Record each executed line of the code that decides, in order."""
    lines: list[Line] = []

    def look(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in DECIDES:
            return None
        if event == "line":
            lines.append((frame.f_code.co_filename, frame.f_lineno))
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield lines
    finally:
        sys.settrace(before)


def near(key: str) -> list[str]:
    """Return keys that each differ from a valid one in one character."""
    return [key[:at] + ("A" if key[at] != "A" else "B") + key[at + 1 :] for at in range(len(key))]


class Door:
    """An authenticator, two valid keys, and the work that it does for a key."""

    def __init__(self, stores: Stores, clock: FakeClock) -> None:
        self.asked = Asked(stores.keys)
        self.generated = generate("test")
        for key in (GOOD, self.generated):
            assert stores.keys.add(KeyRecord(digest_of(key), is_active=True))
        store: Any = self.asked
        self._authenticator = Authenticator(store, accept_local_key=True, cache_seconds=0, clock=clock)

    def accepts(self, key: str) -> bool:
        try:
            return (self._authenticator.cached(key) or self._authenticator.look_up(key)).is_active
        except UnauthorizedError:
            return False

    def work_of(self, key: str) -> list[Line]:
        """Return the lines that are executed for an invalid key; the store is asked once, for its digest."""
        self.asked.digests.clear()
        with lines_run() as lines:
            assert not self.accepts(key)
        assert self.asked.digests == [digest_of(key)]
        assert len(lines) > 10
        return lines


@pytest.fixture
def door(stores: Stores, clock: FakeClock) -> Door:
    return Door(stores, clock)


def test_nearly_right_key_causes_the_same_work_as_any_other(door: Door, tried: Tried) -> None:
    assert door.accepts(GOOD)
    usual = door.work_of("x" * len(GOOD))
    for key in near(GOOD):
        assert door.work_of(key) == usual
    tried(len(GOOD))


def test_nearly_right_generated_key_causes_the_same_work_as_any_other(door: Door, tried: Tried) -> None:
    assert door.accepts(door.generated)
    usual = door.work_of(generate("test"))
    body = door.generated.rpartition("_")[0]
    bodies = [one for one in near(body) if one.startswith("trg_test_")]
    for one in bodies:
        assert door.work_of(f"{one}_{keys._checksum(one)}") == usual
    tried(len(bodies))


def test_store_is_asked_the_same_for_valid_and_invalid_keys(door: Door) -> None:
    questions = []
    for key in (GOOD, near(GOOD)[-1], door.generated, generate("test"), "x" * 128):
        door.asked.digests.clear()
        door.accepts(key)
        questions.append([len(digest) for digest in door.asked.digests])
    assert questions == [[71]] * 5


def test_local_key_is_compared_in_constant_time(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []
    in_constant_time = hmac.compare_digest

    def compare(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return in_constant_time(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    usual = door.work_of("x" * len(LOCAL_KEY))
    for key in near(LOCAL_KEY):
        assert door.work_of(key) == usual
    assert [one for one, _ in compared[1:]] == [key.encode() for key in near(LOCAL_KEY)]
    assert door.accepts(LOCAL_KEY)
