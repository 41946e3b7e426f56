"""Remember which events a run without leases has forwarded."""

from collections import OrderedDict

MOST_IDS = 100_000
"""About 15 MB."""


class Memory:
    """The ids of forwarded events. Beyond its limit, those are forgotten that left the inbox first.

    Every poll walks over the whole inbox and looks up each event, so an id that was not looked up for the
    longest time belongs to an event that is no longer pending.
    """

    def __init__(self, limit: int = MOST_IDS) -> None:
        self.limit = limit
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._met = 0

    @property
    def is_full(self) -> bool:
        """Whether all ids belong to events that the current walk has met."""
        return self._met >= self.limit

    def start_walk(self) -> None:
        """Start a walk over the inbox."""
        self._met = 0

    def meet(self, event_id: str) -> bool:
        """Look up an event of the walk, and remember its id. Return whether the id was remembered before."""
        self._met += 1
        if event_id in self._ids:
            self._ids.move_to_end(event_id)
            return True
        self._ids[event_id] = None
        if len(self._ids) > self.limit:
            self._ids.popitem(last=False)
        return False

    def forget(self, event_id: str) -> None:
        """Forget an event, which the next walk then finds again."""
        self._ids.pop(event_id, None)
