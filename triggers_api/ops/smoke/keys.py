"""A smoke test's throw-away key: should the run be killed before it revokes it, it ends by itself soon."""

import time

from triggers_api.core.keys import digest_of
from triggers_api.errors import KeyNotFoundError, TriggersError
from triggers_api.ops.keys.stores import open_keys
from triggers_api.ops.results import Result
from triggers_api.ops.smoke.urls import way_out
from triggers_api.ops.target import Target

LIFETIME_SECONDS = 15 * 60
"""Longer than any run takes, also where two clocks differ by some minutes."""

_CHECK = "revoke the key"


def make(key: str, target: Target, run: str) -> None:
    """Store the key in the target's stage; `OperatorError` where that may not or cannot be done."""
    with way_out("Or give a key with --key or TRIGGERS_API_KEY."), open_keys(target) as keys:
        keys.create(name=f"smoke {run}", source=None, own_key=key, expires_in=LIFETIME_SECONDS)


def revoke(key: str, target: Target) -> Result:
    """Shut the key out; a key that was never stored is no failure."""
    began = time.monotonic()
    error: TriggersError | None = None
    try:
        with open_keys(target) as keys:
            keys.revoke(key)
    except KeyNotFoundError:
        pass
    except TriggersError as problem:
        error = problem
    milliseconds = round((time.monotonic() - began) * 1000)
    expected = "the throw-away key is shut out"
    if error is None:
        return Result(_CHECK, True, milliseconds, expected)
    key_id = digest_of(key).removeprefix("sha256:")[:12]
    fix = (
        f"It ends by itself within {LIFETIME_SECONDS // 60} minutes; at once by triggers keys revoke {key_id}"
    )
    return Result(_CHECK, False, milliseconds, expected, f"{error.message} {error.reason}".strip(), fix)
