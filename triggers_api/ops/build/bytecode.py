"""The artifact's bytecode: compiled for Lambda's Python where this machine has one of that version.

Lambda's folder cannot be written to, so without it every cold start compiles every module again: more than
half of its time. The form is the sourceless one (`module.pyc` in the place of `module.py`), which starts no
slower and makes the artifact a fifth smaller than both. What a log line shows of an error, file and line, is
in the bytecode; it names the sources where Lambda would have them.

Any released interpreter of the same minor version will do, whatever its processor: before a release the form
of bytecode still changes, and a function with another form and no sources could not even start. None is
downloaded for it, as a deployment should not surprise. Another patch release may compile to other bytes.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from triggers_api.errors import BuildError
from triggers_api.ops.build.scratch import scratch_folder

TASK_ROOT = "/var/task/"
"""Where Lambda unpacks an artifact."""

_TELLS_ITSELF = """
import platform, sys
kind = sys.implementation.cache_tag, sys.version_info.releaselevel
print(*kind, platform.python_version(), sys.executable, sep="\\n")
"""
# Unchecked: beside a source it is valid whatever the source's time is, and no time of the build is in it.
_COMPILES = """
import os, py_compile, sys
folder, root = sys.argv[1:]
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for line in sys.stdin.read().split("\\n"):
    name, keep = line.split("\\t")
    source = os.path.join(folder, name)
    target = None if keep else source + "c"
    py_compile.compile(source, target, dfile=root + name, doraise=True, invalidation_mode=mode)
"""
_READ_THEIR_SOURCE = ("anyio/__init__.py", "anyio/abc/__init__.py")
"""Modules that find out by their own source what to import later, and import all at once without it (3 %)."""
_ANSWER_SECONDS = 30
_COMPILE_SECONDS = 300
_ISOLATED = ("-I", "-S")  # nothing of this machine's settings, nor of its packages


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine; `version` such as 3.13.0."""

    executable: str
    version: str


def find_interpreter(runtime: str, uv: str) -> Interpreter | None:
    """Return a Python that compiles for a runtime such as python3.13; None where this machine has none.

    Looked for are the one that runs, the one on PATH, and those that uv knows.
    """
    for executable in _candidates(runtime, uv):
        if found := _asked(executable, runtime):
            return found
    return None


def compile_sources(folder: Path, interpreter: Interpreter) -> None:
    """Put bytecode in the place of every source; `BuildError` where one does not compile."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    lines = [f"{name}\t{'keep' if name in _READ_THEIR_SOURCE else ''}" for name in names]
    command = [interpreter.executable, *_ISOLATED, "-c", _COMPILES, str(folder.absolute()), TASK_ROOT]
    done = _run(command, given="\n".join(lines), seconds=_COMPILE_SECONDS)
    if done is None or done.returncode:
        raise BuildError(
            f"Python {interpreter.version} cannot compile the artifact.",
            reason=" ".join(done.stderr.split()) if done else f"{interpreter.executable} does not run",
            hint="Mend or remove that Python; without one the sources are deployed.",
        )
    for name in names:
        if name not in _READ_THEIR_SOURCE:
            (folder / name).unlink()


def _candidates(runtime: str, uv: str) -> Iterator[str]:
    yield sys.executable
    if on_path := shutil.which(runtime):
        yield on_path
    version = runtime.removeprefix("python")
    found = _run([uv, "python", "find", "--quiet", "--no-project", "--no-python-downloads", version])
    if found is not None and not found.returncode:
        yield found.stdout.strip()


def _asked(executable: str, runtime: str) -> Interpreter | None:
    """Return the interpreter where it is of the runtime's version; what is on PATH may be anything."""
    done = _run([executable, *_ISOLATED, "-c", _TELLS_ITSELF])
    match done.stdout.splitlines() if done and not done.returncode else []:
        case [tag, "final", version, itself] if tag == _cache_tag(runtime):
            return Interpreter(itself, version)
    return None


def _cache_tag(runtime: str) -> str:
    """Return what CPython calls its bytecode: cpython-313."""
    return "cpython-" + runtime.removeprefix("python").replace(".", "")


def _run(
    command: Sequence[str], given: str = "", seconds: float | None = None
) -> subprocess.CompletedProcess[str] | None:
    """Run a program where no stray file of an operator's folder decides what it does.

    None where it is no program, or does not end in time.
    """
    with scratch_folder() as empty:
        try:
            return subprocess.run(  # noqa: S603 - no shell, and nothing of a stranger in it
                command,
                cwd=empty,
                input=given,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=seconds or _ANSWER_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
