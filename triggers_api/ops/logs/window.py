"""Find out which events of a log are new, although the same period is requested again and again.

CloudWatch delivers an event some time after it happened, and not in order: a request for events newer than
the newest one seen would miss late ones. So each scan starts before the start of the previous one, and events
that were already seen there are remembered. Most events are delivered within seconds: a scan goes back
`OVERLAP_SECONDS`. Five minutes leave room for a delayed delivery, but to read five minutes every two seconds
would cost 120,000 events a poll at 400 events a second. So only one scan a minute, a sweep, goes back
`SWEEP_SECONDS`, and an event that is later than the overlap is shown within that minute. That is 13,000
events a poll, and 144,000 once a minute.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

OVERLAP_SECONDS = 30
SWEEP_SECONDS = 300
SWEEP_EVERY_SECONDS = 60
REACH_SECONDS = SWEEP_SECONDS + 2 * SWEEP_EVERY_SECONDS
"""How much older than the newest event a late event can be. One minute of this is for slow scans."""

Event = Mapping[str, Any]
"""An event as `FilterLogEvents` returns it."""


class Window:
    """The period to request, in milliseconds since 1970, and the events already seen in it."""

    def __init__(self, start: int) -> None:
        self.start = start
        """The start of the current scan."""
        self._next_start = self._sweep_start = start
        self._scan_started = self._last_sweep = start
        self._newest: int | None = None
        self._seen: dict[Hashable, int] = {}
        self._in_this_scan: Counter[Hashable] = Counter()

    @property
    def remembered(self) -> int:
        """The number of remembered events, which are those that a sweep may find again."""
        return len(self._seen)

    def start_scan(self, now: int) -> None:
        """Set `start` for a scan, also for one that starts again."""
        # Negative if the clock was set back: then sweep.
        swept_recently = 0 <= now - self._last_sweep < SWEEP_EVERY_SECONDS * 1000
        self.start = self._next_start if swept_recently else self._sweep_start
        self._scan_started = now
        self._in_this_scan.clear()

    def new_events(self, events: Iterable[Event]) -> list[Event]:
        """Return the events not seen before, in order of time, then of their ingestion by CloudWatch."""
        found = []
        for event in events:
            identity = self._identity(event)
            if identity not in self._seen:
                self._seen[identity] = event["timestamp"]
                found.append(event)
        found.sort(key=lambda event: (event["timestamp"], event.get("ingestionTime", 0)))
        if found:
            self._newest = max(found[-1]["timestamp"], self._newest or 0)
        return found

    def finish_scan(self) -> None:
        """Move the window on after a complete scan, and forget the events that no scan can find again.

        The window moves to this machine's time or to the newest event, whichever is earlier: a clock that is
        fast must not hide lines, and the window of a quiet log may grow, because it holds few events. A sweep
        starts before the start of the previous sweep, not of the latest scan: it must find the events that
        were delivered late since then.
        """
        was_sweep = self.start == self._sweep_start
        if self._newest is not None:
            reached = min(self._scan_started, self._newest)
            self._next_start = max(self._next_start, reached - OVERLAP_SECONDS * 1000)
            if was_sweep:
                self._sweep_start = max(self._sweep_start, reached - SWEEP_SECONDS * 1000)
        if was_sweep:
            self._last_sweep = self._scan_started
        self._seen = {identity: time for identity, time in self._seen.items() if time >= self._sweep_start}

    def _identity(self, event: Event) -> Hashable:
        """Return the event's id. Falls back to the content plus an occurrence counter.

        The events of an emulator may have no id.
        """
        if event_id := event.get("eventId"):
            return str(event_id)
        names = ("logStreamName", "timestamp", "ingestionTime", "message")
        content = tuple(event.get(name) for name in names)
        self._in_this_scan[content] += 1
        return *content, self._in_this_scan[content]
