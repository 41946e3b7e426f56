"""Notice that the files of an open database were removed, replaced or truncated.

SQLite keeps its three files open and uses them even if they have lost their names. What it writes then is
lost when the process ends. It also trusts its index of the write-ahead log, so after a truncation of the
log it would read and write past the end.

    triggers.sqlite3       the data, as of the last checkpoint
    triggers.sqlite3-wal   the log: what was committed since
    triggers.sqlite3-shm   the index of the log, shared by all processes (https://sqlite.org/walformat.html)

SQLite deletes the log and the index when the last connection is closed. An `OpenFiles` is therefore valid
only while one connection stays open. Other processes may read, write, run a checkpoint, vacuum, or empty
the log by `PRAGMA wal_checkpoint(TRUNCATE)`. None of that is an error.
"""

import os
import sqlite3
import struct
from pathlib import Path

_INDEX = struct.Struct("=I10xHII8x8s56xI")
"""The start of the index: its version, the page size, the frames of the log, the pages of the data, the salts
of the log, and how many of the frames are in the data already."""

_INDEX_VERSION = 3_007_000
_MIN_INDEX_BYTES = 32_768
_LOG_HEADER_BYTES = 32
_LOG_SALTS = slice(16, 24)
_FRAME_HEADER_BYTES = 24
_LARGEST_PAGE = 65_536


class FilesChangedError(sqlite3.OperationalError):
    """A file is not the one that SQLite has open, or was truncated. Only a restart helps."""


class LogRemovedError(FilesChangedError):
    """Only the log lost its name. SQLite can still copy its contents into the data."""


class OpenFiles:
    """The three files of a database, as they are while a connection is open.

    Args:
        path: The file of the data.
    """

    def __init__(self, path: Path) -> None:
        self._paths = data, log, index = path, Path(f"{path}-wal"), Path(f"{path}-shm")
        self._identities = [_identity(file.stat()) for file in self._paths]
        self._data = data
        self._log, self._index = (os.open(file, os.O_RDONLY) for file in (log, index))

    def close(self) -> None:
        """Close the files, after all connections were closed.

        SQLite's locks on the index belong to the process (POSIX): closing the index releases all of them.
        """
        os.close(self._log)
        os.close(self._index)

    def check(self) -> None:
        """Check that the files still have their names. It takes a few microseconds.

        Raises:
            FilesChangedError: A file was removed or replaced, its folder was moved, or the index was
            truncated.
        """
        found = [_status(path) for path in self._paths]
        changed = [
            path.name
            for path, status, identity in zip(self._paths, found, self._identities, strict=True)
            if status is None or _identity(status) != identity
        ]
        *_, log, index = found
        if changed:
            # Another process that opens the data creates an empty log in the place of a removed one.
            only_log = changed == [self._paths[1].name] and (log is None or log.st_size == 0)
            kind = LogRemovedError if only_log else FilesChangedError
            raise kind(f"{' and '.join(changed)} was removed or replaced while in use")
        if index is not None and index.st_size < _MIN_INDEX_BYTES:
            raise FilesChangedError("the index of the log was truncated while in use")  # SQLite would crash

    def check_lengths(self) -> None:
        """Check that the log and the data are as long as the index expects.

        Call it in a write transaction: then no other process changes what is read here.

        Raises:
            FilesChangedError: The log or the data was truncated, or the log was overwritten.
        """
        version, page, frames, pages, salts, copied = _INDEX.unpack(_head(self._index, _INDEX.size))
        if version != _INDEX_VERSION:
            return
        page = _LARGEST_PAGE if page == 1 else page
        if frames:
            length = os.fstat(self._log).st_size
            expected = _LOG_HEADER_BYTES + frames * (_FRAME_HEADER_BYTES + page)
            if length < expected or _head(self._log, _LOG_HEADER_BYTES)[_LOG_SALTS] != salts:
                raise FilesChangedError("the write-ahead log was truncated or overwritten while in use")
        # A page that the data lacks is in a frame that was not copied yet. An empty file would lose its log.
        if self._data.stat().st_size < max(1, pages - (frames - copied)) * page:
            raise FilesChangedError("the data was truncated while in use")


def _head(file: int, size: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    return os.read(file, size)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
