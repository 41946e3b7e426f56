"""One log line for each store call, at `DEBUG`: the operation, its duration and its cost.

The line never holds what was sent or what came back, because those are payloads.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger("triggers_api.store")


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
