"""`triggers smoke` at the command line: what it prints, and how it exits."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.conftest import Stores
from tests.support import fake_aws, private_ca
from tests.support.api_client import ApiClient
from tests.support.broken_api import Answers422, hanging, real_api, serving
from tests.support.dev_server import KEY, TRIGGERS, DevServer, environment, on_folder, run, running
from tests.support.key_commands import on_local
from tests.support.stubbed_aws import make_target
from tests.support.terminal import run_on_terminal
from triggers_api.cli.context import ca_bundles
from triggers_api.ops.smoke import check_runner

NOT_HEALTH = len(check_runner.CHECKS)
CHECKS = NOT_HEALTH + 2  # health, and the clean-up
OF_HOOKS = [check.name for check in check_runner.CHECKS if check.needs_hook]
RUN = CHECKS - len(OF_HOOKS)  # with a given key
FIELDS = ["check", "passed", "milliseconds", "expected", "saw", "fix", "request_id", "ran"]
WITH_KEY = {"TRIGGERS_API_KEY": KEY}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running(*on_folder(tmp_path_factory.mktemp("data"))) as server:
        yield server


@pytest.fixture
def broken(sqlite_stores: Stores) -> Iterator[str]:
    """The URL of an API with one defect."""
    with serving(Answers422(real_api(sqlite_stores))) as url:
        yield url


def events_of(url: str) -> list[dict[str, Any]]:
    with ApiClient(url) as client:
        return client.inbox()


def lines_of(error: str) -> dict[str, str]:
    return dict(line.strip().split(": ", 1) for line in error.splitlines()[-3:])


def test_success_is_a_line_for_each_group_of_checks(server: DevServer) -> None:
    done = run("smoke", "--url", f"{server.url}/", variables=WITH_KEY)
    *table, left_out, why = done.stdout.splitlines()
    head, *rows = [line.split("\t") for line in table]
    assert done.returncode == 0, done.stderr
    assert head == ["GROUP", "CHECKS", "RESULT", "SLOWEST MS"]
    groups = {check.group for check in check_runner.CHECKS} - {"webhooks"}
    assert {row[0] for row in rows} == groups | {"health", "clean up"}
    assert {row[2] for row in rows} == {"ok"}
    assert sum(int(row[1]) for row in rows) == RUN
    assert left_out == f"left out: {', '.join(OF_HOOKS)}"
    assert why == "  why: only a run that creates its key also creates a hook"
    assert done.stderr.splitlines()[-1] == f"All {RUN} checks passed."


def test_verbose_prints_every_check_and_exits_with_0(server: DevServer) -> None:
    done = run("smoke", "--url", f"{server.url}/", "--verbose", variables=WITH_KEY)
    head, *rows = [line.split("\t") for line in done.stdout.splitlines()[:-2]]
    assert done.returncode == 0, done.stderr
    assert head == ["CHECK", "RESULT", "MS"]
    assert {row[1] for row in rows} == {"ok"}
    assert len(rows) == RUN
    assert done.stderr.splitlines()[-1] == f"All {RUN} checks passed."
    assert KEY not in done.stdout + done.stderr
    assert events_of(server.url) == []


def test_a_failure_exits_with_6_and_prints_expected_saw_and_request_id(broken: str) -> None:
    done = run("smoke", "--url", broken, "--key", KEY)
    assert done.returncode == 6
    assert re.search(r"^bad request\tFAILED\t\d+$", done.stdout, re.MULTILINE)
    told = done.stdout.partition("\nbad request\n")[2]
    assert "expected: 400 to POST /v1/events" in told
    assert "saw: 422 VALIDATION_ERROR to POST /v1/events" in told
    assert re.search(r"^  request id: smoke-[0-9a-f]{8}-bad-request-1$", told, re.MULTILINE)
    assert "bad request failed: 422" in done.stderr
    assert lines_of(done.stderr)["error"] == f"1 of {CHECKS} checks failed."


@pytest.fixture
def private_tls(sqlite_stores: Stores, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of an API with a certificate of a private authority, and the authority's file."""
    authority, certificate = private_ca.make(tmp_path)
    with serving(real_api(sqlite_stores), certificate=certificate) as url:
        yield url, authority


@pytest.mark.slow("runs the smoke test three times")
@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_private_certificate_authority_is_trusted(private_tls: tuple[str, Path], variable: str) -> None:
    url, authority = private_tls
    done = run("smoke", "--url", url, variables={**WITH_KEY, variable: str(authority)})
    assert done.returncode == 0, done.stderr


