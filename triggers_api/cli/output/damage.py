"""Report the damaged events that a store leaves out of what it reads."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.cli.output import console

_SHOWN = 10


class _Collector(logging.Handler):
    """Collects the events that the stores log as left out."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.number = 0
        self.ids: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg != "event left out":
            return
        self.number += 1
        event_id = getattr(record, "fields", {}).get("event_id")
        if event_id is not None and len(self.ids) < _SHOWN:
            self.ids.append(event_id)


@contextmanager
def report_damaged_events() -> Iterator[None]:
    """At the end, print how many damaged events were left out, and the first ids that are known."""
    collector = _Collector()
    logger = logging.getLogger("triggers_api.store")
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
    if collector.number:
        ids = f": {', '.join(collector.ids)}" if collector.ids else ""
        console.say(f"Damaged events that were left out: {collector.number:,}{ids}")
