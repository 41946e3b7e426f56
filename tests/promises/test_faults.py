"""Every call of the service, against every way in which DynamoDB or the network to it fails.

Each case is a client that asks, hears what it hears, asks again as clients do, and looks; then some order of
all it asked must explain all it was told (`tests.support.orders`). What never reached DynamoDB must have left
nothing; what may have reached it may have left its mark, and no other.

Most of a case is waiting, so the cases of a test run side by side, each with a client of its own. CI has
every call against every fault, by Lambda's door; of pages, and of key look-ups (`test_key_faults.py`), it
leaves out the faults of three times, which to them are those for ever. The long form has all, and by the door
of `triggers dev` too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

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
from tests.support.clock import FakeClock
from tests.support.forms import by_form, current_form
from tests.support.lines import Line
from tests.support.microburst import BEFORE_THE_COMMIT
from tests.support.models import Ack, Call, Delete, Get, Inbox, Ingest, Page, Stored
from tests.support.orders import UNKNOWN, Told
from tests.support.promises import Tried
from tests.support.witness import Witness


@dataclass(frozen=True)
class Asked:
    """A call of the service: what DynamoDB is asked for it, and what is there before."""

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
PAGES = ("page", "filtered page")


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
    """Do as a client does whose call may fail, and as one who wants to know what came of it."""
    asked, witness = CALLS[case.name], case.witness
    for call in asked.before:
        assert witness.do(call).outcome is not UNKNOWN
    case.line.fail(TIMES[case.times])
    first = witness.do(asked.call)
    assert case.line.failed() > 0
    case.line.mend()
    if case.times == "once" and case.fault != "drip":
        assert isinstance(first.outcome, Told), "the second attempt can be answered"
    if first.outcome is UNKNOWN and case.fault in BEFORE_THE_COMMIT:
        witness.knows_it_failed(first)
    if case.name != "ingest":  # which has no idempotency key: asked again, it makes another event
        assert isinstance(witness.do(asked.call).outcome, Told)
    witness.look("a")
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
        api, line = make(CALLS[name].operation, fault, door=door)
        witness = Witness(way_to(api), f"source {len(cases)}")
        cases.append(Case(name, times, fault, witness, line))
    return cases


@pytest.mark.forms
@pytest.mark.promise(1, 2, 3, 4, 10)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_fails_soon_is_answered_right_and_its_retry_settles_it(
    make_case: MakeCase, name: str, doors: tuple[Door, ...], tried: Tried
) -> None:
    faults = by_form(quick=QUICK_SAMPLE, full=SOON_OVER)
    cases = event_cases(make_case, (name,), faults, by_form(quick=ENOUGH, full=(*TIMES,)), doors)
    side_by_side(ask_again_and_look, cases)
    tried(len(cases))


@pytest.mark.slow("waits for the deadline of each call")
@pytest.mark.promise(1, 2, 3, 4, 10)
@pytest.mark.parametrize("fault", SLOW)
def test_a_call_that_hangs_is_answered_right_and_in_time(
    make_case: MakeCase, fault: AnyFault, doors: tuple[Door, ...], tried: Tried
) -> None:
    cases = event_cases(make_case, CALLS, (fault,), (*TIMES,), doors)
    side_by_side(ask_again_and_look, cases)
    tried(len(cases))


@pytest.fixture
def inbox_of_many(
    fresh_tables: Tables, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Inbox]:
    """Events of two sources by turns, and pages that need a query for every two of them."""
    monkeypatch.setattr("triggers_api.store.dynamodb.events._MAX_QUERY_LIMIT", 2)
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
    case.line.mend()
    if case.times == "once" and case.fault != "drip":
        assert isinstance(first.outcome, Told), "the second attempt can be answered"
    assert isinstance(case.witness.do(Page()).outcome, Told)
    case.witness.explain()


@pytest.mark.forms
@pytest.mark.promise(5, 10)
@pytest.mark.parametrize("faults", FAULTS)
def test_a_page_of_many_reads_is_answered_right_and_in_time(
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
            continue  # half of such a page comes at the deadline, and the other half as late again
        api, line = make_case("Query", fault, door=door)
        source = "wanted" if name == "filtered page" else None
        witness = Witness(way_to(api), source, start=inbox_of_many[name])
        cases.append(Case(name, times, fault, witness, line))
    side_by_side(page_and_page_again, cases)
    tried(len(cases))
