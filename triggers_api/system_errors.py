"""What an error of the operating system means, and how to fix it. Each cause has its own fix."""

import errno
from collections.abc import Mapping
from pathlib import Path

_FREE = "Free some space on the disk of {folder}{instead}."
_FIXES: Mapping[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", _FREE),
    errno.EDQUOT: ("the disk quota is used up", _FREE),
    errno.EROFS: ("the file system is read-only", "Mount the file system of {folder} writable{instead}."),
    errno.EACCES: ("permission denied", "Let this user write to {folder} and the files in it{instead}."),
    errno.ENOTDIR: ("a part of the path is a file", "Move that file away{instead}."),
    errno.EMFILE: ("this process has too many open files", "Raise the limit with `ulimit -n 4096`."),
    errno.ENFILE: ("this machine has too many open files", "Stop a program that holds many files open."),
    errno.EFBIG: (
        "the file is as large as this process may make it",
        "Raise the limit with `ulimit -f unlimited`.",
    ),
}


def explain_system_error(
    error: OSError, folder: Path | str, *, otherwise: str, instead: str = ""
) -> tuple[str, str]:
    """Return why an operation in a folder failed, and the fix.

    Args:
        error: The error.
        folder: The folder.
        otherwise: The fix of an error that is not known here.
        instead: What a user can do instead of fixing the folder, such as ", or choose another".
    """
    number = errno.EACCES if error.errno == errno.EPERM else error.errno
    if number is not None and number in _FIXES:
        reason, fix = _FIXES[number]
        return reason, fix.format(folder=folder, instead=instead)
    return (error.strerror or str(error)).lower(), otherwise
