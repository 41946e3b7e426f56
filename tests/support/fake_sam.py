"""A SAM CLI that records its calls, and prints what a test sets."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "1.170.0"

_SCRIPT = """#!{python} -IS
import json, os, pathlib, sys

here = pathlib.Path(__file__).parent
name = sys.argv[1].lstrip("-")
values = [one.partition("=")[2] for one in sys.argv[2:]]
files = {{one: pathlib.Path(one).read_text() for one in values if os.path.isfile(one)}}
call = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "files": files}}
with (here / "asked").open("a") as log:
    log.write(json.dumps(call) + chr(10))
answer = json.loads((here / name).read_text())
if answer["builds"]:
    folder = next(one.partition("=")[2] for one in sys.argv if one.startswith("--build-dir="))
    pathlib.Path(folder).mkdir()
    pathlib.Path(folder, "template.yaml").write_text("built")
sys.stdout.write(answer["stdout"])
sys.stderr.write(answer["stderr"])
sys.exit(answer["code"])
"""


@dataclass(frozen=True)
class Call:
    """What it was started with. `files` are those that its options name, as they were then."""

    arguments: list[str]
    environment: dict[str, str]
    files: dict[str, str]

    def option(self, name: str) -> str:
        """Return the value of an option that was given once."""
        (found,) = [one.partition("=")[2] for one in self.arguments if one.startswith(f"{name}=")]
        return found


@dataclass(frozen=True)
class FakeSam:
    """An executable in a folder of its own."""

    folder: Path

    def says(
        self, command: str, stdout: str = "", stderr: str = "", *, code: int = 0, builds: bool = False
    ) -> None:
        """Set what a command prints and its exit code; `builds` creates the folder of `sam build`."""
        answer = {"stdout": stdout, "stderr": stderr, "code": code, "builds": builds}
        (self.folder / command).write_text(json.dumps(answer))

    def environment(self, **more: str) -> Mapping[str, str]:
        """Return an environment in which it is the `sam` on PATH."""
        return {"PATH": f"{self.folder}:{os.defpath}", **more}

    def asked(self, command: str) -> list[Call]:
        """Return how a command was called, each time."""
        log = self.folder / "asked"
        calls: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
        return [Call(**one) for one in calls if one["arguments"][0] == command]

    def was_asked(self, command: str) -> bool:
        return (self.folder / "asked").exists() and bool(self.asked(command))


def make(folder: Path) -> FakeSam:
    """Create a SAM CLI that builds everything and prints its version."""
    folder.mkdir()
    program = folder / "sam"
    program.write_text(_SCRIPT.format(python=sys.executable))
    program.chmod(0o755)
    sam = FakeSam(folder)
    sam.says("version", f"SAM CLI, version {VERSION}\n")
    sam.says("build", "Build Succeeded\n", builds=True)
    return sam
