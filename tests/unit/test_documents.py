"""README and DEPLOYMENT name every command and option, every parameter of the stack, every exit code."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.recordings import PICTURES, recorded
from tests.support import template
from triggers_api import settings
from triggers_api.api.errors import HTTP_STATUS
from triggers_api.cli.app import make_app
from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.errors import OperatorError, TriggersError
from triggers_api.ops.smoke.run import CHECKS
from triggers_api.ops.template import Template

ROOT = Path(__file__).parents[2]
README, GUIDE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "DEPLOYMENT.md"))
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("*.md")}
OF_SERVICE = set(re.findall(r"^\| `(\w+)`", settings.__doc__ or "", re.MULTILINE))
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


def typed_in(text: str) -> Iterator[str]:
    """Yield each call of ours that a document types, in a block or in a line, from its first word."""
    spans = re.findall(r"`([^`]+)`", re.sub(r"```\w*\n", "`", text).replace("```", "`"))
    for line in "\n".join(spans).replace("\\\n", " ").splitlines():
        yield from re.findall(r"(?:^|[ (/])(triggers [a-z][^#|;)]*)", line)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_command_that_a_document_types_is_one_and_has_the_options(name: str) -> None:
    for call in typed_in(re.sub(r"<!-- recorded.*?<!-- end", "", DOCUMENTS[name], flags=re.DOTALL)):
        (words,) = (one for one in COMMANDS if f"{call} ".startswith((f"{one} ", f"{one}]")))
        known = {option for one in COMMANDS[words].params for option in (*one.opts, *one.secondary_opts)}
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", call)) <= known, call


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_file_of_the_tests_that_a_document_names_is_there(name: str) -> None:
    named = re.findall(r"(?<![\w/])tests/[\w/.]*\w", DOCUMENTS[name])
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_variable_of_ours_that_a_document_names_is_read_somewhere(name: str) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "triggers_api").rglob("*.py"))
    assert [one for one in re.findall(r"TRIGGERS_[A-Z_]+", DOCUMENTS[name]) if one not in sources] == []


def test_every_success_criterion_is_shown_by_a_test() -> None:
    table = GUIDE.partition("## The success criteria")[2].partition("|---|")[2]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == 22
    assert [row for row in rows if "`tests/" not in row[2]] == []


def test_the_guide_has_no_parameter_that_the_stack_has_not() -> None:
    table = GUIDE.partition("| parameter |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ([^|]*)\|", table, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([A-Z]\w+)`", cell)}
    assert named == Template.load().parameters.keys() - {"Stage"}


@pytest.mark.parametrize("name", sorted(Template.load().parameters.keys() - {"Stage"}))
def test_a_parameter_of_the_stack_is_in_the_guide_with_its_default(name: str) -> None:
    (row,) = (line for line in GUIDE.splitlines() if line.startswith("| `") and f"`{name}`" in line)
    default = Template.load().parameters[name].default
    assert f"`{default}`" in row if default else row.endswith("| none |")


def test_the_recorded_smoke_test_made_the_checks_that_there_are() -> None:
    rows = re.findall(r"^ (\w.*?) +ok +\d+$", recorded(GUIDE, "smoke"), re.MULTILINE)
    assert sorted(rows) == sorted(["health", *(one.name for one in CHECKS), "clean up", "revoke the key"])


@pytest.mark.parametrize("name", ["deploy", "smoke"])
def test_a_picture_of_the_readme_shows_a_run_that_made_the_checks_that_there_are(name: str) -> None:
    shown = html.unescape((PICTURES / f"{name}.svg").read_text(encoding="utf-8")).replace("\xa0", " ")
    assert f"$ triggers {name} --stage prod" in shown
    assert f"All {len(CHECKS) + 3} checks passed." in shown
    assert f"({(PICTURES / name).relative_to(ROOT)}.svg)" in README


def test_every_exit_code_is_in_the_readme() -> None:
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE) if int(code) < 200}
    assert rows == {0, INTERRUPTED, *EXIT_CODE.values()}


def errors_below(kind: type[TriggersError]) -> Iterator[type[TriggersError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from errors_below(one)


def name_of(error: type[TriggersError]) -> str:
    return error.__name__


OF_COMMANDS = sorted(set(errors_below(OperatorError)), key=name_of)
OF_THE_API = sorted(set(errors_below(TriggersError)) - set(OF_COMMANDS), key=name_of)


@pytest.mark.parametrize("error", OF_COMMANDS, ids=name_of)
def test_every_error_of_the_commands_is_in_the_guide_with_its_exit_code(error: type[TriggersError]) -> None:
    (row,) = (line for line in GUIDE.splitlines() if line.startswith("| `") and f"`{error.code}`" in line)
    assert row.split("|")[2].strip() == str(EXIT_CODE[error.kind])


@pytest.mark.parametrize("error", OF_THE_API, ids=name_of)
def test_every_error_of_the_api_is_in_the_readme_with_its_status(error: type[TriggersError]) -> None:
    assert re.search(rf"^\| {HTTP_STATUS[error.kind]} \| .*`{error.code}`", README, re.MULTILINE)


@pytest.mark.parametrize("words", COMMANDS)
def test_the_help_of_every_command_has_an_example_of_it(words: str) -> None:
    assert f"{words}" in COMMANDS[words].help.partition("Example: ")[2]


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_links_and_anchors_of_a_document_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCUMENTS[name]):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        if anchor:
            text = (ROOT / (path or name)).read_text(encoding="utf-8")
            assert anchor in {anchor_of(title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}, (
                target
            )


def anchor_of(title: str) -> str:
    """Return the anchor that a code host gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 250


def test_every_output_of_the_stack_is_in_the_guide_and_no_other() -> None:
    table = GUIDE.partition("| output |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(template.load()["Outputs"])


def test_every_variable_of_the_service_is_in_the_readme_and_those_of_the_stack_are_marked() -> None:
    table = README.partition("| variable |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| (`.+?`) \|.*\|([^|]*)\|$", table, re.MULTILINE))
    named = {name: bool(mark.strip()) for cell, mark in rows.items() for name in re.findall(r"`(\w+)`", cell)}
    of_stack = template.load()["Globals"]["Function"]["Environment"]["Variables"]
    assert {name for name, marked in named.items() if marked} == of_stack.keys() - {"STAGE"} | {"AWS_REGION"}
    assert named.keys() == OF_SERVICE
