"""What a process remembers between receives. Both classes are safe for several threads.

Times are in milliseconds since 1970, by the clock of the requests. That clock may be set back: what was
remembered before would then come from the future, and is ignored.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from triggers_api.core.paging import Filter, Position
from triggers_api.core.times import format_time

RECENT_MS = 5_000
_RESUME_MS = 60_000
_MAX_POSITIONS = 100


@dataclass(frozen=True, slots=True)
class _Change:
    """What this process did to an event at a time. It is remembered until `end_ms`.

    `lease` is the token of a claim, None if the event was acknowledged or died.
    """

    at: str
    end_ms: int
    lease: str | None


class RecentEvents:
    """Events that this process claimed, acknowledged or killed a moment ago.

    The index lags behind the table, so it may still show them as available. Without this memory a consumer
    that receives in a tight loop would try to claim its own events again, and pay for the refused writes.
    """

    def __init__(self) -> None:
        self._changes: dict[str, _Change] = {}
        self._lock = threading.Lock()

    def add(
        self, event_ids: Iterable[str], *, now_ms: int, until_ms: int | None = None, lease: str | None = None
    ) -> None:
        """Remember a change of events until `until_ms`, but for `RECENT_MS` at most."""
        latest_ms = now_ms + RECENT_MS
        end_ms = latest_ms if until_ms is None else min(until_ms, latest_ms)
        change = _Change(format_time(now_ms * 1000), end_ms, lease)
        with self._lock:
            current = {one: old for one, old in self._changes.items() if _is_ahead(old.end_ms, now_ms)}
            self._changes = current | dict.fromkeys(event_ids, change)

    def forget(self, event_ids: Iterable[str]) -> None:
        """Forget events, which may be available again."""
        with self._lock:
            for event_id in event_ids:
                self._changes.pop(event_id, None)

    def is_outdated(self, item: dict[str, Any], now_ms: int) -> bool:
        """Return whether the index shows an item as it was before the change that is remembered.

        The item is newer if it has the token of the claim, so that another process has released it, or if it
        was requeued since.
        """
        change = self._changes.get(item["event_id"]["S"])
        if change is None or not _is_ahead(change.end_ms, now_ms):
            return False
        has_our_lease = change.lease is not None and item.get("lease") == {"S": change.lease}
        return not has_our_lease and item.get("requeued_at", {}).get("S", "") < change.at


def _is_ahead(end: int, now_ms: int) -> bool:
    # Twice, because concurrent requests may have an older `now_ms` than the one that added the event.
    return now_ms < end <= now_ms + 2 * RECENT_MS


class ResumePositions:
    """For each filter, the position at which the last receive stopped before it had found enough.

    The next receive resumes there. After a minute without a receive the position is forgotten, and the next
    one reads everything from the head of the index on.
    """

    def __init__(self) -> None:
        self._positions: dict[Filter, tuple[Position, int]] = {}
        self._lock = threading.Lock()

    def get(self, wanted: Filter, now_ms: int) -> Position | None:
        """Return where to resume, None if there is no such position."""
        with self._lock:
            position, since_ms = self._positions.get(wanted, (None, 0))
            return position if since_ms <= now_ms < since_ms + _RESUME_MS else None

    def set(self, wanted: Filter, position: Position, now_ms: int) -> None:
        """Remember where a receive stopped."""
        with self._lock:
            self._positions.pop(wanted, None)  # so that the dictionary stays in the order of time
            self._positions[wanted] = position, now_ms
            if len(self._positions) > _MAX_POSITIONS:
                self._positions.pop(next(iter(self._positions)))  # the oldest

    def clear(self, wanted: Filter) -> None:
        """Forget the position: a receive has read the index to its end."""
        with self._lock:
            self._positions.pop(wanted, None)
