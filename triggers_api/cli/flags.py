"""The flags by which another command works where this one does.

What a fix names is pasted as it stands: without its stage it would work on production.
"""

import re
import shlex
from contextvars import ContextVar

from triggers_api.ops.target import YOUR_ANSWER, Target

_COMMAND = (
    r"(?<![\w-])triggers (keys (?:create|list|show|revoke|rotate)|logs tail|smoke|"
    r"deploy|destroy|doctor|outputs|status|verify)\b(?! --stage)"
)
_OF_ANY_STAGE = ("keys", "smoke")  # the others are for stages on AWS

_target: ContextVar[Target | None] = ContextVar("target", default=None)


def work_on(target: Target | None) -> None:
    """Remember what this process's command works on; None where that is not known."""
    _target.set(target)


def flags_of(target: Target, command: str = "") -> str:
    """Return the flags that lead a command to the same target, where they were not said elsewhere."""
    settings = {"--region": target.region, "--profile": target.profile, "--data-dir": target.data_dir}
    if not command.startswith("keys"):
        settings["--stack-name"] = target.stack_name
    words = ["--stage", target.stage.value]
    for flag, setting in settings.items():
        if setting is not None and setting.origin in {flag, YOUR_ANSWER}:
            words += [flag, setting.value]
    return shlex.join(words)


def completed(text: str) -> str:
    """Return a fix with the flags of what this command works on behind each command that it names."""
    target = _target.get()
    if target is None:
        return text

    def complete(found: re.Match[str]) -> str:
        applies = not target.is_local or found[1].startswith(_OF_ANY_STAGE)
        return f"{found[0]} {flags_of(target, found[1])}" if applies else found[0]

    return re.sub(_COMMAND, complete, text)
