"""The documents name every command, option, endpoint, error, parameter and setting, and no others."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from tests.recordings import PICTURES
from tests.support import contract, template
from tests.support.documents import DOCUMENTS, ROOT, recorded, rows, without_recordings
from triggers_api import settings
from triggers_api.api.errors import HTTP_STATUS
from triggers_api.cli.app import make_app
from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.cli.output.checks import make_document
from triggers_api.errors import OperatorError, TriggersError
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.smoke.check_runner import CHECKS

README, CHANGELOG = DOCUMENTS["README.md"], DOCUMENTS["CHANGELOG.md"]
REFERENCE, TROUBLESHOOTING = "deploy/guide/reference.md", "deploy/guide/troubleshooting.md"
OPERATING, PROMISES = "deploy/guide/operating.md", "deploy/guide/promises.md"
SOURCES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "triggers_api").rglob("*.py"))
OPTIONS_OF_TYPER = {"--help", "--install-completion", "--show-completion"}


def leaf_commands(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield each command that can be run, with the words that run it."""
    if not hasattr(command, "list_commands"):
        yield words, command
        return
    for name in command.list_commands(None):
        yield from leaf_commands(command.get_command(None, name), f"{words} {name}")


def error_classes(error: type[TriggersError]) -> Iterator[type[TriggersError]]:
    yield error
    for subclass in error.__subclasses__():
        yield from error_classes(subclass)


def class_name(error: type[TriggersError]) -> str:
    return error.__name__


COMMANDS = dict(leaf_commands(typer.main.get_command(make_app()), "triggers"))
ENDPOINTS = [f"{method} {path}" for method, path in contract.ENDPOINTS]
COMMAND_ERRORS = sorted(set(error_classes(OperatorError)), key=class_name)
API_ERRORS = sorted(set(error_classes(TriggersError)) - set(COMMAND_ERRORS), key=class_name)
PARAMETERS = {name: one.default for name, one in Template.load().parameters.items() if name != "Stage"}
SERVICE_SETTINGS = dict(re.findall(r"^\| `(\w+)` +\| .+ \| (.+?) +\|$", settings.__doc__ or "", re.MULTILINE))
STACK_VARIABLES = template.load()["Globals"]["Function"]["Environment"]["Variables"].keys()
COMMON_OPTIONS = {row[0].strip("`").partition(" ")[0]: row[1] for row in rows("README.md", "| option |")}


def options_of(words: str) -> set[str]:
    """Return a command's options as a user writes them, such as `--no-smoke` for a switch that is on."""
    names = {
        next(iter((one.secondary_opts if one.default else ()) or one.opts)) for one in COMMANDS[words].params
    }
    return {name for name in names if name.startswith("--")} - OPTIONS_OF_TYPER


def commands_in_cell(cell: str) -> set[str]:
    """Return the commands that a cell names: "`dev`, `keys`", or "all but `dev`, `keys`"."""
    names = [f"triggers {name}" for name in re.findall(r"`([^`]+)`", cell)]
    named = {words for words in COMMANDS for name in names if f"{words} ".startswith(f"{name} ")}
    return COMMANDS.keys() - named if cell.startswith("all but") else named


# The README


@pytest.mark.parametrize("words", COMMANDS)
def test_readme_lists_command_with_its_own_options(words: str) -> None:
    found = [row[0] for row in rows("README.md", "| command |") if re.match(rf"`{words}[` ]", row[0])]
    assert len(found) == 1, f"Add a row for `{words}` to the table of commands in README.md"
    own = options_of(words) - COMMON_OPTIONS.keys()
    assert set(re.findall(r"--[a-z][a-z-]*", found[0])) == own, (
        f"Name these options, and no others, in the row of `{words}` in README.md: {sorted(own)}"
    )


