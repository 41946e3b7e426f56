"""Why the file cannot be used, by its cause: each has its own reason and its own fix."""

import errno
import os
import resource
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.limits import file_size_limited_to
from triggers_api.errors import LocalEnvironmentError, StoreUnavailableError
from triggers_api.store.sqlite.database import FILE_NAME, Database
from triggers_api.store.sqlite.failures import explain_failure


def failure(code: int, text: str = "disk I/O error") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


CAUSES = {
    errno.ENOSPC: ("disk is full", "Free some space on the disk of {folder}, or choose another folder"),
    errno.EDQUOT: ("quota is used up", "Free some space on the disk of {folder}"),
    errno.EROFS: ("file system is read-only", "Mount the file system of {folder} writable"),
    errno.EACCES: ("permission denied", "Let this user write to {folder}"),
    errno.EPERM: ("permission denied", "Let this user write to {folder}"),
    errno.EMFILE: ("process has too many open files", "ulimit -n"),
    errno.ENFILE: ("machine has too many open files", "Stop a program"),
    errno.EIO: ("input/output error", "choose another folder with --data-dir"),
}


@pytest.mark.parametrize("number", CAUSES, ids=errno.errorcode.__getitem__)
@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_READONLY, None]
)
def test_cause_is_found_behind_the_words_of_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int | None
) -> None:
    def fail(**_: Any) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    error = OSError(number, os.strerror(number)) if code is None else failure(code)
    reason, fix = explain_failure(error, tmp_path / FILE_NAME)
    expected_reason, expected_fix = CAUSES[number]
    assert expected_reason in reason
    assert expected_fix.format(folder=tmp_path) in fix


def test_sqlite_s_own_words_for_a_full_disk_and_a_busy_file(tmp_path: Path) -> None:
    full = explain_failure(failure(sqlite3.SQLITE_FULL, "database or disk is full"), tmp_path / FILE_NAME)
    busy = explain_failure(failure(sqlite3.SQLITE_BUSY, "database is locked"), tmp_path / FILE_NAME)
    assert full[0] == "the disk is full"
    assert busy[0] == "database is locked"
    assert "Another process" in busy[1]


def test_nearly_full_disk_is_named(tmp_path: Path) -> None:
    """The disk takes a part of what is written."""
    with file_size_limited_to(32_768):
        reason, _ = explain_failure(failure(sqlite3.SQLITE_IOERR), tmp_path / FILE_NAME)
    assert "disk is full" in reason


def test_damaged_file_is_not_blamed_on_the_folder(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    with pytest.raises(LocalEnvironmentError) as raised:
        Database(tmp_path).open()
    assert raised.value.hint.startswith("Restore or move the file")


@contextmanager
def no_free_files() -> Iterator[None]:
    """Let this process open no further file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    opened: list[int] = []
    try:
        while True:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    try:
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_many_open_files_are_named_at_the_start(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.open()
    database.close()
    with no_free_files(), pytest.raises(LocalEnvironmentError) as raised:
        database.open()
    assert raised.value.reason == "this process has too many open files"
    assert raised.value.hint == "Raise the limit with `ulimit -n 4096`."


def test_too_many_open_files_are_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(tmp_path)

    def read() -> None:
        with database.read("a test") as connection:
            connection.execute("SELECT count(*) FROM events").fetchall()

    with database.read("another"):  # holds the only connection
        with no_free_files(), pytest.raises(StoreUnavailableError):
            read()
        read()
    database.close()
    (record,) = caplog.records
    fields = record.fields  # type: ignore[attr-defined]  # of every line of ours
    assert fields["reason"] == "this process has too many open files"
    assert fields["fix"] == "Raise the limit with `ulimit -n 4096`."
