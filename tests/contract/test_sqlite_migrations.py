"""Migrations of the SQLite file: from each earlier version, killed anywhere, by several processes at once.

The mechanism is also tested with further migrations that only these tests know. `fixtures/sqlite-<version>`
holds a file of each version, and its contents as JSON. The file of version 1 was made by `triggers dev` and
`triggers keys` of commit 49e0142, that of version 2 by the stores, and each later one by `make_fixture`.
"""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.make_fixture import CONTENTS, FIXTURES, Contents, make_fixture, read_contents
from tests.contract.test_event_store import add_one, event
from tests.support.forms import by_form
from triggers_api.core.events import ACKNOWLEDGED, DEAD, PENDING, Event
from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.idempotency import IdempotencyClaim, make_claim
from triggers_api.core.keys import KeyRecord
from triggers_api.core.paging import EventQuery, Filter
from triggers_api.errors import IdempotencyKeyReusedError, LocalEnvironmentError, StoreUnavailableError
from triggers_api.store.sqlite.database import FILE_NAME, Database
from triggers_api.store.sqlite.events import SqliteEventStore
from triggers_api.store.sqlite.hooks import SqliteHookStore
from triggers_api.store.sqlite.keys import SqliteKeyStore
from triggers_api.store.sqlite.migrations import MIGRATIONS, Migration

NEWEST = len(MIGRATIONS)
VERSIONS = range(1, NEWEST + 1)

ADDED_COLUMN: Migration = (
    "ALTER TABLE events ADD COLUMN note TEXT",
    "UPDATE events SET note = event_id || source",
    "CREATE INDEX events_note ON events (note)",
)
ADDED_TABLE: Migration = ("CREATE TABLE notes (note TEXT NOT NULL)", "INSERT INTO notes VALUES ('one')")
LATER: Sequence[Migration] = (*MIGRATIONS, ADDED_COLUMN, ADDED_TABLE)
FAILING: Sequence[Migration] = (*MIGRATIONS, ADDED_COLUMN, (*ADDED_TABLE, "INSERT INTO nowhere VALUES (1)"))

Content = tuple[int, list[Any], dict[str, list[Any]]]
"""Version, schema, and the rows of each table."""


def old_folder(folder: Path, version: int = 1) -> Path:
    """Copy the fixture of a version into a folder, and return the folder."""
    folder.mkdir()
    shutil.copy(FIXTURES / f"sqlite-{version}" / FILE_NAME, folder)
    return folder


def contents_of(version: int) -> Contents:
    return read_contents(FIXTURES / f"sqlite-{version}")


