"""A disk that is full or read-only, also if the tests may not mount one.

`limited` needs no permission: no file of a process may grow past a size (`RLIMIT_FSIZE`; Python ignores the
signal, so that writes fail with EFBIG). A small tmpfs fails with ENOSPC, as a full disk does; it needs root,
and so does a read-only mount. Without root, a folder becomes read-only by its permissions.
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False, timeout=30).returncode == 0


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


@contextmanager
def mounted(folder: Path, *, megabytes: int) -> Iterator[bool]:
    """Mount a disk of this size at the folder; yield False if that is not permitted."""
    if os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)):
        yield False
        return
    try:
        yield True
    finally:
        _unmount(folder)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill the disk of this folder to its last byte. Only for a disk that the test has mounted."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[bool]:
    """Give whether nothing in the folder can be changed now."""
    if os.geteuid() != 0:
        files = [folder, *folder.iterdir()]
        modes = [file.stat().st_mode for file in files]
        for file in files:
            file.chmod(file.stat().st_mode & ~0o222)
        try:
            yield True
        finally:
            for file, mode in zip(files, modes, strict=True):
                file.chmod(mode)
    elif _mount("--bind", str(folder), str(folder)):
        try:
            yield _mount("-o", "remount,bind,ro", str(folder))
        finally:
            _unmount(folder)
    else:
        yield False


@contextmanager
def limited(process: int, *, file_bytes: int) -> Iterator[None]:
    """Let no file of a process grow past this size, for a while."""
    _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (file_bytes, hard))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))
