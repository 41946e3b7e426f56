"""The settings that put a commit on the disk before it is answered, and writes that fail as a whole.

A `kill -9` does not lose what a process wrote, because the kernel keeps it. Only a power cut would, and no
test can cause one, so the tests look at the settings of every connection that may write.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.test_event_store import NOW, claim, event, page
from triggers_api.core import deadline
from triggers_api.core.ports import NewEvent
from triggers_api.errors import DeadlineExceededError, StoreUnavailableError
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore

FULL = 2
IN_MEMORY = 2


def settings_of(database: Database) -> tuple[str, int, int]:
    with database.write("a test") as connection:
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        (temp_store,) = connection.execute("PRAGMA temp_store").fetchone()
    return journal, synchronous, temp_store


@pytest.mark.promise(1)
def test_every_connection_syncs_each_commit_to_the_disk(tmp_path: Path) -> None:
    for opened in ("created", "opened again"):
        database = Database(tmp_path / "data")
        with ExitStack() as held:
            # Each read holds a connection, so that the write has to open one more.
            for _ in range(3):
                assert settings_of(database) == ("wal", FULL, IN_MEMORY), opened
                held.enter_context(database.read("a test"))
        database.close()


@pytest.fixture
def no_deadline_afterwards() -> Iterator[None]:
    yield
    deadline.start(float("inf"))


@pytest.mark.promise(4)
def test_write_past_the_deadline_is_rolled_back(tmp_path: Path, no_deadline_afterwards: None) -> None:
    """The client was answered 503, and has gone."""
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


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "data")
    database.open()
    yield database
    database.close()


def refuse_claims(database: Database, action: str) -> None:
    """Let SQLite refuse every claim, after its event was inserted, with this conflict action."""
    with database.write("a test") as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON idempotency"
            f" BEGIN SELECT RAISE({action}, 'refused by a test'); END"
        )


@pytest.mark.promise(2, 4)
def test_entry_that_sqlite_refuses_leaves_nothing_and_the_other_entries_alone(database: Database) -> None:
    refuse_claims(database, "ABORT")
    first, refused, last = event(), event(), event()
    store = SqliteEventStore(database)
    outcomes = store.add([NewEvent(first), NewEvent(refused, claim(refused)), NewEvent(last)], now=NOW)
    assert (outcomes[0], outcomes[2]) == (first.event_id, last.event_id)
    assert isinstance(outcomes[1], StoreUnavailableError)
    assert page(store).events == (first, last)


@pytest.mark.promise(1)
def test_no_entry_is_stored_when_sqlite_rolls_back_the_transaction(database: Database) -> None:
    """A full disk and an interrupted statement do that."""
    refuse_claims(database, "ROLLBACK")
    first, refused, last = event(), event(), event()
    store = SqliteEventStore(database)
    outcomes = store.add([NewEvent(first), NewEvent(refused, claim(refused)), NewEvent(last)], now=NOW)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 3
    assert page(store).events == ()


@pytest.mark.promise(1)
def test_no_entry_is_stored_past_the_deadline(database: Database, no_deadline_afterwards: None) -> None:
    deadline.start(-1)
    store = SqliteEventStore(database)
    outcomes = store.add([NewEvent(event()), NewEvent(event())], now=NOW)
    assert [type(outcome) for outcome in outcomes] == [DeadlineExceededError] * 2
    deadline.start(float("inf"))
    assert page(store).events == ()
