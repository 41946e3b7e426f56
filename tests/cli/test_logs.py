"""`triggers logs tail` in a pipe and on a terminal. CloudWatch is in memory."""

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.dev_server import TRIGGERS, environment, run
from tests.support.dynamodb_local import free_port
from tests.support.fake_logs import FakeLogs, refusal, serving
from tests.support.terminal import run_on_terminal

LAMBDA_ID = "f8428571-4756-4386-aea1-ec8d9f69a2db"
START = f"START RequestId: {LAMBDA_ID} Version: $LATEST\n"
REPORT = f"REPORT RequestId: {LAMBDA_ID}\tDuration: 20.45 ms\tBilled Duration: 21 ms\n"
ACCESS: dict[str, Any] = {
    "timestamp": "2026-11-22T10:30:00.000000Z",
    "level": "INFO",
    "message": "request",
    "request_id": "mine.1",
    "lambda_request_id": LAMBDA_ID,
    "method": "POST",
    "route": "/v1/events",
    "status": 201,
    "duration_ms": 16.36,
    "key_id": "2a0e43d37952",
}
REFUSED: dict[str, Any] = {
    **ACCESS,
    "method": "GET",
    "route": "/v1/inbox",
    "status": 401,
    "reason": "revoked",
}
BUG: dict[str, Any] = {
    **ACCESS,
    "level": "ERROR",
    "message": "bug",
    "error": "KeyError",
    "traceback": ["/var/task/a.py:1 in f", "raised builtins.KeyError"],
}
AT = "2026-11-22T10:30:00.000000Z"
MILLISECONDS = 1_795_343_400_000
COMMON = ("--stage", "dev", "--region", "eu-west-1", "--since", "2026-11-22T10:00:00Z")


def is_forever(logs: FakeLogs) -> FakeLogs:
    """Let all that is written be ingested already: the command has the clock of this machine."""
    logs.now = 2**53
    return logs


@pytest.fixture
def logs() -> FakeLogs:
    return is_forever(FakeLogs())


@pytest.fixture
def url(logs: FakeLogs) -> Iterator[str]:
    with serving(logs) as url:
        yield url


def write(logs: FakeLogs, *messages: str | dict[str, Any]) -> None:
    for message in messages:
        logs.write(message if isinstance(message, str) else json.dumps(message), at=MILLISECONDS)


def tail(url: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; it does not follow."""
    return run(
        "logs", "tail", *COMMON, "--no-follow", *arguments, variables={"AWS_ENDPOINT_URL": url, **variables}
    )


class Follower:
    """The command as it follows, in a process of its own."""

    def __init__(self, url: str, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [TRIGGERS, "logs", "tail", *COMMON, *arguments],
            env=environment(AWS_ENDPOINT_URL=url, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread has a lock
        )

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout
        return self.process.stdout

    @property
    def stderr(self) -> IO[str]:
        assert self.process.stderr
        return self.process.stderr

    def interrupt(self) -> tuple[int, str, str]:
        """Press Ctrl-C; return the exit code and the rest of what it says."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def followers() -> Iterator[list[Follower]]:
    started: list[Follower] = []
    yield started
    for one in started:
        one.process.kill()
        one.process.communicate()


# What is shown


def test_pipe_gets_one_line_per_event_with_its_parts_in_order(logs: FakeLogs, url: str) -> None:
    write(logs, START, ACCESS, REFUSED, BUG, REPORT)
    done = tail(url, "--lambda")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{AT} INFO     {LAMBDA_ID} START Version: $LATEST",
        f"{AT} INFO     mine.1 POST /v1/events 201 16.36ms request key_id=2a0e43d37952",
        f"{AT} INFO     mine.1 GET /v1/inbox 401 16.36ms request key_id=2a0e43d37952 reason=revoked",
        f"{AT} ERROR    mine.1 POST /v1/events 201 16.36ms bug key_id=2a0e43d37952 error=KeyError",
        "    /var/task/a.py:1 in f",
        "    raised builtins.KeyError",
        f"{AT} INFO     {LAMBDA_ID} 20.45ms REPORT Duration: 20.45 ms Billed Duration: 21 ms",
    ]


