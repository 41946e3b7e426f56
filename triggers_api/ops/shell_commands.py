"""The commands that a message asks the operator to run, made so that they can be pasted anywhere.

The resources of a stage have the same names in every account and region, so a command without flags could
change another account. Each command therefore names the account, region, stage and endpoint of the run that
prints it, also if a variable or `triggers.toml` set them: neither may apply in the shell that it is pasted
into. Credentials in variables are the exception, because they are secret.

In a sentence a command stands in backticks; otherwise it ends the line. Callers continue hints about
credentials, so a command in such a hint always stands in backticks.
"""

import shlex
from dataclasses import replace

from triggers_api.ops.target import Setting, Target

_WORK_ON_PROFILES = {"configure", "login", "sso"}
"""Services of the AWS CLI that use neither a region nor an endpoint of the stage."""

_WORK_LOCALLY = {"keys", "smoke"}
"""The `triggers` commands that accept the local stage."""

_DERIVED = {"--data-dir", "--stack-name"}
"""Flags whose default depends on nothing but the stage and this machine."""


class _Run:
    """The target of this process's command. Threads read it, so it is no context variable."""

    target: Target | None = None


def set_target(target: Target | None) -> None:
    """Set the target of this process's command; None if it is not known."""
    _Run.target = target


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
    flags = [] if target is None else _target_flags(target, name)
    line = shlex.join(["triggers", *command.split(), *flags, *words])
    endpoints = {} if target is None or target.is_local or name == "dev" else target.endpoints
    return " ".join([*(f"{name}={shlex.quote(url)}" for name, url in endpoints.items()), line])


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
    if (target := _Run.target) is not None:
        region = region or (target.region.value if target.region else None)
        profile = profile or (target.profile.value if target.profile else None)
        endpoint_url = endpoint_url or target.endpoint_of(service)
    flags = {"--region": region, "--endpoint-url": endpoint_url}
    flags = {"--profile": profile} if service in _WORK_ON_PROFILES else {**flags, "--profile": profile}
    given = [word for flag, value in flags.items() if value for word in (flag, value)]
    return shlex.join(["aws", service, *words[:1], *given, *words[1:]])


def _target_flags(target: Target, name: str) -> list[str]:
    """Return the flags of a `triggers` command; `name` is its first word."""
    settings: dict[str, Setting | None] = {"--stage": target.stage}
    if not target.is_local:
        settings |= {"--region": target.region, "--profile": target.profile}
        settings["--stack-name"] = None if name == "keys" else target.stack_name
    elif name in _WORK_LOCALLY:
        settings["--data-dir"] = target.data_dir
    else:  # it works on another stage, which the operator has to fill in
        settings["--stage"] = Setting("STAGE", "")
    if name == "dev":
        settings = {"--data-dir": target.data_dir} if target.is_local else {}
    return [
        word
        for flag, setting in settings.items()
        if setting is not None and not (flag in _DERIVED and setting.origin == "default")
        for word in (flag, setting.value)
    ]
