"""Programs that the tests run but the project does not depend on, each in an environment of its own.

They pin what this project uses in other versions (boto3, click), so they cannot be installed beside it. An
environment is made on first use and kept; it is for the Python that runs the tests, so each has its own.
"""

import fcntl
import platform
import re
import subprocess
import sys
from pathlib import Path

import platformdirs
import uv

_CACHE = platformdirs.user_cache_path("triggers-api-tests", appauthor=False)
_COMPLETE = "complete"


def tool(requirement: str, program: str) -> Path:
    """Return the path of a console script of a requirement; safe for test processes side by side."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", requirement)
    folder = _CACHE / "tools" / f"{name}-py{platform.python_version()}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Scripts hold the path of their environment, so it cannot be built elsewhere and moved: the others wait.
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _COMPLETE).exists():
            python = folder / "bin" / "python"
            _uv("venv", "--clear", "--python", sys.executable, str(folder))
            # Compiled now, so that a run writes nothing here.
            _uv("pip", "install", "--compile-bytecode", "--python", str(python), requirement)
            (folder / _COMPLETE).touch()
    return folder / "bin" / program


def _uv(*arguments: str) -> None:
    command = [uv.find_uv_bin(), *arguments, "--quiet", "--no-config"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=600)
