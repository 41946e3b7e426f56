"""The commands that a message asks the operator to run, made so that they can be pasted anywhere.

The resources of a stage have the same names in every account and region, so a command without flags could
change another account. Each command therefore names the profile, AWS configuration files, region, stage,
stack and endpoints of the run that prints it, also if they are defaults or come from a variable or
`triggers.toml`: neither may apply in the shell that it is pasted into. Credentials without a profile (in
variables, of a container or an instance) cannot be named: paste such a command into the same shell.

In a sentence a command stands in backticks; otherwise it ends the line. Callers continue hints about
credentials, so a command in such a hint always stands in backticks. To other hints they add text in front.
"""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace

from triggers_api.ops.target import Setting, Target

_WORK_ON_PROFILES = {"configure", "login", "sso"}
"""Services of the AWS CLI that use neither a region nor an endpoint of the stage."""

_LIST_PROFILES = ("list-profiles",)
"""The words of `aws configure` that work on no profile."""

_WORK_LOCALLY = {"events", "hooks", "inbox", "keys", "listen", "smoke"}
"""The `triggers` commands that accept the local stage."""

_WITHOUT_STACK = (
    *("events list", "events show", "events export", "events delete"),
    *("hooks list", "hooks show", "hooks rotate", "hooks revoke"),
    *("inbox", "keys"),
)
"""The start of those that have no --stack-name."""

_FILL_IN = Setting("STAGE", "")
"""A stage that the operator has to fill in."""


class _Run:
    """The target of this process's command. Threads read it, so it is no context variable."""

    target: Target | None = None


def set_target(target: Target | None) -> None:
    """Set the target of this process's command; None forgets it."""
    _Run.target = target


def forget_stage() -> None:
    """Leave the stage of printed commands to the operator, who may work on another one."""
    if _Run.target is not None:
        _Run.target = replace(_Run.target, stage=_FILL_IN)


def set_region(region: Setting) -> None:
    """Set the region of the target, which may be known only once the profile was read."""
    if _Run.target is not None:
        _Run.target = replace(_Run.target, region=region)


def triggers_command(command: str, *words: str) -> str:
    """Return a `triggers` command that works on the current target.

    Args:
        command: The command, such as `keys list`.
        words: Its own arguments and options.
    """
    target = _Run.target
    name = command.partition(" ")[0]
    flags = [] if target is None else _target_flags(target, command)
    line = " ".join(map(_quote, ["triggers", *command.split(), *flags, *words]))
    if target is None or target.is_local or name == "dev":
        return line
    return _with_variables({**target.config_files, **target.endpoints}, line)


def aws_command(
    service: str,
    *words: str,
    region: str | None = None,
    profile: str | None = None,
    endpoint_url: str | None = None,
) -> str:
    """Return a command of the AWS CLI that works in the current target's account and region.

    Args:
        service: The service, such as `logs`.
        words: The operation, such as `delete-log-group`, and its arguments.
        region: The region, if it differs from the target's.
        profile: The profile, if it differs from the target's.
        endpoint_url: The endpoint of this one service, if it differs from the target's.
    """
    variables: Mapping[str, str] = {}
    if (target := _Run.target) is not None:
        region = region or (target.region.value if target.region else None)
        profile = profile or (target.profile.value if target.profile else None)
        endpoint_url = endpoint_url or target.endpoint_of(service)
        variables = target.config_files
    flags = {"--region": region, "--endpoint-url": endpoint_url}
    flags = {"--profile": profile} if service in _WORK_ON_PROFILES else {**flags, "--profile": profile}
    if words == _LIST_PROFILES:
        flags = {}
    given = [word for flag, value in flags.items() if value for word in (flag, value)]
    return _with_variables(variables, shlex.join(["aws", service, *words[:1], *given, *words[1:]]))


def python_command(*words: str) -> str:
    """Return a command that runs a module, such as `pip`, with the Python that runs this program."""
    return shlex.join([sys.executable, "-m", *words])


def _quote(word: str) -> str:
    """Quote a word for a shell. What is not printable would be escaped, so it is written as an escape."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(one if one.isprintable() else _escape(one) for one in escaped) + "'"


def _escape(char: str) -> str:
    return f"\\U{ord(char):08x}"


def _with_variables(variables: Mapping[str, str], line: str) -> str:
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in variables.items()), line])


def _target_flags(target: Target, command: str) -> list[str]:
    """Return the flags of a `triggers` command that name the target."""
    name = command.partition(" ")[0]
    if name == "dev":
        return ["--data-dir", target.data_dir.value] if target.is_local else []
    if target.is_local and name in _WORK_LOCALLY:
        return ["--stage", target.stage.value, "--data-dir", target.data_dir.value]
    if target.is_local:  # the command works on another stage
        return ["--stage", _FILL_IN.value]
    is_without_stack = command.startswith(_WITHOUT_STACK) or target.stage is _FILL_IN
    settings = {
        "--stage": target.stage,
        "--region": target.region,
        "--profile": target.profile,
        "--stack-name": None if is_without_stack else target.stack_name,
    }
    return [
        word for flag, setting in settings.items() if setting is not None for word in (flag, setting.value)
    ]
