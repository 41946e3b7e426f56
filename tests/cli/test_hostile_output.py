"""No command writes an escape to a terminal, a pipe or into JSON, whatever it is given or answered."""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support import hostile_aws
from tests.support.hostile_aws import HOSTILE, IN_XML
from tests.support.listening import inbox_event
from tests.support.sample_events import event
from tests.support.stubbed_aws import AT, make_stack, make_target
from tests.support.terminal import run_on_terminal
from tests.unit.test_documents import COMMANDS
from triggers_api.cli.main import main
from triggers_api.cli.output import console
from triggers_api.cli.output.listen import RunWriter, Subject
from triggers_api.cli.output.progress import make_reporter
from triggers_api.core.hooks.records import hook_digest_of, short_id_of
from triggers_api.core.keys import digest_of
from triggers_api.errors import PreflightError
from triggers_api.ops.cloudformation.models import Change, ChangeSet, StackEvent
from triggers_api.ops.deploy.progress import Downgrade, Obstacle, Outcome, Progress, Proposal, Step
from triggers_api.ops.events.record import to_line
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.listen import reports
from triggers_api.ops.listen.forwarder import Attempt
from triggers_api.ops.verify import canary
from triggers_api.store.sqlite.database import FILE_NAME

ARGUMENT = HOSTILE.replace("\0", "")
"""No argument of a process can hold a NUL."""
OF_AWS = ["--stage", "dev", "--region", "us-east-1"]
EXPORT = "export.ndjson"
KEY_ID = digest_of(hostile_aws.KEY).removeprefix("sha256:")[:12]
HOOK_ID = short_id_of(hook_digest_of(hostile_aws.HOOK))
ON_AWS = {
    "triggers doctor": [],
    "triggers deploy": ["--yes"],
    "triggers status": [],
    "triggers outputs": [],
    "triggers smoke": [],
    "triggers verify": [],
    "triggers destroy": ["--confirm", "no"],
    "triggers inbox": [],
    "triggers listen": ["--forward-to", "http://127.0.0.1:9", "--once"],
    "triggers events list": ["--status", "any"],
    "triggers events show": ["01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"],
    "triggers events send": ["--source", "s", "--type", "t", "--yes"],
    "triggers events ack": ["--status", "pending", "--yes"],
    "triggers events requeue": ["--status", "dead", "--yes"],
    "triggers events delete": ["--status", "any", "--yes"],
    "triggers events export": [],
    "triggers events import": [EXPORT, "--yes"],
    "triggers hooks create": ["--preset", "github", "--source", "s", "--public-url", "https://a.example"],
    "triggers hooks list": ["--all"],
    "triggers hooks show": [HOOK_ID],
    "triggers hooks rotate": [HOOK_ID],
    "triggers hooks revoke": [HOOK_ID],
    "triggers hooks test": [hostile_aws.HOOK],
    "triggers keys create": ["--name", "x"],
    "triggers keys list": ["--all"],
    "triggers keys show": [KEY_ID],
    "triggers keys revoke": [KEY_ID],
    "triggers keys rotate": [KEY_ID],
    "triggers logs tail": ["--no-follow", "--since", "2026-01-01T00:00:00Z"],
}
"""The arguments with which each command shows the most of what AWS answers."""

OFF_AWS = {"triggers dev", "triggers openapi"}


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with hostile_aws.answering() as url:
        yield url


@dataclass
class Shell:
    """Runs commands in this process."""

    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def run(self, *arguments: str, columns: int = 0) -> str:
        """Run a command on a terminal of some columns, or in a pipe, and return all that it wrote."""
        self.patch.setattr(console, "terminal_width", lambda _: columns)
        self.patch.setattr(sys, "argv", ["triggers", *arguments])
        with pytest.raises(SystemExit):
            main()
        written = self.capsys.readouterr()
        screen = written.out + written.err
        raw = {char for char in screen if not char.isprintable()} - {"\n", "\t"}
        assert not raw, f"{raw}: {screen!r}"
        assert "\nerror: forged" not in screen
        return screen

    def run_in_every_form(self, *arguments: str) -> str:
        return "".join(
            (self.run(*arguments), self.run(*arguments, columns=160), self.run(*arguments, "--json"))
        )

    def answer(self, *arguments: str) -> Any:
        """Run a command with `--json`, and return its document."""
        screen = self.run(*arguments, "--json")
        return json.loads(screen[screen.index("{\n") : screen.rindex("\n}") + 2])


def find_no_sam(*_: object) -> NoReturn:
    raise PreflightError(HOSTILE, reason=HOSTILE, hint=HOSTILE)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    monkeypatch.chdir(tmp_path)
    Path(EXPORT).write_text(f"{to_line(event())}\n")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))  # `listen` keeps a secret there
    for module in ("deploy.deployment", "doctor.readiness"):  # the real one starts processes
        monkeypatch.setattr(f"triggers_api.ops.{module}.find_sam", find_no_sam)
    monkeypatch.setattr(canary, "_SEARCH_SECONDS_WITHOUT_RESPONSE", 0.0)
    return Shell(capsys, monkeypatch)


def test_every_command_is_tried() -> None:
    assert ON_AWS.keys() | OFF_AWS == COMMANDS.keys()


@pytest.mark.slow("runs a command for each answer")
@pytest.mark.parametrize("words", ON_AWS)
def test_answers_of_aws_are_escaped(words: str, aws: str, shell: Shell) -> None:
    shell.patch.setenv("AWS_ENDPOINT_URL", aws)
    shown = shell.run_in_every_form(*words.split()[1:], *OF_AWS, *ON_AWS[words])
    # The URL of `smoke` is refused and not repeated, and an event that is damaged is not shown.
    assert "evil" in shown or words in {"triggers smoke", "triggers events show"}


