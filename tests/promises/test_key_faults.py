"""The lookup of a key against every fault: a key that cannot be checked is neither accepted nor rejected."""

from dataclasses import dataclass
from itertools import product

import pytest

from tests.api.driver import Door
from tests.conftest import Tables
from tests.promises.fault_cases import (
    ENOUGH,
    FAULTS,
    QUICK_SAMPLE,
    SOON_OVER,
    TIMES,
    AnyFault,
    MakeCase,
    Times,
)
from tests.promises.services import side_by_side, way_to
from tests.support.forms import by_form
from tests.support.lines import Line
from tests.support.promises import Tried
from tests.support.witness import Asked, Send, in_time
from triggers_api.core.keys import generate


@dataclass(frozen=True)
class KeyCase:
    """A request with a key whose lookup fails."""

    is_valid: bool
    times: Times
    fault: str
    send: Send
    line: Line

    def __str__(self) -> str:
        return f"valid key: {self.is_valid}, {self.fault} {self.times}"

    def ask(self) -> tuple[int, bool]:
        """Ask for a page; return the status, and whether the answer has `Retry-After`."""
        status, headers, _ = self.send(Asked("GET", "/v1/inbox", {"limit": 1}))
        return status, "retry-after" in headers


def check_key(case: KeyCase) -> None:
    case.line.fail(TIMES[case.times])
    status, retry = case.ask()
    assert case.line.failed() > 0
    case.line.restore()
    right = 200 if case.is_valid else 401
    assert status in {right, 503}
    if case.times == "once" and case.fault != "drip":
        assert status == right, "the second attempt succeeds"
    if case.times == "for ever":
        assert status == 503
    assert retry == (status == 503)
    assert case.ask() == (right, False)


@pytest.mark.forms
@pytest.mark.promise(10, 12)
@pytest.mark.parametrize("faults", FAULTS)
def test_key_is_neither_accepted_nor_rejected_when_its_lookup_fails(
    make_case: MakeCase,
    fresh_tables: Tables,
    faults: tuple[AnyFault, ...],
    doors: tuple[Door, ...],
    tried: Tried,
) -> None:
    cases = []
    kinds = by_form(quick=("good", "unknown"), full=("good", "revoked", "unknown"))
    several_times = by_form(quick=ENOUGH, full=ENOUGH, long=(*TIMES,))
    if faults == SOON_OVER:
        faults = by_form(quick=QUICK_SAMPLE, full=SOON_OVER)
    for kind, fault, times, door in product(kinds, faults, several_times, doors):
        api, line = make_case("GetItem", fault, table=fresh_tables.keys, cache_seconds=0, door=door)
        key = generate("test") if kind == "unknown" else api.make_key(is_active=kind == "good")
        cases.append(KeyCase(kind == "good", times, fault, in_time(way_to(api, key)), line))
    side_by_side(check_key, cases)
    tried(len(cases))
