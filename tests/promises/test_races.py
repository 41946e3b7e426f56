"""Concurrent calls: some order of the calls explains all answers, and the state afterwards.

Every race makes some calls at the same moment, each in its own thread, on an existing state, and reads the
result. The allowed outcomes are not listed: a model of sequential calls decides.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import monotonic

import pytest

from tests.api.conftest import door_of
from tests.api.driver import Api, with_keys
from tests.conftest import Stores, shards_of_run
from tests.promises.services import way_to
from tests.support.clock import FakeClock, TickingClock
from tests.support.forms import by_form
from tests.support.key_model import Keys, Revoke, Rotate, Use, keys_step
from tests.support.orders import UNKNOWN, Operation, Told, explain
from tests.support.promises import Tried
from tests.support.races import QUEUE_RACES, RACES, run
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.errors import KeyStateError, StoreUnavailableError
from triggers_api.ops.keys import operations as key_commands


def rounds_of_form() -> int:
    return by_form(quick=2, full=8, long=400)


@pytest.mark.forms
@pytest.mark.promise(2, 3, 4)
@pytest.mark.parametrize("name", RACES)
def test_concurrent_calls_are_answered_as_if_in_sequence(
    stores: Stores, clock: FakeClock, name: str, tried: Tried
) -> None:
    api = Api(stores, clock, door=door_of(stores))
    rounds = rounds_of_form()
    run(RACES[name], [way_to(api)], rounds, shards=shards_of_run().read)
    tried(rounds)


@pytest.mark.forms
@pytest.mark.promise(3, 13, 14, 15, 16)
@pytest.mark.parametrize("name", QUEUE_RACES)
def test_concurrent_calls_of_the_queue_are_answered_as_if_in_sequence(
    stores: Stores, name: str, tried: Tried
) -> None:
    api = Api(stores, TickingClock(), door=door_of(stores))
    rounds = rounds_of_form()
    run(QUEUE_RACES[name], [way_to(api)], rounds, shards=shards_of_run().read)
    tried(rounds)


class KeyHolder:
    """Uses, revokes and rotates keys by name, and records each outcome."""

    def __init__(self, stores: Stores, clock: FakeClock) -> None:
        self._api = Api(stores, clock, door=door_of(stores), cache_seconds=0)
        self._commands = key_commands.Keys(stores.keys, stage="test", clock=clock)
        self.keys = {"old": self._new()}
        self.history: list[Operation] = []

    def _new(self) -> str:
        return self._commands.create(name=None, source=None, own_key=None, expires_in=None).key

    def do(self, call: Use | Revoke | Rotate, barrier: Barrier | None = None) -> Operation:
        if barrier is not None:
            barrier.wait()
        began = monotonic()
        status = self._made(call)
        outcome = Told(status) if status != 503 else UNKNOWN
        self.history.append(operation := Operation(call, outcome, began, monotonic()))
        return operation

    def _made(self, call: Use | Revoke | Rotate) -> int:
        try:
            match call:
                case Use():
                    return self._api.inbox(self.keys[call.key], limit=1).status
                case Revoke():
                    self._commands.revoke(digest_of(self.keys[call.key]))
                case Rotate():
                    digest = digest_of(self.keys[call.old])
                    new, _ = self._commands.rotate(digest, overlap=3600, expires_in=None)
                    self.keys[call.new] = new.key
        except KeyStateError:
            return 409
        except StoreUnavailableError:
            return 503
        return 200


OLD, USE, REVOKE = "old", Use("old"), Revoke("old")
KEY_RACES: dict[str, tuple[Use | Revoke | Rotate, ...]] = {
    "rotate, rotate": (Rotate(OLD, "b"), Rotate(OLD, "c")),
    "four rotations": tuple(Rotate(OLD, new) for new in "bcde"),
    "rotate, revoke": (Rotate(OLD, "b"), REVOKE),
    "revoke, requests in flight": (USE, REVOKE, USE, USE),
    "revoke, revoke": (REVOKE, USE, REVOKE),
    "rotate, requests in flight": (USE, Rotate(OLD, "b"), USE),
}


@pytest.mark.forms
@pytest.mark.promise(8)
@pytest.mark.parametrize("name", KEY_RACES)
def test_keys_that_change_while_in_use_are_checked_as_if_in_sequence(
    stores: Stores, clock: FakeClock, name: str, tried: Tried
) -> None:
    calls = KEY_RACES[name]
    rounds = rounds_of_form()
    with ThreadPoolExecutor(len(calls)) as pool:
        for _ in range(rounds):
            holder = KeyHolder(stores, clock)
            barrier = Barrier(len(calls), timeout=30)
            for running in [pool.submit(holder.do, call, barrier) for call in calls]:
                running.result(timeout=60)
            for key in list(holder.keys):
                assert isinstance(holder.do(Use(key)).outcome, Told), "the state of the keys must be readable"
            explain(holder.history, Keys(frozenset({OLD})), keys_step)
    tried(rounds)


class SlowKeys:
    """A key store whose lookups read the record at once, and return it when the test allows."""

    def __init__(self, stores: Stores) -> None:
        self._keys = stores.keys
        self.began, self.may_end = Event(), Event()

    def find(self, digest: str) -> KeyRecord | None:
        found = self._keys.find(digest)
        self.began.set()
        assert self.may_end.wait(30)
        return found

    def add(self, record: KeyRecord) -> bool:
        return self._keys.add(record)


@pytest.mark.promise(8)
def test_key_revoked_during_its_lookup_is_rejected_within_the_bound(stores: Stores, clock: FakeClock) -> None:
    slow = SlowKeys(stores)
    api = Api(with_keys(stores, slow), clock, door=door_of(stores), cache_seconds=30)
    with ThreadPoolExecutor(1) as pool:
        in_flight = pool.submit(api.inbox, limit=1)
        assert slow.began.wait(30)
        stores.keys.revoke(digest_of(api.key), at="2026-01-02T03:04:05.000006Z")
        clock.advance(seconds=30)
        slow.may_end.set()
        assert in_flight.result(timeout=60).status == 200, "it came before the revocation"
    assert api.inbox(limit=1).status == 401