@pytest.mark.parametrize("words", COMMANDS)
def test_arguments_are_escaped(words: str, shell: Shell) -> None:
    for arguments in ([ARGUMENT, ARGUMENT], [f"--{ARGUMENT}"], ["--stage", ARGUMENT, "x"]):
        shell.run(*words.split()[1:], *arguments)


FILES = {
    "name": f"[stages.prod]\n{json.dumps(HOSTILE)} = 1",
    "stage": f"stage = {json.dumps(HOSTILE)}",
    "table": f"[stages.{json.dumps(HOSTILE)}]\nregion = 1",
    "value": f"[stages.prod]\nprofile = {json.dumps(HOSTILE)}",
    "parameter": f"[stages.prod.parameters]\n{json.dumps(HOSTILE)} = {json.dumps(HOSTILE)}",
    "no TOML": HOSTILE,
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("words", ["triggers deploy", "triggers keys list"])
def test_settings_file_is_escaped(words: str, file: str, aws: str, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text(file)
    shell.patch.setenv("AWS_ENDPOINT_URL", aws)
    shell.run_in_every_form(*words.split()[1:], *ON_AWS[words])


def test_answers_of_an_api_are_escaped(aws: str, shell: Shell, tmp_path: Path) -> None:
    arguments = ["smoke", "--url", aws, "--key", "x" * 20, "--junit", str(tmp_path / "junit.xml")]
    shell.run_in_every_form(*arguments)
    assert (tmp_path / "junit.xml").read_text().replace("\n", "").isprintable()


ON_LOCAL: dict[str, Callable[[str], list[str]]] = {
    "list": lambda _: ["--all"],
    "show": lambda key_id: [key_id],
    "rotate": lambda key_id: [key_id],
    "revoke": lambda key_id: [key_id],
    "create": lambda _: ["--name", "new"],
}


@pytest.mark.parametrize("command", ON_LOCAL)
def test_stored_keys_are_escaped(command: str, shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "data\x1b[31m"
    options = ["--stage", "local", "--data-dir", str(folder)]
    made = shell.answer("keys", "create", *options)
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute("UPDATE keys SET name = ?, source = ?, prefix = ?", (HOSTILE, HOSTILE, HOSTILE))
        connection.execute("INSERT INTO keys (digest, is_active) VALUES (?, 1)", (HOSTILE,))
    connection.close()
    shell.run_in_every_form("keys", command, *ON_LOCAL[command](made["id"]), *options)


EVENTS: list[Progress] = [
    Step(HOSTILE, HOSTILE),
    Finding(HOSTILE, State.WARNING, HOSTILE, HOSTILE),
    Obstacle(make_stack("ROLLBACK_COMPLETE"), HOSTILE),
    Downgrade(HOSTILE, HOSTILE),
    Proposal(
        ChangeSet("1", "2", (Change(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE),)),
        parameters={HOSTILE: (HOSTILE, HOSTILE)},
        deployed_version=HOSTILE,
    ),
    StackEvent("1", AT, HOSTILE, HOSTILE, f"{HOSTILE}FAILED", HOSTILE),
    Outcome(True, HOSTILE, {HOSTILE: HOSTILE}, first=True),
]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("columns", [0, 160])
def test_progress_of_a_deployment_is_escaped(shell: Shell, as_json: bool, columns: int) -> None:
    shell.patch.setattr(console, "terminal_width", lambda _: columns)
    with make_reporter(as_json=as_json, target=make_target()) as reporter:
        for event in EVENTS:
            reporter.report(event)
    written = shell.capsys.readouterr()
    raw = {char for char in written.out + written.err if not char.isprintable()}
    assert raw <= {"\n", "\t"}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("columns", [0, 160])
def test_forwarded_events_are_escaped(shell: Shell, as_json: bool, columns: int) -> None:
    shell.patch.setattr(console, "terminal_width", lambda _: columns)
    event = inbox_event(source=HOSTILE, event_type=HOSTILE)
    write = RunWriter(Subject(HOSTILE, HOSTILE, acknowledges=True), as_json=as_json)
    attempt = Attempt(500, HOSTILE, 1)
    for report in (
        reports.Ready(),
        reports.Forwarded(event, 1, attempt, reports.Outcome.NOT_ACKNOWLEDGED, reason=HOSTILE),
        reports.Waiting(HOSTILE),
        reports.Reconnecting(HOSTILE, 1),
    ):
        write(report)
    written = shell.capsys.readouterr()
    screen = written.out + written.err
    assert "evil" in screen
    assert screen.replace("\n", "").replace("\x1b[31m500\x1b[0m", "").isprintable()


def test_json_means_what_was_stored(aws: str, shell: Shell) -> None:
    shell.patch.setenv("AWS_ENDPOINT_URL", aws)
    status = shell.answer("status", *OF_AWS)
    assert status["function"]["state"] == HOSTILE
    assert status["reason"] == IN_XML


def test_traceback_is_escaped(aws: str, shell: Shell) -> None:
    shell.patch.setenv("AWS_ENDPOINT_URL", aws)
    assert "    Traceback" in shell.run("keys", "create", *OF_AWS, "--debug")


def test_terminal_gets_no_escape(aws: str, tmp_path: Path) -> None:
    variables = {"TERM": "dumb", "NO_COLOR": "1", "AWS_ENDPOINT_URL": aws}  # then Rich has no escapes itself
    screen = run_on_terminal("status", *OF_AWS, variables=variables, folder=tmp_path).screen
    assert "evil" in screen
    assert screen.replace("\n", "").isprintable()