def test_json_has_one_object_per_line_with_all_fields(logs: FakeLogs, url: str) -> None:
    write(logs, START, BUG)
    done = tail(url, "--json", "--lambda")
    assert (done.returncode, done.stderr) == (0, "")
    start, bug = map(json.loads, done.stdout.splitlines())
    assert start == {
        "time": AT,
        "level": "INFO",
        "request_id": None,
        "lambda_request_id": LAMBDA_ID,
        "method": None,
        "path": None,
        "status": None,
        "duration_ms": None,
        "message": "START Version: $LATEST",
        "fields": {},
        "traceback": [],
        "stream": "2026/11/22/[$LATEST]0a1b",
        "raw": START.rstrip(),
    }
    assert bug.keys() == start.keys()
    assert {name: bug[name] for name in ("request_id", "method", "path", "status", "duration_ms")} == {
        "request_id": "mine.1",
        "method": "POST",
        "path": "/v1/events",
        "status": 201,
        "duration_ms": 16.36,
    }
    assert bug["traceback"] == BUG["traceback"]
    assert bug["fields"] == {"key_id": "2a0e43d37952", "error": "KeyError"}
    assert json.loads(bug["raw"]) == BUG


def screen_of(url: str, *arguments: str, columns: int = 160, **variables: str) -> str:
    """Return what the command shows on a terminal in a process of its own, which has the time zone `TZ`."""
    done = run_on_terminal(
        *("logs", "tail", *COMMON, "--no-follow", *arguments),
        variables={"AWS_ENDPOINT_URL": url, **variables},
        columns=columns,
        program=Path(TRIGGERS),
    )
    assert done.code == 0, done.screen
    return done.screen


def test_terminal_shows_level_and_status_in_colour(logs: FakeLogs, url: str) -> None:
    write(logs, ACCESS, REFUSED, {**BUG, "status": 500})
    screen = screen_of(url, TZ="UTC")
    assert (
        "10:30:00 \x1b[32mINFO    \x1b[0m mine.1 POST /v1/events \x1b[32m201\x1b[0m 16.36ms request" in screen
    )
    assert "mine.1 GET /v1/inbox \x1b[33m401\x1b[0m 16.36ms" in screen
    assert "10:30:00 \x1b[31mERROR   \x1b[0m mine.1 POST /v1/events \x1b[31m500\x1b[0m 16.36ms bug" in screen
    assert "\n    raised builtins.KeyError\n" in screen


def test_terminal_shows_local_times_and_the_date_when_it_changes(logs: FakeLogs, url: str) -> None:
    for hours in (0, 1, 14):
        logs.write(f"{hours} hours later", at=MILLISECONDS + hours * 3_600_000)
    assert screen_of(url, TZ="XXX-1:30", NO_COLOR="1").splitlines() == [
        "2026-11-22 UTC+01:30",
        "12:00:00 INFO     0 hours later",
        "13:00:00 INFO     1 hours later",
        "2026-11-23 UTC+01:30",
        "02:00:00 INFO     14 hours later",
    ]


def test_terminal_shows_no_date_today(logs: FakeLogs, url: str) -> None:
    now = datetime.now(UTC)
    noon = f"XXX{now.hour - 12:+}"  # a zone in which today does not end during the test
    logs.write("just now", at=int(now.timestamp() * 1000))
    screen = screen_of(url, TZ=noon, NO_COLOR="1")
    assert screen == f"12:{now:%M:%S} INFO     just now\n"


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_terminal_without_colour_gets_no_escape_sequence(
    logs: FakeLogs, url: str, variables: dict[str, str]
) -> None:
    write(logs, BUG)
    done = run_on_terminal(
        "logs", "tail", *COMMON, "--no-follow", variables={"AWS_ENDPOINT_URL": url, **variables}
    )
    assert " ERROR    mine.1 POST /v1/events 201 16.36ms bug" in done.screen
    assert "\x1b" not in done.screen


def test_terminal_folds_lines_between_words(logs: FakeLogs, url: str) -> None:
    write(logs, {**REFUSED, "request_id": LAMBDA_ID}, {"message": "x" * 200}, {"message": "a " * 40})
    assert screen_of(url, columns=80, TZ="UTC", NO_COLOR="1").splitlines()[1:] == [
        f"10:30:00 INFO     {LAMBDA_ID} GET /v1/inbox 401 16.36ms",
        "         request key_id=2a0e43d37952 reason=revoked",
        "10:30:00 INFO",
        *(f"         {'x' * columns}" for columns in (71, 71, 58)),
        f"10:30:00 INFO     {'a ' * 31}".rstrip(),
        f"         {'a ' * 9}".rstrip(),
    ]


