"""Wrong usage of `triggers keys` ends in three lines, or in JSON, and never in a traceback."""

import json
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.support.key_commands import KeyCommands
from triggers_api.store.sqlite.database import FILE_NAME

KEY = "an-operators-own-key-0123456789"


@pytest.fixture
def local(tmp_path: Path) -> KeyCommands:
    return KeyCommands("local", ("--data-dir", str(tmp_path / "data")))


WRONG: dict[str, tuple[KeyCommands, tuple[str, ...], int]] = {
    "duration past the year 9999": (
        KeyCommands("local"),
        ("rotate", "0123456789ab", "--overlap", "999999w"),
        1,
    ),
    "unknown user's folder": (KeyCommands("local", ("--data-dir", "~nobody-at-all/x")), ("list",), 2),
    "endpoint without a scheme": (
        KeyCommands("dev", (), {"DYNAMODB_ENDPOINT_URL": "localhost:8000"}),
        ("list",),
        2,
    ),
    "other endpoint without a scheme": (
        KeyCommands("dev", (), {"AWS_ENDPOINT_URL": "localhost:4566"}),
        ("create",),
        2,
    ),
    "half of the credentials": (
        KeyCommands("dev", (), {"AWS_ACCESS_KEY_ID": "half", "AWS_SECRET_ACCESS_KEY": ""}),
        ("list",),
        4,
    ),
    "certificates that are not there": (
        KeyCommands("dev", (), {"AWS_CA_BUNDLE": "/no/such/file"}),
        ("list",),
        2,
    ),
    "other certificates that are not there": (
        KeyCommands("dev", (), {"REQUESTS_CA_BUNDLE": "/no/such/file"}),
        ("list",),
        2,
    ),
    "name with an escape sequence": (KeyCommands("local"), ("create", "--name", "\x1b[2J"), 2),
    "key that looks like an option": (KeyCommands("local"), ("create", "--api-key", f"-{KEY}"), 2),
    "key that repeats": (KeyCommands("local"), ("create", "--api-key", "1234567890123456"), 2),
    "key with a part missing": (
        KeyCommands("local"),
        ("create", "--api-key", "trg_prod_0123456789abcdefghijklmnopqr"),
        2,
    ),
    "stray argument": (KeyCommands("local"), ("create", KEY), 2),
}


@pytest.mark.parametrize(("commands", "arguments", "code"), WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_reported_in_words_and_as_json(
    commands: KeyCommands, arguments: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    variables = {"TRIGGERS_DATA_DIR": str(tmp_path / "data"), **commands.variables}
    commands = KeyCommands(commands.stage, commands.options, variables)
    plain = commands.run(*arguments)
    assert (plain.returncode, plain.stdout) == (code, "")
    assert plain.stderr.splitlines()[-1].startswith("  fix: ")
    assert "Traceback" not in plain.stderr
    as_json = commands.run(*arguments, "--json")
    assert as_json.returncode == code
    assert set(json.loads(as_json.stdout)["error"]) == {"code", "message", "hint"}
    assert KEY not in plain.stderr + as_json.stdout + as_json.stderr


@pytest.mark.parametrize("name", ["ci", "the-producers-of-1-shop"])
def test_name_instead_of_an_id_is_refused_with_the_id(local: KeyCommands, name: str) -> None:
    local.create("--name", name)
    (made,) = local.ask("list")["keys"]
    for command in ("revoke", "rotate"):
        done = local.run(command, name)
        assert done.returncode == 1
        assert f"Give the id instead: {made['id']}." in done.stderr
        assert name not in done.stderr
    shown = local.run("show", name)
    assert (shown.returncode, f"this is a name; give the id instead: {made['id']}" in shown.stdout) == (
        1,
        True,
    )
    assert local.ask("list")["keys"] == [made]


def test_create_reports_the_id_when_the_key_cannot_be_printed(local: KeyCommands) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            local.line("create"),
            env=local.environment,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    (made,) = local.ask("list")["keys"]
    assert done.returncode == 1
    fix = rf"triggers keys revoke --stage local --data-dir \S+ {made['id']}$"
    assert re.search(fix, done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


def test_list_shows_no_part_of_a_key_stored_in_clear(local: KeyCommands, tmp_path: Path) -> None:
    local.create()
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute("INSERT INTO keys (digest, is_active) VALUES (?, 1)", (KEY,))
    connection.close()
    done = local.run("list", "--all")
    assert done.returncode == 0
    assert "not stored under a digest" in done.stderr
    assert KEY[:6] not in done.stdout + done.stderr


def test_damaged_record_can_be_revoked_by_its_id(local: KeyCommands, tmp_path: Path) -> None:
    damaged, sound = local.create(), local.create()
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute(
            "UPDATE keys SET expires_at = 'soon', name = x'00ff' WHERE digest LIKE ?",
            (f"sha256:{damaged['id']}%",),
        )
    connection.close()
    listed = local.ask("list")
    assert [key["id"] for key in listed["keys"]] == [sound["id"]]
    assert len(listed["damaged"]) == 1
    assert damaged["id"] in listed["damaged"][0]
    assert local.ask("revoke", damaged["id"])["state"] == "revoked"


def test_stored_text_is_escaped(local: KeyCommands, tmp_path: Path) -> None:
    made = local.create()
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute("UPDATE keys SET name = ?", ("\x1b[2Jevil\nfake\tactive",))
    connection.close()
    for arguments in (("list",), ("show", made["id"])):
        done = local.run(*arguments)
        assert "\x1b" not in done.stdout
        assert r"\x1b[2Jevil\nfake\tactive" in done.stdout
