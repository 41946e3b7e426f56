"""README and DEPLOYMENT name every command and option, every parameter of the stack, every exit code."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.recordings import PICTURES, recorded
from tests.support import template
from tests.support.contract import ENDPOINTS
from triggers_api import settings
from triggers_api.api.errors import HTTP_STATUS
from triggers_api.cli.app import make_app
from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.cli.output.checks import make_document
from triggers_api.errors import OperatorError, TriggersError
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.smoke.check_runner import CHECKS

ROOT = Path(__file__).parents[2]
README, GUIDE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "DEPLOYMENT.md"))
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("*.md")}
OF_SERVICE = set(re.findall(r"^\| `(\w+)`", settings.__doc__ or "", re.MULTILINE))
OF_OTHERS = {"smoke", "/docs", "test-api-key-12345", '{"message":"Forbidden"}', "https://.../v1/health"}
"""What the guide quotes that is not a message of ours."""
OF_TYPER = {"--help", "--install-completion", "--show-completion"}


def commands(found: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield each command below one, with the words that call it."""
    if not hasattr(found, "list_commands"):
        yield words, found
        return
    for name in found.list_commands(None):
        yield from commands(found.get_command(None, name), f"{words} {name}")


COMMANDS = dict(commands(typer.main.get_command(make_app()), "triggers"))
ON_A_STAGE = COMMANDS.keys() - {"triggers dev", "triggers openapi"}
OF_KEYS = {words for words in COMMANDS if words.startswith("triggers keys ")}
CHANGE_KEYS = {"triggers keys create", "triggers keys revoke", "triggers keys rotate"}
WHO_HAS = {
    "--stage": ON_A_STAGE,
    "--region": ON_A_STAGE,
    "--profile": ON_A_STAGE,
    "--json": ON_A_STAGE,
    "--debug": ON_A_STAGE,
    "--stack-name": ON_A_STAGE - OF_KEYS,
    "--data-dir": OF_KEYS | {"triggers smoke", "triggers dev"},
    "--yes": CHANGE_KEYS | {"triggers deploy"},
    "--no-input": CHANGE_KEYS | {"triggers deploy", "triggers destroy"},
}
"""What the README says of the options that many commands have, below its table."""


def rows_of(document: str, head: str) -> list[list[str]]:
    """Return the cells of the table that begins with a head."""
    table = document.partition(f"\n{head}")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()[2:]]
    assert rows, head
    return rows


def options_of(words: str) -> set[str]:
    """Return what a command line says of a command's options: of a switch that is on, how it is put off."""
    every = {next(iter(one.secondary_opts or one.opts)) for one in COMMANDS[words].params}
    return {option for option in every if option.startswith("--")} - OF_TYPER


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_in_the_readme_with_the_options_that_are_its_own(words: str) -> None:
    (row,) = (one[0] for one in rows_of(README, "| command |") if re.match(rf"`{words}[` ]", one[0]))
    others = WHO_HAS.keys() - ({"--data-dir"} if words == "triggers dev" else set())
    assert set(re.findall(r"--[a-z][a-z-]*", row)) == options_of(words) - others


@pytest.mark.parametrize("option", WHO_HAS)
def test_an_option_of_many_commands_is_in_the_readme_and_those_that_it_names_have_it(option: str) -> None:
    assert {words for words in COMMANDS if option in options_of(words)} == WHO_HAS[option]
    assert re.search(rf"`{option}[` ]", README.partition("What works on a stage")[2].partition("\n\n")[0])


def typed_in(text: str) -> Iterator[str]:
    """Yield each call of ours that a document types, in a block or in a line, from its first word."""
    spans = re.findall(r"`([^`]+)`", re.sub(r"```\w*\n", "`", text).replace("```", "`"))
    for line in "\n".join(spans).replace("\\\n", " ").splitlines():
        yield from re.findall(r"(?:^|[ (/])(triggers [a-z][^#|;)]*)", line)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_command_that_a_document_types_is_one_and_has_the_options(name: str) -> None:
    check_calls(re.sub(r"<!-- recorded.*?<!-- end", "", DOCUMENTS[name], flags=re.DOTALL))


def check_calls(text: str) -> None:
    for call in typed_in(text):
        words = next((one for one in COMMANDS if f"{call} ".startswith((f"{one} ", f"{one}]"))), "")
        assert words, f"no command: {call}"
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
    assert len(rows) == 29
    assert [row for row in rows if "`tests/" not in row[2]] == []


