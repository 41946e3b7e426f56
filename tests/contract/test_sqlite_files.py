"""The files of an open database are removed or truncated: no event is accepted that a restart would lose."""

import logging
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.test_event_store import add, page
from tests.support.limits import file_size_limited_to
from triggers_api.errors import StoreUnavailableError
from triggers_api.store.sqlite.database import FILE_NAME, Database
from triggers_api.store.sqlite.events import SqliteEventStore

STORED = 6
LARGE = '{"text":"' + "x" * 3000 + '"}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    database = Database(folder)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> SqliteEventStore:
    store = SqliteEventStore(database)
    for _ in range(STORED):
        add(store)
    return store


def data(folder: Path) -> Path:
    return folder / FILE_NAME


def log(folder: Path) -> Path:
    return folder / f"{FILE_NAME}-wal"


def index(folder: Path) -> Path:
    return folder / f"{FILE_NAME}-shm"


def replace(file: Path) -> None:
    """Put a copy in the place of a file, as a program does that synchronises folders."""
    copy = file.with_name("copy")
    shutil.copyfile(file, copy)
    copy.rename(file)


def cut(file: Path, length: int) -> None:
    with file.open("r+b") as opened:
        opened.truncate(length)


def overwrite(file: Path) -> None:
    """Write other contents of the same length into the same file."""
    content = bytes(file.stat().st_size)
    with file.open("r+b") as opened:
        opened.write(content)


def cut_last_page(folder: Path) -> None:
    cut(log(folder), log(folder).stat().st_size - 100)


def remove_log_and_index(folder: Path) -> None:
    log(folder).unlink()
    index(folder).unlink()


def replace_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file")


def remove_log_and_open_elsewhere(folder: Path) -> None:
    """Remove the log. Another process that opens the data creates an empty one."""
    log(folder).unlink()
    in_another_process(folder, "SELECT count(*) FROM sqlite_master")
    assert log(folder).stat().st_size == 0


def in_another_process(folder: Path, *statements: str) -> None:
    command = [sys.executable, "-c", _IN_ANOTHER_PROCESS, str(data(folder)), *statements]
    subprocess.run(command, check=True, timeout=30)


