"""`triggers keys` in pipes and on terminals: its output, its questions and its errors."""

import json
import re
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from tests.conftest import REGION
from tests.support import fake_aws
from tests.support.dev_server import run
from tests.support.dynamodb_local import free_port
from tests.support.key_commands import KeyCommands, on_local
from tests.support.key_tables import fill, make_tables, peak_of_list
from tests.support.terminal import run_on_terminal
from triggers_api.core.keys import digest_of, generate, is_well_formed

OWN_KEY = "My-Own-Key_0123456789-zyxwv"
KEY_FIELDS = {"id", "name", "source", "scopes", "prefix", "created_at", "expires_at", "revoked_at", "state"}


@pytest.fixture
def local(tmp_path: Path) -> KeyCommands:
    return on_local(tmp_path / "data")


@pytest.fixture
def dev(dynamodb_url: str) -> KeyCommands:
    return make_tables(dynamodb_url, f"t{uuid4().hex[:12]}")


@pytest.fixture
def prod(dynamodb_url: str) -> KeyCommands:
    return make_tables(dynamodb_url, "prod")


@pytest.fixture(params=["local", pytest.param("dev", marks=pytest.mark.slow("makes tables for each test"))])
def keys(request: pytest.FixtureRequest) -> KeyCommands:
    """Tests with this fixture run on both stores."""
    found: KeyCommands = request.getfixturevalue(request.param)
    return found


def lines_of(stderr: str) -> dict[str, str]:
    """Return the lines of an error by their names; there is nothing else, and no traceback."""
    told = dict(line.strip().split(": ", 1) for line in stderr.splitlines())
    assert list(told) == ["error", "why", "fix"], stderr
    return told


def test_create_prints_only_the_key_to_a_pipe(keys: KeyCommands) -> None:
    done = keys.run("create", "--name", "ci")
    assert re.fullmatch(rf"trg_{keys.stage}_[\w-]{{43}}_\w{{6}}\n", done.stdout, re.ASCII)
    assert is_well_formed(done.stdout.strip())
    (key_id,) = keys.all()
    assert key_id in done.stderr
    assert done.stdout.strip() not in done.stderr


def test_json_documents_have_their_fields(keys: KeyCommands) -> None:
    made = keys.create("--name", "the shop's käse", "--source", "shop", "--expires-in", "90d")
    fields = ["api_key", "id", "name", "source", "scopes", "stage", "created_at", "expires_at"]
    assert list(made) == fields
    assert (made["name"], made["source"], made["stage"]) == ("the shop's käse", "shop", keys.stage)
    assert made["id"] == digest_of(made["api_key"]).removeprefix("sha256:")[:12]
    (listed,) = keys.ask("list")["keys"]
    assert listed.keys() == KEY_FIELDS
    assert listed.items() >= {name: made[name] for name in KEY_FIELDS & made.keys()}.items()
    shown = keys.ask("show", made["id"])
    assert shown.keys() == {*KEY_FIELDS, "let_in", "record", "refused_within_seconds"}
    assert shown["refused_within_seconds"] is None
    rotated = keys.ask("rotate", made["id"], "--expires-in", "90d")
    assert rotated.keys() == {*made, "replaces"}
    assert rotated["replaces"].keys() == {"id", "expires_at", "refused_within_seconds"}
    revoked = keys.ask("revoke", made["id"])
    assert revoked.keys() == {*KEY_FIELDS, "refused_within_seconds"}
    assert (revoked["state"], revoked["refused_within_seconds"]) == ("revoked", 30)
    assert keys.ask("revoke", made["id"]) == revoked


@pytest.mark.slow("waits for the bound")
@pytest.mark.parametrize(("overlap", "within"), [("0s", 30), ("10s", 30), ("1h", 3600)])
def test_rotate_states_the_bound_as_revoke_does(local: KeyCommands, overlap: str, within: int) -> None:
    old = local.create()["id"]
    done = local.run("rotate", old, "--overlap", overlap)
    assert f"The old key {old} expires at 2" in done.stderr
    assert "works until" not in done.stderr
    bound = "within 30 seconds, or within the service's AUTH_CACHE_SECONDS if that is set."
    assert f"Every running process applies that {bound}" in done.stderr
    another = local.create()["id"]
    document = local.ask("rotate", another, "--overlap", overlap)
    assert document["replaces"]["refused_within_seconds"] == within
    assert f"Every running process refuses it {bound}" in local.run("revoke", another).stderr
    recent = [another, *([old] if overlap == "0s" else [])]
    for one in recent:
        shown = f"This changed a moment ago. Every running process refuses the key {bound}"
        assert shown in local.run("show", one).stderr
        assert local.ask("show", one)["refused_within_seconds"] == 30
    assert local.run("show", done.stdout.strip()).stderr == ""