def test_narrow_terminal_cuts_no_line(logs: FakeLogs, url: str) -> None:
    write(logs, {"message": "word " * 100 + "end", "traceback": ["frame " * 20 + "last"]})
    for columns in (40, 5):
        words = screen_of(url, columns=columns).split()
        assert (words.count("word"), words.count("end")) == (100, 1)
        assert (words.count("frame"), words.count("last")) == (20, 1)


def test_pipe_gets_lines_without_colour_or_wrapping(logs: FakeLogs, url: str) -> None:
    write(logs, {"level": "ERROR", "message": "x" * 5000})
    done = tail(url, TERM="xterm-256color", COLUMNS="40", FORCE_COLOR="1")
    assert done.stdout == f"{AT} ERROR    {'x' * 5000}\n"


@pytest.mark.parametrize("on_terminal", [True, False])
def test_logged_text_is_escaped(logs: FakeLogs, url: str, on_terminal: bool) -> None:
    evil = "\x1b[2J\rforged\nline \x9b1m\u202e\u2028[red]"
    write(
        logs, {**BUG, "message": evil, "reason": evil, "traceback": [evil], "request_id": evil, "route": evil}
    )
    write(logs, "\x1b[2Jtext\x07")
    shown = screen_of(url, NO_COLOR="1", TZ="UTC") if on_terminal else tail(url).stdout
    at = "10:30:00" if on_terminal else AT
    assert len([line for line in shown.split("\n") if line.startswith(at)]) == 2
    assert not any(line.startswith(("forged", "line")) for line in shown.split("\n"))
    assert all(one.isprintable() or one == "\n" for one in shown)
    assert "[red]" in shown


def test_options_select_lines(logs: FakeLogs, url: str) -> None:
    another = {**REFUSED, "request_id": "another", "lambda_request_id": "x", "key_id": "0b1c2d3e4f5a"}
    write(logs, START, ACCESS, another, BUG, REPORT)
    logs.write("too old", at=MILLISECONDS - 3_600_000)
    assert len(tail(url).stdout.splitlines()) == 3 + len(BUG["traceback"])
    assert len(tail(url, "--lambda").stdout.splitlines()) == 5 + len(BUG["traceback"])
    assert "another" in tail(url, "--status", "401").stdout
    assert tail(url, "--status", "2xx", "--json").stdout.count("\n") == 2
    assert tail(url, "--key", "0b1c").stdout == tail(url, "--filter", "inbox 401").stdout != ""
    delivery = {**ACCESS, "request_id": "d", "lambda_request_id": "y", "hook_id": "5d6e7f8a9b0c"}
    write(logs, delivery)
    assert tail(url, "--hook", "5d6e", "--json").stdout.count("\n") == 1
    assert tail(url, "--request-id", "mine.1", "--json").stdout.count("\n") == 4
    assert tail(url, "--request-id", LAMBDA_ID, "--json").stdout.count("\n") == 4
    assert tail(url, "--level", "warning", "--json").stdout.count("\n") == 1
    assert tail(url, "--filter", "REPORT duration", "--lambda", "--json").stdout.count("\n") == 1
    assert (
        tail(url, "--request-id", "mine.1", "--level", "INFO", "--filter", "keyerror").stdout.count("bug")
        == 1
    )


def test_log_group_does_not_depend_on_the_stack_name(logs: FakeLogs, url: str) -> None:
    write(logs, ACCESS)
    assert tail(url, "--stack-name", "something-else", "--json").stdout.count("\n") == 1
    assert {asked["logGroupName"] for asked in logs.asked} == {"/aws/lambda/triggers-api-dev"}


def test_no_matching_line_is_reported_on_stderr(url: str) -> None:
    done = tail(url, "--json")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No matching lines" in done.stderr


# Following


def test_tail_follows_by_default_and_flushes_each_line(
    logs: FakeLogs, url: str, followers: list[Follower]
) -> None:
    write(logs, ACCESS)
    followers.append(one := Follower(url))
    assert "mine.1 POST" in one.stdout.readline()
    write(logs, {**ACCESS, "request_id": "later"})
    assert "later POST" in one.stdout.readline()
    code, out, err = one.interrupt()
    assert (code, out) == (130, "")
    assert err == (
        "Following /aws/lambda/triggers-api-dev in eu-west-1 (--region), since 2026-11-22T10:00:00Z. "
        "Press Ctrl-C to stop.\n"
    )


