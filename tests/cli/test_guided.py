"""`triggers deploy --guided` on a terminal: the questions, and the resulting `triggers.toml`.

No AWS answers behind it, so every run fails once the questions are over: only the file matters.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.dynamodb_local import free_port
from tests.support.terminal import Session, run_on_terminal
from triggers_api.cli.guided import save_settings
from triggers_api.errors import LocalEnvironmentError

STACK, REGION, CONFIRM = "Stack name [", "AWS Region [", "Confirm changes before deploy [Y/n]"
ROLE, ROLLBACK = "Allow the creation of the function's IAM role [Y/n]", "Disable rollback [y/N]"
SAVE = "Save arguments to triggers.toml [Y/n]"
QUESTIONS = [STACK, REGION, CONFIRM, ROLE, ROLLBACK, SAVE]
SAVED = "Saved to triggers.toml"

FILE = """\
# Ours; ask Anna.
stage = "dev" # most of us

[stages.dev]   # the one to break
region = "eu-west-3"
disable_rollback = true

[stages.prod]
# Never another region: the contract says so.
region = 'eu-central-1'
profile = "of-file"

[stages.prod.parameters]
LogLevel = "ERROR" # quiet
MemorySize = 1024
"""


def guided(
    folder: Path,
    *answers: str,
    replies: Sequence[tuple[str, str]] = (),
    arguments: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Session:
    """Answer the questions in order, and the rest with Return; `replies` replaces these answers."""
    texts = [*answers, *[""] * (len(QUESTIONS) - len(answers))]
    typed = [(question, f"{text}\n") for question, text in zip(QUESTIONS, texts, strict=True)]
    session = run_on_terminal(
        *("deploy", "--guided", "--plan", "--stage", "prod", *arguments),
        variables={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", **(variables or {})},
        replies=replies or typed,
        folder=folder,
    )
    assert session.code in {1, 4}
    assert "Traceback" not in session.screen
    return session


def saved(folder: Path, stage: str = "prod") -> dict[str, Any]:
    content = tomllib.loads((folder / "triggers.toml").read_text())
    found: dict[str, Any] = content["stages"][stage]
    return found


def test_questions_come_in_order_with_their_defaults(tmp_path: Path) -> None:
    screen = guided(tmp_path).screen
    asked = [STACK + "triggers-api-prod]: ", REGION + "us-east-1]: ", CONFIRM, ROLE, ROLLBACK, SAVE]
    places = [screen.index(question) for question in asked]
    assert places == sorted(places)
    assert screen.count(STACK) == screen.count(SAVE) == 1


def test_return_accepts_and_saves_the_defaults(tmp_path: Path) -> None:
    screen = guided(tmp_path).screen
    assert f"{SAVED}, in [stages.prod]." in screen
    assert tomllib.loads((tmp_path / "triggers.toml").read_text()) == {
        "stages": {
            "prod": {
                "region": "us-east-1",
                "stack_name": "triggers-api-prod",
                "disable_rollback": False,
            }
        }
    }


def test_answers_are_saved_and_used(tmp_path: Path) -> None:
    screen = guided(tmp_path, "our-inbox", "eu-west-1", "n", "y", "yes", "Y").screen
    assert saved(tmp_path) == {
        "region": "eu-west-1",
        "stack_name": "our-inbox",
        "disable_rollback": True,
    }
    assert "AWS cannot be reached in eu-west-1 (your answer)" in screen


def test_guided_leaves_only_the_file(tmp_path: Path) -> None:
    guided(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["triggers.toml"]


def test_given_profile_is_saved(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[profile mine]\nregion = eu-west-3\n")
    variables = {"AWS_CONFIG_FILE": str(config)}
    screen = guided(tmp_path, arguments=("--profile", "mine"), variables=variables).screen
    assert f"{REGION}eu-west-3]" in screen
    assert saved(tmp_path)["profile"] == "mine"


@pytest.mark.parametrize("name", ["TRIGGERS_PROFILE", "AWS_PROFILE"])
def test_profile_of_a_variable_is_not_saved(tmp_path: Path, name: str) -> None:
    """It applies in the operator's own shell, and the file may be shared."""
    config = tmp_path / "config"
    config.write_text("[default]\n[profile mine]\nregion = eu-west-3\n")
    variables = {"AWS_CONFIG_FILE": str(config), "AWS_ACCESS_KEY_ID": "", name: "mine"}
    screen = guided(tmp_path, variables=variables).screen
    assert f"{REGION}eu-west-3]" in screen
    assert "profile" not in saved(tmp_path)


