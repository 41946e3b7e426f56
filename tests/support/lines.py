"""What lies between one case and DynamoDB, and how it fails: the two proxies, under one interface."""

from dataclasses import dataclass
from typing import Protocol

from tests.support import microburst
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.microburst import Microburst


class Line(Protocol):
    """`fail`: the next requests, so many, None for ever; `after` so many that pass."""

    def fail(self, times: int | None, *, after: int = 0) -> None: ...

    def failed(self) -> int: ...

    def mend(self) -> None: ...


class DrippingLine:
    """A proxy of one's own, for the one fault that microburst does not know."""

    def __init__(self, proxy: FaultyProxy) -> None:
        self._proxy = proxy
        self._passing = 0

    def fail(self, times: int | None, *, after: int = 0) -> None:
        self._passing = after
        passing: list[Fault] = ["none"] * after
        if times is None:
            self._proxy.plan(*passing, forever="drip head")
        else:
            failing: list[Fault] = ["drip head"] * times
            self._proxy.plan(*passing, *failing)

    def failed(self) -> int:
        return max(0, self._proxy.requests - self._passing)

    def mend(self) -> None:
        self._proxy.plan()


@dataclass
class MicroburstLine:
    """What one case's requests go through."""

    proxy: Microburst
    case: str
    fault: microburst.Fault
    operation: str
    table: str | None = None

    def fail(self, times: int | None, *, after: int = 0) -> None:
        self.proxy.arm(
            self.case, self.fault, operation=self.operation, times=times, table=self.table, after=after
        )

    def failed(self) -> int:
        return self.proxy.fired(self.case)

    def mend(self) -> None:
        self.proxy.disarm(self.case)
