"""One log line for each call to a store, at `DEBUG`: what was called, how long it took, what it cost.

Never what was sent or what came back: those are payloads.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger("triggers_api.store")


@contextmanager
def logged(operation: str) -> Iterator[dict[str, Any]]:
    """Time a call and log it, also when it fails; what the caller puts into the mapping is logged with it."""
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
