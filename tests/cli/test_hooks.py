"""`triggers hooks` in pipes and on terminals: its output, its questions, its secrets and its errors."""

import json
import re
import socket
import sqlite3
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support import fake_aws
from tests.support.dev_server import run
from tests.support.dynamodb_local import free_port
from tests.support.hook_commands import PROVIDER, HookCommands, hooks_of, whole_id
from tests.support.key_commands import KeyCommands, on_local
from tests.support.key_tables import make_tables
from tests.support.terminal import run_on_terminal
from triggers_api.core.hooks.records import generate, hook_digest_of, prefix_of, short_id_of
from triggers_api.store.sqlite.database import FILE_NAME, Database

OWN_SECRET = "the-providers-own-signing-secret"
GITHUB = ("--preset", "github", "--source", "shop")
HOOK_FIELDS = [
    *("id", "source", "preset", "scheme", "event_type", "dedupe", "prefix", "created_at", "revoked_at"),
    *("old_secret_expires_at", "state"),
]


@pytest.fixture
def local(tmp_path: Path) -> HookCommands:
    database = Database(tmp_path / "data")
    database.open()
    database.close()
    return hooks_of(on_local(tmp_path / "data"))


@pytest.fixture
def dev(dynamodb_url: str) -> HookCommands:
    return hooks_of(make_tables(dynamodb_url, f"t{uuid4().hex[:12]}"))


@pytest.fixture
def prod(dynamodb_url: str) -> HookCommands:
    return hooks_of(make_tables(dynamodb_url, "prod"))


@pytest.fixture(params=["local", pytest.param("dev", marks=pytest.mark.slow("makes tables for each test"))])
def hooks(request: pytest.FixtureRequest) -> HookCommands:
    """Tests with this fixture run on both stores."""
    found: HookCommands = request.getfixturevalue(request.param)
    return found


def keys_of(hooks: HookCommands) -> KeyCommands:
    return KeyCommands(hooks.stage, hooks.options, hooks.variables)


def lines_of(stderr: str) -> dict[str, str]:
    """Return the lines of an error by their names; there is nothing else, and no traceback."""
    told = dict(line.strip().split(": ", 1) for line in stderr.splitlines())
    assert list(told) in (["error", "why", "fix"], ["error", "fix"]), stderr
    return told


def test_create_prints_the_url_and_the_secret_to_a_pipe_and_the_next_steps_to_stderr(
    hooks: HookCommands,
) -> None:
    done = hooks.run("create", *GITHUB, "--public-url", f"{PROVIDER}/")
    url, secret = done.stdout.splitlines()
    assert re.fullmatch(rf"{PROVIDER}/v1/hooks/hook_[\w-]{{43}}", url, re.ASCII)
    assert len(secret) == 64
    (hook_id,) = hooks.all()
    assert hook_id == short_id_of(hook_digest_of(whole_id(url)))
    assert "Next: enter the URL and the secret at GitHub." in done.stderr
    assert re.search(r"triggers hooks test --stage \S+ .*-$", done.stderr, re.MULTILINE)
    for part in (hook_id, "the source shop"):
        assert part in done.stderr
    for shown in (whole_id(url), secret):
        assert shown not in done.stderr


def test_url_is_that_of_the_dev_server_by_default(hooks: HookCommands) -> None:
    assert hooks.create()["url"].startswith("http://127.0.0.1:8000/v1/hooks/hook_")


def test_json_documents_have_their_fields(hooks: HookCommands) -> None:
    made = hooks.create("--event-type", "käse", "--dedupe", "none")
    fields = ["id", "url", "source", "preset", "secret", "event_type", "dedupe", "stage", "created_at"]
    assert list(made) == fields
    assert (made["source"], made["preset"], made["stage"]) == ("shop", "github", hooks.stage)
    (listed,) = hooks.ask("list")["hooks"]
    assert list(listed) == HOOK_FIELDS
    assert listed.items() >= {name: made[name] for name in {*HOOK_FIELDS} & made.keys()}.items()
    assert (listed["prefix"], listed["state"]) == (prefix_of(whole_id(made["url"])), "active")
    assert hooks.ask("show", made["id"]) == listed
    rotated = hooks.ask("rotate", made["id"])
    assert list(rotated) == [*HOOK_FIELDS, "secret"]
    assert rotated["secret"] != made["secret"]
    assert rotated["old_secret_expires_at"] > made["created_at"]
    revoked = hooks.ask("revoke", made["id"])
    assert revoked == {"id": made["id"], "state": "revoked", "refused_within_seconds": 30}
    assert hooks.ask("revoke", made["id"]) == revoked
    assert hooks.all()[made["id"]]["revoked_at"]


