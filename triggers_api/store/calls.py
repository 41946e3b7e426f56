"""Log lines of the stores. Each call has one, at `DEBUG`: the operation, its duration and its cost.

The line never holds what was sent or what came back, because those are payloads.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from triggers_api.errors import StoreUnavailableError

logger = logging.getLogger("triggers_api.store")


@contextmanager
def unanswered_death_logged(event_id: str) -> Iterator[None]:
    """Log that an event may have died if the write of its death was not answered."""
    try:
        yield
    except StoreUnavailableError:
        logger.warning("event may have died", extra={"fields": {"event_id": event_id}})
        raise


@contextmanager
def logged(operation: str) -> Iterator[dict[str, Any]]:
    """Time a call and log it, also if it fails. Fields that the caller adds to the mapping are logged too."""
    if not logger.isEnabledFor(logging.DEBUG):
        yield {}
        return
    fields: dict[str, Any] = {"operation": operation}
    started = time.perf_counter()
    try:
        yield fields
    finally:
        fields["duration_ms"] = round((time.perf_counter() - started) * 1000, 3)
        logger.debug("store call", extra={"fields": fields})