def read(folder: Path) -> Content:
    """Read everything in the file of a folder, with SQLite alone."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        schema = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        schema = [(name, re.sub(r"\s", "", sql or "")) for name, sql in schema]
        tables = [name for name, sql in schema if sql.startswith("CREATETABLE")]
        return (
            version,
            schema,
            {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables},
        )


def open_and_close(folder: Path, migrations: Sequence[Migration]) -> None:
    database = Database(folder, migrations)
    database.open()
    database.close()


def migrated(folder: Path) -> Content:
    """Return what a folder holds once it was migrated without any trouble."""
    open_and_close(folder, LATER)
    return read(folder)


def test_each_version_has_a_fixture() -> None:
    assert {path.name for path in FIXTURES.glob("sqlite-*")} == {f"sqlite-{version}" for version in VERSIONS}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_folder_of_an_earlier_version_opens_with_all_its_records(tmp_path: Path, version: int) -> None:
    assert_has(old_folder(tmp_path / "data", version), contents_of(version))


def test_a_new_fixture_is_the_file_of_its_contents(tmp_path: Path) -> None:
    make_fixture(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {FILE_NAME, CONTENTS}
    assert_has(tmp_path / "new", read_contents(tmp_path / "new"))


def assert_has(folder: Path, contents: Contents) -> None:
    """The file of a folder has these records, and no others."""
    events = contents.events
    database = Database(folder)
    database.check()
    event_store, key_store = SqliteEventStore(database), SqliteKeyStore(database)
    now = min(one.expires_at for one in events) - 1
    assert [event_store.get(one.event_id, now) for one in events] == events
    for status in (PENDING, ACKNOWLEDGED, DEAD):
        page = event_store.page(EventQuery(Filter(status), 100, now * 1000))
        assert list(page.events) == [one for one in events if one.status == status]
    assert sorted(key_store.list(), key=digest) == sorted(contents.keys, key=digest)
    assert sorted(SqliteHookStore(database).list(), key=digest) == sorted(contents.hooks, key=digest)
    database.close()


def digest(record: Any) -> str:
    return str(record.digest)


def claim_again(claim: IdempotencyClaim, new: Event) -> IdempotencyClaim:
    """Return the claim of a request with the idempotency key of an earlier one."""
    return replace(make_claim(new, key_digest="", idempotency_key="", now=0), name=claim.name)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_folder_of_an_earlier_version_keeps_its_idempotency_claims(tmp_path: Path, version: int) -> None:
    database = Database(old_folder(tmp_path / "data", version))
    store = SqliteEventStore(database)
    contents = contents_of(version)
    assert contents.claims
    sent = {one.event_id: one for one in contents.events}
    for claim in contents.claims:
        now, new = claim.expires_at - 1, event()
        repeat = replace(sent[claim.event_id], event_id=new.event_id, created_at=new.created_at)
        assert add_one(store, repeat, claim_again(claim, repeat), now=now) == claim.event_id
        other = replace(repeat, payload='{"another":1}')
        with pytest.raises(IdempotencyKeyReusedError):
            add_one(store, other, claim_again(claim, other), now=now)
    database.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_folder_of_an_earlier_version_gets_the_schema_of_a_new_folder(tmp_path: Path, version: int) -> None:
    open_and_close(tmp_path / "new", MIGRATIONS)
    open_and_close(old_folder(tmp_path / "old", version), MIGRATIONS)
    assert read(tmp_path / "old")[:2] == read(tmp_path / "new")[:2]


@pytest.mark.parametrize(
    ("table", "record"),
    [("events", Event), ("keys", KeyRecord), ("hooks", HookRecord), ("idempotency", IdempotencyClaim)],
)
def test_a_table_has_the_fields_of_its_record(tmp_path: Path, table: str, record: Any) -> None:
    """A new field of a record needs a migration."""
    open_and_close(tmp_path / "data", MIGRATIONS)
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as connection:
        columns = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
    assert columns == {field.name for field in fields(record)} - {"first_wins"}  # a claim is stored without


def test_later_migrations_are_applied_in_order_and_once(tmp_path: Path) -> None:
    folder = old_folder(tmp_path / "data")
    open_and_close(folder, MIGRATIONS)
    _, _, before = read(folder)
    version, _, rows = migrated(folder)
    assert version == len(LATER)
    assert rows["events"] == [(*row, row[0] + row[2]) for row in before["events"]]
    assert (rows["keys"], rows["idempotency"]) == (before["keys"], before["idempotency"])
    assert rows["notes"] == [("one",)]
    assert migrated(folder) == (version, read(folder)[1], rows)


def test_a_new_folder_has_all_migrations(tmp_path: Path) -> None:
    open_and_close(tmp_path / "new", LATER)
    open_and_close(old_folder(tmp_path / "old"), LATER)
    assert read(tmp_path / "new")[:2] == read(tmp_path / "old")[:2]


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    folder = old_folder(tmp_path / "data")
    before = migrated(folder)
    database = Database(folder)
    with pytest.raises(LocalEnvironmentError) as caught:
        database.open()
    error = caught.value
    assert str(folder / FILE_NAME) in error.message
    assert error.reason == f"its schema has version {len(LATER)}, and this program reads up to {NEWEST}"
    assert error.hint.startswith("Upgrade triggers-api")
    assert "--data-dir" in error.hint
    with pytest.raises(StoreUnavailableError):
        SqliteEventStore(database).get(contents_of(1).events[0].event_id, 0)
    assert read(folder) == before


def test_a_failing_migration_rolls_back_all_of_them(tmp_path: Path) -> None:
    folder = old_folder(tmp_path / "data", NEWEST)
    before = read(folder)
    with pytest.raises(LocalEnvironmentError) as caught:
        Database(folder, FAILING).open()
    assert caught.value.reason == "no such table: nowhere"
    assert read(folder) == before
    open_and_close(folder, MIGRATIONS)
    assert read(folder) == before


def test_a_failing_migration_of_a_new_folder_leaves_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(LocalEnvironmentError):
        Database(tmp_path, FAILING).open()
    assert read(tmp_path) == (0, [], {})
    open_and_close(tmp_path, LATER)
    assert read(tmp_path)[0] == len(LATER)


MIGRATE = """
import json, os, signal, sqlite3, sys
from triggers_api.store.sqlite.migrations import migrate

