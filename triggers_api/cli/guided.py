"""`triggers deploy --guided`: ask for the settings of a stage, and save them in `triggers.toml`.

The questions are those of `sam deploy --guided`.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from triggers_api.cli import config
from triggers_api.cli.output import console, questions
from triggers_api.errors import (
    ConfigurationError,
    ConfirmationNeededError,
    DeclinedError,
    LocalEnvironmentError,
)
from triggers_api.ops.target import Setting, Target
from triggers_api.system_errors import explain_system_error


def ask_settings(target: Target, *, no_input: bool) -> tuple[Target, config.StageSettings, bool]:
    """Ask for the settings of a stage (requirements, section 5.2), and save them if wanted.

    An invalid answer is asked for again. Whether changes are confirmed is not saved: `triggers.toml`
    cannot skip the confirmation.

    Returns:
        The target, its settings, and whether to ask before this deployment changes the stack.

    Raises:
        ConfirmationNeededError: The command is not running interactively.
        DeclinedError: The operator declined the function's role, or closed the input.
        LocalEnvironmentError: `triggers.toml` cannot be written.
    """
    if no_input or not questions.is_interactive():
        raise ConfirmationNeededError(
            "--guided asks questions, but the command is not running interactively.",
            reason="--no-input was given" if no_input else "the input is not a terminal",
            hint="Use flags instead, or write triggers.toml.",
        )
    from triggers_api.ops.aws import region_of  # imports botocore

    stage = target.stage.value
    profile = f", profile {target.profile}" if target.profile else ""
    console.say(f"Settings of stage {target.stage}{profile}:")
    before = config.stage_settings(stage)
    stack_name = _ask_setting("Stack name", "stack_name", target.stack_name.value)
    region = _ask_setting("AWS Region", "region", region_of(target).value)
    confirm_changes = _ask_yes_no("Confirm changes before deploy", default=True)
    if not _ask_yes_no("Allow the creation of the function's IAM role", default=True):
        raise DeclinedError(
            "Nothing was changed.",
            reason="the stack needs the function's role",
            hint="Deploy with credentials that may create roles.",
        )
    disable_rollback = _ask_yes_no("Disable rollback", default=before.disable_rollback)
    if _ask_yes_no(f"Save arguments to {config.FILE}", default=True):
        answers: dict[str, str | bool] = {
            "region": region.value,
            "stack_name": stack_name.value,
            "disable_rollback": disable_rollback,
        }
        if target.profile is not None and target.profile.origin in {"--profile", config.FILE}:
            answers["profile"] = target.profile.value
        save_settings(stage, answers)
        console.say(f"Saved to {config.FILE}, in [stages.{stage}].")
    target = replace(target, stack_name=stack_name, region=region)
    return target, replace(before, disable_rollback=disable_rollback), confirm_changes


def save_settings(stage: str, settings: dict[str, str | bool], *, folder: Path | None = None) -> None:
    """Write settings into a stage's table of `triggers.toml`, and leave the rest of the file unchanged.

    Raises:
        LocalEnvironmentError: The file cannot be written.
    """
    path = (folder or Path()) / config.FILE
    try:
        path = path.resolve()  # write through a symbolic link instead of replacing it
        unfinished = path.with_suffix(".toml.new")
        text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
        document = tomlkit.parse(text)
        stages = document.setdefault("stages", tomlkit.table(is_super_table=True))
        new_table = tomlkit.inline_table() if isinstance(stages, InlineTable) else tomlkit.table()
        table: Any = stages.setdefault(stage, new_table)
        for name, value in settings.items():
            table[name] = value
        unfinished.write_bytes(tomlkit.dumps(document).encode())
        if path.exists():
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    except OSError as error:
        skip = "answer n to the last question"
        reason, hint = explain_system_error(
            error, path.parent, otherwise=f"Repair the path, or {skip}.", instead=f", or {skip}"
        )
        raise LocalEnvironmentError(f"{path} cannot be written.", reason=reason, hint=hint) from error


def _ask_setting(question: str, name: str, default: str) -> Setting:
    """Ask until the answer is a valid value of the setting."""
    while True:
        try:
            return config.check_answer(name, questions.ask(f"{question} [{default}]") or default)
        except ConfigurationError as error:
            console.say(f"{error.message} {error.hint}")


def _ask_yes_no(question: str, *, default: bool) -> bool:
    while True:
        answer = questions.ask(f"{question} [{'Y/n' if default else 'y/N'}]").lower()
        if answer in {"", "y", "yes", "n", "no"}:
            return answer.startswith("y") if answer else default
        console.say("Answer y or n.")
