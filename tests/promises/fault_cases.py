"""Shared by the tests of faults: the faults, how often they occur, and a client whose requests meet them."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from typing import Literal, Protocol

import pytest

from tests.api.driver import Api, Door
from tests.conftest import Tables
from tests.promises.services import stores_at
from tests.support import faulty_proxy
from tests.support.clock import TickingClock
from tests.support.forms import by_form
from tests.support.lines import DrippingLine, Line, MicroburstLine
from tests.support.microburst import Fault, Microburst

AnyFault = Fault | Literal["drip"]
Times = Literal["once", "three times", "for ever"]
TIMES: dict[Times, int | None] = {"once": 1, "three times": 3, "for ever": None}
ENOUGH: tuple[Times, ...] = ("once", "for ever")
SOON_OVER: tuple[AnyFault, ...] = ("throttle", "server error", "reset", "lost reply")
QUICK_SAMPLE: tuple[AnyFault, ...] = ("throttle", "lost reply")
"""What the quick form has of `SOON_OVER`: one fault before the commit, and one after it."""

SLOW: tuple[AnyFault, ...] = ("hang", "stalled reply", "drip")
"""A call that one of these meets takes as long as its deadline allows."""

FAULTS = (
    pytest.param(SOON_OVER, id="soon over"),
    pytest.param(SLOW, id="slow", marks=pytest.mark.slow("waits for the deadline of each call")),
)

NOWHERE = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"

_numbers = count(1)


class MakeCase(Protocol):
    """Creates a client and its line, which fails at `operation`. A line that drips fails at all."""

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
    microburst_proxy: Microburst, fresh_tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeCase]:
    """Give the function that creates clients of the service, each with its own line to these tables."""
    clock = TickingClock()  # a purge and a requeue leave alone what is as new as they are
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
                proxy = stack.enter_context(faulty_proxy.in_front_of(fresh_tables.endpoint_url))
                url, line = proxy.url, DrippingLine(proxy)
            else:
                url = microburst_proxy.url
                line = MicroburstLine(microburst_proxy, name, fault, operation, table)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
            api = Api(stores_at(url, fresh_tables), clock, door=door, cache_seconds=cache_seconds)
            assert api.get(NOWHERE).status == 404  # and the key is cached, if keys are
            return api, line

        yield make


@pytest.fixture
def doors() -> tuple[Door, ...]:
    """Return the doors through which a case is tried."""
    return by_form(quick=("lambda",), full=("lambda",), long=("lambda", "asgi"))