_IN_ANOTHER_PROCESS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
connection.close()
"""

SAVED: dict[str, Callable[[Path], object]] = {
    "log removed": lambda folder: log(folder).unlink(),
    "log removed and created by another process": remove_log_and_open_elsewhere,
    "log moved away": lambda folder: log(folder).rename(folder / "elsewhere"),
    "index removed": lambda folder: index(folder).unlink(),
    "index replaced": lambda folder: replace(index(folder)),
    "log replaced": lambda folder: replace(log(folder)),
    "data replaced": lambda folder: replace(data(folder)),
}
"""What is done to the files, and everything is still there after a restart."""

LOST: dict[str, Callable[[Path], object]] = {
    "log and index removed": remove_log_and_index,
    "data removed": lambda folder: data(folder).unlink(),
    "folder moved": lambda folder: folder.rename(folder.with_name("moved")),
    "folder removed": shutil.rmtree,
    "folder became a file": replace_folder,
}
TRUNCATED: dict[str, Callable[[Path], object]] = {
    "log emptied": lambda folder: cut(log(folder), 0),
    "log truncated": cut_last_page,
    "log overwritten": lambda folder: overwrite(log(folder)),
    "data emptied": lambda folder: cut(data(folder), 0),
}
"""A read does not notice these: SQLite has the pages in memory, or reports an error."""


@pytest.mark.promise(1)
@pytest.mark.parametrize("harm", [*SAVED, *LOST, *TRUNCATED])
def test_no_event_is_accepted_that_a_restart_would_lose(
    store: SqliteEventStore, folder: Path, caplog: pytest.LogCaptureFixture, harm: str
) -> None:
    (SAVED | LOST | TRUNCATED)[harm](folder)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            add(store)
    for record in caplog.records:
        fields = record.fields  # type: ignore[attr-defined]  # of every line of ours
        assert record.levelno == logging.ERROR
        assert "while in use" in fields["reason"]
        assert "start it again" in fields["fix"]
    assert len(caplog.records) == 2


@pytest.mark.parametrize("harm", [*SAVED, *LOST])
def test_nothing_is_read_from_files_that_lost_their_names(
    store: SqliteEventStore, folder: Path, harm: str
) -> None:
    (SAVED | LOST)[harm](folder)
    with pytest.raises(StoreUnavailableError):
        page(store)


@pytest.mark.promise(1)
@pytest.mark.parametrize("harm", SAVED)
def test_stored_events_are_there_after_a_restart(store: SqliteEventStore, folder: Path, harm: str) -> None:
    before = page(store).events
    SAVED[harm](folder)
    with pytest.raises(StoreUnavailableError):
        add(store)
    # What a process finds that starts after this one was killed: the files as they are now.
    shutil.copytree(folder, folder.with_name("restarted"))
    restarted = Database(folder.with_name("restarted"))
    restarted.check()
    assert page(SqliteEventStore(restarted)).events == before
    restarted.close()


@pytest.mark.promise(1)
@pytest.mark.parametrize("harm", [*SAVED, *LOST])
def test_event_is_not_accepted_if_the_files_change_during_its_transaction(
    database: Database, store: SqliteEventStore, folder: Path, harm: str
) -> None:
    def change_during_a_write() -> None:
        with database.write("a test") as connection:
            connection.execute("DELETE FROM idempotency")
            (SAVED | LOST)[harm](folder)

    with pytest.raises(StoreUnavailableError):
        change_during_a_write()


def test_removed_log_is_named_even_if_its_pages_cannot_be_saved(
    store: SqliteEventStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log(folder).unlink()
    with file_size_limited_to(4096), pytest.raises(StoreUnavailableError):
        add(store)
    (record,) = caplog.records
    fields = record.fields  # type: ignore[attr-defined]  # of every line of ours
    assert "-wal was removed or replaced while in use; its pages could not be saved" in fields["reason"]


def test_service_continues_when_the_file_is_moved_back(store: SqliteEventStore, folder: Path) -> None:
    data(folder).rename(folder / "elsewhere")
    with pytest.raises(StoreUnavailableError):
        add(store)
    (folder / "elsewhere").rename(data(folder))
    add(store)
    assert len(page(store).events) == STORED + 1


@pytest.mark.parametrize(
    "statements",
    [
        ("PRAGMA wal_checkpoint(PASSIVE)",),
        ("PRAGMA wal_checkpoint(RESTART)",),
        ("PRAGMA wal_checkpoint(TRUNCATE)",),
        ("DELETE FROM events", "VACUUM"),
        ("DELETE FROM events", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"),
        ("PRAGMA wal_checkpoint(TRUNCATE)", "DELETE FROM idempotency"),
        ("DELETE FROM events",),
        ("SELECT count(*) FROM events",),
    ],
    ids=" ; ".join,
)
def test_work_of_another_process_is_no_reason_to_stop(
    store: SqliteEventStore, folder: Path, statements: tuple[str, ...]
) -> None:
    for round_ in range(3):
        for _ in range(20):
            add(store, payload=LARGE)
        in_another_process(folder, *statements)
        add(store)
        assert page(store).events, round_


def test_log_may_be_copied_into_the_data_many_times(store: SqliteEventStore, folder: Path) -> None:
    """SQLite does that every 1,000 pages; then it starts the log from its beginning."""
    huge = LARGE.replace("x", "x" * 20)
    for _ in range(150):
        add(store, payload=huge)
    assert data(folder).stat().st_size > 1_000_000
    with sqlite3.connect(data(folder)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for _ in range(150):
        add(store, payload=huge)


def test_database_can_be_used_again_after_it_was_closed(database: Database, store: SqliteEventStore) -> None:
    for _ in range(2):
        database.close()
        add(store)
        database.check()
    assert len(page(store).events) == STORED + 2
