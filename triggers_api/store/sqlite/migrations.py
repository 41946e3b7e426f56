"""The schema of the SQLite file, as numbered migrations that are applied when the file is opened.

`PRAGMA user_version` is the number of migrations that a file has had. Opening the file applies the missing
ones in one transaction, so a crash leaves either the old schema or the new one. A new file starts with the
first migration, so old and new files have the same schema.

To change the schema, append a migration. Never edit one that was released: files that had it would miss the
change.
"""

import sqlite3
from collections.abc import Sequence

Migration = Sequence[str]
"""SQL statements, one in each text."""

_CREATE_TABLES: Migration = (
    """CREATE TABLE events (
        event_id TEXT NOT NULL PRIMARY KEY,
        created_at TEXT NOT NULL,
        source TEXT NOT NULL,
        event_type TEXT NOT NULL,
        payload TEXT NOT NULL,
        metadata TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        acknowledged_at TEXT
    )""",
    "CREATE INDEX events_pending ON events (event_id) WHERE acknowledged_at IS NULL",
    """CREATE INDEX events_pending_by_source ON events (source, event_id, event_type)
        WHERE acknowledged_at IS NULL""",
    "CREATE INDEX events_pending_by_type ON events (event_type, event_id) WHERE acknowledged_at IS NULL",
    "CREATE INDEX events_expiry ON events (expires_at)",
    """CREATE TABLE idempotency (
        name TEXT NOT NULL PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        event_id TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    )""",
    "CREATE INDEX idempotency_expiry ON idempotency (expires_at)",
    """CREATE TABLE keys (
        digest TEXT NOT NULL PRIMARY KEY,
        is_active INTEGER NOT NULL,
        created_at TEXT,
        source TEXT,
        name TEXT,
        expires_at TEXT,
        revoked_at TEXT,
        prefix TEXT
    )""",
)

_ADD_LEASES: Migration = (
    "ALTER TABLE events ADD COLUMN died_at TEXT",
    "ALTER TABLE events ADD COLUMN reason TEXT",
    "ALTER TABLE events ADD COLUMN deliveries INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE events ADD COLUMN hidden_until INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE events ADD COLUMN lease TEXT",
    "ALTER TABLE events ADD COLUMN requeued_at TEXT",
    """ALTER TABLE events ADD COLUMN status TEXT AS (CASE
        WHEN acknowledged_at IS NOT NULL THEN 'acknowledged'
        WHEN died_at IS NOT NULL THEN 'dead'
        ELSE 'pending' END) VIRTUAL""",
    "DROP INDEX events_pending",
    "DROP INDEX events_pending_by_source",
    "DROP INDEX events_pending_by_type",
    # Each index has all columns that a filter compares. So an event that does not match is never read from
    # the table, where a payload of 390 KB may lie in front of its state.
    """CREATE INDEX events_by_status ON events
        (status, event_id, event_type, hidden_until, expires_at, requeued_at, acknowledged_at)""",
    """CREATE INDEX events_by_source ON events
        (status, source, event_id, event_type, hidden_until, expires_at, requeued_at, acknowledged_at)""",
    """CREATE INDEX events_by_type ON events
        (status, event_type, event_id, hidden_until, expires_at, requeued_at, acknowledged_at)""",
    # What the clocks showed when a process last noticed that the wall clock was set.
    "CREATE TABLE clock (wall INTEGER NOT NULL, monotonic INTEGER NOT NULL)",
    "INSERT INTO clock VALUES (0, 0)",
    "ALTER TABLE keys ADD COLUMN scopes TEXT",
)

_ADD_HOOKS: Migration = (
    "ALTER TABLE events ADD COLUMN webhook TEXT",
    """CREATE TABLE hooks (
        digest TEXT NOT NULL PRIMARY KEY,
        is_active INTEGER NOT NULL,
        source TEXT NOT NULL,
        preset TEXT NOT NULL,
        scheme TEXT,
        event_type TEXT,
        dedupe TEXT NOT NULL,
        secret TEXT,
        old_secret TEXT,
        old_secret_expires_at TEXT,
        created_at TEXT,
        revoked_at TEXT,
        prefix TEXT
    )""",
)

MIGRATIONS: Sequence[Migration] = (_CREATE_TABLES, _ADD_LEASES, _ADD_HOOKS)
"""In order: the first one makes version 1."""

_APPLICATION_ID = 0x54524947  # "TRIG"


class NewerSchemaError(sqlite3.DatabaseError):
    """A newer version of this program has migrated the file."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Apply the migrations that the file has not had, all of them or none. Return its version before.

    Raises:
        NewerSchemaError: The file has had more migrations than there are.
        sqlite3.Error: The file belongs to another program, or a statement failed.
    """
    with connection:  # commits, or rolls back if a statement fails
        connection.execute("BEGIN IMMEDIATE")  # before the version is read: another process may be migrating
        version = _schema_version(connection)
        if version > len(migrations):
            raise NewerSchemaError(
                f"its schema has version {version}, and this program reads up to {len(migrations)}"
            )
        if version < len(migrations):
            for migration in migrations[version:]:
                for statement in migration:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
    return version


def _schema_version(connection: sqlite3.Connection) -> int:
    """Return how many migrations a file has had, or raise if it is not a file of this program."""
    if _read_number(connection, "SELECT count(*) FROM sqlite_master") == 0:
        return 0
    if _read_number(connection, "PRAGMA application_id") != _APPLICATION_ID:
        raise sqlite3.DatabaseError("it is a database of another program")
    version = _read_number(connection, "PRAGMA user_version")
    if version < 1:
        raise sqlite3.DatabaseError(f"its schema has version {version}, which no program of ours makes")
    return version


def _read_number(connection: sqlite3.Connection, query: str) -> int:
    (value,) = connection.execute(query).fetchone()
    return int(value)