@pytest.mark.parametrize("option", COMMON_OPTIONS)
def test_readme_lists_common_option_with_its_commands(option: str) -> None:
    having = {words for words in COMMANDS if option in options_of(words)}
    assert commands_in_cell(COMMON_OPTIONS[option]) == having, (
        f"Correct the commands of {option} in the table of common options in README.md: {sorted(having)}"
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_readme_lists_endpoint(endpoint: str) -> None:
    assert endpoint in readme_endpoints(), f"Add a row for {endpoint} to the table in README.md"


def test_readme_lists_only_endpoints_that_exist() -> None:
    unknown = {one for one in readme_endpoints() if not one.startswith("OPTIONS")} - set(ENDPOINTS)
    assert not unknown, f"Remove these rows from the table of endpoints in README.md: {sorted(unknown)}"


def readme_endpoints() -> list[str]:
    return [re.split(r"[?`]", row[0].lstrip("`"))[0] for row in rows("README.md", "| call |")]


def test_readme_lists_every_exit_code() -> None:
    codes = {int(row[0]) for row in rows("README.md", "| exit code |")}
    assert codes == {0, INTERRUPTED, *EXIT_CODE.values()}


@pytest.mark.parametrize("error", API_ERRORS, ids=class_name)
def test_readme_lists_api_error_with_its_status(error: type[TriggersError]) -> None:
    status = HTTP_STATUS[error.kind]
    codes = {code for row in rows("README.md", "| status |") if row[0] == str(status) for code in row[1:2]}
    assert any(f"`{error.code}`" in code for code in codes), (
        f"Add `{error.code}` with status {status} to the table of errors in README.md"
    )


def test_readme_lists_error_codes_of_the_gateway() -> None:
    answers = template.load()["Resources"]["TriggersApi"]["Properties"]["GatewayResponses"].values()
    codes = {code for answer in answers for code in re.findall(r"code\W+([A-Z_]+)\W", json.dumps(answer))}
    assert {"NOT_FOUND", "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE"} <= codes
    assert [code for code in codes if f"`{code}`" not in README] == []


def test_readme_names_every_variable_of_the_commands() -> None:
    missing = set(re.findall(r"TRIGGERS_[A-Z_]+", SOURCES)) - set(re.findall(r"TRIGGERS_[A-Z_]+", README))
    assert not missing, f"Name these variables under Settings in README.md: {missing}"


@pytest.mark.parametrize("name", ["deploy", "smoke"])
def test_readme_shows_picture_of_command(name: str) -> None:
    picture = html.unescape((PICTURES / f"{name}.svg").read_text(encoding="utf-8")).replace("\xa0", " ")
    assert f"$ triggers {name} --stage prod" in picture
    assert re.search(r"All \d+ checks passed\.", picture), "Run python -m tests.recordings"
    assert f"({(PICTURES / name).relative_to(ROOT)}.svg)" in README


def test_readme_has_at_most_400_lines() -> None:
    assert len(README.splitlines()) <= 400, "Move details to deploy/guide"


# The guide


def test_guide_lists_stack_parameters_with_defaults() -> None:
    listed: dict[str, str] = {}
    for name, _, default in rows(REFERENCE, "| parameter |"):
        names, defaults = re.findall(r"`([A-Z]\w+)`", name), re.findall(r"`([^`]+)`", default)
        listed |= dict(zip(names, defaults or [""], strict=True))
    assert listed == PARAMETERS, f"Correct the table of stack parameters in {REFERENCE}"


def test_guide_lists_stack_outputs() -> None:
    listed = [row[0].strip("`") for row in rows(REFERENCE, "| output |")]
    assert listed == list(template.load()["Outputs"]), f"Correct the table of outputs in {REFERENCE}"


def test_guide_lists_service_settings_with_defaults() -> None:
    listed = {
        name: (default, bool(on_aws))
        for names, _, default, on_aws in rows(REFERENCE, "| variable |")
        for name in re.findall(r"`(\w+)`", names)
    }
    shown = {"none": "", "the user's data": "the user's data folder"}
    assert listed == {
        name: (shown.get(default, default), name in {*STACK_VARIABLES, "AWS_REGION"})
        for name, default in SERVICE_SETTINGS.items()
    }, f"Correct the table of settings in {REFERENCE}"


def test_guide_lists_variables_that_the_stack_sets() -> None:
    text = DOCUMENTS["deploy/guide/first-deployment.md"].partition("sets these variables of the function:")[2]
    listed = re.findall(r"`([A-Z_]+)(?:=\w+)?`", text.partition(".")[0])
    assert set(listed) == set(STACK_VARIABLES)


@pytest.mark.parametrize("field", make_document([Finding("health", State.OK)])["checks"][0])
def test_guide_describes_json_field_of_a_check(field: str) -> None:
    section = DOCUMENTS[REFERENCE].partition("\n## JSON output\n")[2].partition("\n## ")[0]
    assert f"`{field}`" in section, f'Describe `{field}` in "JSON output" in {REFERENCE}'


@pytest.mark.parametrize("error", COMMAND_ERRORS, ids=class_name)
def test_guide_lists_command_error_with_its_exit_code(error: type[TriggersError]) -> None:
    exits = [row[1] for row in rows(TROUBLESHOOTING, "| code |") if f"`{error.code}`" in row[0]]
    assert exits == [str(EXIT_CODE[error.kind])], (
        f"Add `{error.code}` with exit code {EXIT_CODE[error.kind]} to {TROUBLESHOOTING}"
    )


def test_guide_quotes_only_messages_that_exist() -> None:
    sources = re.sub(r'"\s+f?"', "", SOURCES)
    quotes = [
        quote
        for row in rows(TROUBLESHOOTING, "| what you see |")
        for quote in re.findall(r"`([^`]+)`", row[0])
    ]
    unknown = [
        quote
        for quote in quotes
        if any(part.strip(" :") not in sources for part in re.split(r"\.\.\.|: [A-Z_]+$", quote))
    ]
    assert unknown == [], f"No message contains these texts any more; update {TROUBLESHOOTING}"


def test_guide_names_a_test_for_every_success_criterion() -> None:
    criteria = rows(PROMISES, "| | by a command |")
    assert len(criteria) == 29
    assert [row[0] for row in criteria if "`tests/" not in row[2]] == []


def test_recorded_smoke_test_shows_no_group_of_checks_that_is_gone() -> None:
    shown = re.findall(r"^ (\w.*?) +\d+ +ok +\d+$", recorded(DOCUMENTS[OPERATING], "smoke"), re.MULTILINE)
    current = {"health", *(check.group for check in CHECKS), "clean up"}
    assert shown
    assert set(shown) <= current, "Run python -m tests.recordings"


# The changelog


@pytest.mark.parametrize("name", [*ENDPOINTS, *COMMANDS, *PARAMETERS, *SERVICE_SETTINGS])
def test_changelog_names(name: str) -> None:
    assert f"`{name}`" in CHANGELOG, f"Add a line that names `{name}` to CHANGELOG.md"


@pytest.mark.parametrize("words", COMMANDS)
def test_changelog_names_options_of(words: str) -> None:
    missing = {option for option in options_of(words) if f"`{option}`" not in CHANGELOG}
    assert not missing, f"Name these options of `{words}` in CHANGELOG.md: {sorted(missing)}"


# Commands that the documents and help pages show


def shown_commands(text: str) -> Iterator[str]:
    """Yield each `triggers` command in a text's code, with its arguments."""
    spans = re.findall(r"`([^`]+)`", re.sub(r"```\w*\n", "`", text).replace("```", "`"))
    for line in "\n".join(spans).replace("\\\n", " ").splitlines():
        yield from re.findall(r"(?:^|[ (/])(triggers [a-z][^#|;)]*)", line)


def assert_commands_exist(text: str) -> None:
    groups = {words.rpartition(" ")[0] for words in COMMANDS} - {"triggers"}
    for shown in shown_commands(text):
        words = next((one for one in COMMANDS if f"{shown} ".startswith((f"{one} ", f"{one}]"))), None)
        if words is None:
            assert shown.strip() in groups, f"There is no command {shown!r}"
            continue
        known = {option for one in COMMANDS[words].params for option in (*one.opts, *one.secondary_opts)}
        unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", shown)) - known
        assert not unknown, f"`{words}` has no option {unknown}: {shown}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_shows_only_commands_and_options_that_exist(name: str) -> None:
    assert_commands_exist(without_recordings(DOCUMENTS[name]))


@pytest.mark.parametrize("words", COMMANDS)
def test_help_of_command_has_an_example(words: str) -> None:
    example = COMMANDS[words].help.partition("Example: ")[2]
    assert words in example, f"Add an example to the help of `{words}`"
    assert_commands_exist(f"`{example.strip()}`")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_names_only_variables_that_are_read(name: str) -> None:
    named = re.findall(r"TRIGGERS_[A-Z_]+", DOCUMENTS[name])
    assert [variable for variable in named if variable not in SOURCES] == []
