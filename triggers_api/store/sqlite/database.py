"""One SQLite file for several threads and several processes; both stores of this machine live in it.

WAL, so that readers and the writer do not wait for each other; `synchronous=FULL`, so that what was
committed, and answered with a 201, is on the disk whatever happens to the process or the machine.

Writers of this process queue at a lock, in order, before they ask SQLite: its own waiting is polling, and
sixteen threads that poll starve some of them. Against other processes there is only SQLite's waiting.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue

from triggers_api.core import deadline
from triggers_api.errors import LocalEnvironmentError, StoreUnavailableError
from triggers_api.store.calls import logged, logger
from triggers_api.store.sqlite.schema import BUSY_SECONDS, prepare, refuse_a_broken_file

FILE_NAME = "triggers.sqlite3"

_STEPS_BETWEEN_LOOKS = 100_000
"""Steps of SQLite's machine, a few milliseconds of them, between two looks at the request's deadline."""


class Database:
    """The file, opened at the first use; its folder and its tables are made where they are missing."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._writers = threading.Lock()
        self._opening = threading.Lock()
        self._ready = False
        self._file: tuple[int, int] | None = None

    @contextmanager
    def read(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Give a connection for one read; failures come out as `StoreUnavailableError`."""
        with logged(operation), _translated(operation):
            deadline.remaining()
            with self._connection() as connection:
                yield connection

    @contextmanager
    def write(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction, committed at the end, or rolled back whole."""
        with logged(operation), _translated(operation), self._turn(), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._file != _identity(self.path):
                    raise sqlite3.OperationalError("the file was removed or replaced; start again")
                yield connection
                deadline.remaining()  # who waited too long was answered 503: then nothing is made
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def check(self) -> None:
        """Say before the first request whether the file can be used; `LocalEnvironmentError` where not.

        Changes nothing in a file that is there, and reads all of it.
        """
        self.open()
        try:
            with self._connection() as connection:
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            raise self._unusable(str(error)) from error
        if verdict != "ok":
            raise self._unusable("its pages do not hold together")

    def open(self) -> None:
        """Open the file, make it where it is missing; `LocalEnvironmentError` where it cannot be written."""
        try:
            with self._connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(str(error)) from error

    def close(self) -> None:
        """Close what is idle; the file is then as it was committed."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._writers.acquire(timeout=min(deadline.remaining(), 2 * BUSY_SECONDS)):
            raise StoreUnavailableError("The store is busy.")
        try:
            yield
        finally:
            self._writers.release()

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
        with self._opening:
            if not self._ready:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                refuse_a_broken_file(self.path)
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                if not self._ready:
                    prepare(connection, self.path)
                    self._file = _identity(self.path)
                    self._ready = True
                connection.execute("PRAGMA synchronous = FULL")
                connection.text_factory = _text
                connection.set_progress_handler(_out_of_time, _STEPS_BETWEEN_LOOKS)
            except BaseException:
                connection.close()
                raise
        return connection

    def _unusable(self, reason: str) -> LocalEnvironmentError:
        return LocalEnvironmentError(
            f"The data in {self.path} cannot be used.",
            reason=reason,
            hint="Make the folder writable, restore or move the file, or choose another with --data-dir.",
        )


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        # The texts of SQLite name tables and files, never values.
        logger.error("store failed", extra={"fields": {"operation": operation, "reason": str(error)}})
        raise StoreUnavailableError("The store cannot be used right now.") from error


def _identity(path: Path) -> tuple[int, int]:
    """Tell one file from another under the same name: what is written into an unlinked one is lost."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _out_of_time() -> bool:
    """End a statement whose request is over; SQLite stops it where this returns true."""
    try:
        deadline.remaining()
    except StoreUnavailableError:
        return True
    return False


def _text(data: bytes) -> str:
    """Decode what is not UTF-8 too, so that one damaged row fails alone and not the statement."""
    return data.decode(errors="surrogateescape")
