"""Programs that the tests run but the project does not depend on, each in its own environment.

They pin other versions of this project's dependencies (boto3, click), so they cannot be installed beside it.
An environment is created at the first use and kept. Each Python that runs the tests has its own.
"""

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import pytest
import uv

_CACHE = platformdirs.user_cache_path("triggers-api-tests", appauthor=False)
_COMPLETE = "complete"


def tool(requirement: str, program: str, *others: str) -> Path:
    """Return the path of a console script of a requirement; safe for test processes side by side.

    Args:
        requirement: The requirement, with its version.
        program: The name of the script.
        others: Further requirements of the environment.
    """
    name = f"{_file_name(requirement, *others)}-py{platform.python_version()}"
    with _environment(_CACHE / "tools" / name) as (folder, is_new):
        if is_new:
            python = folder / "bin" / "python"
            _uv("venv", "--clear", "--python", sys.executable, str(folder))
            # Compile now, so that a run writes nothing here.
            _uv("pip", "install", "--compile-bytecode", "--python", str(python), requirement, *others)
    return folder / "bin" / program


def node_modules(*packages: str) -> Path:
    """Return a `node_modules` folder with packages of npm, given with their versions."""
    if shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("npm is not on PATH")
        pytest.skip("it needs npm on PATH")
    with _environment(_CACHE / "node" / _file_name(*packages)) as (folder, is_new):
        if is_new:
            options = ("--prefix", str(folder), "--no-save", "--no-audit", "--no-fund", "--loglevel=error")
            folder.mkdir(exist_ok=True)
            command = ["npm", "install", *options, *packages]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=600)
    return folder / "node_modules"


@contextmanager
def _environment(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield a folder and whether it must be filled. Other processes that want it wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Scripts contain the path of their environment, so it cannot be built elsewhere and moved.
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = not (folder / _COMPLETE).exists()
        yield folder, is_new
        if is_new:
            (folder / _COMPLETE).touch()


def _file_name(*requirements: str) -> str:
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", one) for one in requirements)


def _uv(*arguments: str) -> None:
    command = [uv.find_uv_bin(), *arguments, "--quiet", "--no-config"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=600)
