"""What SQLite is asked for, so that a commit is on the disk before it is answered.

A `kill -9` does not show it: the kernel keeps what a process wrote. Only a power cut would, which no test
makes; so it is the settings that are looked at, on every connection that may write.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from triggers_api.core import deadline
from triggers_api.errors import StoreUnavailableError
from triggers_api.store.sqlite.database import Database

FULL = 2


def settings_of(database: Database) -> tuple[str, int]:
    with database.write("a test") as connection:
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    return journal, synchronous


@pytest.mark.promise(1)
def test_what_is_committed_is_on_the_disk_before_it_is_answered(tmp_path: Path) -> None:
    for opened in ("made anew", "opened again"):
        database = Database(tmp_path / "data")
        with ExitStack() as held:
            # Each read holds a connection, so that the write has to open one more.
            for _ in range(3):
                assert settings_of(database) == ("wal", FULL), opened
                held.enter_context(database.read("a test"))
        database.close()


@pytest.fixture
def no_deadline_afterwards() -> Iterator[None]:
    yield
    deadline.start(float("inf"))


@pytest.mark.promise(4)
def test_what_is_written_after_the_requests_time_is_up_is_not_made(
    tmp_path: Path, no_deadline_afterwards: None
) -> None:
    """Its client was told 503, and what waited for it has gone."""
    database = Database(tmp_path / "data")
    with database.write("a test") as connection:
        connection.execute("CREATE TABLE made (late)")
    deadline.start(0.1)

    def write_slowly() -> None:
        with database.write("a test") as connection:
            connection.execute("INSERT INTO made VALUES (1)")
            time.sleep(0.2)

    with pytest.raises(StoreUnavailableError):
        write_slowly()
    deadline.start(float("inf"))
    with database.read("a test") as connection:
        assert connection.execute("SELECT * FROM made").fetchall() == []
    database.close()
