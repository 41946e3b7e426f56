"""What a wrong clock of this machine must not do: destroy what was not read, or end a lease.

DynamoDB removes expired items in the background. Here each ingest removes a few expired events and
idempotency claims, so that the file does not grow without end. The clock decides what has expired, so:

- Nothing is removed until the clock has been steady for an hour, while requests came. Until then expired
  events are only hidden. If the clock is right again, they are back.
- If the clock is set ahead while the service runs, no event and no claim expires because of it. What was
  valid just before expires later, by as much as the clock was set.
- If the clock is set ahead or back while the service runs, a lease or a delay that was to end sooner than the
  clock was set lasts as long as it would have. A longer one ends at the time that its holder was told.
- An event that was stored before the clock was ever set does not expire (`Retention`).
"""

import sqlite3
import threading

from triggers_api.core.events import MAX_HIDDEN_SECONDS, PENDING
from triggers_api.core.idempotency import IDEMPOTENCY_SECONDS
from triggers_api.core.ids import MAX_SECONDS_AHEAD
from triggers_api.core.times import Clock, ClockWatch, format_time
from triggers_api.store.calls import logger
from triggers_api.store.sqlite.database import Database

_REMOVED_PER_INGEST = 8
_CHANGED_PER_WRITE = 10_000


class ClockGuard:
    """Watches the clock, corrects stored times if it was set, and removes what has expired.

    Args:
        database: The file.
        monotonic: A clock that is never set.
    """

    def __init__(self, database: Database, monotonic: Clock) -> None:
        self._database = database
        self._watch = ClockWatch(monotonic)
        self._lock = threading.Lock()
        self._is_steady = False

    def check(self, now: int) -> None:
        """Compare the clock with the monotonic one. Call it before `now`, in seconds, is used.

        Raises:
            StoreUnavailableError: The clock was set, and stored times could not be corrected. The next call
                tries again.
        """
        with self._lock:
            step = self._watch.step(now)
            if step:
                self._correct_times(now, step)
                logger.warning("clock was set", extra={"fields": {"seconds": step}})
            self._is_steady = self._watch.accept(now)

    def remove_expired(self, connection: sqlite3.Connection, now: int) -> None:
        """Remove a few expired rows if the clock has been steady for an hour."""
        if not self._is_steady:
            return
        for table in ("events", "idempotency"):
            connection.execute(
                f"DELETE FROM {table} WHERE rowid IN"  # noqa: S608 - constants
                f" (SELECT rowid FROM {table} WHERE expires_at <= ? LIMIT {_REMOVED_PER_INGEST})",
                (now,),
            )

    def _correct_times(self, now: int, step: int) -> None:
        """Move the times of what was valid just before the clock was set.

        A repeat changes nothing: what was moved no longer lies in the range that is moved. Older rows that
        had expired before are left alone: the clock before the step may have been far behind.
        """
        before = now - step
        if step > 0:
            latest_event = format_time((before + MAX_SECONDS_AHEAD) * 1_000_000)
            self._move("events", "expires_at", step, (before, now), f"created_at <= '{latest_event}'")
            latest_claim = before + MAX_SECONDS_AHEAD + IDEMPOTENCY_SECONDS
            self._move("idempotency", "expires_at", step, (before, min(now, latest_claim)))
        # A longer lease stays: after a repeat, it could not be told from one that was moved or that is new.
        latest_lease = before + min(abs(step), MAX_HIDDEN_SECONDS)
        self._move(
            "events",
            "hidden_until",
            step * 1000,
            (before * 1000, latest_lease * 1000),
            f"status = '{PENDING}'",
        )

    def _move(
        self, table: str, column: str, step: int, ends: tuple[int, int], condition: str = "true"
    ) -> None:
        """Add to the times in a range, its first end excluded, its last one included."""
        statement = (
            f"UPDATE {table} SET {column} = {column} + ? WHERE rowid IN"  # noqa: S608 - constants
            f" (SELECT rowid FROM {table} WHERE {column} > ? AND {column} <= ? AND {condition}"
            f" LIMIT {_CHANGED_PER_WRITE})"
        )
        changed = _CHANGED_PER_WRITE
        while changed == _CHANGED_PER_WRITE:
            with self._database.write("correct times") as connection:
                changed = connection.execute(statement, (step, *ends)).rowcount
