"""What a wrong clock of this machine must not do: destroy what was not read, or end a lease.

DynamoDB removes expired items in the background. Here each ingest removes a few expired events and
idempotency claims, so that the file does not grow without end. The clock decides what has expired, so:

- Nothing is removed until the clock has been steady for an hour, while requests came. Until then expired
  events are only hidden. If the clock is right again, they are back.
- If the clock is set ahead while the service runs, no event and no claim expires because of it. What was
  valid just before expires later, by as much as the clock was set.
- If the clock is set ahead or back while the service runs, leases and delays move with it: each lasts as long
  as it would have.
- An event that was stored before the clock was ever set does not expire (`Retention`).
"""

import sqlite3
import threading

from triggers_api.core.events import PENDING
from triggers_api.core.idempotency import IDEMPOTENCY_SECONDS
from triggers_api.core.ids import MAX_SECONDS_AHEAD
from triggers_api.core.times import Clock, ClockWatch, format_time
from triggers_api.store.calls import logger
from triggers_api.store.sqlite.database import Database

_REMOVED_PER_INGEST = 8
_POSTPONED_PER_WRITE = 10_000


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
            if step > 0:
                self._postpone_expiries(now, step)
            if step:
                self._move_leases(now, step)
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

    def _postpone_expiries(self, now: int, step: int) -> None:
        """Postpone what expires only because the clock was set ahead. A repeat changes nothing.

        Older rows that had expired before are left alone: the clock before the step may have been far behind.
        """
        before = now - step
        latest_event = format_time((before + MAX_SECONDS_AHEAD) * 1_000_000)
        latest_claim = before + MAX_SECONDS_AHEAD + IDEMPOTENCY_SECONDS
        for statement, latest in (
            (_postpone("events", "created_at <= :latest"), latest_event),
            (_postpone("idempotency", "expires_at <= :latest"), latest_claim),
        ):
            values = {"step": step, "before": before, "now": now, "latest": latest}
            updated = _POSTPONED_PER_WRITE
            while updated == _POSTPONED_PER_WRITE:
                with self._database.write("postpone expiries") as connection:
                    updated = connection.execute(statement, values).rowcount

    def _move_leases(self, now: int, step: int) -> None:
        """Move the ends of leases and delays with the clock, once: each process notices that it was set."""
        with self._database.write("move leases") as connection:
            noticed = connection.execute("SELECT wall, monotonic FROM clock").fetchone()
            if self._watch.was_noticed(now, noticed):
                return
            # What had ended by both clocks stays as it is.
            earlier = min(now, now - step)
            connection.execute(
                "UPDATE events SET hidden_until = hidden_until + ? WHERE status = ? AND hidden_until > ?",
                (step * 1000, PENDING, earlier * 1000),
            )
            connection.execute("UPDATE clock SET wall = ?, monotonic = ?", self._watch.reading(now))


def _postpone(table: str, was_stored_before: str) -> str:
    return (
        f"UPDATE {table} SET expires_at = expires_at + :step WHERE rowid IN"  # noqa: S608 - constants
        f" (SELECT rowid FROM {table} WHERE expires_at > :before AND expires_at <= :now"
        f" AND {was_stored_before} LIMIT {_POSTPONED_PER_WRITE})"
    )
