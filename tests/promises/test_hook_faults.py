"""Deliveries to a hook against every fault of DynamoDB: the provider's repeats make exactly one event.

A provider does what a client does without reading answers: it repeats a delivery after any status but 2xx.
"""

import time
from dataclasses import dataclass
from itertools import product

import pytest

from tests.api.driver import Api, Door
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
from tests.promises.services import side_by_side
from tests.support.forms import by_form
from tests.support.lines import Line
from tests.support.microburst import BEFORE_THE_COMMIT
from tests.support.promises import Tried
from tests.support.witness import ANSWER_SECONDS

BODY = b'{"action": "opened", "number": 1.0}'
HEADERS = {
    "named": [("X-GitHub-Event", "issues"), ("X-GitHub-Delivery", "72d3162e-cc78-11e3")],
    "known by its body": [("X-GitHub-Event", "issues")],
}


@dataclass(frozen=True)
class Delivery:
    """A hook of a source, and a delivery to it that meets a fault."""

    kind: str
    is_look_up: bool
    """Whether the look-up of the hook fails, and not the write of the event."""
    times: Times
    fault: str
    source: str
    path: str
    api: Api
    line: Line

    def __str__(self) -> str:
        return f"{self.kind}, look-up: {self.is_look_up}, {self.fault} {self.times}"

    def send(self) -> int:
        began = time.monotonic()
        answer = self.api.deliver(self.path, BODY, headers=HEADERS[self.kind])
        assert time.monotonic() - began < ANSWER_SECONDS
        assert (answer.status == 503) == ("retry-after" in answer.headers)
        assert answer.status == 503 or (answer.status, answer.body) == (200, b"")
        return answer.status

    def stored(self) -> int:
        return len(self.api.pending(source=self.source))


def deliver_and_repeat(case: Delivery) -> None:
    case.line.fail(TIMES[case.times])
    first = case.send()
    assert case.line.failed() > 0
    if case.times == "for ever":
        assert {first, case.send()} == {503}
    case.line.restore()
    if case.times == "once" and case.fault != "drip":
        assert first == 200, "the second attempt succeeds"
    stored = case.stored()
    assert stored <= 1
    if first == 503 and (case.is_look_up or case.fault in BEFORE_THE_COMMIT):
        assert stored == 0, "it never reached DynamoDB"
    assert first == 503 or stored == 1, "a 200 is sent only after the store has the event"
    assert [case.send(), case.send()] == [200, 200]
    assert case.stored() == 1


@pytest.mark.forms
@pytest.mark.promise(1, 2, 4, 10)
@pytest.mark.parametrize("faults", FAULTS)
@pytest.mark.parametrize("is_look_up", [False, True], ids=["write", "look-up"])
def test_delivery_that_meets_a_fault_is_one_event_after_its_repeat(
    make_case: MakeCase,
    fresh_tables: Tables,
    is_look_up: bool,
    faults: tuple[AnyFault, ...],
    doors: tuple[Door, ...],
    tried: Tried,
) -> None:
    cases: list[Delivery] = []
    several_times = by_form(quick=ENOUGH, full=(*TIMES,))
    if faults == SOON_OVER:
        faults = by_form(quick=QUICK_SAMPLE, full=SOON_OVER)
    operation, table = ("GetItem", fresh_tables.keys) if is_look_up else ("TransactWriteItems", None)
    for kind, fault, times, door in product(HEADERS, faults, several_times, doors):
        api, line = make_case(operation, fault, table=table, door=door)
        source = f"source {len(cases)}"
        path = api.make_hook(source=source)
        if not is_look_up:  # then it is cached already
            assert api.deliver(path, BODY, secret="another-secret").status == 401
        cases.append(Delivery(kind, is_look_up, times, fault, source, path, api, line))
    side_by_side(deliver_and_repeat, cases)
    tried(len(cases))
