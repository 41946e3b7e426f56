"""The artifact: what Lambda unpacks, made without the target's Python and without Docker.

It holds the service (not the CLI) and what that reads of its locked dependencies, compiled where this machine
has the target's Python (`bytecode` and `trimming` say more). The same sources and the same such Python, or
none, give the same bytes, whatever machine builds: dependencies are pinned by hash, wheels only, chosen by uv
for the target's Python and processor; and what an installer writes about itself and its machine is taken out.
So "nothing to change" is true when nothing changed.

Only the standard library is imported: `sam build` runs this module through `deploy/Makefile`, in whatever
Python there is.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from triggers_api.errors import BuildError, TriggersError
from triggers_api.ops.build.bytecode import compile_sources, find_interpreter
from triggers_api.ops.build.paths import DEPLOY, PACKAGE
from triggers_api.ops.build.scratch import scratch_folder
from triggers_api.ops.build.trimming import trim

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
ARCHITECTURES = ("x86_64", "arm64")

_PLATFORM = {"x86_64": "x86_64-manylinux2014", "arm64": "aarch64-manylinux2014"}
_PARTS = ("api", "core", "store")
_NOT_IN_LAMBDA = ("__main__.py",)
_OF_THE_INSTALLER = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")
_TIME = 315_532_800
"""1980-01-01 UTC, the earliest time that a zip file can hold."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was built. `compiled_by` is the version of the Python that compiled it; None: it holds sources."""

    runtime: str
    zipped_bytes: int
    compiled_by: str | None

    @property
    def lacks(self) -> tuple[str, str] | None:
        """What keeps it from a fast start, and how to mend that; None for nothing."""
        if self.compiled_by:
            return None
        version = self.runtime.removeprefix("python")
        return (
            f"No Python {version} here to compile for it: cold starts take longer.",
            f"Install one, e.g. uv python install {version}.",
        )


def build(folder: Path, *, runtime: str, architecture: str) -> Artifact:
    """Fill a folder, which may exist and must be empty, with the artifact.

    `BuildError` where it is not empty, where uv is missing, or where a dependency cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BuildError(
            f"{folder} is not empty.", reason="an artifact holds nothing else", hint="Name another folder."
        )
    copy_service(folder / PACKAGE.name)
    _install_dependencies(folder, runtime=runtime, architecture=architecture)
    trim(folder)
    interpreter = find_interpreter(runtime, find_uv())
    if interpreter:
        compile_sources(folder, interpreter)
    _make_uniform(folder)
    return Artifact(runtime, zipped_bytes(folder), interpreter.version if interpreter else None)


def copy_service(folder: Path) -> None:
    """Copy the sources of the service: all but the operator's side."""
    shutil.copytree(PACKAGE, folder, ignore=_left_out)


def find_uv() -> str:
    """Return uv's executable; `BuildError` where there is none."""
    found = None
    if importlib.util.find_spec("uv") is not None:
        from uv import find_uv_bin  # a dependency of the package, but not of a checkout's python3

        try:
            found = find_uv_bin()
        except FileNotFoundError:
            found = None
    if found := found or shutil.which("uv"):
        return found
    raise BuildError(
        "The artifact cannot be built without uv.",
        reason="it is neither beside this Python nor on PATH",
        hint="Run python3 -m pip install uv.",
    )


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Tell what of the package's folder is not the service."""
    if Path(folder) == PACKAGE:
        return {name for name in names if not (name.endswith(".py") or name in _PARTS)} | set(_NOT_IN_LAMBDA)
    return {name for name in names if name == "__pycache__"}


def _install_dependencies(folder: Path, *, runtime: str, architecture: str) -> None:
    command = [find_uv(), "pip", "install", "--quiet", "--no-progress", "--color", "never"]
    command += ["--target", str(folder.absolute()), "--python", sys.executable, "--no-python-downloads"]
    command += ["--python-version", runtime.removeprefix("python")]
    command += ["--python-platform", _PLATFORM[architecture]]
    command += ["--only-binary", ":all:", "--no-deps", "--require-hashes", "--no-compile-bytecode"]
    # A copy, not a link: what is made uniform below would otherwise be changed in uv's cache.
    command += ["--link-mode", "copy", "--requirements", str(DEPLOY / "requirements.txt")]
    # uv takes its settings from where it runs, too: a stray file there must not decide what is built.
    with scratch_folder() as empty:
        done = subprocess.run(  # noqa: S603 - no shell, and nothing of a stranger in it
            command, cwd=empty, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise BuildError(
            f"The dependencies for {runtime} on {architecture} cannot be had.",
            reason=" ".join(done.stderr.split()) or f"uv ended with {done.returncode}",
            hint="Check the network and the settings of uv, and try again.",
        )


def _make_uniform(folder: Path) -> None:
    """Take out what depends on the machine or the moment: scripts, records of the installer, times, modes."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for path in list(folder.glob("*.dist-info/*")):
        if path.name in _OF_THE_INSTALLER:
            path.unlink()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_TIME, _TIME))


def zipped_bytes(folder: Path) -> int:
    """Return the size of the folder as a zip file, packed as SAM packs it."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(folder.rglob("*")):
                packed.write(path, path.relative_to(folder))
        return file.seek(0, os.SEEK_END)


def main() -> None:
    """Build from the command line of `deploy/Makefile`."""
    program = "python -m triggers_api.ops.build.artifact"
    parser = argparse.ArgumentParser(prog=program, description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runtime", choices=RUNTIMES, default=RUNTIMES[0])
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=ARCHITECTURES[0])
    given = parser.parse_args()
    try:
        artifact = build(given.folder, runtime=given.runtime, architecture=given.architecture)
    except TriggersError as error:
        sys.exit(f"error: {error.message}\n  why: {error.reason}\n  fix: {error.hint}")
    except OSError as error:
        sys.exit(
            f"error: The artifact cannot be built here.\n  why: {error}\n  fix: Make room, and try again."
        )
    if artifact.lacks:
        sys.stderr.write("warning: {} {}\n".format(*artifact.lacks))


if __name__ == "__main__":
    main()
