"""Which events of a log are new, where the same stretch of time is asked for again and again.

CloudWatch shows an event some time after it happened, and not in order: whoever asks for what is newer than
the newest seen misses those. So each scan begins before the one before it began, and the events already seen
there are remembered. As a rule an event is there within seconds: a scan goes back `OVERLAP_SECONDS`. Five
minutes leave room for a delivery that was held up, and to read those every two seconds would cost 120,000
events a poll where there are 400 a second. So only one scan in a minute goes back `SWEEP_SECONDS`, and an
event that is later than the overlap is shown within that minute. That is 13,000 events a poll, and 144,000
once a minute.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

OVERLAP_SECONDS = 30
SWEEP_SECONDS = 300
SWEEP_EVERY_SECONDS = 60
REACH_SECONDS = SWEEP_SECONDS + 2 * SWEEP_EVERY_SECONDS
"""How much older than the newest event one that still comes may be; a minute of it is for slow scans."""

Event = Mapping[str, Any]
"""An event as `FilterLogEvents` returns it."""


class Window:
    """The time to ask for, in milliseconds since 1970, and the events that were seen in it."""

    def __init__(self, start: int) -> None:
        self.start = start
        """Of the scan that is under way."""
        self._next_start = self._sweep_start = start
        self._scan_began = self._swept = start
        self._newest: int | None = None
        self._seen: dict[Hashable, int] = {}
        self._in_this_scan: Counter[Hashable] = Counter()

    @property
    def remembered(self) -> int:
        """How many events are remembered: those that a sweep may find again, and no more."""
        return len(self._seen)

    def begin(self, now: int) -> None:
        """Note that a scan begins, also one that begins anew, and set `start`."""
        recently = 0 <= now - self._swept < SWEEP_EVERY_SECONDS * 1000  # a clock may be set back
        self.start = self._next_start if recently else self._sweep_start
        self._scan_began = now
        self._in_this_scan.clear()

    def new(self, events: Iterable[Event]) -> list[Event]:
        """Return those not seen before, by their time, then by when CloudWatch took them in."""
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

    def finish(self) -> None:
        """Note that the scan came to its end: move the window on, and forget what no scan finds again.

        It moves by this machine's clock or by the newest event, whichever is behind: a clock that is fast
        must not hide lines, and the window of a quiet log may grow, for there is little in it. A sweep begins
        before the sweep before it began, not before the latest scan: what came late since must be in it.
        """
        swept = self.start == self._sweep_start
        if self._newest is not None:
            reached = min(self._scan_began, self._newest)
            self._next_start = max(self._next_start, reached - OVERLAP_SECONDS * 1000)
            if swept:
                self._sweep_start = max(self._sweep_start, reached - SWEEP_SECONDS * 1000)
        if swept:
            self._swept = self._scan_began
        self._seen = {identity: time for identity, time in self._seen.items() if time >= self._sweep_start}

    def _identity(self, event: Event) -> Hashable:
        """Return the event's id. An emulator may give none: then what it says, and the how manieth it is."""
        if event_id := event.get("eventId"):
            return str(event_id)
        names = ("logStreamName", "timestamp", "ingestionTime", "message")
        content = tuple(event.get(name) for name in names)
        self._in_this_scan[content] += 1
        return *content, self._in_this_scan[content]
