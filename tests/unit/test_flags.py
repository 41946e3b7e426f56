"""The commands that a fix names work where the command works that names them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from triggers_api.cli import config, flags

LIST = "List them with: triggers keys list --all"


@pytest.fixture(autouse=True)
def afterwards_nothing_is_known() -> Iterator[None]:
    yield
    flags.work_on(None)


def working_on(folder: Path, *, variables: dict[str, str] | None = None, **given: str) -> None:
    config.resolve(**{"stage": None, **given}, variables=variables or {}, folder=folder)  # type: ignore[arg-type]  # texts only


def test_each_command_of_a_fix_gets_the_stage_and_what_was_said_by_a_flag(tmp_path: Path) -> None:
    working_on(tmp_path, stage="dev", region="eu-west-1", profile="my own")
    assert (
        flags.completed(LIST)
        == "List them with: triggers keys list --stage dev --region eu-west-1 --profile 'my own' --all"
    )
    assert flags.completed("Run triggers destroy, then triggers deploy --adopt.").count("--stage dev") == 2


def test_what_the_environment_and_the_file_say_is_not_said_again(tmp_path: Path) -> None:
    (tmp_path / "triggers.toml").write_text('[stages.dev]\nregion = "eu-west-1"\n')
    working_on(tmp_path, variables={"TRIGGERS_STAGE": "dev", "TRIGGERS_PROFILE": "mine"})
    assert flags.completed("See triggers status.") == "See triggers status --stage dev."


def test_the_stage_is_said_once(tmp_path: Path) -> None:
    working_on(tmp_path, stage="dev")
    assert flags.completed("Run triggers smoke --stage dev.") == "Run triggers smoke --stage dev."


def test_keys_have_no_stack(tmp_path: Path) -> None:
    working_on(tmp_path, stage="dev", stack_name="mine")
    assert flags.completed("triggers keys list") == "triggers keys list --stage dev"
    assert flags.completed("triggers status") == "triggers status --stage dev --stack-name mine"


def test_the_local_stage_is_for_the_commands_that_know_it(tmp_path: Path) -> None:
    config.resolve(stage="local", data_dir=Path("/data"), variables={}, folder=tmp_path)
    assert flags.completed(LIST) == "List them with: triggers keys list --stage local --data-dir /data --all"
    assert flags.completed("See triggers status, or run triggers dev.") == (
        "See triggers status, or run triggers dev."
    )


def test_where_no_stage_is_known_a_fix_stays_as_it_is() -> None:
    assert flags.completed(LIST) == LIST
