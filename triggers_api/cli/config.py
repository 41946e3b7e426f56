"""Resolve what a command works on. This is the one place of the CLI that reads the environment.

    flag  >  TRIGGERS_* variable  >  triggers.toml in the working directory, per stage  >  default

For the region, `AWS_REGION` and `AWS_DEFAULT_REGION` come after `triggers.toml`, then the region of the
profile, then us-east-1. botocore ignores `AWS_REGION`, so the region is resolved here once and passed on.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from triggers_api.core.keys import is_well_formed
from triggers_api.errors import ConfigurationError, InvalidKeyError
from triggers_api.ops.target import LOCAL, YOUR_ANSWER, Setting, Target

FILE = "triggers.toml"
DEFAULT_STAGE = "prod"

_STAGE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)
_ANY_REGION = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_URL = re.compile(r"https?://[^\s/?#:@][^\s?#@]*", re.ASCII)
_ENDPOINT = re.compile(r"AWS_ENDPOINT_URL(_\w+)?|DYNAMODB_ENDPOINT_URL", re.ASCII)
_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
"""The variables from which boto3 takes a profile, in its order."""

_AWS_FILES = {
    "AWS_CONFIG_FILE": (
        "~/.aws/config",
        re.compile(rb"""^\[(default|profile\s+["']?default["']?)\s*\]""", re.MULTILINE),
    ),
    "AWS_SHARED_CREDENTIALS_FILE": ("~/.aws/credentials", re.compile(rb"^\[default\]", re.MULTILINE)),
}
"""The variables that name the files of AWS's SDK: the default, and how a file names the profile `default`."""

_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}", re.ASCII)
_STAGE_SETTINGS = {
    "region": str,
    "profile": str,
    "stack_name": str,
    "confirm_changes": bool,
    "disable_rollback": bool,
    "parameters": dict,
}


@dataclass(frozen=True, slots=True)
class StageSettings:
    """The settings in `triggers.toml` for deployments of a stage."""

    parameters: Mapping[str, Setting]
    confirm_changes: bool
    """False has no effect: the file may come with another user's repository."""
    disable_rollback: bool


def environment() -> Mapping[str, str]:
    """Return the environment variables of the process."""
    return os.environ


