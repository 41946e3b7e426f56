"""Resolve the target of a command from flags, variables and `triggers.toml`, in their order."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from triggers_api.cli.config import StageSettings, resolve, stage_settings
from triggers_api.errors import ConfigurationError, Kind
from triggers_api.ops.aws import region_of
from triggers_api.ops.target import Setting, Target

FILE = """
stage = "dev"
[stages.dev]
region = "eu-west-3"
profile = "of-file"
stack_name = "of-file"
"""
VARIABLES = {
    "TRIGGERS_STAGE": "dev",
    "TRIGGERS_REGION": "eu-west-2",
    "TRIGGERS_PROFILE": "of-variable",
    "TRIGGERS_STACK_NAME": "of-variable",
}


def target(
    folder: Path, variables: Mapping[str, str] | None = None, *, file: str | None = None, **flags: str
) -> Target:
    if file is not None:
        (folder / "triggers.toml").write_text(file)
    flags.setdefault("stage", "")
    return resolve(
        stage=flags["stage"] or None,
        region=flags.get("region"),
        profile=flags.get("profile"),
        stack_name=flags.get("stack_name"),
        data_dir=Path(flags["data_dir"]) if "data_dir" in flags else None,
        variables=variables or {},
        folder=folder,
    )


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from a developer's own profiles."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def refused(folder: Path, variables: Mapping[str, str] | None = None, **given: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        target(folder, variables, **given)
    assert caught.value.kind is Kind.USAGE
    assert caught.value.hint
    return caught.value


def test_defaults_are_stage_prod_and_the_region_of_the_profile(tmp_path: Path) -> None:
    found = target(tmp_path)
    assert found.stage == Setting("prod", "default")
    assert found.stack_name == Setting("triggers-api-prod", "default")
    assert (found.region, found.profile, found.dynamodb_endpoint_url) == (None, None, None)
    assert (found.is_local, found.keys_table) == (False, "triggers-api-keys-prod")


def test_file_overrides_defaults(tmp_path: Path) -> None:
    found = target(tmp_path, file=FILE)
    assert found.stage == Setting("dev", "triggers.toml")
    assert found.region == Setting("eu-west-3", "triggers.toml")
    assert found.profile == found.stack_name == Setting("of-file", "triggers.toml")


def test_file_applies_to_its_stage_only(tmp_path: Path) -> None:
    found = target(tmp_path, file=FILE, stage="other")
    assert (found.region, found.profile) == (None, None)
    assert found.stack_name == Setting("triggers-api-other", "default")


def test_variable_overrides_the_file(tmp_path: Path) -> None:
    found = target(tmp_path, VARIABLES, file=FILE)
    assert found.stage == Setting("dev", "TRIGGERS_STAGE")
    assert found.region == Setting("eu-west-2", "TRIGGERS_REGION")
    assert found.profile == Setting("of-variable", "TRIGGERS_PROFILE")
    assert found.stack_name == Setting("of-variable", "TRIGGERS_STACK_NAME")


def test_flag_overrides_everything(tmp_path: Path) -> None:
    flags = {"stage": "dev", "region": "eu-west-1", "profile": "of-flag", "stack_name": "of-flag"}
    found = target(tmp_path, VARIABLES, file=FILE, **flags)
    assert found.stage == Setting("dev", "--stage")
    assert found.region == Setting("eu-west-1", "--region")
    assert found.profile == Setting("of-flag", "--profile")
    assert found.stack_name == Setting("of-flag", "--stack-name")
    assert str(found.region) == "eu-west-1 (--region)"


def test_region_is_resolved_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = sa-east-1\n[profile mine]\nregion = ca-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    variables = {
        "TRIGGERS_REGION": "eu-west-2",
        "AWS_REGION": "ap-south-1",
        "AWS_DEFAULT_REGION": "ap-south-2",
    }

    def origin(**flags: str) -> Setting:
        return region_of(target(tmp_path, variables, **flags))

    (tmp_path / "triggers.toml").write_text(FILE)
    assert origin(region="eu-west-1") == Setting("eu-west-1", "--region")
    assert origin() == Setting("eu-west-2", "TRIGGERS_REGION")
    del variables["TRIGGERS_REGION"]
    assert origin() == Setting("eu-west-3", "triggers.toml")
    (tmp_path / "triggers.toml").unlink()
    assert origin() == Setting("ap-south-1", "AWS_REGION")
    del variables["AWS_REGION"]
    assert origin() == Setting("ap-south-2", "AWS_DEFAULT_REGION")
    del variables["AWS_DEFAULT_REGION"]
    assert origin(profile="mine") == Setting("ca-west-1", "profile mine")
    assert origin() == Setting("sa-east-1", "profile default")
    config.write_text("")
    assert origin() == Setting("us-east-1", "default")


def test_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    variables = dict.fromkeys((*VARIABLES, "AWS_REGION", "AWS_DEFAULT_REGION", "DYNAMODB_ENDPOINT_URL"), "")
    assert target(tmp_path, variables) == target(tmp_path)


def test_data_dir_is_resolved_in_order(tmp_path: Path) -> None:
    assert target(tmp_path, stage="local").data_dir.origin == "default"
    variables = {"TRIGGERS_DATA_DIR": "/srv/a"}
    assert target(tmp_path, variables, stage="local").data_dir == Setting("/srv/a", "TRIGGERS_DATA_DIR")
    found = target(tmp_path, variables, stage="local", data_dir="~/b")
    assert found.data_dir == Setting("~/b", "--data-dir")
    assert found.sqlite_folder == Path.home() / "b"


def test_data_dir_is_refused_for_a_stage_on_aws(tmp_path: Path) -> None:
    error = refused(tmp_path, file=FILE, data_dir="/srv/a")
    assert "--data-dir" in error.message
    assert "dev (triggers.toml)" in error.reason


@pytest.mark.parametrize("stage", ["a", "local", "dev-2", "0", "a" * 20])
def test_valid_stage_is_accepted(tmp_path: Path, stage: str) -> None:
    assert target(tmp_path, stage=stage).keys_table == f"triggers-api-keys-{stage}"


@pytest.mark.parametrize("stage", [" ", "Prod", "a_b", "-a", "a-", "a" * 21, "a b", "prod\n", "ü", "a/b"])
def test_invalid_stage_is_refused_with_its_origin(tmp_path: Path, stage: str) -> None:
    assert refused(tmp_path, stage=stage).message.startswith("--stage: ")
    assert refused(tmp_path, {"TRIGGERS_STAGE": stage}).message.startswith("TRIGGERS_STAGE: ")


@pytest.mark.parametrize("region", ["us", "US-EAST-1", "us-east-1a", "us_east_1", "us-east-1\n"])
@pytest.mark.parametrize("name", ["TRIGGERS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"])
def test_invalid_region_is_refused_with_its_origin(tmp_path: Path, name: str, region: str) -> None:
    assert refused(tmp_path, {name: region}).message.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("stage = ", "cannot be read"),
        ("stage = 1", "stage must be a text"),
        ("stages = 1", "each [stages.NAME] a table"),
        ("[stages]\nprod = 1", "[stages.prod]"),
        ("[stages.prod]\nregion = 1", "[stages.prod]"),
        ("[stages.prod]\nreigon = 'us-east-1'", "unknown name: reigon"),
        ("region = 'us-east-1'", "unknown name: region"),
        ("[stages.prod]\nregion = 'moon'", "triggers.toml: 'moon'"),
        ("stage = 'Prod'", "triggers.toml: 'Prod'"),
        ("[stages.prod]\nconfirm_changes = 'no'", "confirm_changes of [stages.prod] must be true or false"),
        ("[stages.prod]\nconfirm_changes = 0", "confirm_changes of [stages.prod] must be true or false"),
        ("[stages.prod]\ndisable_rollback = 'no'", "disable_rollback of [stages.prod] must be true or false"),
        ("[stages.prod]\nstack_name = true", "stack_name of [stages.prod] must be a text"),
        ("[stages.prod]\nparameters = 'LogLevel=DEBUG'", "parameters of [stages.prod] must be a table"),
        (
            "[stages.prod.parameters]\nMemorySize = [512]",
            "MemorySize of [stages.prod.parameters] must be a text",
        ),
        ("[stages.other]\ndisable_rollback = 1", "disable_rollback of [stages.other]"),
    ],
)
def test_invalid_file_is_refused_with_its_name(tmp_path: Path, file: str, said: str) -> None:
    error = refused(tmp_path, file=file)
    assert said in error.message
    assert "triggers.toml" in error.message


def settings(folder: Path, file: str) -> StageSettings:
    (folder / "triggers.toml").write_text(file)
    return stage_settings("prod", folder=folder)


@pytest.mark.parametrize("file", ["", "[stages.prod]", "[stages.dev]\nconfirm_changes = false"])
def test_stage_settings_default_to_confirmation_and_rollback(tmp_path: Path, file: str) -> None:
    assert settings(tmp_path, file) == StageSettings({}, confirm_changes=True, disable_rollback=False)


def test_stage_settings_have_the_same_defaults_without_a_file(tmp_path: Path) -> None:
    assert stage_settings("prod", folder=tmp_path) == settings(tmp_path, "")


@pytest.mark.parametrize("confirm", [True, False])
@pytest.mark.parametrize("disable", [True, False])
def test_stage_settings_are_read_from_the_file(tmp_path: Path, confirm: bool, disable: bool) -> None:
    file = f"[stages.prod]\nconfirm_changes = {confirm}\ndisable_rollback = {disable}\n".lower()
    assert settings(tmp_path, file) == StageSettings({}, confirm, disable)


def test_stage_parameters_become_texts_with_their_origin(tmp_path: Path) -> None:
    file = """
    [stages.prod.parameters]
    LogLevel = "DEBUG"
    MemorySize = 1024
    DeletionProtection = true
    Dashboard = false
    AlarmEmail = ""
    [stages.dev.parameters]
    LogLevel = "ERROR"
    """
    assert settings(tmp_path, file).parameters == {
        "LogLevel": Setting("DEBUG", "triggers.toml"),
        "MemorySize": Setting("1024", "triggers.toml"),
        "DeletionProtection": Setting("true", "triggers.toml"),
        "Dashboard": Setting("false", "triggers.toml"),
        "AlarmEmail": Setting("", "triggers.toml"),
    }


def test_aws_endpoint_url_is_used(tmp_path: Path) -> None:
    assert target(tmp_path).endpoint_url is None
    found = target(tmp_path, {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    assert found.endpoint_url == "http://127.0.0.1:4566"
    assert found.log_group == "/aws/lambda/triggers-api-prod"
