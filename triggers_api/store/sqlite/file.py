"""The SQLite file itself: checked before SQLite opens it, created for its owner only, and set to WAL."""

import sqlite3
import time
from pathlib import Path

BUSY_SECONDS = 5.0
"""How long one statement waits for a writer in another process."""

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100


def prepare_file(path: Path) -> None:
    """Create the folder and the file if they are missing, readable for their owner only, and check the file.

    SQLite would replace a truncated file by an empty database, or repair others silently. A size that is not
    a number of pages means that the end is missing, unless a write-ahead log is there to complete the file.

    Raises:
        OSError: The folder or the file cannot be created or read.
        sqlite3.DatabaseError: The file is not a database, or it was truncated.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists() or (size := path.stat().st_size) == 0:
        path.touch(mode=0o600)
        path.chmod(0o600)
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


def switch_to_wal(connection: sqlite3.Connection) -> None:
    """Set the journal mode, which the file keeps. SQLite does not wait for other processes here, so we do.

    Raises:
        sqlite3.OperationalError: Another process kept the file busy.
    """
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
