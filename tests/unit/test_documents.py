"""README and DEPLOYMENT name every command and option, every parameter of the stack, every exit code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.recordings import recorded
from triggers_api.cli.app import make_app
from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.ops.smoke.run import CHECKS
from triggers_api.ops.template import Template

ROOT = Path(__file__).parents[2]
README, GUIDE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "DEPLOYMENT.md"))
OF_TYPER = {"--help", "--install-completion", "--show-completion"}


def commands(found: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield each command below one, with the words that call it."""
    for name, one in getattr(found, "commands", {}).items():
        yield from commands(one, f"{words} {name}")
    if not getattr(found, "commands", {}):
        yield words, found


COMMANDS = dict(commands(typer.main.get_command(make_app()), "triggers"))


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_in_the_readme(words: str) -> None:
    assert re.search(rf"^\| `{words}[` ]", README, re.MULTILINE)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_of_a_command_is_documented(words: str) -> None:
    options = {
        option for one in COMMANDS[words].params for option in one.opts if option.startswith("--")
    } - OF_TYPER
    assert options <= set(re.findall(r"--[a-z][a-z-]*", README + GUIDE))


@pytest.mark.parametrize("name", sorted(Template.load().parameters.keys() - {"Stage"}))
def test_a_parameter_of_the_stack_is_in_the_guide_with_its_default(name: str) -> None:
    (row,) = (line for line in GUIDE.splitlines() if line.startswith("| `") and f"`{name}`" in line)
    default = Template.load().parameters[name].default
    assert f"`{default}`" in row if default else row.endswith("| none |")


def test_the_recorded_smoke_test_made_the_checks_that_there_are() -> None:
    rows = re.findall(r"^ (\w.*?) +ok +\d+$", recorded(GUIDE, "smoke"), re.MULTILINE)
    assert sorted(rows) == sorted(["health", *(one.name for one in CHECKS), "clean up", "revoke the key"])


def test_every_exit_code_is_in_the_readme() -> None:
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE) if int(code) < 200}
    assert rows == {0, INTERRUPTED, *EXIT_CODE.values()}
