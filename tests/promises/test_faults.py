"""Every call of the service, against every way in which DynamoDB or the network to it fails.

Each case is a client that asks, hears what it hears, asks again as clients do, and looks; then some order of
all it asked must explain all it was told (`tests.support.orders`). What never reached DynamoDB must have left
nothing; what may have reached it may have left its mark, and no other.

Most of a case is waiting, so the cases of a test run side by side, each with a client of its own. CI has
every call against every fault, by Lambda's door; of pages and key look-ups it leaves out the faults of three
times, which to them are those for ever. The long form has all, and by the door of `triggers dev` too.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, product
from typing import Literal, Protocol

import pytest

from tests.api.driver import Api, Door
from tests.conftest import Tables
from tests.promises.conftest import door_to, side_by_side, stores_at
from tests.support import faulty_proxy
from tests.support.clock import FakeClock
from tests.support.lines import DrippingLine, Line, MicroburstLine
from tests.support.microburst import BEFORE_THE_COMMIT, Fault, Microburst
from tests.support.models import Ack, Call, Delete, Get, Inbox, Ingest, Page, Stored
from tests.support.orders import UNKNOWN, Told
from tests.support.promises import Tried
from tests.support.witness import Door as WitnessDoor
from tests.support.witness import Witness, in_time
from triggers_api.core.keys import generate

AnyFault = Fault | Literal["drip"]
Times = Literal["once", "three times", "for ever"]
TIMES: dict[Times, int | None] = {"once": 1, "three times": 3, "for ever": None}
ENOUGH: tuple[Times, ...] = ("once", "for ever")
SOON_OVER: tuple[AnyFault, ...] = ("throttle", "server error", "reset", "lost reply")
SLOW: tuple[AnyFault, ...] = ("hang", "stalled reply", "drip")

NOWHERE = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"

_numbers = count(1)


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


class MakeCase(Protocol):
    """Gives a client and its line, which fails at `operation`; one that drips, at whatever comes."""

    def __call__(
        self,
        operation: str,
        fault: AnyFault,
        *,
        table: str | None = None,
        cache_seconds: int = 30,
        door: Door = "lambda",
    ) -> tuple[Api, Line]: ...


@pytest.fixture
def make_case(
    microburst_proxy: Microburst, tables: Tables, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeCase]:
    with ExitStack() as stack:

        def make(
            operation: str,
            fault: AnyFault,
            *,
            table: str | None = None,
            cache_seconds: int = 30,
            door: Door = "lambda",
        ) -> tuple[Api, Line]:
            line: Line
            name = f"case{next(_numbers)}"
            if fault == "drip":
                proxy = stack.enter_context(faulty_proxy.in_front_of(tables.endpoint_url))
                url, line = proxy.url, DrippingLine(proxy)
            else:
                url, line = (
                    microburst_proxy.url,
                    MicroburstLine(microburst_proxy, name, fault, operation, table),
                )
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
            api = Api(stores_at(url, tables), clock, door=door, cache_seconds=cache_seconds)
            assert api.get(NOWHERE).status == 404  # and the key is remembered, where keys are
            return api, line

        yield make


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


@pytest.fixture
def doors(long_form: bool) -> tuple[Door, ...]:
    return ("lambda", "asgi") if long_form else ("lambda",)


def event_cases(
    make: MakeCase, names: Iterable[str], faults: tuple[AnyFault, ...], doors: tuple[Door, ...]
) -> list[Case]:
    cases: list[Case] = []
    for name, fault, times, door in product(names, faults, TIMES, doors):
        api, line = make(CALLS[name].operation, fault, door=door)
        witness = Witness(door_to(api), f"source {len(cases)}")
        cases.append(Case(name, times, fault, witness, line))
    return cases


@pytest.mark.promise(1, 2, 3, 4, 10)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_fails_soon_is_answered_right_and_its_retry_settles_it(
    make_case: MakeCase, name: str, doors: tuple[Door, ...], tried: Tried
) -> None:
    cases = event_cases(make_case, (name,), SOON_OVER, doors)
    side_by_side(ask_again_and_look, cases)
    tried(len(cases))


@pytest.mark.promise(1, 2, 3, 4, 10)
@pytest.mark.parametrize("fault", SLOW)
def test_a_call_that_hangs_is_answered_right_and_in_time(
    make_case: MakeCase, fault: AnyFault, doors: tuple[Door, ...], tried: Tried
) -> None:
    cases = event_cases(make_case, CALLS, (fault,), doors)
    side_by_side(ask_again_and_look, cases)
    tried(len(cases))


@pytest.fixture
def inbox_of_many(tables: Tables, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> dict[str, Inbox]:
    """Events of two sources by turns, and pages that need a query for every two of them."""
    monkeypatch.setattr("triggers_api.store.dynamodb_events._MAX_QUERY_LIMIT", 2)
    api = Api(stores_at(tables.endpoint_url, tables), clock, door="lambda")
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


@pytest.mark.promise(5, 10)
@pytest.mark.parametrize("faults", [SOON_OVER, SLOW], ids=["soon over", "slow"])
def test_a_page_of_many_reads_is_answered_right_and_in_time(
    make_case: MakeCase,
    inbox_of_many: dict[str, Inbox],
    faults: tuple[AnyFault, ...],
    doors: tuple[Door, ...],
    long_form: bool,
    tried: Tried,
) -> None:
    cases = []
    for name, fault, times, door in product(PAGES, faults, TIMES if long_form else ENOUGH, doors):
        if (fault, times, long_form) == ("drip", "for ever", False):
            continue  # half of such a page comes at the deadline, and the other half as late again
        api, line = make_case("Query", fault, door=door)
        source = "wanted" if name == "filtered page" else None
        witness = Witness(door_to(api), source, start=inbox_of_many[name])
        cases.append(Case(name, times, fault, witness, line))
    side_by_side(page_and_page_again, cases)
    tried(len(cases))


@dataclass(frozen=True)
class Entry:
    """Somebody with a key, at a door whose keys cannot be looked up."""

    opens: bool
    times: Times
    fault: str
    door: WitnessDoor
    line: Line

    def __str__(self) -> str:
        return f"a key that opens: {self.opens}, {self.fault} {self.times}"

    def ask(self) -> tuple[int, bool]:
        """Ask for a page; return the status, and whether to ask again was offered."""
        status, headers, _ = self.door("GET", "/v1/inbox", query={"limit": 1}, headers={}, body=None)
        return status, "retry-after" in headers


def try_to_enter(case: Entry) -> None:
    case.line.fail(TIMES[case.times])
    status, retry = case.ask()
    assert case.line.failed() > 0
    case.line.mend()
    right = 200 if case.opens else 401
    assert status in {right, 503}
    if case.times == "once" and case.fault != "drip":
        assert status == right, "the second attempt can be answered"
    if case.times == "for ever":
        assert status == 503
    assert retry == (status == 503)
    assert case.ask() == (right, False)


@pytest.mark.promise(10, 12)
@pytest.mark.parametrize("faults", [SOON_OVER, SLOW], ids=["soon over", "slow"])
def test_in_doubt_about_a_key_nobody_enters_and_nobody_is_turned_away(
    make_case: MakeCase,
    tables: Tables,
    faults: tuple[AnyFault, ...],
    doors: tuple[Door, ...],
    long_form: bool,
    tried: Tried,
) -> None:
    cases = []
    kinds = ("good", "revoked", "unknown")
    for kind, fault, times, door in product(kinds, faults, TIMES if long_form else ENOUGH, doors):
        api, line = make_case("GetItem", fault, table=tables.keys, cache_seconds=0, door=door)
        key = generate("test") if kind == "unknown" else api.make_key(is_active=kind == "good")
        cases.append(Entry(kind == "good", times, fault, in_time(door_to(api, key)), line))
    side_by_side(try_to_enter, cases)
    tried(len(cases))
