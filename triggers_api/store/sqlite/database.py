"""One SQLite file for several threads and several processes. Both stores of this machine live in it.

WAL, so that readers and the writer do not wait for each other. `synchronous=FULL`, so that an event that was
committed, and answered with a 201, is on the disk whatever happens to the process or the machine.

One connection, the anchor, stays open until `close`, so that SQLite keeps the files that `OpenFiles` watches.

Writers of this process queue at a lock, in order, before they ask SQLite. SQLite waits by polling, and
sixteen threads that poll starve some of them. Against other processes there is only SQLite's waiting.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TypeVar

from triggers_api.core import deadline
from triggers_api.errors import LocalEnvironmentError, StoreUnavailableError
from triggers_api.store.calls import logged, logger
from triggers_api.store.sqlite.failures import explain_failure
from triggers_api.store.sqlite.file import BUSY_SECONDS, prepare_file, switch_to_wal
from triggers_api.store.sqlite.files import FilesChangedError, LogRemovedError, OpenFiles
from triggers_api.store.sqlite.group_commit import GroupCommit
from triggers_api.store.sqlite.migrations import MIGRATIONS, Migration, migrate

T = TypeVar("T")

FILE_NAME = "triggers.sqlite3"

_STEPS_BETWEEN_CHECKS = 100_000
"""Steps of SQLite's machine, a few milliseconds of them, between two checks of the request's deadline."""


class Database:
    """The file. It is opened at its first use, created if it is missing, and migrated if it is old.

    Args:
        folder: The folder of the file.
        migrations: The migrations of the schema; tests give others.
    """

    def __init__(self, folder: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self.path = folder / FILE_NAME
        self._migrations = migrations
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._write_lock = threading.Lock()
        self._group_commit = GroupCommit(self._transaction)
        self._open_lock = threading.Lock()
        self._anchor: sqlite3.Connection | None = None
        self._files: OpenFiles | None = None

    @contextmanager
    def read(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Give a connection for one read.

        Raises:
            StoreUnavailableError: SQLite failed, or the request's time is up.
        """
        with logged(operation), self._translate_errors(operation):
            deadline.check()
            with self._connection() as connection:
                yield connection

    @contextmanager
    def write(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction. Commit it at the end, or roll all of it back.

        Raises:
            StoreUnavailableError: SQLite failed, or the request's time is up. Nothing was written, unless the
                files were removed at this very moment.
        """
        with logged(operation), self._translate_errors(operation), self._transaction() as connection:
            yield connection
            deadline.check()  # a request that took too long was answered 503: then write nothing

    def change(self, operation: str, change: Callable[[sqlite3.Connection], T]) -> T:
        """Make a change in a transaction, together with the changes that wait at the same time.

        Returns:
            What the change returns. What it raises is raised, and then nothing of it was written.

        Raises:
            StoreUnavailableError: SQLite failed, or the request's time is up. If the commit failed, or the
                time was up while others were made, the change may be made all the same.
        """
        with logged(operation), self._translate_errors(operation):
            return self._group_commit.make(change)

    def check(self) -> None:
        """Check before the first request that the file can be used. Reads all of it.

        Raises:
            LocalEnvironmentError: The file cannot be opened, or it is damaged.
        """
        self.open()
        try:
            with self._connection() as connection:
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            raise self.unusable(error) from error
        if verdict != "ok":
            raise self.unusable(sqlite3.DatabaseError("its pages are inconsistent"))

    def open(self) -> None:
        """Open the file for writing. Create it if it is missing, and migrate it if it is old.

        Raises:
            LocalEnvironmentError: The file cannot be written, is damaged, or is newer than this program.
        """
        try:
            with self._connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        except (OSError, sqlite3.Error) as error:
            raise self.unusable(error) from error

    def close(self) -> None:
        """Close the idle connections. SQLite then copies the log into the data."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()
        with self._open_lock:
            if self._anchor is not None:
                self._anchor.close()
            if self._files is not None:
                self._files.close()
            self._anchor = self._files = None

    def unusable(self, error: Exception) -> LocalEnvironmentError:
        """Return the error for a command, with the cause of a failure and its fix."""
        reason, fix = explain_failure(error, self.path)
        return LocalEnvironmentError(f"The data in {self.path} cannot be used.", reason=reason, hint=fix)

    def failure(self, operation: str, error: Exception) -> StoreUnavailableError:
        """Log a failure of SQLite with its cause and fix, and return the error for the caller."""
        # SQLite's messages name tables and files, never values.
        reason, fix = explain_failure(error, self.path)
        fields = {"operation": operation, "reason": reason, "fix": fix}
        logger.error("store failed", extra={"fields": fields})
        return StoreUnavailableError("The store cannot be used right now.")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writers_turn(), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._files is not None:
                    self._files.check_lengths()
                yield connection
                connection.execute("COMMIT")
                self._check_files()  # never report success for what went into a removed file
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _writers_turn(self) -> Iterator[None]:
        if not self._write_lock.acquire(timeout=min(deadline.remaining(), 2 * BUSY_SECONDS)):
            raise StoreUnavailableError("The store is busy.")
        try:
            yield
        finally:
            self._write_lock.release()

    @contextmanager
    def _translate_errors(self, operation: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise self.failure(operation, error) from error

    def _check_files(self) -> None:
        """Check that nothing is read from removed files, and nothing is written to them.

        Raises:
            FilesChangedError: A file was removed, replaced or truncated. What was committed is saved if only
                the log was removed.
        """
        if self._files is None or self._anchor is None:
            return
        try:
            self._files.check()
        except LogRemovedError as error:
            # Copy the log, which SQLite still has open, into the data.
            try:
                _, pages, copied = self._anchor.execute("PRAGMA wal_checkpoint").fetchone()
            except sqlite3.Error:
                raise FilesChangedError(f"{error}; its pages could not be saved") from error
            raise FilesChangedError(f"{error}; {copied} of its {pages} pages were saved") from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self._check_files()
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    def _connect(self) -> sqlite3.Connection:
        with self._open_lock:
            if self._anchor is None:
                self._anchor, self._files = self._open_anchor()
        connection = self._open()
        try:
            connection.execute("PRAGMA synchronous = FULL")
            # Else a savepoint writes the pages that it changes to a file in the system's temporary folder.
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.text_factory = _decode_text
            connection.set_progress_handler(_is_out_of_time, _STEPS_BETWEEN_CHECKS)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_anchor(self) -> tuple[sqlite3.Connection, OpenFiles]:
        """Prepare the file, and return a connection that has opened the log and its index."""
        prepare_file(self.path)
        connection = self._open()
        try:
            if migrate(connection, self._migrations) == 0:
                self.path.chmod(0o600)  # an empty file that another program created
            switch_to_wal(connection)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            return connection, OpenFiles(self.path)
        except BaseException:
            connection.close()
            raise

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _is_out_of_time() -> bool:
    """Return whether the request is over. SQLite stops the statement if it is."""
    try:
        deadline.check()
    except StoreUnavailableError:
        return True
    return False


def _decode_text(data: bytes) -> str:
    """Decode a text, even if it is not UTF-8, so that one damaged row fails alone and not the statement."""
    return data.decode(errors="surrogateescape")
