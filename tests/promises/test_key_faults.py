"""The look-up of a key against every fault: in doubt nobody enters, and nobody is turned away."""

from dataclasses import dataclass
from itertools import product

import pytest

from tests.api.driver import Door
from tests.conftest import Tables
from tests.promises.fault_cases import (
    ENOUGH,
    SLOW,
    SOON_OVER,
    TIMES,
    AnyFault,
    MakeCase,
    Times,
)
from tests.promises.services import side_by_side, way_to
from tests.support.lines import Line
from tests.support.promises import Tried
from tests.support.witness import Asked, Send, in_time
from triggers_api.core.keys import generate


@dataclass(frozen=True)
class Entry:
    """Somebody with a key, at a door whose keys cannot be looked up."""

    opens: bool
    times: Times
    fault: str
    send: Send
    line: Line

    def __str__(self) -> str:
        return f"a key that opens: {self.opens}, {self.fault} {self.times}"

    def ask(self) -> tuple[int, bool]:
        """Ask for a page; return the status, and whether to ask again was offered."""
        status, headers, _ = self.send(Asked("GET", "/v1/inbox", {"limit": 1}))
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
        cases.append(Entry(kind == "good", times, fault, in_time(way_to(api, key)), line))
    side_by_side(try_to_enter, cases)
    tried(len(cases))
