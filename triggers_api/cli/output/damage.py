"""Report the damaged events that a store leaves out of what it reads."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from triggers_api.cli.output import console

_SHOWN = 10


class DamagedEvents(logging.Handler):
    """Collects the events that the stores log as left out."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.ids: dict[str, None] = {}
        self._unknown = 0

    @property
    def number(self) -> int:
        """How many events were left out. One without an id counts each time that it is met."""
        return len(self.ids) + self._unknown

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record of the log."""
        if record.msg != "event left out":
            return
        event_id = getattr(record, "fields", {}).get("event_id")
        if event_id is None:
            self._unknown += 1
        else:
            self.ids[event_id] = None


@contextmanager
def report_damaged_events() -> Iterator[DamagedEvents]:
    """At the end, print how many damaged events were left out, and the first ids that are known."""
    collector = DamagedEvents()
    logger = logging.getLogger("triggers_api.store")
    logger.addHandler(collector)
    try:
        yield collector
    finally:
        logger.removeHandler(collector)
    if collector.number:
        ids = f": {', '.join(islice(collector.ids, _SHOWN))}" if collector.ids else ""
        console.say(f"Damaged events that were left out: {collector.number:,}{ids}")
