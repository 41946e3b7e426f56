"""The one place of the CLI that reads the environment and `triggers.toml`.

    flag  >  TRIGGERS_* variable  >  triggers.toml in the working directory, per stage  >  default

For the region, `AWS_REGION` and `AWS_DEFAULT_REGION` come after `triggers.toml`, then the profile's own, then
us-east-1. boto3 ignores `AWS_REGION`, so it is resolved here once and handed on.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triggers_api.core.keys import is_well_formed
from triggers_api.errors import ConfigurationError, InvalidKeyError
from triggers_api.ops.target import LOCAL, YOUR_ANSWER, Setting, Target

FILE = "triggers.toml"
DEFAULT_STAGE = "prod"

# Texts: Python compiles those that a command line needs, and they are most of what this module would cost.
_STAGE = r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?"
_REGION = r"[a-z]{2,}(-[a-z]+)+-\d+"
_ANY_REGION = r"[A-Za-z0-9-]+"
_URL = r"https?://[^\s/?#:@][^\s?#@]*"
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "DYNAMODB_ENDPOINT_URL")
_STACK_NAME = r"[A-Za-z][A-Za-z0-9-]{0,127}"
_OF_A_STAGE = {
    "region": str,
    "profile": str,
    "stack_name": str,
    "confirm_changes": bool,
    "disable_rollback": bool,
    "parameters": dict,
}


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What `triggers.toml` says of deploying a stage."""

    parameters: Mapping[str, Setting]
    confirm_changes: bool
    disable_rollback: bool


def environment() -> Mapping[str, str]:
    """Return the environment that the command was started in."""
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
    """Return what the command works on; `ConfigurationError` names the place of a value that is wrong.

    `variables` and `folder` are the process's own unless a test gives others.
    """
    variables = environment() if variables is None else variables
    toml = _toml(folder or Path())
    chosen = (
        _said(stage, "--stage", variables, "TRIGGERS_STAGE")
        or _in_file(toml, "stage")
        or Setting(DEFAULT_STAGE, "default")
    )
    _require(chosen, _STAGE, "a stage: 1 to 20 of a-z, 0-9 and -, such as prod")
    of_stage = toml.get("stages", {}).get(chosen.value, {})
    stack = (
        _said(stack_name, "--stack-name", variables, "TRIGGERS_STACK_NAME")
        or _in_file(of_stage, "stack_name")
        or Setting(f"triggers-api-{chosen.value}", "default")
    )
    _require(stack, _STACK_NAME, "a stack name: letters, digits and -, at most 128")
    where = (
        _said(region, "--region", variables, "TRIGGERS_REGION")
        or _in_file(of_stage, "region")
        or _said(None, "", variables, "AWS_REGION")
        or _said(None, "", variables, "AWS_DEFAULT_REGION")
    )
    endpoints = [name for name in _ENDPOINTS if variables.get(name)]
    for name in endpoints:
        _require(Setting(variables[name], name), _URL, "a URL such as http://localhost:8000")
    if where is not None and chosen.value != LOCAL:
        # An emulator may have regions of its own.
        _require(where, _ANY_REGION if endpoints else _REGION, "a region such as us-east-1")
    return Target(
        stage=chosen,
        stack_name=stack,
        region=where,
        profile=_said(profile, "--profile", variables, "TRIGGERS_PROFILE") or _in_file(of_stage, "profile"),
        data_dir=_data_dir(data_dir, variables, chosen),
        dynamodb_endpoint_url=variables.get("DYNAMODB_ENDPOINT_URL") or None,
        endpoint_url=variables.get("AWS_ENDPOINT_URL") or None,
    )


def checked(name: str, value: str) -> Setting:
    """Return an answer for `region` or `stack_name`; `ConfigurationError` where it cannot be one."""
    answer = Setting(value, YOUR_ANSWER)
    if name == "region":
        _require(answer, _REGION, "a region such as us-east-1")
    else:
        _require(answer, _STACK_NAME, "a stack name: letters, digits and -, at most 128")
    return answer


