"""The hook of a smoke test: how its deliveries are signed, and the secrets that only the run knows."""

from dataclasses import dataclass, field

from triggers_api.core.hooks.presets import PRESETS
from triggers_api.core.hooks.records import generate

PRESET = PRESETS["github"]
"""How the deliveries are signed, and which headers name their type and their id."""


@dataclass(frozen=True, slots=True)
class SmokeHook:
    """A hook. Its events have a source that only the run uses."""

    source: str
    hook_id: str = field(repr=False)
    secret: str = field(repr=False)


def new_hook(run: str) -> SmokeHook:
    """Return a hook that is not stored yet, so that it can always be revoked."""
    return SmokeHook(f"smoke-{run}-hook", generate(), PRESET.new_secret())