def test_list_shows_active_keys_unless_all_are_requested(keys: KeyCommands) -> None:
    a, b = (keys.create("--source", source)["id"] for source in "ab")
    keys.run("revoke", b)
    assert [one["id"] for one in keys.ask("list")["keys"]] == [a]
    head, *rows = keys.run("list", "--all", "--source", "b").stdout.splitlines()
    assert head.split("\t") == ["ID", "NAME", "SOURCE", "SCOPES", "PREFIX", "CREATED", "EXPIRES", "STATE"]
    ((found, name, source, scopes, prefix, _, expires, state),) = [row.split("\t") for row in rows]
    assert (found, name, source, scopes) == (b, "-", "b", "ingest consume")
    assert (expires, state) == ("-", "revoked")
    assert prefix.startswith(f"trg_{keys.stage}_")


def test_scopes_are_shown_and_kept_by_rotate(keys: KeyCommands) -> None:
    made = keys.create("--scope", "manage", "--scope", "ingest")
    new = keys.ask("rotate", made["id"])
    plain = keys.create()
    assert made["scopes"] == new["scopes"] == ["ingest", "manage"]
    assert plain["scopes"] == ["ingest", "consume"]
    shown = {one["id"]: one["scopes"] for one in keys.ask("list")["keys"]}
    assert shown == {one["id"]: one["scopes"] for one in (made, new, plain)}
    assert keys.ask("show", new["id"])["scopes"] == ["ingest", "manage"]
    assert "\nscopes      ingest manage\n" in keys.run("show", new["id"]).stdout
    assert "scopes: ingest consume;" in keys.run("create").stderr


def test_unknown_scope_is_a_usage_error_and_creates_no_key(local: KeyCommands) -> None:
    done = local.run("create", "--scope", "read")
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: --scope must be ingest, consume or manage." in done.stderr
    assert local.all() == {}


def test_show_prints_a_get_item_command_that_finds_the_record(dev: KeyCommands) -> None:
    made = dev.create()
    line = dev.ask("show", made["id"])["record"]
    for part in ("aws dynamodb get-item", f"triggers-api-keys-{dev.stage}", REGION):
        assert part in line
    item = json.loads(line.rpartition("--key ")[2].strip("'"))
    client = boto3.client("dynamodb", endpoint_url=dev.variables["DYNAMODB_ENDPOINT_URL"], region_name=REGION)
    found = client.get_item(TableName=f"triggers-api-keys-{dev.stage}", Key=item)["Item"]
    client.close()
    assert found["created_at"] == {"S": made["created_at"]}


def test_create_shows_the_key_in_a_panel_on_a_terminal(local: KeyCommands) -> None:
    seen = run_on_terminal(*local.line("create")[1:])
    (key,) = re.findall(r"trg_local_[\w-]{43}_\w{6}", seen.screen)
    assert is_well_formed(key)
    assert (seen.code, "╭" in seen.screen, "not shown again" in seen.screen) == (0, True, True)
    narrow = run_on_terminal(*local.line("create")[1:], columns=40)
    assert "not shown again" in " ".join(narrow.screen.split())
    assert re.search(r"^trg_local_[\w-]{43}_\w{6}$", narrow.screen, re.MULTILINE)


def test_list_fits_a_key_on_one_line_of_80_columns(local: KeyCommands) -> None:
    local.create("--name", "billing", "--source", "billing", "--expires-in", "90d")
    (made,) = local.ask("list")["keys"]
    seen = run_on_terminal(*local.line("list")[1:], columns=80)
    (line,) = (line for line in seen.screen.splitlines() if line.strip().startswith(made["id"]))
    cells = (made["prefix"], "default", made["expires_at"][:10], "active")
    assert [cell for cell in cells if cell not in line] == []


