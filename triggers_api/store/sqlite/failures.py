"""Why SQLite failed, in words that name the cause, and how to fix it.

SQLite reports a full disk, a missing permission or too many open files as "disk I/O error" or "unable to open
database file". Then a file is created and written in the same folder, and the operating system names the
cause.
"""

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

from triggers_api.store.sqlite.files import FilesChangedError
from triggers_api.store.sqlite.migrations import NewerSchemaError
from triggers_api.system_errors import explain_system_error

_PRIMARY_CODE = 0xFF
_UNSPECIFIC = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PROBE_BYTES = 65_536  # more than the index of the log and a page take


def explain_failure(error: Exception, path: Path) -> tuple[str, str]:
    """Return why the file at `path` cannot be used, and the fix."""
    other = "choose another folder with --data-dir"
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    system_error = error if isinstance(error, OSError) else _find_system_error(code, path)
    if system_error is not None:
        return explain_system_error(
            system_error, path.parent, otherwise=f"Repair the folder, or {other}.", instead=f", or {other}"
        )
    if isinstance(error, FilesChangedError):
        fix = "Stop triggers dev, put the files back if you moved them, and start it again."
    elif isinstance(error, NewerSchemaError):
        fix = f"Upgrade triggers-api to the version that wrote it, or {other}."
    elif code in _BUSY:
        fix = "Another process is writing to it. Stop that process, or try again."
    else:
        fix = f"Restore or move the file, or {other}."
    return str(error), fix


def _find_system_error(code: int, path: Path) -> OSError | None:
    """Return the error of the operating system behind a code of SQLite, None if there is none."""
    if code == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if code not in _UNSPECIFIC:
        return None
    try:
        with tempfile.TemporaryFile(dir=path.parent, buffering=0) as probe:
            if probe.write(bytes(_PROBE_BYTES)) < _PROBE_BYTES:  # the disk took what still fitted
                return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        return error
    files = [Path(f"{path}{suffix}") for suffix in ("", "-wal", "-shm")]
    # Not `open`: closing a file releases SQLite's locks on it.
    if any(file.exists() and not os.access(file, os.W_OK) for file in files):
        return OSError(errno.EACCES, os.strerror(errno.EACCES))
    return None
