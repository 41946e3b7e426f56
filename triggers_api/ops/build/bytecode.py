"""Compile the artifact for Lambda's Python, if this machine has an interpreter of that version.

Lambda cannot write to the artifact's folder. Without bytecode every cold start compiles every module again,
which is more than half of its time. The bytecode is sourceless (`module.pyc` in place of `module.py`): it
starts as fast as sources with bytecode beside them, and the artifact is a fifth smaller. Tracebacks keep file
names and line numbers, because the bytecode names the paths that the sources would have in Lambda.

Any released interpreter of the same minor version works, whatever its processor. A pre-release does not: the
bytecode format changes until the release, and a function with another format and no sources could not even
start. No interpreter is downloaded, because a deployment should not surprise. Another patch release may
produce different bytes.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from triggers_api.errors import BuildError
from triggers_api.ops.build.scratch import scratch_folder
from triggers_api.ops.build.uv import Uv

TASK_ROOT = "/var/task/"
"""The folder that Lambda unpacks an artifact into."""

_IDENTIFY = """
import platform, sys
kind = sys.implementation.cache_tag, sys.version_info.releaselevel
print(*kind, platform.python_version(), sys.executable, sep="\\n")
"""
# An unchecked hash is valid beside a source of any age, and holds no time of the build.
_COMPILE = """
import os, py_compile, sys
folder, root = sys.argv[1:]
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for line in sys.stdin.read().split("\\n"):
    name, keep = line.split("\\t")
    source = os.path.join(folder, name)
    target = None if keep else source + "c"
    py_compile.compile(source, target, dfile=root + name, doraise=True, invalidation_mode=mode)
"""
_KEPT_SOURCES = ("anyio/__init__.py", "anyio/abc/__init__.py")
"""Modules that read their own source to import lazily. Without it they import everything, which costs 3 %."""
_IDENTIFY_SECONDS = 30.0
_COMPILE_SECONDS = 300.0
_ISOLATED = ("-I", "-S")  # ignore this machine's Python settings and installed packages


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python on this machine, with a version such as 3.13.0."""

    executable: str
    version: str


def find_interpreter(runtime: str, uv: Uv) -> Interpreter | None:
    """Return a Python that can compile for a runtime such as python3.13; None if there is none.

    The running interpreter is tried first, then the one on PATH, then those that uv finds.
    """
    for executable in _candidates(runtime, uv):
        if interpreter := _identify(executable, runtime):
            return interpreter
    return None


def compile_sources(folder: Path, interpreter: Interpreter) -> None:
    """Replace every source in the folder by its bytecode.

    Raises:
        BuildError: A source does not compile, or the interpreter does not run.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    lines = [f"{name}\t{'keep' if name in _KEPT_SOURCES else ''}" for name in names]
    command = [interpreter.executable, *_ISOLATED, "-c", _COMPILE, str(folder.absolute()), TASK_ROOT]
    done = _run(command, stdin="\n".join(lines), timeout=_COMPILE_SECONDS)
    if done is None or done.returncode:
        raise BuildError(
            f"Python {interpreter.version} could not compile the artifact.",
            reason=" ".join(done.stderr.split()) if done else f"{interpreter.executable} does not run",
            hint="Repair or remove that Python; without it the sources are deployed.",
        )
    for name in names:
        if name not in _KEPT_SOURCES:
            (folder / name).unlink()


def _candidates(runtime: str, uv: Uv) -> Iterator[str]:
    yield sys.executable
    if on_path := shutil.which(runtime, path=uv.environment.get("PATH")):
        yield on_path
    version = runtime.removeprefix("python")
    command = ["python", "find", "--quiet", "--no-project", "--no-python-downloads", version]
    try:
        done = uv.run(*command, timeout=_IDENTIFY_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return
    if not done.returncode:
        yield done.stdout.strip()


def _identify(executable: str, runtime: str) -> Interpreter | None:
    """Return the interpreter if it compiles for the runtime; a file on PATH may be anything."""
    done = _run([executable, *_ISOLATED, "-c", _IDENTIFY], timeout=_IDENTIFY_SECONDS)
    cache_tag = "cpython-" + runtime.removeprefix("python").replace(".", "")  # CPython's name: cpython-313
    match done.stdout.splitlines() if done and not done.returncode else []:
        case [tag, "final", version, path] if tag == cache_tag:
            return Interpreter(path, version)
    return None


def _run(
    command: Sequence[str], *, timeout: float, stdin: str = ""
) -> subprocess.CompletedProcess[str] | None:
    """Run a program in an empty folder, so that no stray file affects it. None if it fails to run in time."""
    with scratch_folder() as empty:
        try:
            return subprocess.run(  # noqa: S603 - no shell, and no untrusted argument
                command,
                cwd=empty,
                input=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=timeout,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