def test_hook_is_named_by_id_prefix_url_whole_id_and_stdin(local: HookCommands) -> None:
    made = local.create()
    expected = local.ask("show", made["id"])
    for reference in (made["id"][:4], expected["prefix"], made["url"], whole_id(made["url"])):
        assert local.ask("show", reference) == expected
    shown = local.run("show", "-", "--json", given=f"{made['url']}\n")
    assert json.loads(shown.stdout) == expected


def test_list_shows_active_hooks_unless_all_are_requested(hooks: HookCommands) -> None:
    first = hooks.create("--event-type", "paid")["id"]
    second = hooks.create("--preset", "stripe")["id"]
    third = hooks.create()["id"]
    hooks.run("revoke", third)
    hooks.run("rotate", first)
    assert {one["id"] for one in hooks.ask("list")["hooks"]} == {first, second}
    head, *rows = hooks.run("list", "--all", "--source", "shop").stdout.splitlines()
    assert head.split("\t") == ["ID", "PREFIX", "SOURCE", "PRESET", "TYPE", "CREATED", "STATE"]
    cells = {row.split("\t")[0]: row.split("\t") for row in rows}
    assert list(cells) == [first, second, third]
    assert cells[first][2:5] == ["shop", "github", "paid"]
    assert re.fullmatch(r"old secret until \d{4}-\d\d-\d\d \d\d:\d\d", cells[first][6])
    assert (cells[second][4], cells[second][6], cells[third][6]) == ("-", "no secret", "revoked")
    assert hooks.ask("list", "--source", "another") == {"hooks": [], "damaged": []}


def test_list_without_hooks_says_so(local: HookCommands) -> None:
    assert local.run("list").stderr == "There are no active hooks.\n"
    assert local.run("list", "--all").stderr == "There are no hooks on stage local.\n"


def test_show_prints_a_line_for_each_field(local: HookCommands) -> None:
    arguments = ("--scheme", "secret", "--header", "X-Token", "--id-header", "X-Id")
    made = local.create("--preset", "generic", *arguments)
    shown = local.run("show", made["id"]).stdout
    assert [line.split()[0] for line in shown.splitlines()] == HOOK_FIELDS
    assert '"name": "X-Token"' in shown
    assert re.search(r"^state +active$", shown, re.MULTILINE)
    assert re.search(r"^revoked_at +-$", shown, re.MULTILINE)


def test_rotation_without_overlap_reports_how_long_processes_accept_the_old_secret(
    local: HookCommands,
) -> None:
    hook_id = local.create()["id"]
    done = local.run("rotate", hook_id, "--overlap", "0s")
    assert done.returncode == 0
    assert f"Every running process refuses the old secret of hook {hook_id} within 30 seconds" in done.stderr
    assert "AUTH_CACHE_SECONDS" in done.stderr
    assert "accepts its old secret" not in done.stderr


def test_second_rotation_warns_of_the_secret_that_it_ends(hooks: HookCommands) -> None:
    hook_id = hooks.create()["id"]
    assert "warning" not in hooks.run("rotate", hook_id).stderr
    end = hooks.all()[hook_id]["old_secret_expires_at"]
    second = hooks.run("rotate", hook_id, "--overlap", "1h")
    assert (second.returncode, len(second.stdout.splitlines())) == (0, 1)
    warning, _, after = second.stderr.partition(f"Hook {hook_id} accepts its old secret")
    assert f"accepts two secrets: the latest one, and the one before it until {end}." in warning
    assert "Accepted from then on: the new one, and for 1h the latest one." in warning
    assert after
    third = hooks.run("rotate", hook_id, "--overlap", "0s").stderr
    assert "Accepted from then on: the new one.\n" in third
    assert "warning" not in hooks.run("rotate", hook_id).stderr