def test_following_with_json_prints_only_json_to_stdout(
    logs: FakeLogs, url: str, followers: list[Follower]
) -> None:
    write(logs, ACCESS)
    followers.append(one := Follower(url, "--json"))
    assert json.loads(one.stdout.readline())["request_id"] == "mine.1"
    assert one.interrupt()[:2] == (130, "")


def test_interrupt_ends_the_wait_for_a_log_group(logs: FakeLogs, url: str, followers: list[Follower]) -> None:
    logs.exists = False
    followers.append(one := Follower(url))
    assert one.stderr.readline().startswith("Following")
    assert one.stderr.readline().endswith("in eu-west-1 (--region). Waiting for it.\n")
    assert one.interrupt() == (130, "", "")


def test_closed_pipe_ends_the_command_silently(logs: FakeLogs, url: str) -> None:
    write(logs, *[ACCESS] * 3000)
    command = f"{TRIGGERS} logs tail {' '.join(COMMON)} --no-follow | head -3"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment(AWS_ENDPOINT_URL=url),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (len(done.stdout.splitlines()), done.stderr) == (3, "")


def test_following_continues_with_renewed_credentials(
    logs: FakeLogs, tmp_path: Path, followers: list[Follower]
) -> None:
    file = tmp_path / "credentials"

    def give(key: str) -> None:
        file.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=s\naws_session_token=t\n")

    def check(key: str) -> None:
        if key == "old" and any("later" in one["message"] for one in logs._events):
            give("new")
            raise refusal("ExpiredTokenException", "The security token included in the request is expired")

    give("old")
    write(logs, ACCESS)
    variables = {
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    with serving(logs, check) as url:
        followers.append(one := Follower(url, **variables))
        assert "mine.1" in one.stdout.readline()
        write(logs, {**ACCESS, "request_id": "later"})
        assert "later" in one.stdout.readline()
        assert one.interrupt()[0] == 130


# What is refused


@pytest.mark.parametrize(
    ("error", "code", "named"),
    [
        (refusal("ExpiredTokenException", "expired"), 4, "CREDENTIALS"),
        (
            refusal("AccessDeniedException", "not authorized to perform: logs:FilterLogEvents"),
            4,
            "PERMISSION_DENIED",
        ),
        (refusal("ResourceNotFoundException"), 1, "LOG_GROUP_MISSING"),
    ],
    ids=str,
)
def test_json_errors_are_json(logs: FakeLogs, url: str, error: ClientError, code: int, named: str) -> None:
    logs.failures.extend([error] * 9)
    done = tail(url, "--json")
    assert (done.returncode, done.stderr) == (code, "")
    assert json.loads(done.stdout)["error"]["code"] == named


def test_missing_log_group_is_reported_in_three_lines(logs: FakeLogs, url: str) -> None:
    logs.exists = False
    done = tail(url)
    assert (done.returncode, done.stdout) == (1, "")
    error, why, fix = done.stderr.splitlines()
    assert error.startswith("error: The stage dev has no log group /aws/lambda/triggers-api-dev")
    assert why.startswith("  why: the stage is not deployed there")
    assert fix.startswith("  fix: Check --stage")


def test_missing_network_is_reported_at_once_when_following() -> None:
    variables = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    done = run("logs", "tail", *COMMON, variables=variables)
    assert done.returncode == 1
    assert "error: AWS cannot be reached in eu-west-1" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--level", "loud"), "DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        (("--since", "soon"), "30s, 10m, 2h or 3d"),
        (("--since", "2026-11-22T10:00:00"), "2026-11-22T08:00:00Z"),
        (("--request-id", "two words"), "X-Request-ID"),
        (("--status", "4"), "a status such as 401, or a class such as 4xx"),
        (("--key", "shop"), "triggers keys list --stage prod --all"),
        (("--hook", "shop"), "triggers hooks list --stage prod --all"),
        (("--stage", "local"), "logs to stderr"),
        (("stray",), "See triggers logs tail --help."),
    ],
    ids=str,
)
def test_wrong_usage_exits_with_2_and_shows_valid_values(arguments: tuple[str, ...], named: str) -> None:
    done = run("logs", "tail", *arguments, variables={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert done.stderr.startswith("error: ")


def test_help_page_has_every_option_and_an_example() -> None:
    done = run("logs", "tail", "--help")
    assert done.returncode == 0
    assert "Example: triggers logs tail" in done.stdout
    options = (
        "--since --follow --no-follow --request-id --level --status --key --hook --filter --lambda --json"
    )
    for option in options.split():
        assert option in done.stdout
