"""What a process remembers between receives. Both classes are safe for several threads.

Times are in milliseconds since 1970, by the clock of the requests. That clock may be set back: what was
remembered before would then come from the future, and is ignored.
"""

import threading
from collections.abc import Iterable

from triggers_api.core.paging import Filter, Position

RECENT_MS = 5_000
_RESUME_MS = 60_000
_MAX_POSITIONS = 100


class RecentEvents:
    """Events that this process claimed or acknowledged a moment ago.

    The index lags behind the table, so it may still show them as available. Without this memory a consumer
    that receives in a tight loop would try to claim its own events again, and pay for the refused writes.
    """

    def __init__(self) -> None:
        self._ends: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, event_ids: Iterable[str], *, now_ms: int, until_ms: int) -> None:
        """Remember events until `until_ms`, but for `RECENT_MS` at most."""
        new_end = min(until_ms, now_ms + RECENT_MS)
        with self._lock:
            self._ends = {one: end for one, end in self._ends.items() if _is_ahead(end, now_ms)}
            self._ends.update(dict.fromkeys(event_ids, new_end))

    def forget(self, event_ids: Iterable[str]) -> None:
        """Forget events, which may be available again."""
        with self._lock:
            for event_id in event_ids:
                self._ends.pop(event_id, None)

    def contains(self, event_id: str, now_ms: int) -> bool:
        """Return whether an event is remembered."""
        return _is_ahead(self._ends.get(event_id, 0), now_ms)


def _is_ahead(end: int, now_ms: int) -> bool:
    # Twice, because concurrent requests may have an older `now_ms` than the one that added the event.
    return now_ms < end <= now_ms + 2 * RECENT_MS


class ResumePositions:
    """For each filter, the position at which the last receive stopped before it had found enough.

    The next receive resumes there. A minute after the first of several stops in a row the position is
    forgotten, and the next receive reads everything from the head of the index on.
    """

    def __init__(self) -> None:
        self._positions: dict[Filter, tuple[Position, int]] = {}
        self._lock = threading.Lock()

    def get(self, wanted: Filter, now_ms: int) -> Position | None:
        """Return where to resume, None if there is no such position."""
        with self._lock:
            position, since_ms = self._positions.get(wanted, (None, 0))
            return position if _is_recent(since_ms, now_ms) else None

    def set(self, wanted: Filter, position: Position, now_ms: int) -> None:
        """Remember where a receive stopped. Further stops in a row keep the time of the first one."""
        with self._lock:
            _, since_ms = self._positions.pop(wanted, (None, 0))
            self._positions[wanted] = position, since_ms if _is_recent(since_ms, now_ms) else now_ms
            if len(self._positions) > _MAX_POSITIONS:
                self._positions.pop(next(iter(self._positions)))  # the oldest

    def clear(self, wanted: Filter) -> None:
        """Forget the position: a receive has read the index to its end."""
        with self._lock:
            self._positions.pop(wanted, None)


def _is_recent(since_ms: int, now_ms: int) -> bool:
    return since_ms <= now_ms < since_ms + _RESUME_MS
