"""A wrong clock for a process, by Debian's `libfaketime`, which can be set while the process runs."""

import os
from pathlib import Path

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


def library() -> Path | None:
    found = (path for pattern in _LIBRARIES for path in Path("/").glob(pattern.removeprefix("/")))
    return next(found, None)


def why_not() -> str | None:
    """Return what this machine lacks, or None."""
    return None if library() else "a wrong clock needs libfaketime (apt-get install faketime)"


class WrongClock:
    """The wall clock of the processes that have its variables. `file` holds the setting."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("+0")

    def set(self, to: str) -> None:
        """Set the clock: `+8d` is ahead of the real time, `-1h` behind, `@1970-01-01 00:00:10` a start."""
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{to}\n")
        unfinished.replace(self._file)

    @property
    def variables(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": os.fspath(library() or ""),
            "FAKETIME_TIMESTAMP_FILE": os.fspath(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
