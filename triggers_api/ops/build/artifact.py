"""Build the artifact that Lambda unpacks, without Docker and without the target's Python.

The artifact holds the service, not the CLI, and the parts of its locked dependencies that the service uses
(see `trimming`). It is compiled if this machine has the target's Python (see `bytecode`).

The build is reproducible. The same sources give the same bytes on every machine, provided that each machine
has the same Python to compile with, or none. Dependencies are pinned by hash, and uv selects their wheels for
the target's Python and processor. Everything that an installer records about itself is removed. Without this,
a deployment could not report that nothing changed.

Only the standard library is imported, because `sam build` runs this module through `deploy/Makefile` in
whichever Python it finds.
"""

import argparse
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from triggers_api.errors import BuildError, TriggersError
from triggers_api.ops.build.bytecode import compile_sources, find_interpreter
from triggers_api.ops.build.paths import DEPLOY, PACKAGE
from triggers_api.ops.build.scratch import scratch_folder
from triggers_api.ops.build.trimming import trim
from triggers_api.ops.build.uv import Uv, find_uv, hint_for
from triggers_api.ops.printable import printable

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
ARCHITECTURES = ("x86_64", "arm64")

_PLATFORMS = {"x86_64": "x86_64-manylinux2014", "arm64": "aarch64-manylinux2014"}
_SERVICE_PACKAGES = ("api", "core", "store")
_NOT_IN_LAMBDA = ("__main__.py",)
_INSTALLER_FILES = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")
_FILE_TIME = 315_532_800
"""1980-01-01 UTC, the earliest time that a zip file can hold."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A built artifact. `compiled_by` is the version of the compiling Python; None if it holds sources."""

    runtime: str
    zipped_bytes: int
    compiled_by: str | None

    @property
    def warning(self) -> tuple[str, str] | None:
        """Why cold starts will be slow, and the fix; None if they will not."""
        if self.compiled_by:
            return None
        version = self.runtime.removeprefix("python")
        return (
            f"This machine has no Python {version} to compile the artifact with: cold starts take longer.",
            f"Install one, for example with `uv python install {version}`.",
        )


def build(folder: Path, *, runtime: str, architecture: str, environment: Mapping[str, str]) -> Artifact:
    """Build the artifact into a folder that is empty or does not exist.

    Args:
        folder: The folder.
        runtime: The Lambda runtime, one of `RUNTIMES`.
        architecture: One of `ARCHITECTURES`.
        environment: The user's environment variables. uv uses those about package indexes and the network.

    Raises:
        BuildError: The folder is not empty, uv is missing, or installing or compiling failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BuildError(
            f"{folder} is not empty.",
            reason="an artifact contains every file of its folder",
            hint="Choose another folder.",
        )
    uv = Uv(find_uv(), environment)
    copy_service(folder / PACKAGE.name)
    with scratch_folder() as dependencies:
        _install_dependencies(dependencies, uv, runtime=runtime, architecture=architecture)
        trim(dependencies)
        shutil.copytree(dependencies, folder, dirs_exist_ok=True)
    interpreter = find_interpreter(runtime, uv)
    if interpreter:
        compile_sources(folder, interpreter)
    _normalize(folder)
    return Artifact(runtime, zipped_bytes(folder), interpreter.version if interpreter else None)


def copy_service(folder: Path) -> None:
    """Copy the sources of the service, without the CLI."""
    shutil.copytree(PACKAGE, folder, ignore=_ignored_names)


def zipped_bytes(folder: Path) -> int:
    """Return the size of the folder as a zip file, compressed the way SAM does it."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return file.seek(0, os.SEEK_END)


def _ignored_names(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder of the package that are not part of the service."""
    if Path(folder) == PACKAGE:
        service = {name for name in names if name.endswith(".py") or name in _SERVICE_PACKAGES}
        return set(names) - service | set(_NOT_IN_LAMBDA)
    return {name for name in names if name == "__pycache__"}


def _install_dependencies(folder: Path, uv: Uv, *, runtime: str, architecture: str) -> None:
    """Install into a folder. Its files may be links into uv's cache: do not change them in place."""
    command = ["pip", "install", "--quiet", "--no-progress", "--color", "never"]
    command += ["--target", str(folder.absolute()), "--python", sys.executable, "--no-python-downloads"]
    command += ["--python-version", runtime.removeprefix("python")]
    command += ["--python-platform", _PLATFORMS[architecture]]
    command += ["--only-binary", ":all:", "--no-deps", "--require-hashes", "--no-compile-bytecode"]
    # Links into uv's cache save seconds: most files are trimmed, and only the rest is copied.
    command += ["--link-mode", "hardlink", "--requirements", str(DEPLOY / "requirements.txt")]
    done = uv.run(*command)
    if done.returncode:
        raise BuildError(
            f"Could not install the dependencies for {runtime} on {architecture}.",
            reason=" ".join(done.stderr.split()) or f"uv exited with code {done.returncode}",
            hint=hint_for(done.stderr),
        )


def _normalize(folder: Path) -> None:
    """Remove what depends on the machine or the time: scripts, installer records, file times and modes."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for path in list(folder.glob("*.dist-info/*")):
        if path.name in _INSTALLER_FILES:
            path.unlink()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_FILE_TIME, _FILE_TIME))


def main() -> None:
    """Build from the command line of `deploy/Makefile`."""
    parser = argparse.ArgumentParser(
        prog="python -m triggers_api.ops.build.artifact", description=main.__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runtime", choices=RUNTIMES, default=RUNTIMES[0])
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=ARCHITECTURES[0])
    arguments = parser.parse_args()
    target = {"runtime": arguments.runtime, "architecture": arguments.architecture}
    environment = os.environ
    try:
        artifact = build(arguments.folder, **target, environment=environment)
    except TriggersError as error:
        _exit_with(error.message, error.reason, error.hint)
    except OSError as error:
        _exit_with("Could not write the artifact.", str(error), "Free disk space, and try again.")
    if artifact.warning:
        sys.stderr.write(f"warning: {printable(' '.join(artifact.warning))}\n")


def _exit_with(message: str, reason: str, hint: str) -> NoReturn:
    """Print an error, which may quote what uv printed."""
    sys.exit(f"error: {printable(message)}\n  why: {printable(reason)}\n  fix: {printable(hint)}")


if __name__ == "__main__":
    main()