path, migrations, left = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])

def count(_):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1

connection = sqlite3.connect(path, isolation_level=None)
connection.set_trace_callback(count)
print("ready", flush=True)
migrate(connection, migrations)
"""
"""Migrates a file. Kills itself before the statement of the given number, BEGIN and COMMIT included."""

OPEN = """
import json, sys
from pathlib import Path
from triggers_api.store.sqlite.database import Database

database = Database(Path(sys.argv[1]), json.loads(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
database.open()
database.close()
"""
"""Opens a folder as soon as a line arrives."""


def start(program: str, path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a program with the later migrations, and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path), json.dumps(LATER), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=60)
    return process.returncode


def large_folder(folder: Path) -> Path:
    """Return an old folder with so many events that a migration takes a while."""
    with closing(sqlite3.connect(old_folder(folder) / FILE_NAME)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)"
            " INSERT INTO events"
            " SELECT 'event-' || n, '', 'shop', 'order.paid', hex(zeroblob(200)), '{}', 0, NULL FROM n"
        )
    return folder


@pytest.mark.parametrize(
    "is_new",
    [pytest.param(False, id="old"), pytest.param(True, id="new", marks=pytest.mark.slow("many processes"))],
)
def test_a_kill_before_any_statement_leaves_the_old_file(tmp_path: Path, is_new: bool) -> None:
    for number in range(100):
        folder = tmp_path / str(number)
        if is_new:
            folder.mkdir()
            (folder / FILE_NAME).touch()
        else:
            old_folder(folder)
        before = read(folder)
        code = finish(start(MIGRATE, folder / FILE_NAME, str(number)))
        if code == 0:
            assert read(folder)[0] == len(LATER)
            assert number > sum(map(len, LATER if is_new else LATER[1:])), "all statements and the commit"
            return
        assert code == -signal.SIGKILL
        assert read(folder) == before
        assert migrated(folder)[0] == len(LATER)
    pytest.fail("the migration did not end")


@pytest.mark.forms
def test_a_kill_at_any_time_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    before = read(large_folder(tmp_path / "large"))
    copy = shutil.copytree(tmp_path / "large", tmp_path / "whole")
    process = start(MIGRATE, copy / FILE_NAME, "-1")
    began = time.monotonic()
    assert finish(process) == 0
    duration = time.monotonic() - began
    after = read(copy)
    assert (before[0], after[0]) == (1, len(LATER))
    kills = by_form(quick=4, full=12)
    for number in range(kills):
        folder = shutil.copytree(tmp_path / "large", tmp_path / str(number))
        process = start(MIGRATE, folder / FILE_NAME, "-1")
        time.sleep(number / (kills - 1) * duration)
        process.kill()
        finish(process)
        assert read(folder) in (before, after)
        assert migrated(folder) == after
        shutil.rmtree(folder)


@pytest.mark.parametrize("is_new", [False, True], ids=["old", "new"])
def test_processes_that_open_a_folder_at_once_migrate_it_once(tmp_path: Path, is_new: bool) -> None:
    folder = tmp_path / "data"
    expected = migrated(tmp_path / "new") if is_new else migrated(large_folder(tmp_path / "old"))
    if not is_new:
        large_folder(folder)
    processes = [start(OPEN, folder) for _ in range(4)]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    assert [finish(process) for process in processes] == [0] * 4
    assert read(folder) == expected
