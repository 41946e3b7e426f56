"""Figures with their spread: on a shared machine a single number says little."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

Tick = Callable[[float], None]
"""Told how much of a measurement is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured, in the unit of its row."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float], *, scale: float = 1.0) -> Self:
        """Return the sample of some values, each multiplied by `scale`."""
        return cls(tuple(value * scale for value in values))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third: half of the values lie between them."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what the product showed, and what was measured beside it in the same run."""

    key: str
    """The name by which it has a goal and a limit."""
    measure: str
    unit: str
    product: Sample
    beside: Sample | None = None

    @property
    def ratio(self) -> float | None:
        """Product to what is beside it, of the medians."""
        return self.product.median / self.beside.median if self.beside and self.beside.median else None


def part(tick: Tick, number: int, parts: int) -> Tick:
    """Return what tells of one of some equal parts of a measurement, counted from 0."""
    return lambda done: tick((number + done) / parts)


def interleaved(
    rounds: int, subjects: Mapping[str, Callable[[], float]], tick: Tick
) -> dict[str, list[float]]:
    """Measure each subject once a round, so that the machine's noise falls on all of them.

    Every other round goes backwards: whoever comes first is not always the same.
    """
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds):
        order = list(subjects.items())
        for name, measure in order if number % 2 == 0 else reversed(order):
            found[name].append(measure())
        tick((number + 1) / rounds)
    return found
