"""What a process remembers between receives. All of it is safe for several threads.

Times are in milliseconds since 1970, by the clock of the requests. What seems to come from the future was
remembered before that clock was set back, and is ignored.
"""

import threading
from collections.abc import Iterable

from triggers_api.core.paging import Filter, Position

RECENT_MS = 5_000
_STOP_MS = 60_000
_MAX_STOPS = 100


class RecentEvents:
    """Events that this process claimed or acknowledged a moment ago.

    The index lags behind the table, so it may still show them as available. Without this memory a consumer
    that receives in a tight loop would try to claim its own events again, and pay for the refused writes.
    """

    def __init__(self) -> None:
        self._ends: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, event_ids: Iterable[str], *, now_ms: int, until_ms: int) -> None:
        """Remember events until then, but for five seconds at most."""
        end = min(until_ms, now_ms + RECENT_MS)
        with self._lock:
            self._ends = {one: end for one, end in self._ends.items() if _is_ahead(end, now_ms)}
            self._ends.update(dict.fromkeys(event_ids, end))

    def forget(self, event_ids: Iterable[str]) -> None:
        """Forget events, which may be available again."""
        with self._lock:
            for event_id in event_ids:
                self._ends.pop(event_id, None)

    def contains(self, event_id: str, now_ms: int) -> bool:
        """Return whether an event is remembered."""
        return _is_ahead(self._ends.get(event_id, 0), now_ms)


def _is_ahead(end: int, now_ms: int) -> bool:
    return now_ms < end <= now_ms + 2 * RECENT_MS  # requests do not come in the order of their times


class Stops:
    """For each filter, where the last receive stopped reading before it had found enough.

    A stop is forgotten a minute after the first one in a row. The next receive reads from the head on.
    """

    def __init__(self) -> None:
        self._stops: dict[Filter, tuple[Position, int]] = {}
        self._lock = threading.Lock()

    def get(self, wanted: Filter, now_ms: int) -> Position | None:
        """Return where to go on, None if there is no stop."""
        with self._lock:
            position, since_ms = self._stops.get(wanted, (None, 0))
            return position if since_ms <= now_ms < since_ms + _STOP_MS else None

    def set(self, wanted: Filter, position: Position, now_ms: int) -> None:
        """Remember a stop."""
        with self._lock:
            _, since_ms = self._stops.pop(wanted, (None, 0))
            is_in_a_row = since_ms <= now_ms < since_ms + _STOP_MS
            self._stops[wanted] = position, since_ms if is_in_a_row else now_ms
            if len(self._stops) > _MAX_STOPS:
                self._stops.pop(next(iter(self._stops)))  # the oldest

    def clear(self, wanted: Filter) -> None:
        """Forget the stop: the index ended behind it."""
        with self._lock:
            self._stops.pop(wanted, None)
