"""Clients that continue while DynamoDB fails now and then: some order of the calls explains all answers.

The matrix in `test_faults.py` has one fault in a history. Here a history has many, drawn with a seed that a
failure prints. A call without an answer may have taken effect, and the following calls meet that effect.
"""

from random import Random, SystemRandom

import pytest

from tests.api.driver import Api
from tests.conftest import Tables
from tests.promises.services import side_by_side, stores_at, way_to
from tests.support.calls import Ack, Delete, Get, Ingest, Page, Single
from tests.support.clock import FakeClock
from tests.support.forms import by_form
from tests.support.microburst import BEFORE_THE_COMMIT, Fault, Microburst
from tests.support.orders import UNKNOWN, Told
from tests.support.promises import Tried
from tests.support.witness import Witness

CALLS_PER_PROGRAM = 8
AT_ONCE = 16

FAULTS: tuple[Fault, ...] = ("throttle", "server error", "reset", "lost reply", "lost reply")
"""A lost reply tells a client least, so it is drawn twice as often."""


def operation_of(call: Single) -> str:
    if isinstance(call, Ingest):
        return "TransactWriteItems" if call.key else "PutItem"
    return {Ack: "UpdateItem", Delete: "DeleteItem", Get: "GetItem", Page: "Query"}[type(call)]


def next_call(random: Random, witness: Witness, number: int) -> Single:
    tag = random.choice("ab")
    calls: list[Single] = [Ingest(tag, f"key {tag}"), Ingest(f"free {number}"), Page()]
    if tag in witness.ids:
        calls += [Ack(tag), Ack(tag), Get(tag), Delete(tag)]
    return random.choice(calls)


class Program:
    """One client, and the faults that its requests meet."""

    def __init__(self, proxy: Microburst, api: Api, access_key: str, seed: int) -> None:
        self._proxy = proxy
        self._access_key = access_key
        self._seed = seed
        self._witness = Witness(way_to(api), f"program {access_key}")
        self.faults = 0

    def __str__(self) -> str:
        return f"seed {self._seed}"

    def run(self) -> None:
        random, witness = Random(self._seed), self._witness
        for number in range(CALLS_PER_PROGRAM):
            call = next_call(random, witness, number)
            fault = random.choice(FAULTS)
            times = random.choice((0, 0, 1, 2, 3, 3))
            if times:
                self._proxy.arm(self._access_key, fault, operation=operation_of(call), times=times)
            done = witness.do(call)
            if times:
                self.faults += 1
                assert self._proxy.fired(self._access_key) > 0, f"{call} did not meet its fault"
            self._proxy.disarm(self._access_key)
            if times < 2:
                assert isinstance(done.outcome, Told), (
                    f"{call}, {fault} {times} times: the call can be answered"
                )
            # After fewer than three failures the last attempt arrives, and its reply may be late.
            if done.outcome is UNKNOWN and fault in BEFORE_THE_COMMIT and times >= 3:
                witness.knows_it_failed(done)
        witness.look("a", "b")
        witness.explain()


@pytest.mark.slow("a third of its 30 s is botocore's pauses before it tries again")
@pytest.mark.timeout(1800)  # for the long form
@pytest.mark.promise(1, 2, 3, 4, 10)
def test_clients_get_correct_answers_through_many_faults(
    microburst_proxy: Microburst,
    fresh_tables: Tables,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    tried: Tried,
) -> None:
    seeds = SystemRandom()
    for batch in range(by_form(quick=1, full=1, long=40)):
        programs = []
        for number in range(AT_ONCE):
            access_key = f"program{batch}x{number}"
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
            api = Api(stores_at(microburst_proxy.url, fresh_tables), clock, door="lambda")
            assert api.inbox(limit=1).status == 200  # and the key is cached from now on
            programs.append(Program(microburst_proxy, api, access_key, seeds.randrange(2**32)))
        side_by_side(Program.run, programs)
        tried(sum(program.faults for program in programs))