def api_key(flag: str | None, *, variables: Mapping[str, str] | None = None) -> Setting | None:
    """Return the key to send, of `--key` or `TRIGGERS_API_KEY`; None where neither is given.

    `InvalidKeyError` for what can be no key: it would not even fit into a header.
    """
    given = _said(flag, "--key", environment() if variables is None else variables, "TRIGGERS_API_KEY")
    if given is not None and not is_well_formed(given.value):
        raise InvalidKeyError(
            f"{given.origin} is not an API key.",
            reason="it has other characters, another length or a wrong checksum: mistyped, or cut",
            hint="Give it as `triggers keys create` showed it.",
        )
    return given


def stage_settings(stage: str, *, folder: Path | None = None) -> StageSettings:
    """Return what `triggers.toml` says of deploying a stage; its defaults where it says nothing."""
    table = _toml(folder or Path()).get("stages", {}).get(stage, {})
    parameters = {
        name: Setting(str(value).lower() if isinstance(value, bool) else str(value), FILE)
        for name, value in table.get("parameters", {}).items()
    }
    return StageSettings(parameters, table.get("confirm_changes", True), table.get("disable_rollback", False))


def _data_dir(flag: Path | None, variables: Mapping[str, str], stage: Setting) -> Setting:
    if flag is not None and stage.value != LOCAL:
        raise ConfigurationError(
            "--data-dir goes with --stage local only.",
            reason=f"the stage is {stage}, and its data is on AWS",
            hint="Add --stage local, or leave out --data-dir.",
        )
    said = _said(None if flag is None else str(flag), "--data-dir", variables, "TRIGGERS_DATA_DIR")
    if said is not None:
        return said
    from platformdirs import user_data_path  # the local stage alone needs it

    return Setting(str(user_data_path("triggers-api", appauthor=False)), "default")


def _said(flag: str | None, option: str, variables: Mapping[str, str], name: str) -> Setting | None:
    if flag is not None:
        return Setting(flag, option)
    return Setting(variables[name], name) if variables.get(name) else None


def _in_file(table: Mapping[str, Any], name: str) -> Setting | None:
    return Setting(table[name], FILE) if name in table else None


def _require(setting: Setting, form: str, expected: str) -> None:
    if not re.fullmatch(form, setting.value, re.ASCII):
        raise ConfigurationError(
            f"{setting.origin}: {setting.value!r} is not {expected}.", hint="Correct it."
        )


def _toml(folder: Path) -> dict[str, Any]:
    """Return the file's content, checked; empty where there is no file."""
    content = _parsed(folder / FILE)
    _check_names(content, ("stage", "stages"), FILE)
    stages = content.get("stages", {})
    if not isinstance(content.get("stage", ""), str) or not isinstance(stages, dict):
        raise ConfigurationError(
            f"{FILE}: stage is a text, and [stages.NAME] a table for each stage.", hint="Correct it."
        )
    for name, table in stages.items():
        if not isinstance(table, dict):
            raise ConfigurationError(f"{FILE}: [stages.{name}] is a table.", hint="Correct it.")
        _check_names(table, tuple(_OF_A_STAGE), f"{FILE}: [stages.{name}]")
        for key, value in table.items():
            if not isinstance(value, _OF_A_STAGE[key]):
                kind = {str: "a text", bool: "true or false", dict: "a table"}[_OF_A_STAGE[key]]
                raise ConfigurationError(f"{FILE}: {key} of [stages.{name}] is {kind}.", hint="Correct it.")
        for key, value in table.get("parameters", {}).items():
            if not isinstance(value, str | int):
                raise ConfigurationError(
                    f"{FILE}: {key} of [stages.{name}.parameters] is a text or a whole number.",
                    hint="Correct it.",
                )
    return content


def _parsed(path: Path) -> dict[str, Any]:
    try:
        is_pipe = path.is_fifo()  # to read it would be to wait
        text = "" if is_pipe else path.read_text(encoding="utf-8-sig")
        import tomllib  # where there is a file: most commands find none

        content = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or not TOML
        raise ConfigurationError(
            f"{path} cannot be read.",
            reason=str(error),
            hint='Correct the file. A stage is [stages.NAME]; texts stand in quotes: region = "eu-west-1".',
        ) from error
    if is_pipe:
        raise ConfigurationError(f"{path} is not a file.", hint="Move it away.")
    return content


def _check_names(table: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for name in table:
        if name not in known:
            raise ConfigurationError(
                f"{place} has an unknown name: {name}.", hint=f"It may have {', '.join(known)}."
            )
