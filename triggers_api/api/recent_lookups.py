"""Results of look-ups in a store, kept in memory for some seconds."""

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

from triggers_api.core.times import Clock

_MAX_ENTRIES = 1024

T = TypeVar("T")


class Reading(NamedTuple):
    """What the two clocks showed at one moment, in microseconds."""

    wall: int
    monotonic: int

    @classmethod
    def of(cls, wall: Clock, monotonic: Clock) -> "Reading":
        """Read both clocks."""
        return cls(wall(), monotonic())


class RecentLookups(Generic[T]):
    """Results of look-ups by digest, each until it is `seconds` old. Not safe for several threads.

    The age counts from before the look-up, and is the larger of two clocks' differences: Lambda freezes a
    process between requests, and a monotonic clock may stand still then; the wall clock may be set back. If
    either difference is negative, the result counts as too old.
    """

    def __init__(self, seconds: int) -> None:
        self._lifetime = seconds * 1_000_000
        self._entries: OrderedDict[str, tuple[Reading, T]] = OrderedDict()

    def get(self, digest: str, now: Reading) -> T | None:
        """Return a result that is not too old by either clock."""
        if digest not in self._entries:
            return None
        then, result = self._entries[digest]
        ages = now.wall - then.wall, now.monotonic - then.monotonic
        return result if min(ages) >= 0 and max(ages) < self._lifetime else None

    def put(self, digest: str, then: Reading, result: T) -> None:
        """Keep the result of a lookup that started `then`."""
        if not self._lifetime:
            return
        self._entries[digest] = then, result
        self._entries.move_to_end(digest)
        if len(self._entries) > _MAX_ENTRIES:
            self._entries.popitem(last=False)

    def discard(self, digest: str) -> None:
        """Forget a digest."""
        self._entries.pop(digest, None)
