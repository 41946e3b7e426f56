"""Store and revoke the throw-away hook of a smoke test."""

import time

from triggers_api.core.hooks.records import hook_digest_of, short_id_of
from triggers_api.errors import HookNotFoundError, TriggersError
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.hooks.new_hook import plan_hook, with_secret
from triggers_api.ops.hooks.stores import open_hooks
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.smoke.cleanup import CLEAN_UP
from triggers_api.ops.smoke.smoke_hook import PRESET, SmokeHook
from triggers_api.ops.target import Target

REVOKE = "revoke the hook"


def store_hook(hook: SmokeHook, target: Target) -> None:
    """Store the hook in the target's stage.

    Raises:
        OperatorError: The hook could not be stored, or the credentials may not store it.
    """
    plan = with_secret(plan_hook(preset=PRESET.name, source=hook.source), hook.secret)
    with open_hooks(target) as hooks:
        hooks.create(plan, hook_id=hook.hook_id)


def revoke_hook(hook: SmokeHook, target: Target) -> Finding:
    """Revoke the hook, and report how that went. A hook that was never stored is not a failure."""
    started = time.monotonic()
    message = fix = ""
    try:
        with open_hooks(target) as hooks:
            hooks.revoke(hook.hook_id)
    except HookNotFoundError:
        pass
    except TriggersError as error:
        message = f"{error.message} {error.reason}".strip()
        short_id = short_id_of(hook_digest_of(hook.hook_id))
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
