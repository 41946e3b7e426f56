"""One SQLite file for several threads and several processes. Both stores of this machine live in it.

WAL, so that readers and the writer do not wait for each other. `synchronous=FULL`, so that an event that was
committed, and answered with a 201, is on the disk whatever happens to the process or the machine.

Writers of this process queue at a lock, in order, before they ask SQLite. SQLite waits by polling, and
sixteen threads that poll starve some of them. Against other processes there is only SQLite's waiting.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue

from triggers_api.core import deadline
from triggers_api.errors import LocalEnvironmentError, StoreUnavailableError
from triggers_api.store.calls import logged, logger
from triggers_api.store.sqlite.file import BUSY_SECONDS, prepare_file, switch_to_wal
from triggers_api.store.sqlite.migrations import MIGRATIONS, Migration, NewerSchemaError, migrate

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
        self._open_lock = threading.Lock()
        self._ready = False
        self._file: tuple[int, int] | None = None

    @contextmanager
    def read(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Give a connection for one read.

        Raises:
            StoreUnavailableError: SQLite failed, or the request's time is up.
        """
        with logged(operation), _translate_errors(operation):
            deadline.remaining()
            with self._connection() as connection:
                yield connection

    @contextmanager
    def write(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction. Commit it at the end, or roll all of it back.

        Raises:
            StoreUnavailableError: SQLite failed, or the request's time is up. Nothing was written.
        """
        with (
            logged(operation),
            _translate_errors(operation),
            self._writers_turn(),
            self._connection() as connection,
        ):
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._file != _file_identity(self.path):
                    raise sqlite3.OperationalError("the file was removed or replaced; start again")
                yield connection
                deadline.remaining()  # a request that took too long was answered 503: then write nothing
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

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
            raise self._unusable(error) from error
        if verdict != "ok":
            raise self._unusable("its pages are inconsistent")

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
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close the idle connections. SQLite then writes the log back into the file."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def _writers_turn(self) -> Iterator[None]:
        if not self._write_lock.acquire(timeout=min(deadline.remaining(), 2 * BUSY_SECONDS)):
            raise StoreUnavailableError("The store is busy.")
        try:
            yield
        finally:
            self._write_lock.release()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
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
            if not self._ready:
                prepare_file(self.path)
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                if not self._ready:
                    if migrate(connection, self._migrations) == 0:
                        self.path.chmod(0o600)  # an empty file that another program created
                    switch_to_wal(connection)
                    self._file = _file_identity(self.path)
                    self._ready = True
                connection.execute("PRAGMA synchronous = FULL")
                connection.text_factory = _decode_text
                connection.set_progress_handler(_is_out_of_time, _STEPS_BETWEEN_CHECKS)
            except BaseException:
                connection.close()
                raise
        return connection

    def _unusable(self, reason: Exception | str) -> LocalEnvironmentError:
        if isinstance(reason, NewerSchemaError):
            hint = (
                "Upgrade triggers-api to the version that wrote it, or choose another folder with --data-dir."
            )
        else:
            hint = "Make the folder writable, restore or move the file, or choose another with --data-dir."
        return LocalEnvironmentError(
            f"The data in {self.path} cannot be used.", reason=str(reason), hint=hint
        )


def store_failure(operation: str, error: Exception) -> StoreUnavailableError:
    """Log a failure of SQLite, and return the error for the caller."""
    # SQLite's messages name tables and files, never values.
    logger.error("store failed", extra={"fields": {"operation": operation, "reason": str(error)}})
    return StoreUnavailableError("The store cannot be used right now.")


@contextmanager
def _translate_errors(operation: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise store_failure(operation, error) from error


def _file_identity(path: Path) -> tuple[int, int]:
    """Return what distinguishes two files of one name. What is written into an unlinked file is lost."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_out_of_time() -> bool:
    """Return whether the request is over. SQLite stops the statement if it is."""
    try:
        deadline.remaining()
    except StoreUnavailableError:
        return True
    return False


def _decode_text(data: bytes) -> str:
    """Decode a text, even if it is not UTF-8, so that one damaged row fails alone and not the statement."""
    return data.decode(errors="surrogateescape")
