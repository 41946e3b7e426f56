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
from dataclasses import replace

from triggers_api.core.events import PENDING
from triggers_api.core.idempotency import IDEMPOTENCY_SECONDS
from triggers_api.core.ids import MAX_SECONDS_AHEAD
from triggers_api.core.paging import EventQuery
from triggers_api.core.times import STEP_SECONDS, Clock, ClockWatch, format_time, seconds
from triggers_api.errors import StoreUnavailableError
from triggers_api.store.calls import logger
from triggers_api.store.sqlite.database import Database

_REMOVED_PER_INGEST = 8
_POSTPONED_PER_WRITE = 10_000


class ClockGuard:
    """Watches the clock, corrects stored times if it was set, and removes what has expired.

    Args:
        database: The file.
        clock: The wall clock.
        monotonic: A clock that is never set.
    """

    def __init__(self, database: Database, *, clock: Clock, monotonic: Clock) -> None:
        self._database = database
        self._clock = clock
        self._watch = ClockWatch(monotonic)
        self._lock = threading.Lock()
        self._is_steady = False

    def now(self) -> int:
        """Return the wall clock's seconds since 1970."""
        return seconds(self._clock())

    def check(self) -> None:
        """Compare the clock with the monotonic one, before a change.

        Raises:
            StoreUnavailableError: The clock was set, and stored times could not be corrected. The next call
                tries again.
        """
        with self._lock:
            now = self.now()  # read inside the lock, or two threads would see a step back
            step = self._watch.step(now)
            more = step > 0
            while more:
                with self._database.write("postpone expiries") as connection:
                    more = _postpone_expiries(connection, now, step)
            if step:
                self._move_leases(now, step)
                logger.warning("clock was set", extra={"fields": {"seconds": step}})
            self._is_steady = self._watch.accept(now)

    def time_for_read(self, now: int) -> int:
        """Check the clock, and return the time that decides what has expired, in seconds.

        It is the time before a step if stored times cannot be corrected: a read needs no writable disk.
        """
        try:
            self.check()
        except StoreUnavailableError:
            with self._lock:
                return now - self._watch.step(self.now())
        return now

    def query_for_read(self, query: EventQuery) -> EventQuery:
        """Check the clock, and return the query with the time as of `time_for_read`."""
        before = query.now - self.time_for_read(query.now)
        return replace(query, now_ms=query.now_ms - before * 1000) if before else query

    def finish_ingest(self, connection: sqlite3.Connection, *, started: int, now: int) -> None:
        """Correct the new events if the clock was set since `started`, and remove a few expired rows.

        Rows are removed only if the clock has been steady for an hour.
        """
        latest = self.now()
        if (step := latest - started) > STEP_SECONDS:
            _postpone_expiries(connection, now + step, step)
        if self._is_steady:
            _remove_expired(connection, min(now, latest))

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


def _remove_expired(connection: sqlite3.Connection, now: int) -> None:
    for table in ("events", "idempotency"):
        connection.execute(
            f"DELETE FROM {table} WHERE rowid IN"  # noqa: S608 - constants
            f" (SELECT rowid FROM {table} WHERE expires_at <= ? LIMIT {_REMOVED_PER_INGEST})",
            (now,),
        )


def _postpone_expiries(connection: sqlite3.Connection, now: int, step: int) -> bool:
    """Postpone what expires only because the clock was set ahead. A repeat changes nothing.

    Older rows that had expired before are left alone: the clock before the step may have been far behind.

    Returns:
        Whether more rows may be left.
    """
    before = now - step
    values = {
        "step": step,
        "before": before,
        "now": now,
        "latest_event": format_time((before + MAX_SECONDS_AHEAD) * 1_000_000),
        "latest_claim": before + MAX_SECONDS_AHEAD + IDEMPOTENCY_SECONDS,
    }
    statements = (
        _postpone("events", "created_at <= :latest_event"),
        _postpone("idempotency", "expires_at <= :latest_claim"),
    )
    return _POSTPONED_PER_WRITE in [connection.execute(one, values).rowcount for one in statements]


def _postpone(table: str, was_stored_before: str) -> str:
    return (
        f"UPDATE {table} SET expires_at = expires_at + :step WHERE rowid IN"  # noqa: S608 - constants
        f" (SELECT rowid FROM {table} WHERE expires_at > :before AND expires_at <= :now"
        f" AND {was_stored_before} LIMIT {_POSTPONED_PER_WRITE})"
    )
