"""The command line as a whole: help, usage errors, and what scripts may rely on."""

import json
import re
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.dev_server import TRIGGERS, on_folder, run, running
from triggers_api.version import VERSION

AS_MODULE = (sys.executable, "-m", "triggers_api")
PROGRAMS = pytest.mark.parametrize("program", [(TRIGGERS,), AS_MODULE], ids=["script", "module"])

GROUPS = pytest.mark.parametrize(
    "group",
    [(), ("events",), ("hooks",), ("keys",), ("logs",)],
    ids=["triggers", "events", "hooks", "keys", "logs"],
)


@PROGRAMS
def test_version_is_printed_alone(program: tuple[str, ...]) -> None:
    done = run("--version", program=program)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"triggers {VERSION}\n", "")


@PROGRAMS
def test_help_lists_the_commands(program: tuple[str, ...]) -> None:
    done = run("--help", program=program)
    assert (done.returncode, done.stderr) == (0, "")
    sections = dict(re.findall(r"^([A-Z][a-z ]+):\n((?:  .+\n)+)", done.stdout, re.MULTILINE))
    assert list(sections) == ["Options", "Local", "Deploy", "Check", "Data", "Keys and logs"]
    assert [line.split()[0] for line in sections["Local"].splitlines()] == ["dev", "openapi"]


@GROUPS
def test_group_prints_its_help_page_when_no_command_is_given(group: tuple[str, ...]) -> None:
    done = run(*group)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == run(*group, "--help").stdout


@GROUPS
def test_list_of_commands_shows_whole_summaries(group: tuple[str, ...]) -> None:
    first = "Commands:" if group else "Local:"
    lines = run(*group, "--help").stdout.partition(first)[2].splitlines()
    assert lines
    assert [line for line in lines if line and not line.endswith((".", ":"))] == []
    assert [line for line in lines if line.endswith("...")] == []


@pytest.mark.parametrize("command", ["dev", "openapi"])
def test_command_has_a_help_page_with_an_example(command: str) -> None:
    done = run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: triggers {command}" in done.stdout
    assert f"Example: triggers {command}" in done.stdout


def test_help_of_dev_lists_its_options() -> None:
    page = run("dev", "--help").stdout
    for option in ("--host", "--port", "--data-dir", "--dynamodb-endpoint"):
        assert option in page


def test_openapi_prints_the_document_that_the_service_serves(tmp_path: Path) -> None:
    done = run("openapi")
    assert (done.returncode, done.stderr) == (0, "")
    with running(*on_folder(tmp_path)) as server:
        served = httpx.get(f"{server.url}/openapi.json", trust_env=False)
    assert served.headers["content-type"] == "application/json"
    # Also in this order: a document that is kept under version control must not change by itself.
    assert json.dumps(json.loads(done.stdout)) == json.dumps(served.json())


@pytest.mark.parametrize("url", ["https://api.example.com/prod", "http://127.0.0.1:8000/"])
def test_openapi_prints_the_given_url_as_the_only_server(url: str) -> None:
    done = run("openapi", "--url", url)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document.pop("servers") == [{"url": url.rstrip("/")}]
    expected = json.loads(run("openapi").stdout)
    assert expected.pop("servers") == [{"url": "."}]
    assert document == expected


@pytest.mark.parametrize("url", ["", ".", "api.example.com", "ftp://example.com", "https://u:p@example.com"])
def test_openapi_rejects_a_url_that_is_no_api(url: str) -> None:
    done = run("openapi", "--url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --url is not the URL of an API.")


def test_openapi_creates_no_file(tmp_path: Path) -> None:
    assert run("openapi", variables={"TRIGGERS_DATA_DIR": str(tmp_path / "data")}).returncode == 0
    assert list(tmp_path.iterdir()) == []


@PROGRAMS
@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("--no-such-option",),
        ("dev", "--no-such-option"),
        ("dev", "--port", "many"),
        ("dev", "--port", "65536"),
        ("dev", "--port"),
        ("dev", "stray"),
        ("openapi", "stray"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2_and_prints_to_stderr_only(
    program: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    done = run(*arguments, program=program)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "\n  fix: See " in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_command_is_refused_with_a_suggestion() -> None:
    done = run("depoy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'deploy'" in done.stderr


def test_json_as_the_value_of_an_option_does_not_select_json() -> None:
    done = run("keys", "create", "--name", "--json", "--stage", "Wrong")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --stage: 'Wrong' is not a stage")


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}], ids=str)
@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("dev", "--help"), ("--version",), ("openapi",), ("wrong",), ("dev", "--port", "x")],
    ids=" ".join,
)
def test_pipe_gets_no_escape_sequences(arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    done = run(*arguments, variables=variables)
    assert done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_openapi_does_not_depend_on_settings() -> None:
    assert run("openapi", variables={"LOG_LEVEL": "loud"}).stdout == run("openapi").stdout