def test_default_profile_is_not_saved(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-3\n")
    screen = guided(tmp_path, variables={"AWS_CONFIG_FILE": str(config), "AWS_ACCESS_KEY_ID": ""}).screen
    assert "profile default (default)" in screen
    assert "profile" not in saved(tmp_path)


def test_unknown_profile_fails_before_the_first_question(tmp_path: Path) -> None:
    session = guided(tmp_path, arguments=("--profile", "nobodys"))
    assert session.code == 4
    assert "nobodys" in session.screen
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answered", range(len(QUESTIONS)))
def test_end_of_input_is_not_an_answer(tmp_path: Path, answered: int) -> None:
    replies = [(question, "\n") for question in QUESTIONS[:answered]] + [(QUESTIONS[answered], "\x04")]
    session = guided(tmp_path, replies=replies)
    assert session.code == 1
    assert "the input ended" in session.screen
    assert list(tmp_path.iterdir()) == []


def test_file_gives_the_defaults_and_keeps_its_other_content(tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text(FILE)
    screen = guided(tmp_path, "our-inbox").screen
    assert f"{REGION}eu-central-1]" in screen
    text = (tmp_path / "triggers.toml").read_text()
    assert saved(tmp_path) == {
        "region": "eu-central-1",
        "profile": "of-file",
        "stack_name": "our-inbox",
        "disable_rollback": False,
        "parameters": {"LogLevel": "ERROR", "MemorySize": 1024},
    }
    assert saved(tmp_path, "dev") == tomllib.loads(FILE)["stages"]["dev"]
    for line in FILE.splitlines():
        if not line.startswith("region = 'eu-central"):
            assert line in text.splitlines()


def test_same_answers_leave_the_file_unchanged(tmp_path: Path) -> None:
    guided(tmp_path, "our-inbox", "eu-west-1")
    before = (tmp_path / "triggers.toml").read_text()
    guided(tmp_path)
    assert (tmp_path / "triggers.toml").read_text() == before


@pytest.mark.parametrize("before", [None, FILE], ids=["without a file", "with a file"])
def test_declining_to_save_leaves_the_file_unchanged(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "triggers.toml"
    if before is not None:
        path.write_text(before)
    session = guided(tmp_path, "our-inbox", "eu-west-1", "", "", "", "n")
    assert SAVED not in session.screen
    assert (path.read_text() if path.exists() else None) == before


def test_declining_the_role_saves_nothing(tmp_path: Path) -> None:
    session = guided(tmp_path, replies=[(STACK, "\n"), (REGION, "\n"), (CONFIRM, "\n"), (ROLE, "n\n")])
    assert session.code == 1
    assert "Nothing was changed." in session.screen
    assert ROLLBACK not in session.screen
    assert list(tmp_path.iterdir()) == []


def test_invalid_answer_is_asked_for_again(tmp_path: Path) -> None:
    session = guided(
        tmp_path,
        replies=[
            (STACK, "1st stack\n"),
            ("'1st stack' is not a stack name", "first\n"),
            (REGION, "Paris\n"),
            ("'Paris' is not a region such as us-east-1", "eu-west-3\n"),
            (CONFIRM, "perhaps\n"),
            ("Answer y or n.", "no\n"),
            *[(question, "\n") for question in (ROLE, ROLLBACK, SAVE)],
        ],
    )
    assert session.screen.count(STACK) == session.screen.count(REGION) == 2
    assert session.screen.count(CONFIRM) == 2
    found = saved(tmp_path)
    assert (found["stack_name"], found["region"]) == ("first", "eu-west-3")


FORMS = {
    "nothing": "",
    "other stages": "[stages.dev]\nregion = 'eu-west-3'\n",
    "only parameters": "[stages.prod.parameters]\nLogLevel = 'DEBUG'\n",
    "another stage between its tables": (
        "[stages.prod]\nprofile = 'p'\n[stages.dev]\nregion = 'eu-west-3'\n"
        "[stages.prod.parameters]\nLogLevel = 'DEBUG'\n"
    ),
    "dotted names": "stages.prod.region = 'eu-west-3'\nstages.dev.region = 'eu-west-2'\n",
    "an inline table": "[stages]\nprod = {region = 'eu-west-3'} # ours\ndev = {region = 'eu-west-2'}\n",
    "inline tables throughout": "stages = {dev = {region = 'eu-west-2'}}\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_answers_are_saved_in_every_form_of_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "triggers.toml").write_text(text)
    answers: dict[str, str | bool] = {"region": "eu-west-1", "confirm_changes": False}
    save_settings("prod", answers, folder=tmp_path)
    before = tomllib.loads(text).get("stages", {})
    after = tomllib.loads((tmp_path / "triggers.toml").read_text())["stages"]
    assert after == {**before, "prod": {**before.get("prod", {}), **answers}}


def test_unwritable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "triggers.toml.new").mkdir()
    with pytest.raises(LocalEnvironmentError, match="cannot be written"):
        save_settings("prod", {"region": "eu-west-1"}, folder=tmp_path)


def test_symbolic_link_to_the_file_is_kept(tmp_path: Path) -> None:
    real = tmp_path / "kept elsewhere.toml"
    real.write_text("stage = 'prod'\n")
    (tmp_path / "triggers.toml").symlink_to(real)
    save_settings("prod", {"region": "eu-west-1"}, folder=tmp_path)
    assert (tmp_path / "triggers.toml").is_symlink()
    assert "eu-west-1" in real.read_text()


def test_file_mode_and_line_endings_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "triggers.toml"
    path.write_bytes(b"[stages.prod]\r\n# ours\r\nregion = 'eu-west-3'\r\n")
    path.chmod(0o640)
    save_settings("prod", {"region": "eu-west-1"}, folder=tmp_path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() == b'[stages.prod]\r\n# ours\r\nregion = "eu-west-1"\r\n'
