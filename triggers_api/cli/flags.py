"""Complete the commands in a message with the flags of the current target.

A fix such as "Run triggers status" is pasted as it is printed. Without --stage it would work on production.
"""

import re
import shlex
from contextvars import ContextVar

from triggers_api.ops.target import YOUR_ANSWER, Target

_COMMAND = re.compile(
    r"(?<![\w-])triggers (keys (?:create|list|show|revoke|rotate)|logs tail|smoke|"
    r"deploy|destroy|doctor|outputs|status|verify)\b(?! --stage)"
)
_LOCAL_COMMANDS = ("keys", "smoke")
"""The commands that also work on the local stage."""

_target: ContextVar[Target | None] = ContextVar("target", default=None)


def set_target(target: Target | None) -> None:
    """Set the target of this process's command; None if it is not known."""
    _target.set(target)


def target_flags(target: Target, command: str = "") -> str:
    """Return the flags with which another command works on the same target.

    Values from the environment and from `triggers.toml` apply to that command anyway.

    Args:
        target: The target.
        command: The other command, such as `keys list`: keys have no --stack-name.
    """
    settings = {"--region": target.region, "--profile": target.profile, "--data-dir": target.data_dir}
    if not command.startswith("keys"):
        settings["--stack-name"] = target.stack_name
    words = ["--stage", target.stage.value]
    for flag, setting in settings.items():
        if setting is not None and setting.origin in {flag, YOUR_ANSWER}:
            words += [flag, setting.value]
    return shlex.join(words)


def complete_commands(text: str) -> str:
    """Return a text with the flags of the current target after each command in it."""
    target = _target.get()
    if target is None:
        return text

    def complete(found: re.Match[str]) -> str:
        applies = not target.is_local or found[1].startswith(_LOCAL_COMMANDS)
        return f"{found[0]} {target_flags(target, found[1])}" if applies else found[0]

    return _COMMAND.sub(complete, text)
