"""Read the AWS profile of a command, and the profiles that it takes its credentials from."""

from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError

from triggers_api.ops.shell_commands import aws_command
from triggers_api.ops.target import Target

DEFAULT_PROFILE = "default"


def profile_name(target: Target) -> str:
    """Return the name of the profile in use, from the target or from `AWS_PROFILE`."""
    if target.profile is not None:
        return target.profile.value
    return botocore.session.Session().profile or DEFAULT_PROFILE


def find_setting(target: Target, *names: str) -> tuple[str, str] | None:
    """Return the first of these settings in the profiles in use, after the name of its profile.

    None if no profile has one, or if the configuration cannot be read.
    """
    for profile, settings in _profiles(target):
        for name in names:
            if name in settings:
                return profile, str(settings[name])
    return None


SSO_LOGIN, LOGIN = ("sso", "login"), ("login",)
_LOGINS = {SSO_LOGIN: ("sso_session", "sso_start_url"), LOGIN: ("login_session",)}
"""The commands of the AWS CLI that sign in, and the settings of the profiles that need them."""


def login_command(target: Target, words: tuple[str, ...]) -> str:
    """Return `aws sso login` or `aws login` for the profile that needs it."""
    found = find_setting(target, *_LOGINS[words])
    return aws_command(*words, profile=profile_name(target) if found is None else found[0])


def find_login(target: Target) -> str | None:
    """Return the command that renews the credentials of the profiles in use; None if they need none."""
    words = next((words for words, settings in _LOGINS.items() if find_setting(target, *settings)), None)
    return None if words is None else login_command(target, words)


def _profiles(target: Target) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the profile in use, its source profile, and so on."""
    try:
        profiles = botocore.session.Session().full_config.get("profiles", {})
    except BotoCoreError:
        return
    name, seen = profile_name(target), set[str]()
    while name in profiles and name not in seen:
        seen.add(name)
        yield name, profiles[name]
        name = profiles[name].get("source_profile", "")
