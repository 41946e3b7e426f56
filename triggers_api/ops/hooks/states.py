"""The states of a hook, and what each allows."""

from triggers_api.core.hooks.presets import Preset, preset_of
from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.keys import DEFAULT_AUTH_CACHE_SECONDS
from triggers_api.errors import ChecksFailedError, ConfigurationError, HookStateError
from triggers_api.ops.hooks.new_hook import GENERIC, needs_secret
from triggers_api.ops.shell_commands import triggers_command

CACHED_SECONDS = DEFAULT_AUTH_CACHE_SECONDS
"""How long a running process may still work with a hook as it was, with the service's default setting."""


def check_rotation(record: HookRecord) -> Preset:
    """Return the preset of a hook whose secret can be rotated.

    Raises:
        HookStateError: The hook is revoked, or has no secret by its scheme.
        CorruptRecordError: The hook is damaged.
    """
    if not record.is_active:
        raise HookStateError(
            f"Hook {record.id} is revoked and cannot be rotated.",
            reason="a revoked hook stays revoked",
            hint=_create_another(record),
        )
    preset = preset_of(record.preset, record.scheme)
    if not needs_secret(preset):
        raise HookStateError(
            f"Hook {record.id} has no secret that could be rotated.",
            reason="its scheme is none: the URL is the secret",
            hint=f"Create a new hook, and revoke this one: {triggers_command('hooks revoke', record.id)}",
        )
    return preset


def testable_preset(record: HookRecord) -> Preset:
    """Return the preset of a hook that can accept a signed sample.

    Raises:
        ChecksFailedError: The hook is revoked, or has no secret yet.
        CorruptRecordError: The hook is damaged.
    """
    if not record.is_active:
        raise ChecksFailedError(
            f"Hook {record.id} is revoked, so the service answers 404.",
            reason=f"it was revoked at {record.revoked_at}",
            hint=_create_another(record),
        )
    preset = preset_of(record.preset, record.scheme)
    if record.secret is None and needs_secret(preset):
        raise ChecksFailedError(
            f"Hook {record.id} has no signing secret yet, so the service answers 503.",
            reason=f"{preset.title} makes the secret, and shows it after the URL is registered there",
            hint=f"Set it with: {triggers_command('hooks rotate', record.id, '--secret', '-')}",
        )
    return preset


def _create_another(record: HookRecord) -> str:
    if record.preset == GENERIC:
        return (
            f"Create a new hook, with the options of its scheme: {triggers_command('hooks create', '--help')}"
        )
    options = ("--preset", record.preset, "--source", record.source)
    return f"Create a new hook with: {triggers_command('hooks create', *options)}"


def secret_needed(record: HookRecord, preset: Preset) -> ConfigurationError:
    """Return the error for a rotation without the secret that only the provider can make."""
    command = triggers_command("hooks rotate", record.id, "--secret", "-")
    return ConfigurationError(
        f"The signing secret of {preset.title} is missing.",
        reason=f"{preset.title} generates it, so this command cannot",
        hint=f"Copy it from {preset.title}, and write it to stdin: {command}",
    )


def hook_state(record: HookRecord) -> str:
    """Return `active`, `revoked` or `no secret`."""
    if not record.is_active:
        return "revoked"
    waits = record.secret is None and needs_secret(preset_of(record.preset, record.scheme))
    return "no secret" if waits else "active"


def old_secret_end(record: HookRecord, now: str) -> str | None:
    """Return until when the secret before a rotation is accepted, None if it is not accepted."""
    return record.old_secret_expires_at if len(record.secrets_at(now)) > 1 else None
