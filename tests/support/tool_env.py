"""Programs that the tests run but the project does not depend on, each in its own environment.

They pin other versions of this project's dependencies (boto3, click), so they cannot be installed beside it.
An environment is created at the first use and kept. Each Python that runs the tests has its own.
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
    # Scripts contain the path of their environment, so it cannot be built elsewhere and moved. Others wait.
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _COMPLETE).exists():
            python = folder / "bin" / "python"
            _uv("venv", "--clear", "--python", sys.executable, str(folder))
            # Compile now, so that a run writes nothing here.
            _uv("pip", "install", "--compile-bytecode", "--python", str(python), requirement)
            (folder / _COMPLETE).touch()
    return folder / "bin" / program


def _uv(*arguments: str) -> None:
    command = [uv.find_uv_bin(), *arguments, "--quiet", "--no-config"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=600)