def test_certificate_authority_of_the_profile_is_trusted(
    private_tls: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, authority = private_tls
    config = tmp_path / "config"
    config.write_text(f"[profile b]\nca_bundle = {authority}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    target = make_target(profile="b")
    assert str(authority) in ca_bundles(target, uses_aws=True)
    assert str(authority) not in ca_bundles(target, uses_aws=False)


def test_unknown_certificate_authority_fails_with_the_variables_to_set(private_tls: tuple[str, Path]) -> None:
    url, _ = private_tls
    done = run("smoke", "--url", url, variables=WITH_KEY)
    assert done.returncode == 6
    assert "TLS failed: " in done.stderr
    assert "AWS_CA_BUNDLE" in done.stderr


def test_missing_file_of_certificate_authorities_is_a_wrong_setting(private_tls: tuple[str, Path]) -> None:
    url, _ = private_tls
    done = run("smoke", "--url", url, variables={**WITH_KEY, "AWS_CA_BUNDLE": "/no/such/file"})
    assert done.returncode == 2
    assert "AWS_CA_BUNDLE" in done.stderr


def test_an_unreachable_api_is_reported_once() -> None:
    done = run("smoke", "--url", "http://127.0.0.1:1", variables=WITH_KEY)
    assert done.returncode == 6
    assert done.stderr.count(" failed: ") == 1
    assert "triggers status --stage STAGE` on AWS" in done.stderr, "nobody knows of which stage the URL is"
    assert done.stdout.count("the connection is refused") == 2, "of health, and of the others"
    assert f"error: Of {CHECKS} checks 1 failed, and {NOT_HEALTH} were not run." in done.stderr


def test_json_is_one_document_in_success_and_failure(server: DevServer, broken: str) -> None:
    for url, code, failed in ((server.url, 0, []), (broken, 6, ["bad request"])):
        done = run("smoke", "--url", url, "--json", variables=WITH_KEY)
        found = json.loads(done.stdout)
        assert done.returncode == code
        assert list(found) == ["url", "run", "passed", "checks"]
        assert (found["url"], found["passed"]) == (url, not failed)
        assert [one["check"] for one in found["checks"] if not one["passed"]] == failed
        assert {tuple(one) for one in found["checks"]} == {tuple(FIELDS)}
        assert [one["check"] for one in found["checks"] if not one["ran"]] == OF_HOOKS
        sent = [one for one in found["checks"] if one["ran"] and one["check"] != "request id made"]
        assert all(one["request_id"].startswith(found["run"]) for one in sent)


def test_a_named_pipe_as_the_report_is_refused(broken: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run("smoke", "--url", broken, "--junit", str(tmp_path / "pipe"), variables=WITH_KEY)
    assert done.returncode == 2
    assert "it is not a file" in done.stderr


@pytest.mark.slow("runs the whole smoke test")
def test_a_full_disk_under_stdout_is_reported(server: DevServer) -> None:
    command = 'exec "$@" >/dev/full'
    done = run(
        *("-c", command, "sh", sys.executable, "-m", "triggers_api", "smoke", "--url", server.url),
        program=("/bin/sh",),
        variables=WITH_KEY,
    )
    assert done.returncode == 1
    assert lines_of(done.stderr)["error"] == "The answer could not be written."


@pytest.mark.slow("runs the whole smoke test")
def test_a_junit_report_is_written_if_checks_fail(broken: str, tmp_path: Path) -> None:
    report = tmp_path / "smoke.xml"
    report.write_text("an old one, " * 1000)
    done = run("smoke", "--url", broken, "--junit", str(report), variables=WITH_KEY)
    assert done.returncode == 6
    (suite,) = ET.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(CHECKS), "1")
    cases = {case.get("name"): case for case in suite}
    assert len(cases) == CHECKS
    assert {name for name, case in cases.items() if len(case)} == {"bad request", *OF_HOOKS}
    assert suite.get("skipped") == str(len(OF_HOOKS))
    (failure,) = cases["bad request"]
    assert failure.get("message") == "422 VALIDATION_ERROR to POST /v1/events"
    assert "request id: smoke-" in str(failure.text)


def test_an_unwritable_report_is_refused_before_anything_is_sent(server: DevServer, tmp_path: Path) -> None:
    asked = len(server.log.read_text().splitlines())
    for path, why in ((tmp_path / "none" / "x.xml", "no such file"), (tmp_path, "is a directory")):
        done = run("smoke", "--url", server.url, "--junit", str(path), variables=WITH_KEY)
        assert (done.returncode, done.stdout) == (2, "")
        assert why in lines_of(done.stderr)["why"]
    assert len(server.log.read_text().splitlines()) == asked


@pytest.mark.slow("runs the smoke test three times")
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}], ids=str)
def test_a_pipe_gets_no_escape_sequences(broken: str, variables: dict[str, str]) -> None:
    for more in ((), ("--json",)):
        done = run("smoke", "--url", broken, *more, variables={**WITH_KEY, **variables})
        assert "\x1b" not in done.stdout + done.stderr


def test_a_terminal_shows_a_table_and_a_count_and_no_color_turns_colours_off(server: DevServer) -> None:
    seen = run_on_terminal("smoke", "--url", server.url, variables=WITH_KEY)
    assert seen.code == 0
    assert "─" in seen.screen
    assert f"of {CHECKS}, last" in seen.screen
    plain = run_on_terminal("smoke", "--url", server.url, variables={**WITH_KEY, "NO_COLOR": "1"})
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m", plain.screen)