def test_hook_without_a_secret_gets_it_by_rotate(hooks: HookCommands) -> None:
    done = hooks.run("create", "--preset", "stripe", "--source", "shop")
    assert len(done.stdout.splitlines()) == 1
    assert "it answers 503 and stores nothing" in done.stderr
    ((hook_id, record),) = hooks.all().items()
    assert record["state"] == "no secret"
    assert re.search(rf"triggers hooks rotate .*{hook_id} --secret -$", done.stderr, re.MULTILINE)
    refused = hooks.run("rotate", hook_id)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "The signing secret of Stripe is missing." in refused.stderr
    done = hooks.run("rotate", hook_id, "--secret", "-", given=f"{OWN_SECRET}\n")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"Hook {hook_id} has a secret now" in done.stderr
    assert hooks.all()[hook_id]["state"] == "active"


def test_secret_is_read_from_stdin_and_never_shown(hooks: HookCommands) -> None:
    done = hooks.run(
        "create", "--preset", "slack", "--source", "chat", "--secret", "-", given=f"{OWN_SECRET}\n"
    )
    url = done.stdout.strip()
    assert done.returncode == 0
    assert "Next: enter the URL at Slack." in done.stderr
    said = done.stdout + done.stderr
    new = hooks.run("rotate", "-", "--secret", "-", "--debug", given=f"{url}\n{OWN_SECRET}2\n")
    again = hooks.run("rotate", url, "--secret", "-", "--debug", given=f"{OWN_SECRET}2\n")
    assert (new.returncode, again.returncode) == (0, 2)
    for one in (new, again, hooks.run("list", "--json"), hooks.run("show", url)):
        said += one.stdout + one.stderr
    assert OWN_SECRET not in said
    assert said.count(whole_id(url)) == 1


def test_only_create_and_rotate_print_secrets(hooks: HookCommands) -> None:
    made = hooks.create()
    rotated = hooks.ask("rotate", made["url"])
    unknown = generate()
    said = ""
    for command in (
        ("list", "--all"), ("list", "--all", "--json"), ("show", made["url"]), ("show", made["id"], "--json"),
        ("show", f"{made['url']}!", "--debug"), ("revoke", unknown, "--json", "--debug"),
        ("test", unknown, "--debug"), ("test", made["url"], "--public-url", f"http://127.0.0.1:{free_port()}"),
        ("test", f"{made['url']}x"), ("rotate", unknown), ("create", "--secret", made["secret"], *GITHUB),
        ("rotate", made["id"], "--secret", rotated["secret"]), ("revoke", whole_id(made["url"])),
        ("test", made["url"]), ("show", made["url"], made["secret"]),
    ):  # fmt: skip
        done = hooks.run(*command)
        said += done.stdout + done.stderr
    assert "Traceback" in said
    for secret in (made["secret"], rotated["secret"], whole_id(made["url"]), unknown):
        assert secret not in said
        assert secret[12:30] not in said
    listed = hooks.run("list", "--all").stdout + hooks.run("list", "--all", "--json").stdout
    assert not re.search(r"[0-9a-f]{20}", listed)


@pytest.mark.parametrize(
    "command", [("create", *GITHUB), ("rotate", "0123456789ab")], ids=["create", "rotate"]
)
def test_secret_on_the_command_line_is_refused_and_not_repeated(
    local: HookCommands, command: tuple[str, ...]
) -> None:
    done = local.run(*command, "--secret", OWN_SECRET)
    assert (done.returncode, done.stdout) == (2, "")
    assert lines_of(done.stderr)["error"] == "The only value of --secret is -."
    assert OWN_SECRET not in done.stderr
    assert local.all() == {}