def test_create_shows_no_colour_when_no_color_is_set(local: KeyCommands) -> None:
    seen = run_on_terminal(*local.line("create")[1:], variables={"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m", seen.screen)


@pytest.mark.parametrize("command", [("create",), ("list",), ("show", OWN_KEY), ("revoke", OWN_KEY), ("x",)])
def test_pipe_gets_no_escape_sequences(local: KeyCommands, command: tuple[str, ...]) -> None:
    local.run("create", "--api-key", OWN_KEY)
    done = local.run(*command)
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [("create",), ("revoke", OWN_KEY), ("rotate", OWN_KEY)], ids=" ".join)
def test_change_in_production_without_confirmation_fails_before_any_request(command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.setblocking(False)
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        variables = {"AWS_ENDPOINT_URL": url, "DYNAMODB_ENDPOINT_URL": url}
        for stage in (("--stage", "prod"), (), ("--no-input",)):
            done = run("keys", *command, *stage, variables=variables)
            assert (done.returncode, done.stdout) == (2, "")
            assert "--yes" in lines_of(done.stderr)["fix"]
        document = json.loads(run("keys", *command, "--json", variables=variables).stdout)
        assert document["error"]["code"] == "CONFIRMATION_NEEDED"
        with pytest.raises(BlockingIOError):
            nobody.accept()


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ('stage = "live"', ()),
        ('[stages.live]\nprofile = "b"', ("--stage", "live")),
    ],
    ids=["stage", "profile"],
)
def test_change_of_a_target_from_the_working_directory_needs_confirmation(
    tmp_path: Path, file: str, arguments: tuple[str, ...]
) -> None:
    """A cloned repository may bring a `triggers.toml`: it cannot lead around the question."""
    (tmp_path / "triggers.toml").write_text(file)
    variables = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    done = run("keys", "revoke", OWN_KEY, *arguments, variables=variables, folder=tmp_path)
    assert done.returncode == 2
    assert "--yes" in lines_of(done.stderr)["fix"]


def test_change_in_production_needs_yes_when_not_interactive(prod: KeyCommands) -> None:
    before = prod.all()
    assert prod.run("create").returncode == 2
    assert prod.all() == before
    made = prod.create("--yes")
    assert prod.all().keys() == before.keys() | {made["id"]}


def test_change_in_production_asks_for_confirmation_on_a_terminal(prod: KeyCommands) -> None:
    before = prod.all()
    line = prod.line("create")[1:]
    said_no, said_nothing = (
        run_on_terminal(*line, variables=prod.variables, replies=[("[y/N]", reply)], pipe_stdout=True)
        for reply in ("n\n", "\n")
    )
    assert (said_no.code, said_no.piped, said_nothing.code, said_nothing.piped) == (1, "", 1, "")
    assert "Nothing was changed" in said_no.screen
    assert prod.all() == before

    said_yes = run_on_terminal(*line, variables=prod.variables, replies=[("[y/N]", "y\n")], pipe_stdout=True)
    assert said_yes.code == 0
    assert re.fullmatch(r"trg_prod_[\w-]{43}_\w{6}\n", said_yes.piped)
    told = said_yes.screen.partition("[y/N]")[0]
    for part in (f"region {REGION} (--region)", "stage prod (--stage)", "triggers-api-prod", "account"):
        assert part in told
    assert len(prod.all()) == len(before) + 1


def test_create_refuses_an_own_key_that_exists_and_keeps_its_record(keys: KeyCommands) -> None:
    first = keys.run("create", "--name", "first", "--api-key", "-", given=f"{OWN_KEY}\n")
    assert first.stdout == f"{OWN_KEY}\n"
    ((key_id, before),) = keys.all().items()
    again = keys.run("create", "--name", "second", "--api-key", OWN_KEY)
    assert (again.returncode, again.stdout) == (1, "")
    assert key_id in again.stderr
    assert OWN_KEY not in again.stderr
    assert keys.all() == {key_id: before}
    assert keys.ask("create", "--api-key", OWN_KEY, code=1)["error"]["code"] == "KEY_EXISTS"


@pytest.mark.slow("starts many processes")
def test_concurrent_creates_of_the_same_key_store_it_once(keys: KeyCommands) -> None:
    keys.all()  # the local file is there
    both = [keys.start("create", "--name", name, "--api-key", OWN_KEY) for name in ("a", "b")]
    ends = [(process.communicate(timeout=60), process.returncode) for process in both]
    assert sorted(code for _, code in ends) == [0, 1]
    ((_, told),) = [output for output, code in ends if code == 1]
    ((key_id, record),) = keys.all().items()
    assert key_id in told
    assert record["name"] == "ab"[[code for _, code in ends].index(0)]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("short", "16 to 128"),
        ("a" * 20, "different"),
        ("abcdefghi" * 3, "repeats one short text"),
        ("abc def ghi jkl mno", "16 to 128"),
        ("test-api-key-12345", "public test key"),
        (f"trg_local_{'Ab3-' * 10}xyz_000000", "typo"),
        ("", "16 to 128"),
    ],
)
def test_create_refuses_a_bad_own_key_without_printing_it(local: KeyCommands, given: str, why: str) -> None:
    done = local.run("create", "--api-key", "-", "--debug", given=given)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert not given or given not in done.stderr
    assert local.all() == {}


