"""The work that a key makes tells nothing of how near it is to a good one.

What is looked up is a digest, by equality, in the store; no character of a key is ever compared with those of
a stored one. Time itself is not measured: what is recorded is each line that runs of the code that decides,
and what the store is asked, for keys that have nothing, a part, or all but one character in common with it.
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
from triggers_api.api import auth
from triggers_api.api.authenticator import Authenticator
from triggers_api.core import keys
from triggers_api.core.keys import LOCAL_KEY, KeyRecord, digest_of, generate
from triggers_api.core.ports import KeyStore
from triggers_api.errors import UnauthorizedError

GOOD = "My-Own-Key_0123456789-zyxwvutsrqp"
DECIDES = {auth.__file__, keys.__file__}
Line = tuple[str, int]


class Asked:
    """A store of keys that tells what it was asked."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self.digests: list[str] = []

    def find(self, digest: str) -> KeyRecord | None:
        self.digests.append(digest)
        return self._store.find(digest)


@contextmanager
def lines_run() -> Iterator[list[Line]]:
    """Record each line of the code that decides, in order."""
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
    """Return keys that differ from a good one in one character, at each place; none is a good one."""
    return [key[:at] + ("A" if key[at] != "A" else "B") + key[at + 1 :] for at in range(len(key))]


class Door:
    """An authenticator, the good keys that are behind it, and the work that a key makes."""

    def __init__(self, stores: Stores, clock: FakeClock) -> None:
        self.asked = Asked(stores.keys)
        self.generated = generate("test")
        for key in (GOOD, self.generated):
            assert stores.keys.add(KeyRecord(digest_of(key), is_active=True))
        store: Any = self.asked
        self._authenticator = Authenticator(store, accept_local_key=True, cache_seconds=0, clock=clock)

    def lets_in(self, key: str) -> bool:
        try:
            return (self._authenticator.cached(key) or self._authenticator.look_up(key)).is_active
        except UnauthorizedError:
            return False

    def work_of(self, key: str) -> list[Line]:
        """Return the lines that a key that is refused makes run; the store is asked once, for its digest."""
        self.asked.digests.clear()
        with lines_run() as lines:
            assert not self.lets_in(key)
        assert self.asked.digests == [digest_of(key)]
        assert len(lines) > 10
        return lines


@pytest.fixture
def door(stores: Stores, clock: FakeClock) -> Door:
    return Door(stores, clock)


def test_a_key_that_is_nearly_right_makes_the_same_work_as_any_other(door: Door, tried: Tried) -> None:
    assert door.lets_in(GOOD)
    usual = door.work_of("x" * len(GOOD))
    for key in near(GOOD):
        assert door.work_of(key) == usual
    tried(len(GOOD))


def test_a_generated_key_that_is_nearly_right_makes_the_same_work_as_any_other(
    door: Door, tried: Tried
) -> None:
    assert door.lets_in(door.generated)
    usual = door.work_of(generate("test"))
    body = door.generated.rpartition("_")[0]
    bodies = [one for one in near(body) if one.startswith("trg_test_")]
    for one in bodies:
        assert door.work_of(f"{one}_{keys._checksum(one)}") == usual
    tried(len(bodies))


def test_the_store_is_asked_the_same_of_a_good_key_and_of_a_bad_one(door: Door) -> None:
    questions = []
    for key in (GOOD, near(GOOD)[-1], door.generated, generate("test"), "x" * 128):
        door.asked.digests.clear()
        door.lets_in(key)
        questions.append([len(digest) for digest in door.asked.digests])
    assert questions == [[71]] * 5


def test_the_local_key_is_compared_whole(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert door.lets_in(LOCAL_KEY)
