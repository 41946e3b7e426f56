"""Which events of a log are new, where the same stretch of time is asked for again and again.

CloudWatch shows an event some time after it happened, and not in order: whoever asks for what is newer than
the newest seen misses those. So each scan begins `OVERLAP_SECONDS` before the one before it began, and the
events already seen there are remembered. As a rule an event is there within seconds; five minutes leave room
for a delivery that was held up.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

OVERLAP_SECONDS = 300

Event = Mapping[str, Any]
"""An event as `FilterLogEvents` returns it."""


class Window:
    """The time to ask for, in milliseconds since 1970, and the events that were seen in it."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._scan_began = start
        self._newest: int | None = None
        self._seen: dict[Hashable, int] = {}
        self._in_this_scan: Counter[Hashable] = Counter()

    @property
    def remembered(self) -> int:
        """How many events are remembered: those of the window, and no more."""
        return len(self._seen)

    def begin(self, now: int) -> None:
        """Note that a scan from `start` begins; also one that begins anew."""
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
        """Note that the scan came to its end: move the window on, and forget what is before it.

        It moves by this machine's clock or by the newest event, whichever is behind: a clock that is fast
        must not hide lines, and the window of a quiet log may grow, for there is little in it.
        """
        if self._newest is not None:
            reached = min(self._scan_began, self._newest)
            self.start = max(self.start, reached - OVERLAP_SECONDS * 1000)
        self._seen = {identity: time for identity, time in self._seen.items() if time >= self.start}

    def _identity(self, event: Event) -> Hashable:
        """Return the event's id. An emulator may give none: then what it says, and the how manieth it is."""
        if event_id := event.get("eventId"):
            return str(event_id)
        names = ("logStreamName", "timestamp", "ingestionTime", "message")
        content = tuple(event.get(name) for name in names)
        self._in_this_scan[content] += 1
        return *content, self._in_this_scan[content]