def test_scheme_none_warns_that_the_url_is_the_secret(local: HookCommands) -> None:
    done = local.run("create", "--preset", "generic", "--scheme", "none", "--source", "shop")
    assert len(done.stdout.splitlines()) == 1
    assert "warning: The URL is the secret" in done.stderr
    (hook_id,) = local.all()
    refused = local.run("rotate", hook_id)
    assert (refused.returncode, "no secret that could be rotated" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--source", "shop"), "--preset"),
        (("--preset", "github"), "--source"),
        (("--preset", "twilio", "--source", "s"), "github"),
        ((*GITHUB, "--dedupe", "body"), "id or none"),
        ((*GITHUB, "--header", "X"), "--preset generic"),
        ((*GITHUB, "--bearer"), "--preset generic"),
        (("--preset", "generic", "--source", "s"), "--scheme hmac"),
        (("--preset", "generic", "--source", "s", "--scheme", "hmac"), "--header"),
        (
            ("--preset", "generic", "--source", "s", "--scheme", "secret", "--bearer", "--query", "q"),
            "one of",
        ),
        ((*GITHUB, "--public-url", "ftp://x.example"), "--public-url"),
        ((*GITHUB, "--public-url", "https://user:pass@x.example"), "--public-url"),
        ((*GITHUB, "--public-url", "https://x.example/v1/"), "Give the URL up to /v1"),
        ((*GITHUB, "--public-url", "https://x.example/v1/hooks/hook_abc"), "Give the URL up to /v1"),
    ],
    ids=str,
)
def test_wrong_usage_of_create_exits_with_2_and_creates_nothing(
    local: HookCommands, arguments: tuple[str, ...], named: str
) -> None:
    done = local.run("create", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "user:pass" not in done.stderr
    assert local.all() == {}


@pytest.mark.parametrize("given", ["", "  ", "whsec_short"])
def test_bad_secret_is_refused(local: HookCommands, given: str) -> None:
    arguments = ("--preset", "standard", "--source", "shop", "--secret", "-")
    done = local.run("create", *arguments, given=f"{given}\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be a signing secret of Standard Webhooks" in done.stderr
    assert local.all() == {}


def test_secret_of_several_lines_is_refused_and_not_cut(local: HookCommands) -> None:
    made = local.create()
    text = f"{OWN_SECRET}\n\nsecond-line-of-it\n"
    for command, given in (
        (("create", *GITHUB), text), (("rotate", made["id"]), text),
        (("rotate", "-"), f"{made['id']}\n{text}"),
    ):  # fmt: skip
        done = local.run(*command, "--secret", "-", given=given)
        assert (done.returncode, done.stdout) == (2, "")
        assert lines_of(done.stderr)["error"] == "The signing secret on stdin has more than one line."
        assert [part for part in text.split() if part in done.stderr] == []
    ((_, record),) = local.all().items()
    assert record["old_secret_expires_at"] is None
    assert local.run("create", *GITHUB, "--secret", "-", given=f"{OWN_SECRET}\n \n\n").returncode == 0


# On a terminal


def test_create_asks_for_the_secret_of_the_provider_without_echo(local: HookCommands) -> None:
    line = local.line("create", "--preset", "stripe", "--source", "shop")[1:]
    seen = run_on_terminal(*line, replies=[("Signing secret of Stripe", f"{OWN_SECRET}\n")])
    assert seen.code == 0, seen.screen
    assert OWN_SECRET not in seen.screen
    assert "not shown again" in seen.screen
    assert "╭" in seen.screen
    ((hook_id, record),) = local.all().items()
    assert record["state"] == "active"
    renewed = run_on_terminal(
        *local.line("rotate", hook_id)[1:], replies=[("New secret of Stripe", f"{OWN_SECRET}2\n")]
    )
    assert (renewed.code, OWN_SECRET in renewed.screen) == (0, False)
    assert local.all()[hook_id]["old_secret_expires_at"]


def test_second_rotation_on_a_terminal_asks_before_it_ends_a_secret(local: HookCommands) -> None:
    hook_id = local.create()["id"]
    local.run("rotate", hook_id)
    before = local.all()
    line = local.line("rotate", hook_id)[1:]
    declined = run_on_terminal(*line, replies=[("Rotate now? [y/N]", "n\n")])
    assert (declined.code, local.all()) == (1, before)
    accepted = run_on_terminal(*line, replies=[("Rotate now? [y/N]", "y\n")])
    assert (accepted.code, "not shown again" in accepted.screen) == (0, True)
    assert run_on_terminal(*line, "--yes", replies=[]).code == 0


def test_empty_answer_creates_the_hook_without_a_secret(local: HookCommands) -> None:
    line = local.line("create", "--preset", "stripe", "--source", "shop")[1:]
    seen = run_on_terminal(*line, replies=[("Signing secret of Stripe", "\n")])
    assert (seen.code, "--secret -" in seen.screen) == (0, True)
    assert [one["state"] for one in local.all().values()] == ["no secret"]


def test_list_fits_a_hook_on_one_line_of_100_columns(local: HookCommands) -> None:
    made = local.create()
    seen = run_on_terminal(*local.line("list")[1:], columns=100)
    (line,) = (line for line in seen.screen.splitlines() if line.strip().startswith(made["id"]))
    assert [cell for cell in ("hook_", "shop", "github", "active") if cell not in line] == []


# Production, and AWS


CHANGES = (("create", *GITHUB), ("revoke", "0123456789ab"), ("rotate", "0123456789ab"), ("test", generate()))


@pytest.mark.parametrize("command", CHANGES, ids=lambda command: command[0])
def test_change_in_production_without_confirmation_fails_before_any_request(command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.setblocking(False)
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        variables = {"AWS_ENDPOINT_URL": url, "DYNAMODB_ENDPOINT_URL": url}
        for stage in (("--stage", "prod"), (), ("--no-input",)):
            done = run("hooks", *command, *stage, variables=variables)
            assert (done.returncode, done.stdout) == (2, "")
            assert "--yes" in lines_of(done.stderr)["fix"]
        document = json.loads(run("hooks", *command, "--json", variables=variables).stdout)
        assert document["error"]["code"] == "CONFIRMATION_NEEDED"
        with pytest.raises(BlockingIOError):
            nobody.accept()


def test_change_in_production_needs_yes_or_an_answer(prod: HookCommands) -> None:
    before = prod.all()
    assert prod.run("create", *GITHUB).returncode == 2
    line = prod.line("create", *GITHUB)[1:]
    declined = run_on_terminal(*line, variables=prod.variables, replies=[("[y/N]", "n\n")], pipe_stdout=True)
    assert (declined.code, declined.piped) == (1, "")
    assert prod.all() == before
    accepted = run_on_terminal(*line, variables=prod.variables, replies=[("[y/N]", "y\n")], pipe_stdout=True)
    assert (accepted.code, len(accepted.piped.splitlines())) == (0, 2)
    assert "stage prod (--stage)" in accepted.screen
    made = prod.create("--yes")
    assert prod.all().keys() > before.keys() | {made["id"]}
    assert f"Revoke hook {made['id']}" in prod.run("revoke", made["id"], "--yes").stderr
    assert "Revoke the given hook" in prod.run("revoke", made["url"], "--yes").stderr


def test_stack_that_cannot_be_read_creates_no_hook() -> None:
    with fake_aws.refusing("AccessDeniedException", "not authorized: cloudformation:DescribeStacks") as aws:
        variables = {"AWS_ENDPOINT_URL": aws.url}
        done = run("hooks", "create", *GITHUB, "--yes", variables=variables)
        assert (done.returncode, done.stdout) == (4, "")
        assert "Or give --public-url" in done.stderr
        assert aws.asked == ["sts", "sts"]


# Hooks and keys do not find each other


def test_hook_is_no_key_and_a_key_no_hook(hooks: HookCommands) -> None:
    keys = keys_of(hooks)
    hook, key = hooks.create(), keys.create()
    assert [one["id"] for one in keys.ask("list", "--all")["keys"]] == [key["id"]]
    assert list(hooks.all()) == [hook["id"]]
    for reference in (whole_id(hook["url"]), hook["id"], hook_digest_of(whole_id(hook["url"]))):
        for command in ("revoke", "rotate"):
            assert keys.run(command, reference).returncode == 1
        assert keys.run("show", reference).returncode == 1
    for reference in (key["api_key"], key["id"]):
        for command in ("show", "revoke", "rotate"):
            assert hooks.ask(command, reference, code=1)["error"]["code"] == "HOOK_NOT_FOUND"
        refused = hooks.run("test", reference)
        assert refused.returncode in {1, 2}
        assert key["api_key"] not in refused.stderr
    assert hooks.all()[hook["id"]]["state"] == "active"
    assert keys.ask("list")["keys"][0]["state"] == "active"


# Test


@pytest.mark.parametrize("reference", ["", "0123456789ab", "hook_abcd", "https://x.example/v1/hooks/"])
def test_test_needs_the_whole_id(local: HookCommands, reference: str) -> None:
    for done in (local.run("test", "-", given=f"{reference}\n"), local.run("test", reference)):
        assert (done.returncode, done.stdout) == (2, "")
        assert "triggers hooks test" in lines_of(done.stderr)["fix"]


def test_test_reads_the_variable_and_reports_that_nothing_listens(local: HookCommands) -> None:
    made = local.create()
    url = f"http://127.0.0.1:{free_port()}"
    variables = {"TRIGGERS_HOOK_ID": made["url"]}
    commands = HookCommands(local.stage, local.options, variables)
    done = commands.run("test", "--public-url", url)
    assert (done.returncode, done.stdout) == (6, "")
    assert f"error: There is no answer from {url}." in done.stderr
    assert "the connection is refused" in done.stderr
    assert commands.ask("test", "--public-url", url, code=6)["error"]["code"] == "CHECKS_FAILED"
    missing = local.run("test")
    assert (missing.returncode, "The URL of the hook is missing." in missing.stderr) == (2, True)


def test_test_posts_to_the_host_of_a_whole_url_unless_another_is_given(local: HookCommands) -> None:
    its_url, other = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    url = local.create("--public-url", its_url)["url"]
    of_variable = HookCommands(local.stage, local.options, {"TRIGGERS_HOOK_ID": url})
    for done in (local.run("test", url), local.run("test", "-", given=url), of_variable.run("test")):
        assert (done.returncode, f"There is no answer from {its_url}." in done.stderr) == (6, True)
    assert f"There is no answer from {other}." in local.run("test", url, "--public-url", other).stderr
    refused = local.run("test", url.removeprefix("http://"))
    assert (refused.returncode, "The start of the hook's URL" in refused.stderr) == (2, True)
    assert whole_id(url) not in refused.stderr


def test_test_of_a_hook_without_its_secret_says_how_to_set_it(local: HookCommands) -> None:
    made = local.create("--preset", "stripe")
    done = local.run("test", made["url"])
    assert done.returncode == 6
    assert f"Hook {made['id']} has no signing secret yet" in done.stderr
    assert local.run("revoke", made["id"]).returncode == 0
    revoked = local.run("test", made["url"])
    assert (revoked.returncode, f"Hook {made['id']} is revoked" in revoked.stderr) == (6, True)


# Failures


def test_commands_without_data_fail_and_create_no_file_but_create_does(tmp_path: Path) -> None:
    folder = tmp_path / "mistyped"
    hooks = hooks_of(on_local(folder))
    for command in (
        ("list",), ("list", "--all"), ("show", "0123"), ("revoke", "0123"), ("rotate", "0123"),
        ("test", generate()),
    ):  # fmt: skip
        done = hooks.run(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"There is no data in {folder}." in done.stderr
    assert not folder.exists()
    assert hooks.create()["id"] in hooks.all()


def test_create_reports_the_id_when_the_url_cannot_be_printed(local: HookCommands) -> None:
    program = ("sh", "-c", 'exec "$@" >/dev/full', "sh", local.line("create")[0])
    done = run(*local.line("create", *GITHUB)[1:], program=program)
    (hook_id,) = local.all()
    assert done.returncode == 1
    assert re.search(rf"triggers hooks revoke --stage local .*{hook_id}$", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


def test_rotation_whose_secret_cannot_be_printed_is_to_be_repeated(local: HookCommands) -> None:
    hook_id = local.create()["id"]
    program = ("sh", "-c", 'exec "$@" >/dev/full', "sh", local.line("rotate")[0])
    done = run(*local.line("rotate", hook_id)[1:], program=program)
    assert done.returncode == 1
    assert re.search(rf"triggers hooks rotate --stage local .*{hook_id}$", done.stderr, re.MULTILINE)
    assert "revoke" not in done.stderr


def test_damaged_hook_can_be_revoked_by_its_id(local: HookCommands, tmp_path: Path) -> None:
    damaged, sound = local.create(), local.create()
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute(
            "UPDATE hooks SET created_at = 'soon' WHERE digest LIKE ?", (f"hook:sha256:{damaged['id']}%",)
        )
    connection.close()
    listed = local.ask("list")
    assert [hook["id"] for hook in listed["hooks"]] == [sound["id"]]
    assert damaged["id"] in listed["damaged"][0]
    assert f"warning: {listed['damaged'][0]}" in local.run("list").stderr
    assert "triggers hooks revoke --stage local" in local.run("show", damaged["id"]).stderr
    assert local.ask("revoke", damaged["id"])["state"] == "revoked"


def test_stored_text_is_escaped(local: HookCommands, tmp_path: Path) -> None:
    made = local.create()
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute("UPDATE hooks SET source = ?, event_type = source", ("\x1b[2Jevil\nfake\tactive",))
    connection.close()
    for arguments in (("list",), ("show", made["id"])):
        done = local.run(*arguments)
        assert "\x1b" not in done.stdout
        assert r"\x1b[2Jevil\nfake\tactive" in done.stdout