def test_every_parameter_of_the_stack_is_in_the_guide_with_its_default_and_no_other() -> None:
    named: dict[str, str] = {}
    for name, _, default in rows_of(GUIDE, "| parameter |"):
        names, defaults = re.findall(r"`([A-Z]\w+)`", name), re.findall(r"`([^`]+)`", default)
        named |= dict(zip(names, defaults or [""], strict=True))
    assert {"Stage": "prod"} | named == {
        name: one.default for name, one in Template.load().parameters.items()
    }


def test_the_recorded_smoke_test_made_the_checks_that_there_are() -> None:
    rows = re.findall(r"^ (\w.*?) +ok +\d+$", recorded(GUIDE, "smoke"), re.MULTILINE)
    assert sorted(rows) == sorted(["health", *(one.name for one in CHECKS), "clean up", "revoke the key"])


@pytest.mark.parametrize("name", ["deploy", "smoke"])
def test_a_picture_of_the_readme_shows_a_run_that_made_the_checks_that_there_are(name: str) -> None:
    shown = html.unescape((PICTURES / f"{name}.svg").read_text(encoding="utf-8")).replace("\xa0", " ")
    assert f"$ triggers {name} --stage prod" in shown
    assert f"All {len(CHECKS) + 3} checks passed." in shown
    assert f"({(PICTURES / name).relative_to(ROOT)}.svg)" in README


@pytest.mark.parametrize("field", make_document([Finding("health", State.OK)])["checks"][0])
def test_every_field_of_a_check_is_in_the_guide(field: str) -> None:
    section = GUIDE.split("\n## Does it work?\n")[1].split("\n## ")[0]
    assert f"`{field}`" in section


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
    example = COMMANDS[words].help.partition("Example: ")[2]
    assert words in example
    check_calls(f"`{example.strip()}`")


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


def test_every_variable_of_the_service_is_in_the_readme_with_its_default_and_whether_the_stack_sets_it() -> (
    None
):
    said = {}
    for names, _, default, mark in rows_of(README, "| variable |"):
        for name in re.findall(r"`(\w+)`", names):
            said[name] = (default.strip(), bool(mark.strip()))
    of_stack = template.load()["Globals"]["Function"]["Environment"]["Variables"].keys() | {"AWS_REGION"}
    defaults = dict(re.findall(r"^\| `(\w+)` +\| .+ \| (.+?) +\|$", settings.__doc__ or "", re.MULTILINE))
    assert said == {
        name: ({"none": "", "the user's data": "the user's data folder"}.get(one, one), name in of_stack)
        for name, one in defaults.items()
    }
    assert {
        *re.findall(
            r"`([A-Z_]+)(?:=\w+)?`", GUIDE.partition("variables are set by the stack (")[2].partition(")")[0]
        )
    } == of_stack - {"AWS_REGION"}


def test_every_variable_that_the_commands_read_is_in_the_readme() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "triggers_api").rglob("*.py"))
    assert set(re.findall(r"TRIGGERS_[A-Z_]+", sources)) <= set(re.findall(r"TRIGGERS_[A-Z_]+", README))


def test_every_call_is_in_the_contract_and_no_other() -> None:
    calls = [re.split(r"[?`]", cells[0].lstrip("`"))[0] for cells in rows_of(README, "| call |")]
    assert calls == [*(f"{method} {path}" for method, path in ENDPOINTS), "OPTIONS"]


def test_every_code_of_the_gateways_own_errors_is_in_the_contract() -> None:
    answers = template.load()["Resources"]["TriggersApi"]["Properties"]["GatewayResponses"].values()
    codes = {one for answer in answers for one in re.findall(r"code\W+([A-Z_]+)\W", json.dumps(answer))}
    assert {"NOT_FOUND", "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE"} <= codes
    assert [code for code in codes if f"`{code}`" not in README] == []


def test_what_the_guide_quotes_of_a_message_is_in_the_sources() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "triggers_api").rglob("*.py"))
    sources = re.sub(r'"\s+f?"', "", sources)
    quoted = [
        one for cells in rows_of(GUIDE, "| what you see |") for one in re.findall(r"`([^`]+)`", cells[0])
    ]
    parts = [
        part.strip(" :")
        for one in quoted
        if one not in OF_OTHERS
        for part in re.split(r"\.\.\.|: [A-Z_]+$", one)
    ]
    assert [part for part in parts if part not in sources] == []
