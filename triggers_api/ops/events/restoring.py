"""Restore the events of an export in another stage, or in the same one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from triggers_api.core.events import Event
from triggers_api.core.ports import EventStore
from triggers_api.core.times import Clock, seconds
from triggers_api.errors import value_of
from triggers_api.ops.events.files import pieces

PIECE = 100


@dataclass(frozen=True, slots=True)
class Restored:
    """How many events of an export were stored, existed already, and had expired."""

    stored: int = 0
    existing: int = 0
    expired: int = 0

    def __add__(self, other: "Restored") -> "Restored":
        """Return the sums."""
        return Restored(
            self.stored + other.stored, self.existing + other.existing, self.expired + other.expired
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.stored + self.existing + self.expired


def restore_lines(store: EventStore, clock: Clock, lines: Iterable[tuple[int, Event]]) -> Iterator[Restored]:
    """Store events that have not expired, piece by piece. Yield what became of each piece.

    A repeat goes on: what is stored is left alone.

    Raises:
        StoreUnavailableError: The store failed. Some events may be stored.
    """
    for piece in pieces(lines, PIECE):
        now = seconds(clock())
        events = [event for _, event in piece if event.expires_at > now]
        outcomes = [value_of(outcome) for outcome in store.restore(events)]
        yield Restored(sum(outcomes), len(events) - sum(outcomes), len(piece) - len(events))