def test_a_key_is_read_from_stdin(server: DevServer) -> None:
    line = [TRIGGERS, "smoke", "--url", server.url, "--key", "-", "--json"]
    done = subprocess.run(
        line, env=environment(), input=f"{KEY}\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"]


@pytest.mark.slow("runs the whole smoke test")
def test_the_local_stage_creates_a_key_and_revokes_it(tmp_path: Path) -> None:
    keys = on_local(tmp_path)
    with running(*on_folder(tmp_path)) as server:
        done = run("smoke", "--url", server.url, "--stage", "local", "--data-dir", str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert events_of(server.url) == []
    ((_, record),) = keys.all().items()
    assert record["state"] == "revoked"
    assert record["name"].startswith("smoke ")
    assert done.stderr.startswith("Create a key and a hook for this run: stage local (--stage), data in ")
    assert done.stderr.splitlines()[-1] == f"All {CHECKS + 2} checks passed."


@pytest.mark.parametrize(
    ("line", "variables", "told"),
    [
        (("--url", "http://127.0.0.1:1"), {}, "--url needs a key"),
        (("--url", "http://127.0.0.1:1"), {"TRIGGERS_STAGE": "prod"}, "--url needs a key"),
        (("--url", "http://anna:s3cret@127.0.0.1:1", "--key", KEY), {}, "--url is not"),
        (("--url", "127.0.0.1:1", "--key", KEY), {}, "--url is not"),
        (("--url", "http://127.0.0.1:1/?a=s3cret", "--key", KEY), {}, "--url is not"),
        (("--url", "http://127.0.0.1:1", "--key", "s3cret"), {}, "--key is not"),
        ((), {"TRIGGERS_API_KEY": "s3cret"}, "TRIGGERS_API_KEY is not"),
        (("--timeout", "0"), {}, "--timeout must be"),
        (("--timeout", "56"), {}, "--timeout must be"),
        (("--timeout", "soon"), {}, "--timeout"),
        (("--data-dir", "x"), {}, "--data-dir"),
    ],
)
def test_wrong_usage_exits_with_2_before_any_request_and_repeats_no_secret(
    line: tuple[str, ...], variables: dict[str, str], told: str
) -> None:
    done = run("smoke", *line, variables=variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert told in done.stderr
    assert "s3cret" not in done.stderr
    document = json.loads(run("smoke", *line, "--json", variables=variables).stdout)
    assert document["error"].keys() == {"code", "message", "hint"}


def test_a_denied_key_creation_exits_with_4_and_names_the_alternative() -> None:
    with fake_aws.refusing("AccessDeniedException", "not authorized: dynamodb:PutItem") as aws:
        variables = {"AWS_ENDPOINT_URL": aws.url}
        done = run("smoke", "--url", "http://127.0.0.1:1", "--stage", "prod", variables=variables)
    assert (done.returncode, done.stdout) == (4, "")
    assert f"account {fake_aws.ACCOUNT}" in done.stderr
    assert "dynamodb:PutItem" in lines_of(done.stderr)["why"]
    assert "--key" in lines_of(done.stderr)["fix"]


def test_sending_the_key_unencrypted_prints_a_warning() -> None:
    done = run("smoke", "--url", "http://no-such-host.invalid", "--key", KEY)
    assert done.returncode == 6
    assert done.stderr.startswith("warning: http:// sends the key unencrypted")


@contextmanager
def started(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a run that creates a key; yield once it has created events and waits for a response."""
    line = [TRIGGERS, "smoke", "--url", url, "--stage", "local", "--data-dir", str(folder), "--timeout", "55"]
    process = subprocess.Popen(
        line,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and what it starts inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - nothing but a signal
    )
    try:
        while not any("acknowledge" in event["source"] for event in events_of(url)):
            assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.communicate()


def is_revoked(folder: Path) -> bool:
    ((_, record),) = on_local(folder).all().items()
    return bool(record["state"] == "revoked")


@pytest.mark.slow("runs the whole smoke test")
def test_ctrl_c_removes_the_events_revokes_the_key_and_exits_with_130(
    sqlite_stores: Stores, tmp_path: Path
) -> None:
    app = hanging(real_api(sqlite_stores), lambda scope: scope["path"].endswith("/ack"))
    with serving(app) as url, started(url, tmp_path / "data") as process:
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
        assert (process.returncode, stdout) == (130, "")
        assert stderr.splitlines()[-1].startswith("Interrupted. Cleaning up;")
        assert "Traceback" not in stderr
        assert events_of(url) == []
    assert is_revoked(tmp_path / "data")


@pytest.mark.slow("waits for a clean-up that hangs")
def test_a_second_ctrl_c_exits_although_the_clean_up_hangs_and_the_key_is_revoked(
    sqlite_stores: Stores, tmp_path: Path
) -> None:
    app = hanging(
        real_api(sqlite_stores), lambda scope: scope["path"].endswith("/ack") or scope["method"] == "DELETE"
    )
    with serving(app) as url, started(url, tmp_path / "data") as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "Interrupted" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "Traceback" not in stderr
    assert is_revoked(tmp_path / "data")
