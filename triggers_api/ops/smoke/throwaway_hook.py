"""Store and revoke the throw-away hook of a smoke test."""

import time

from triggers_api.core.hooks.records import HookRecord, hook_digest_of, prefix_of, short_id_of
from triggers_api.core.times import format_time, system_clock
from triggers_api.errors import TriggersError
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.smoke.cleanup import CLEAN_UP
from triggers_api.ops.smoke.smoke_hook import PRESET, SmokeHook
from triggers_api.ops.stores import open_hook_store
from triggers_api.ops.target import Target

REVOKE = "revoke the hook"


def store_hook(hook: SmokeHook, target: Target) -> None:
    """Store the hook in the target's stage.

    Raises:
        OperatorError: The hook could not be stored, or the credentials may not store it.
    """
    record = HookRecord(
        hook_digest_of(hook.hook_id),
        is_active=True,
        source=hook.source,
        preset=PRESET.name,
        secret=hook.secret,
        created_at=_now(),
        prefix=prefix_of(hook.hook_id),
    )
    with open_hook_store(target) as hooks:
        hooks.add(record)


def revoke_hook(hook: SmokeHook, target: Target) -> Finding:
    """Revoke the hook, and report how that went. A hook that was never stored is not a failure."""
    started = time.monotonic()
    message = fix = ""
    digest = hook_digest_of(hook.hook_id)
    try:
        with open_hook_store(target) as hooks:
            hooks.revoke(digest, at=_now())
    except TriggersError as error:
        message = f"{error.message} {error.reason}".strip()
        short_id = short_id_of(digest)
        fix = f"Only this run knew its URL. To revoke it now: {triggers_command('hooks revoke', short_id)}"
    return Finding(
        REVOKE,
        State.FAILED if message else State.OK,
        message,
        fix,
        expected="the throw-away hook is revoked",
        milliseconds=round((time.monotonic() - started) * 1000),
        group=CLEAN_UP,
    )


def _now() -> str:
    return format_time(system_clock())
