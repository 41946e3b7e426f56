"""Measure the backlog: a line that CloudWatch turns into metrics, and a warning before events expire unread.

The line is in CloudWatch's embedded metric format. It is written to stdout and not logged, because alarms
need it at every `LogLevel`.
"""

import json
import logging
import sys
from contextvars import copy_context

from triggers_api.api.service import Service
from triggers_api.core import deadline
from triggers_api.core.access import Principal
from triggers_api.core.inbox import Stats
from triggers_api.core.times import milliseconds
from triggers_api.settings import Settings

logger = logging.getLogger("triggers_api.backlog")

NAMESPACE = "TriggersApi"
EXPIRING_PERCENT = 80
"""The share of its retention after which a pending event is about to expire unread."""

_UNITS = {"OldestPendingSeconds": "Seconds", "Pending": "Count", "Dead": "Count"}
_SCHEDULE = Principal(key_id="schedule", key_digest="")
_SECONDS_PER_DAY = 24 * 3600


def measure_backlog(service: Service, settings: Settings) -> None:
    """Write the metric line, and log a warning if the oldest pending event is about to expire.

    Raises:
        RuntimeError: The store failed, and no metric line was written. Lambda prints the text of an error, so
            the cause is logged without its text, and not attached.
    """
    copy_context().run(_measure, service, settings)  # the deadline ends with this call


def _measure(service: Service, settings: Settings) -> None:
    deadline.start()
    try:
        stats = service.inbox.stats(_SCHEDULE, source=None, event_types=())
    except Exception as error:
        logger.exception("backlog not measured", extra={"fields": {"error": type(error).__name__}})
        raise RuntimeError("The backlog could not be measured.") from None
    line = metric_line(stats, stage=settings.stage, timestamp=milliseconds(service.clock()))
    sys.stdout.write(f"{line}\n")  # one write: Lambda may split a line at a second one
    sys.stdout.flush()
    _warn_before_expiry(stats, settings.event_ttl_days * _SECONDS_PER_DAY)


def metric_line(stats: Stats, *, stage: str, timestamp: int) -> str:
    """Return the line. `timestamp` is in milliseconds since 1970.

    The oldest age is left out if it is not known: all that the bounded reads found has expired or was
    acknowledged meanwhile. Missing data raises the alarm, zero would clear it.
    """
    values = {"Pending": stats.pending.count, "Dead": stats.dead.count}
    if stats.oldest_age_seconds is not None or not stats.pending.capped:
        values["OldestPendingSeconds"] = stats.oldest_age_seconds or 0
    metrics = [{"Name": name, "Unit": _UNITS[name]} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["Stage"]], "Metrics": metrics}
    return json.dumps(
        {
            "_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]},
            "level": "INFO",
            "message": "backlog",
            "Stage": stage,
            **values,
        },
        separators=(",", ":"),
    )


def _warn_before_expiry(stats: Stats, retention_seconds: int) -> None:
    age = stats.oldest_age_seconds
    if age is None or 100 * age < EXPIRING_PERCENT * retention_seconds:
        return
    fields = {
        "age_seconds": age,
        "retention_seconds": retention_seconds,
        "waiting_since": stats.pending.oldest_since,
    }
    logger.warning("a pending event expires soon", extra={"fields": fields})
