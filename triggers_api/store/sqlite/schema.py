"""The SQLite file itself: what makes it ours, its tables, and what is looked at before it is opened."""

import sqlite3
import time
from pathlib import Path

BUSY_SECONDS = 5.0
"""How long one statement waits for a writer of another process."""

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_APPLICATION_ID = 0x54524947  # "TRIG"
_SCHEMA_VERSION = 1
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_SCHEMA_VERSION};
CREATE TABLE events (
    event_id TEXT NOT NULL PRIMARY KEY,
    created_at TEXT NOT NULL,
    source TEXT NOT NULL,
    event_type TEXT NOT NULL,
    payload TEXT NOT NULL,
    metadata TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    acknowledged_at TEXT
);
CREATE INDEX events_pending ON events (event_id) WHERE acknowledged_at IS NULL;
CREATE INDEX events_pending_by_source ON events (source, event_id, event_type) WHERE acknowledged_at IS NULL;
CREATE INDEX events_pending_by_type ON events (event_type, event_id) WHERE acknowledged_at IS NULL;
CREATE INDEX events_expiry ON events (expires_at);
CREATE TABLE idempotency (
    name TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    event_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);
CREATE TABLE keys (
    digest TEXT NOT NULL PRIMARY KEY,
    is_active INTEGER NOT NULL,
    created_at TEXT,
    source TEXT,
    name TEXT,
    expires_at TEXT,
    revoked_at TEXT,
    prefix TEXT
);
"""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables where there are none; another process may be about to do the same."""
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        path.chmod(0o600)
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
    application, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if application != _APPLICATION_ID:
        raise sqlite3.DatabaseError("it is a database of another program")
    if version != _SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, and this program reads {_SCHEMA_VERSION}")
    connection.execute("COMMIT")
    _switch_to_wal(connection)


def refuse_a_broken_file(path: Path) -> None:
    """Look at a file before SQLite does, which would make a new database of a short one, and mend others.

    A size that is no number of pages is a cut, unless a write-ahead log is there to make it whole.
    """
    if not path.exists() or (size := path.stat().st_size) == 0:
        return
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    # Bytes 16 and 17: the page size, 1 for 65,536 (SQLite's file format, 1.3.2).
    page = int.from_bytes(head[16:18], "big")
    page = 65_536 if page == 1 else page
    log = path.with_name(f"{path.name}-wal")
    if len(head) < _HEADER_BYTES or not head.startswith(_MAGIC) or page == 0:
        raise sqlite3.DatabaseError("file is not a database")
    if size % page and not (log.exists() and log.stat().st_size):
        raise sqlite3.DatabaseError("the end of the file is missing")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Set the journal mode, which the file keeps. SQLite does not wait for another process here, so we do."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return