def test_only_create_prints_a_key(keys: KeyCommands) -> None:
    keys.run("create", "--api-key", "-", "--name", "own", given=OWN_KEY)
    new = keys.ask("rotate", OWN_KEY)["api_key"]
    unknown = generate(keys.stage)
    said = ""
    for command in (
        ("list", "--all"), ("list", "--all", "--json"), ("show", OWN_KEY), ("show", new, "--json"),
        ("show", f"{new[:-1]}!"), ("create", "--api-key", OWN_KEY, "--debug"),
        ("revoke", unknown, "--json", "--debug"), ("revoke", OWN_KEY), ("rotate", OWN_KEY, "--debug"),
    ):  # fmt: skip
        done = keys.run(*command)
        said += done.stdout + done.stderr
    assert "Traceback" in said
    for secret in (OWN_KEY, new, unknown):
        assert secret not in said
        assert secret.removeprefix(f"trg_{keys.stage}_")[8:20] not in said
    listed = keys.run("list", "--all").stdout + keys.run("list", "--all", "--json").stdout
    assert not re.search(r"[0-9a-f]{20}", listed)


@pytest.mark.slow("waits for AWS to fail")
@pytest.mark.parametrize(
    ("variables", "options", "code", "error"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, (), 4, "CREDENTIALS"),
        ({}, ("--profile", "nobody-s"), 4, "CREDENTIALS"),
        ({"AWS_PROFILE": "nobody-s"}, (), 4, "CREDENTIALS"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:{free}"}, (), 1, "AWS_UNAVAILABLE"),
        ({"DYNAMODB_ENDPOINT_URL": "http://127.0.0.1:{free}"}, (), 1, "AWS_UNAVAILABLE"),
        ({"DYNAMODB_ENDPOINT_URL": "{dynamodb}"}, (), 1, "TABLE_MISSING"),
    ],
    ids=["no credentials", "wrong --profile", "wrong AWS_PROFILE", "no AWS", "no DynamoDB", "no table"],
)
def test_aws_failure_is_reported_in_three_lines(
    dynamodb_url: str, variables: dict[str, str], options: tuple[str, ...], code: int, error: str
) -> None:
    variables = {name: v.format(free=free_port(), dynamodb=dynamodb_url) for name, v in variables.items()}
    for command in (("create",), ("list",)):
        line = ("keys", *command, "--stage", "nowhere", *options)
        done = run(*line, variables=variables)
        assert (done.returncode, done.stdout) == (code, "")
        assert lines_of("\n".join(done.stderr.splitlines()[-3:]))
        assert "Traceback" not in done.stderr
    document: dict[str, Any] = json.loads(run(*line, "--json", variables=variables).stdout)
    assert document["error"].keys() == {"code", "message", "hint"}
    assert document["error"]["code"] == error


def test_missing_permission_exits_with_4_after_the_account_is_printed() -> None:
    with fake_aws.refusing("AccessDeniedException", "not authorized: dynamodb:PutItem") as aws:
        done = run("keys", "create", "--yes", variables={"AWS_ENDPOINT_URL": aws.url})
        assert (done.returncode, done.stdout) == (4, "")
        first, *error = done.stderr.splitlines()
        assert f"account {fake_aws.ACCOUNT}" in first
        assert "dynamodb:PutItem" in lines_of("\n".join(error))["why"]
        assert aws.asked == ["sts", "PutItem"]


@pytest.mark.slow("lists three thousand keys")
def test_list_of_three_thousand_keys_needs_bounded_memory(dev: KeyCommands, tmp_path: Path) -> None:
    output = tmp_path / "keys.json"
    without = peak_of_list(dev, output)
    ids = fill(dev, 3000)
    peak = peak_of_list(dev, output)
    listed = json.loads(output.read_text())["keys"]
    assert len(listed) == 3000
    assert {one["id"] for one in listed} == ids
    assert peak - without < 32 * 1024
