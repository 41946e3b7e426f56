"""One case's line to DynamoDB, which can fail: the two proxies behind one interface."""

from dataclasses import dataclass
from typing import Protocol

from tests.support import microburst
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.microburst import Microburst


class Line(Protocol):
    """A line that fails for the next `times` requests (None: for all) once `after` requests have passed."""

    def fail(self, times: int | None, *, after: int = 0) -> None: ...

    def failed(self) -> int: ...

    def restore(self) -> None: ...


class DrippingLine:
    """A proxy for one case, with the one fault that microburst lacks."""

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

    def restore(self) -> None:
        self._proxy.plan()


@dataclass
class MicroburstLine:
    """The rules of microburst for one case."""

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

    def restore(self) -> None:
        self.proxy.disarm(self.case)
