"""`triggers keys` of one stage, run by the console script as an operator runs it."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import dev_server
from tests.support.dev_server import TRIGGERS, environment


@dataclass(frozen=True)
class KeyCommands:
    """The commands, with the options and variables that lead to one stage."""

    stage: str
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def line(self, *arguments: str) -> tuple[str, ...]:
        return (TRIGGERS, "keys", *arguments, "--stage", self.stage, *self.options)

    @property
    def environment(self) -> dict[str, str]:
        return environment(**self.variables)

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command off a terminal, with something on stdin."""
        return dev_server.run(*self.line(*arguments)[1:], variables=self.variables, given=given, seconds=60)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            self.line(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a command with `--json`, and return its one document."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def create(self, *arguments: str) -> dict[str, Any]:
        return self.ask("create", *arguments)

    def all(self) -> dict[str, dict[str, Any]]:
        """Return every key of the stage by its id."""
        return {one["id"]: one for one in self.ask("list", "--all")["keys"]}


def on_local(folder: Path) -> KeyCommands:
    return KeyCommands("local", ("--data-dir", str(folder)))


def on_table(stage: str, endpoint_url: str) -> KeyCommands:
    return KeyCommands(stage, ("--region", "us-east-1"), {"DYNAMODB_ENDPOINT_URL": endpoint_url})
