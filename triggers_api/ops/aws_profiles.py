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


def login_command(target: Target, words: tuple[str, ...], *settings: str) -> str:
    """Return `aws sso login` or `aws login` for the profile that has one of the settings."""
    found = find_setting(target, *settings)
    return aws_command(*words, profile=profile_name(target) if found is None else found[0])


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
