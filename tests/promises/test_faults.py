"""Every call of the service, against every way in which DynamoDB or the network to it fails.

Each case is a client that makes a call, repeats it as clients do, and reads the result. Then some order of
its calls must explain all answers (`tests.support.orders`). A call that never reached DynamoDB must have left
nothing; a call that may have reached it may have taken effect, once.

A case mostly waits, so the cases of a test run side by side, each with its own DynamoDB client. The full form
has every call against every fault, through the Lambda handler. For pages and for key lookups
(`test_key_faults.py`) it leaves out the faults that strike three times, because for these a third failure is
final. The long form has all of them, and goes through the server of `triggers dev` too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from tests.api.driver import Api, Door
from tests.conftest import Tables
from tests.promises.fault_cases import (
    ENOUGH,
    FAULTS,
    QUICK_SAMPLE,
    SLOW,
    SOON_OVER,
    TIMES,
    AnyFault,
    MakeCase,
    Times,
)
from tests.promises.services import side_by_side, stores_at, way_to
from tests.support.calls import (
    Ack,
    Batch,
    Call,
    Delete,
    Extend,
    Get,
    Ingest,
    Page,
    Purge,
    Receive,
    Release,
    Requeue,
)
from tests.support.clock import FakeClock
from tests.support.forms import by_form, current_form
from tests.support.lines import Line
from tests.support.microburst import BEFORE_THE_COMMIT
from tests.support.models import Inbox, Stored
from tests.support.orders import UNKNOWN, Told
from tests.support.promises import Tried
from tests.support.witness import Witness


@dataclass(frozen=True)
class Asked:
    """A call of the service, the DynamoDB operation behind it, and the calls that come before it."""

    operation: str
    call: Call
    before: tuple[Call, ...] = ()


CALLS = {
    "ingest": Asked("PutItem", Ingest("a")),
    "ingest once": Asked("TransactWriteItems", Ingest("a", "key")),
    "get": Asked("GetItem", Get("a"), (Ingest("a"),)),
    "ack": Asked("UpdateItem", Ack("a"), (Ingest("a"),)),
    "delete": Asked("DeleteItem", Delete("a"), (Ingest("a"),)),
}
HELD: tuple[Call, ...] = (Ingest("a"), Ingest("b"), Receive("r"))
DONE: tuple[Call, ...] = (Ingest("a"), Ack("a"))
QUEUE_CALLS = {
    "receive, its query": Asked("Query", Receive("s"), (Ingest("a"), Ingest("b"))),
    "receive": Asked("UpdateItem", Receive("s"), (Ingest("a"), Ingest("b"))),
    "ack under a lease": Asked("UpdateItem", Ack("a", "r"), HELD),
    "ack of a dead event": Asked("UpdateItem", Ack("a", "r"), (*HELD, Release("a", "r", dead=True))),
    "extend": Asked("UpdateItem", Extend("a", "r"), HELD),
    "release": Asked("UpdateItem", Release("a", "r"), HELD),
    "release with a delay": Asked("UpdateItem", Release("a", "r", delay=True), HELD),
    "release as dead": Asked("UpdateItem", Release("a", "r", dead=True), HELD),
    "requeue, its read": Asked("GetItem", Requeue("a"), DONE),
    "requeue": Asked("UpdateItem", Requeue("a"), DONE),
    "purge, its query": Asked("Query", Purge("acknowledged"), DONE),
    "purge": Asked("DeleteItem", Purge("acknowledged"), DONE),
    "batch of ingests": Asked("PutItem", Batch((Ingest("a"), Ingest("b")))),
    "batch of ingests once": Asked("TransactWriteItems", Batch((Ingest("a", "key"), Ingest("b", "other")))),
    "batch of acks": Asked("UpdateItem", Batch((Ack("a", "r"), Ack("b"))), HELD),
    "batch of releases": Asked("UpdateItem", Batch((Release("a", "r"), Release("b", "r"))), HELD),
    "batch of deletes": Asked("DeleteItem", Batch((Delete("a"), Delete("b"))), HELD),
}
QUICK_CALLS = {"ingest once", "ack", "receive", "release", "batch of acks"}
NOT_REPEATED = {"ingest", "batch of ingests"}
"""Without an idempotency key, a repeated ingest creates another event."""
ALL_CALLS = {**CALLS, **QUEUE_CALLS}
PAGES = ("page", "filtered page")


def quick_and_slow(names: Iterable[str]) -> list[Any]:
    slow = pytest.mark.slow("tries each fault")
    return [pytest.param(name, marks=() if name in QUICK_CALLS else slow) for name in names]


@dataclass(frozen=True)
class Case:
    """One client, one call, one fault."""

    name: str
    times: Times
    fault: str
    witness: Witness
    line: Line

    def __str__(self) -> str:
        return f"{self.name}, {self.fault} {self.times}"


def ask_again_and_look(case: Case) -> None:
    """Make the call, repeat it, and read the result."""
    asked, witness = ALL_CALLS[case.name], case.witness
    for call in asked.before:
        assert witness.do_all(call)[0].outcome is not UNKNOWN
    case.line.fail(TIMES[case.times])
    first = witness.do_all(asked.call)
    assert case.line.failed() > 0
    case.line.restore()
    for one in first:
        if case.times == "once" and case.fault != "drip":
            assert isinstance(one.outcome, Told), "the second attempt succeeds"
        if one.outcome is UNKNOWN and case.fault in BEFORE_THE_COMMIT:
            witness.knows_it_failed(one)
    if case.name not in NOT_REPEATED:
        again = Receive("again") if isinstance(asked.call, Receive) else asked.call
        assert all(isinstance(one.outcome, Told) for one in witness.do_all(again))
    witness.look("a", "b")
    witness.explain()


def event_cases(
    make: MakeCase,
    names: Iterable[str],
    faults: tuple[AnyFault, ...],
    several_times: tuple[Times, ...],
    doors: tuple[Door, ...],
) -> list[Case]:
    cases: list[Case] = []
    for name, fault, times, door in product(names, faults, several_times, doors):
        api, line = make(ALL_CALLS[name].operation, fault, door=door)
        witness = Witness(way_to(api), f"source {len(cases)}")
        cases.append(Case(name, times, fault, witness, line))
    return cases


@pytest.mark.forms
@pytest.mark.promise(1, 2, 3, 4, 10)
@pytest.mark.parametrize("name", quick_and_slow(CALLS))
def test_call_is_answered_correctly_and_settled_by_its_retry_when_dynamodb_fails_fast(
    make_case: MakeCase, name: str, doors: tuple[Door, ...], tried: Tried
) -> None:
    faults = by_form(quick=QUICK_SAMPLE, full=SOON_OVER)
    cases = event_cases(make_case, (name,), faults, by_form(quick=ENOUGH, full=(*TIMES,)), doors)
    side_by_side(ask_again_and_look, cases)
    tried(len(cases))


@pytest.mark.forms
@pytest.mark.promise(4, 10, 13, 14, 15, 16)
@pytest.mark.parametrize("name", quick_and_slow(QUEUE_CALLS))
def test_call_of_the_queue_is_answered_correctly_and_settled_by_its_retry_when_dynamodb_fails_fast(
    make_case: MakeCase, name: str, doors: tuple[Door, ...], tried: Tried
) -> None:
    faults = by_form(quick=QUICK_SAMPLE, full=SOON_OVER)
    cases = event_cases(make_case, (name,), faults, by_form(quick=ENOUGH, full=(*TIMES,)), doors)
    side_by_side(ask_again_and_look, cases)
    tried(len(cases))


@pytest.mark.slow("waits for the deadline of each call")
@pytest.mark.promise(1, 2, 3, 4, 10)
@pytest.mark.parametrize("fault", SLOW)
def test_call_is_answered_correctly_and_in_time_when_dynamodb_hangs(
    make_case: MakeCase, fault: AnyFault, doors: tuple[Door, ...], tried: Tried
) -> None:
    cases = event_cases(make_case, CALLS, (fault,), (*TIMES,), doors)
    side_by_side(ask_again_and_look, cases)
    tried(len(cases))


@pytest.mark.slow("waits for the deadline of each call")
@pytest.mark.promise(4, 10, 13, 14, 15, 16)
@pytest.mark.parametrize("fault", SLOW)
def test_call_of_the_queue_is_answered_correctly_and_in_time_when_dynamodb_hangs(
    make_case: MakeCase, fault: AnyFault, doors: tuple[Door, ...], tried: Tried
) -> None:
    cases = event_cases(make_case, QUEUE_CALLS, (fault,), ("for ever",), doors)
    side_by_side(ask_again_and_look, cases)
    tried(len(cases))


@pytest.fixture
def inbox_of_many(
    fresh_tables: Tables, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Inbox]:
    """Events of two sources in turn, and pages that need a query for every two events."""
    monkeypatch.setattr("triggers_api.store.dynamodb.index.MAX_QUERY_LIMIT", 2)
    api = Api(stores_at(fresh_tables.endpoint_url, fresh_tables), clock, door="lambda")
    events = {
        source: [Stored(f"{source} {n}", api.add({"tag": f"{source} {n}"}, source=source)) for n in range(5)]
        for source in ("wanted", "other")
    }
    everything = [event for listed in events.values() for event in listed]
    return {"page": Inbox(frozenset(everything)), "filtered page": Inbox(frozenset(events["wanted"]))}


def page_and_page_again(case: Case) -> None:
    case.line.fail(TIMES[case.times], after=2)
    first = case.witness.do(Page())
    assert case.line.failed() > 0
    case.line.restore()
    if case.times == "once" and case.fault != "drip":
        assert isinstance(first.outcome, Told), "the second attempt succeeds"
    assert isinstance(case.witness.do(Page()).outcome, Told)
    case.witness.explain()


@pytest.mark.forms
@pytest.mark.promise(5, 10)
@pytest.mark.parametrize("faults", FAULTS)
def test_page_of_many_reads_is_answered_correctly_and_in_time_when_dynamodb_fails(
    make_case: MakeCase,
    inbox_of_many: dict[str, Inbox],
    faults: tuple[AnyFault, ...],
    doors: tuple[Door, ...],
    tried: Tried,
) -> None:
    cases = []
    several_times = by_form(quick=ENOUGH, full=ENOUGH, long=(*TIMES,))
    if faults == SOON_OVER:
        faults = by_form(quick=QUICK_SAMPLE, full=SOON_OVER)
    for name, fault, times, door in product(PAGES, faults, several_times, doors):
        if (fault, times) == ("drip", "for ever") and current_form() != "long":
            continue  # the first half of such a page takes until the deadline, and so does the second
        api, line = make_case("Query", fault, door=door)
        source = "wanted" if name == "filtered page" else None
        witness = Witness(way_to(api), source, start=inbox_of_many[name])
        cases.append(Case(name, times, fault, witness, line))
    side_by_side(page_and_page_again, cases)
    tried(len(cases))