def resolve(
    *,
    stage: str | None,
    region: str | None = None,
    profile: str | None = None,
    stack_name: str | None = None,
    data_dir: Path | None = None,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Target:
    """Return what a command works on.

    Tests pass their own `variables` and `folder`, instead of the process's environment and working directory.

    Raises:
        ConfigurationError: A value is wrong. The message names the flag, the variable or the file.
    """
    variables = environment() if variables is None else variables
    file = _read_file(folder or Path())
    chosen = (
        _from_flag_or_env(stage, "--stage", variables, "TRIGGERS_STAGE")
        or _from_file(file, "stage")
        or Setting(DEFAULT_STAGE, "default")
    )
    _require(chosen, _STAGE, "a stage: 1 to 20 of a-z, 0-9 and -, such as prod")
    stage_table = file.get("stages", {}).get(chosen.value, {})
    stack = (
        _from_flag_or_env(stack_name, "--stack-name", variables, "TRIGGERS_STACK_NAME")
        or _from_file(stage_table, "stack_name")
        or Setting(f"triggers-api-{chosen.value}", "default")
    )
    _require(stack, _STACK_NAME, "a stack name: letters, digits and -, at most 128")
    chosen_region = (
        _from_flag_or_env(region, "--region", variables, "TRIGGERS_REGION")
        or _from_file(stage_table, "region")
        or _from_env(variables, "AWS_REGION")
        or _from_env(variables, "AWS_DEFAULT_REGION")
    )
    endpoints = [name for name in sorted(variables) if variables[name] and _ENDPOINT.fullmatch(name)]
    for name in endpoints:
        _require(Setting(variables[name], name), _URL, "a URL such as http://localhost:8000")
    if chosen_region is not None and chosen.value != LOCAL:
        # An emulator may have other regions than AWS.
        _require(chosen_region, _ANY_REGION if endpoints else _REGION, "a region such as us-east-1")
    return Target(
        stage=chosen,
        stack_name=stack,
        region=chosen_region,
        profile=_from_flag_or_env(profile, "--profile", variables, "TRIGGERS_PROFILE")
        or _from_file(stage_table, "profile")
        or _aws_profile(variables),
        data_dir=_data_dir(data_dir, variables, chosen),
        endpoints={name: variables[name] for name in endpoints},
        config_files={name: _absolute(variables[name]) for name in _AWS_FILES if variables.get(name)},
    )


def check_answer(name: str, value: str) -> Setting:
    """Return an operator's answer for `region` or `stack_name`.

    Raises:
        ConfigurationError: The answer is not a region, or not a stack name.
    """
    answer = Setting(value, YOUR_ANSWER)
    if name == "region":
        _require(answer, _REGION, "a region such as us-east-1")
    else:
        _require(answer, _STACK_NAME, "a stack name: letters, digits and -, at most 128")
    return answer


def api_key(flag: str | None, *, variables: Mapping[str, str] | None = None) -> Setting | None:
    """Return the API key from --key or `TRIGGERS_API_KEY`; None if neither is given.

    Raises:
        InvalidKeyError: The text cannot be a key. It might not even fit into an HTTP header.
    """
    variables = environment() if variables is None else variables
    given = _from_flag_or_env(flag, "--key", variables, "TRIGGERS_API_KEY")
    if given is not None and not is_well_formed(given.value):
        raise InvalidKeyError(
            f"{given.origin} is not an API key.",
            reason="its characters, its length or its checksum is wrong: it is mistyped or incomplete",
            hint="Give the key as it was printed when it was created.",
        )
    return given


def aws_config_file(*, variables: Mapping[str, str] | None = None) -> Path:
    """Return the file in which AWS's SDK looks for profiles."""
    return _aws_file("AWS_CONFIG_FILE", environment() if variables is None else variables)


def ca_bundles(*, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the files of certificate authorities that AWS's SDK trusts. The smoke test trusts them too."""
    variables = environment() if variables is None else variables
    return tuple(value for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE") if (value := variables.get(name)))


def webhook_secret(*, variables: Mapping[str, str] | None = None) -> str | None:
    """Return the secret of `TRIGGERS_WEBHOOK_SECRET`, which signs what `triggers listen` forwards."""
    variables = environment() if variables is None else variables
    return variables.get("TRIGGERS_WEBHOOK_SECRET") or None


def hook_id(*, variables: Mapping[str, str] | None = None) -> str | None:
    """Return the id, or the URL, of the hook in `TRIGGERS_HOOK_ID`, for `triggers hooks test`."""
    variables = environment() if variables is None else variables
    return variables.get("TRIGGERS_HOOK_ID") or None


def user_data_folder() -> Path:
    """Return the platform's folder for data of this user."""
    from platformdirs import user_data_path  # most commands do not need it

    return user_data_path("triggers-api", appauthor=False)


def stage_settings(stage: str, *, folder: Path | None = None) -> StageSettings:
    """Return the settings in `triggers.toml` for deployments of a stage, or their defaults.

    Raises:
        ConfigurationError: `triggers.toml` is wrong.
    """
    table = _read_file(folder or Path()).get("stages", {}).get(stage, {})
    parameters = {
        name: Setting(str(value).lower() if isinstance(value, bool) else str(value), FILE)
        for name, value in table.get("parameters", {}).items()
    }
    return StageSettings(parameters, table.get("confirm_changes", True), table.get("disable_rollback", False))


def _data_dir(flag: Path | None, variables: Mapping[str, str], stage: Setting) -> Setting:
    if flag is not None and stage.value != LOCAL:
        raise ConfigurationError(
            "--data-dir requires --stage local.",
            reason=f"the stage is {stage}; its data is on AWS",
            hint="Add --stage local, or omit --data-dir.",
        )
    chosen = _from_flag_or_env(
        None if flag is None else str(flag), "--data-dir", variables, "TRIGGERS_DATA_DIR"
    )
    if chosen is not None:
        return replace(chosen, value=_absolute(chosen.value))
    return Setting(str(user_data_folder()), "default")


def _from_flag_or_env(
    flag: str | None, option: str, variables: Mapping[str, str], name: str
) -> Setting | None:
    return _from_env(variables, name) if flag is None else Setting(flag, option)


def _from_env(variables: Mapping[str, str], name: str) -> Setting | None:
    return Setting(variables[name], name) if variables.get(name) else None


def _absolute(path: str) -> str:
    """Return a path that does not depend on the working directory. A home is expanded when it is used."""
    return path if path.startswith("~") else str(Path(path).absolute())


def _aws_profile(variables: Mapping[str, str]) -> Setting | None:
    """Return the profile that boto3 takes by itself; None if it takes credentials that have no profile."""
    if variables.get("AWS_ACCESS_KEY_ID") or variables.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return None
    named = next(filter(None, (_from_env(variables, name) for name in _PROFILE_VARIABLES)), None)
    if named is None and any(_has_default_profile(name, variables) for name in _AWS_FILES):
        return Setting("default", "default")
    return named


def _has_default_profile(name: str, variables: Mapping[str, str]) -> bool:
    try:
        path = _aws_file(name, variables).expanduser()
        # A pipe can be read only once, by AWS's SDK.
        return path.is_file() and _AWS_FILES[name][1].search(path.read_bytes()) is not None
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return False


def _aws_file(name: str, variables: Mapping[str, str]) -> Path:
    return Path(variables.get(name) or _AWS_FILES[name][0])


def _from_file(table: Mapping[str, Any], name: str) -> Setting | None:
    return Setting(table[name], FILE) if name in table else None


def _require(setting: Setting, form: re.Pattern[str], expected: str) -> None:
    if not form.fullmatch(setting.value):
        raise ConfigurationError(
            f"{setting.origin}: {setting.value!r} is not {expected}.", hint="Correct it."
        )


def _read_file(folder: Path) -> dict[str, Any]:
    """Return the checked content of `triggers.toml`; nothing if there is no file."""
    content = _parse(folder / FILE)
    _check_names(content, ("stage", "stages"), FILE)
    stages = content.get("stages", {})
    if not isinstance(content.get("stage", ""), str) or not isinstance(stages, dict):
        raise ConfigurationError(
            f"{FILE}: stage must be a text, and each [stages.NAME] a table.", hint="Correct it."
        )
    for name, table in stages.items():
        if not isinstance(table, dict):
            raise ConfigurationError(f"{FILE}: [stages.{name}] must be a table.", hint="Correct it.")
        _check_names(table, tuple(_STAGE_SETTINGS), f"{FILE}: [stages.{name}]")
        for key, value in table.items():
            if not isinstance(value, _STAGE_SETTINGS[key]):
                kind = {str: "a text", bool: "true or false", dict: "a table"}[_STAGE_SETTINGS[key]]
                raise ConfigurationError(
                    f"{FILE}: {key} of [stages.{name}] must be {kind}.", hint="Correct it."
                )
        for key, value in table.get("parameters", {}).items():
            if not isinstance(value, str | int):
                raise ConfigurationError(
                    f"{FILE}: {key} of [stages.{name}.parameters] must be a text or a whole number.",
                    hint="Correct it.",
                )
    return content


def _parse(path: Path) -> dict[str, Any]:
    try:
        is_pipe = path.is_fifo()  # reading it would block
        text = "" if is_pipe else path.read_text(encoding="utf-8-sig")
        import tomllib  # most commands find no file

        content = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # ValueError: neither UTF-8 nor TOML
        raise ConfigurationError(
            f"{path} cannot be read.",
            reason=str(error),
            hint='Correct the file. A stage is [stages.NAME]. Texts need quotes: region = "eu-west-1".',
        ) from error
    if is_pipe:
        raise ConfigurationError(
            f"{path} is not a file.", hint="Move it, or run the command in another folder."
        )
    return content


def _check_names(table: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for name in table:
        if name not in known:
            raise ConfigurationError(
                f"{place} has an unknown name: {name}.", hint=f"Use one of {', '.join(known)}."
            )
