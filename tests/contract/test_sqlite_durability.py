"""What SQLite is asked for, so that a commit is on the disk before it is answered.

A `kill -9` does not show it: the kernel keeps what a process wrote. Only a power cut would, which no test
makes; so it is the settings that are looked at, on every connection that may write.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from triggers_api.store.sqlite import Database

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
