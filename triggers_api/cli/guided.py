"""`triggers deploy --guided`: the questions of `sam deploy --guided`; the answers go to `triggers.toml`."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from triggers_api.cli import config
from triggers_api.cli.output import console
from triggers_api.errors import (
    ConfigurationError,
    ConfirmationNeededError,
    DeclinedError,
    LocalEnvironmentError,
)
from triggers_api.ops.target import Target


def ask_settings(target: Target, *, no_input: bool) -> tuple[Target, config.StageSettings]:
    """Ask (requirements, section 5.2), keep the answers where that is wished, and return them.

    `ConfirmationNeededError` where there is nobody to ask. A wrong answer is asked for again.
    """
    if no_input or not console.is_interactive():
        raise ConfirmationNeededError(
            "--guided asks questions, and there is nobody to ask.",
            reason="--no-input was given" if no_input else "the input is not a terminal",
            hint="Give flags instead, or write triggers.toml.",
        )
    stage = target.stage.value
    from triggers_api.ops.aws import region_of  # a profile may say it

    region = region_of(target).value
    before = config.stage_settings(stage)
    target = _asked("Stack name", "stack_name", target.stack_name.value, target)
    target = _asked("AWS Region", "region", region, target)
    confirm = _yes("Confirm changes before deploy", default=before.confirm_changes)
    if not _yes("Allow the creation of the function's IAM role", default=True):
        raise DeclinedError(
            "Nothing was changed.",
            reason="the stack cannot be without the role of its function",
            hint="Let somebody deploy who may create roles.",
        )
    disable = _yes("Disable rollback", default=before.disable_rollback)
    if _yes(f"Save arguments to {config.FILE}", default=True):
        answers: dict[str, str | bool] = {
            "region": target.region.value if target.region else region,
            "stack_name": target.stack_name.value,
            "confirm_changes": confirm,
            "disable_rollback": disable,
        }
        if target.profile is not None:
            answers["profile"] = target.profile.value
        save(stage, answers)
        console.say(f"Saved to {config.FILE}, in [stages.{stage}].")
    return target, replace(before, confirm_changes=confirm, disable_rollback=disable)


def save(stage: str, answers: dict[str, str | bool], *, folder: Path | None = None) -> None:
    """Write the answers into a stage's table of `triggers.toml`; all else in the file stays as it is."""
    path = (folder or Path()) / config.FILE
    try:
        path = path.resolve()  # a link stays one
        unfinished = path.with_suffix(".toml.new")
        text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
        document = tomlkit.parse(text)
        stages = document.setdefault("stages", tomlkit.table(is_super_table=True))
        inline = isinstance(stages, InlineTable)
        table: Any = stages.setdefault(stage, tomlkit.inline_table() if inline else tomlkit.table())
        for name, value in answers.items():
            table[name] = value
        unfinished.write_bytes(tomlkit.dumps(document).encode())
        if path.exists():
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise LocalEnvironmentError(
            f"{path} cannot be written.",
            reason=(error.strerror or str(error)).lower(),
            hint="Mend that, or answer n to the last question.",
        ) from error


def _asked(question: str, name: str, default: str, target: Target) -> Target:
    """Ask until the answer is a value that the setting may have."""
    while True:
        value = console.ask(f"{question} [{default}]") or default
        try:
            answer = config.check_answer(name, value)
        except ConfigurationError as error:
            console.say(f"{error.message} {error.hint}")
            continue
        return replace(target, region=answer) if name == "region" else replace(target, stack_name=answer)


def _yes(question: str, *, default: bool) -> bool:
    while True:
        given = console.ask(f"{question} [{'Y/n' if default else 'y/N'}]").lower()
        if given in {"", "y", "yes", "n", "no"}:
            return default if not given else given.startswith("y")
        console.say("Answer y or n.")
