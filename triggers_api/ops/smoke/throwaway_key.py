"""The throw-away API key of a smoke test. It expires soon, in case the run is killed before it revokes it."""

import time

from triggers_api.core.access import Scope
from triggers_api.core.keys import digest_of, id_of
from triggers_api.errors import KeyNotFoundError, TriggersError
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.keys.stores import open_keys
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.smoke.cleanup import CLEAN_UP
from triggers_api.ops.smoke.urls import hinting
from triggers_api.ops.target import Target

LIFETIME_SECONDS = 15 * 60
"""Longer than any run takes, even if two clocks differ by some minutes."""

REVOKE = "revoke the key"


def store_key(key: str, target: Target, run: str) -> None:
    """Store the key in the target's stage.

    Raises:
        OperatorError: The key could not be stored, or the credentials may not store it.
    """
    with hinting("Or give a key with --key or TRIGGERS_API_KEY."), open_keys(target) as keys:
        keys.create(
            name=f"smoke {run}",
            source=None,
            scopes=list(Scope),
            own_key=key,
            expires_in=LIFETIME_SECONDS,
        )


def revoke_key(key: str, target: Target) -> Finding:
    """Revoke the key, and report how that went. A key that was never stored is not a failure."""
    started = time.monotonic()
    message = fix = ""
    try:
        with open_keys(target) as keys:
            keys.revoke(key)
    except KeyNotFoundError:
        pass
    except TriggersError as error:
        message = f"{error.message} {error.reason}".strip()
        key_id = id_of(digest_of(key))
        fix = (
            f"The key expires within {LIFETIME_SECONDS // 60} minutes. "
            f"To revoke it now: {triggers_command('keys revoke', key_id)}"
        )
    return Finding(
        REVOKE,
        State.FAILED if message else State.OK,
        message,
        fix,
        expected="the throw-away key is revoked",
        milliseconds=round((time.monotonic() - started) * 1000),
        group=CLEAN_UP,
    )
