"""`triggers hooks` of one stage, run by the console script as an operator runs it."""

from dataclasses import dataclass
from typing import Any

from tests.support.dev_server import TRIGGERS
from tests.support.key_commands import KeyCommands

PROVIDER = "https://hooks.example.com/prod"
"""A public URL: with it no stack is looked up."""


@dataclass(frozen=True)
class HookCommands(KeyCommands):
    """The commands, with the options and variables that lead to one stage."""

    def line(self, *arguments: str) -> tuple[str, ...]:
        return (TRIGGERS, "hooks", *arguments, "--stage", self.stage, *self.options)

    def create(self, *arguments: str) -> dict[str, Any]:
        """Create a hook of GitHub, unless the arguments name another preset."""
        preset = () if "--preset" in arguments else ("--preset", "github")
        return self.ask("create", "--source", "shop", *preset, *arguments)

    def all(self) -> dict[str, dict[str, Any]]:
        """Return every hook of the stage by its short id."""
        return {one["id"]: one for one in self.ask("list", "--all")["hooks"]}


def hooks_of(keys: KeyCommands) -> HookCommands:
    """Return the commands for the hooks of the stage of some keys."""
    return HookCommands(keys.stage, keys.options, keys.variables)


def whole_id(url: str) -> str:
    """Return the id in the URL of a hook."""
    return url.rpartition("/")[2]
